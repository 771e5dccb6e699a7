//! Webhooks about the account.

mod common;

use common::{Receiver, Sim, eventually};
use serde_json::{Value, json};

async fn connected() -> (Sim, Receiver) {
    let (sim, receiver) = (Sim::quick().await, Receiver::start().await);
    sim.register(&receiver).await;
    (sim, receiver)
}

fn change(key: &str, value: Value) -> Value {
    let mut body = json!({"name": "appointment_reminder", "language": "en_US"});
    body[key] = value;
    body
}

#[tokio::test]
async fn changes_of_a_template_are_told() {
    let (sim, receiver) = connected().await;
    let components = json!([
        {"type": "HEADER", "format": "TEXT", "text": "Hi"},
        {"type": "BODY", "text": "Hi {{1}}"},
        {"type": "FOOTER", "text": "bye"},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Open", "url": "https://x/"}]},
    ]);
    for body in [
        change("status", json!("PAUSED")),
        change("status", json!("APPROVED")),
        change("status", json!("DISABLED")),
        change("category", json!("MARKETING")),
        change("quality_score", json!({"score": "YELLOW", "date": 0})),
        change("components", components),
        change("category", json!("MARKETING")),
    ] {
        sim.control("PUT", "templates", body).await;
    }
    sim.control("PUT", "templates", json!({"name": "new_one", "language": "en", "components": []})).await;
    let notices = receiver.wait_for_notices(6).await;
    let path = format!("{}/message_templates?name=appointment_reminder", sim.account.waba_id);
    let (_, page) = sim.graph("GET", &path, Value::Null).await;
    assert_eq!(page["data"][0]["previous_category"], "UTILITY");
    sim.idle().await;
    assert_eq!(receiver.notices().len(), 6, "what did not change, or is new, is not told");
    let fields: Vec<_> = notices.iter().map(|(field, _)| field.as_str()).collect();
    let status = "message_template_status_update";
    assert_eq!(
        fields,
        [
            status,
            status,
            status,
            "template_category_update",
            "message_template_quality_update",
            "message_template_components_update"
        ]
    );
    for (_, value) in &notices {
        assert!(value["message_template_id"].is_u64(), "{value}");
        assert_eq!(
            (&value["message_template_name"], &value["message_template_language"]),
            (&json!("appointment_reminder"), &json!("en_US"))
        );
    }
    check_values(&notices.into_iter().map(|(_, value)| value).collect::<Vec<_>>());
}

fn check_values(values: &[Value]) {
    assert_eq!(
        (&values[0]["event"], &values[0]["other_info"]["title"]),
        (&json!("PAUSED"), &json!("FIRST_PAUSE"))
    );
    assert_eq!(values[1]["other_info"]["title"], "UNPAUSE");
    assert!(values[2]["disable_info"]["disable_date"].is_string());
    assert_eq!(
        (&values[3]["previous_category"], &values[3]["new_category"]),
        (&json!("UTILITY"), &json!("MARKETING"))
    );
    assert_eq!(
        (&values[4]["previous_quality_score"], &values[4]["new_quality_score"]),
        (&json!("GREEN"), &json!("YELLOW"))
    );
    assert_eq!(
        (
            &values[5]["message_template_element"],
            &values[5]["message_template_title"],
            &values[5]["message_template_footer"]
        ),
        (&json!("Hi {{1}}"), &json!("Hi"), &json!("bye"))
    );
    assert_eq!(values[5]["message_template_buttons"][0]["message_template_button_url"], "https://x/");
}

#[tokio::test]
async fn it_is_told_until_the_answer_is_200_and_held_by_faults() {
    let (sim, receiver) = connected().await;
    receiver.answers.lock().unwrap().extend([500]);
    sim.control("PUT", "templates", change("status", json!("PAUSED"))).await;
    receiver.wait_for_notices(1).await;
    let answered: Vec<_> = receiver.posts().iter().map(|post| post.answered).collect();
    assert_eq!(answered, [500, 200]);
    sim.idle().await;
    receiver.forget();
    sim.control("PUT", "faults", json!({"webhooks": {"silent": true, "duplicate": 1}})).await;
    sim.control("PUT", "templates", change("status", json!("APPROVED"))).await;
    assert_eq!(sim.get("webhooks").await["pending"], 1);
    assert_eq!(receiver.posts().len(), 0);
    sim.control("PUT", "faults", json!({"webhooks": {"duplicate": 1}})).await;
    eventually("two identical posts", || receiver.posts().len() == 2).await;
    let posts = receiver.posts();
    assert_eq!((&posts[0].bytes, &posts[0].signature), (&posts[1].bytes, &posts[1].signature));
}

#[tokio::test]
async fn what_nobody_took_is_told_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    sim.control("PUT", "templates", change("status", json!("PAUSED"))).await;
    sim.control("PUT", &sim.number_path(), json!({"throughput": 1_000})).await;
    assert_eq!(sim.get("webhooks").await["pending"], 2);
    sim.stop().await;
    let receiver = Receiver::start().await;
    let sim = Sim::open(Some(dir.path())).await;
    assert_eq!(sim.get("webhooks").await["pending"], 2);
    sim.register(&receiver).await;
    let notices = receiver.wait_for_notices(2).await;
    assert_eq!(notices[1].0, "phone_number_quality_update");
    assert_eq!(notices[1].1["event"], "THROUGHPUT_UPGRADE");
    sim.idle().await;
    sim.control("PUT", "templates", change("status", json!("APPROVED"))).await;
    receiver.wait_for_notices(3).await;
    sim.idle().await;
    sim.stop().await;
    let sim = Sim::open(Some(dir.path())).await;
    assert_eq!(sim.get("webhooks").await["pending"], 0, "told is told");
}

#[tokio::test]
async fn a_number_may_have_a_callback_of_its_own() {
    let (sim, receiver) = connected().await;
    let own = Receiver::start().await;
    let number = sim.account.phone_number_id.clone();
    let configure = |uri: &str| json!({"webhook_configuration": {"override_callback_uri": uri, "verify_token": "verify-me"}});
    let (status, _) = sim.graph("POST", &number, configure("http://127.0.0.1:1/x")).await;
    assert_eq!(status, 400);
    let (status, answer) = sim.graph("POST", &format!("{number}/"), configure(&own.url)).await;
    assert_eq!((status, answer), (200, json!({"success": true})));
    let shown = sim.graph("GET", &format!("{number}?fields=webhook_configuration"), Value::Null).await.1;
    assert_eq!(
        shown["webhook_configuration"],
        json!({"phone_number": own.url, "whatsapp_business_account": receiver.url})
    );
    sim.guest(json!({"phone": "972541234567"})).await;
    sim.writes("972541234567", "hi").await;
    sim.control("PUT", "templates", change("status", json!("PAUSED"))).await;
    own.wait_for_updates(1).await;
    receiver.wait_for_notices(1).await;
    assert_eq!((own.notices().len(), receiver.updates().len()), (0, 0));
    sim.graph("POST", &number, configure("")).await;
    sim.writes("972541234567", "again").await;
    receiver.wait_for_updates(1).await;
}
