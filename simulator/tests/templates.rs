//! Creating, editing, deleting and listing templates, and their review.

mod common;

use common::{
    Receiver, Sim, code,
    templates::{body, create, created, decided, draft, path, quick, status, subcode},
};
use serde_json::{Value, json};

const ADA: &str = "972541234567";

#[tokio::test]
async fn a_review_ends_as_the_name_says() {
    let (sim, receiver) = (quick().await, Receiver::start().await);
    sim.register(&receiver).await;
    let good = created(&sim, draft("late_checkout", json!([body("You may stay until noon.")]))).await;
    let bad = created(&sim, draft("please_reject", json!([body("You may stay until noon.")]))).await;
    let slow = created(&sim, draft("wait_for_it", json!([body("You may stay until noon.")]))).await;
    assert_eq!(
        (decided(&sim, &good).await, decided(&sim, &bad).await),
        ("APPROVED".into(), "REJECTED".into())
    );
    assert_eq!(status(&sim, &slow).await, "PENDING");
    let (_, shown) = sim.graph("GET", &format!("{bad}?fields=rejected_reason,name"), Value::Null).await;
    assert_eq!(shown, json!({"id": bad, "name": "please_reject", "rejected_reason": "INVALID_FORMAT"}));
    let notices = receiver.wait_for_notices(2).await;
    assert_eq!(notices[0].0, "message_template_status_update");
    let named =
        |name: &str| notices.iter().find(|(_, value)| value["message_template_name"] == name).unwrap();
    assert_eq!(
        named("late_checkout").1,
        json!({"event": "APPROVED", "message_template_id": good.parse::<u64>().unwrap(),
            "message_template_name": "late_checkout", "message_template_language": "en",
            "message_template_category": "UTILITY", "reason": "NONE"})
    );
    let rejected = &named("please_reject").1;
    assert_eq!((&rejected["event"], &rejected["reason"]), (&json!("REJECTED"), &json!("INVALID_FORMAT")));
    assert!(rejected["rejection_info"]["recommendation"].is_string());

    let send = |name: &str| json!({"name": name, "language": {"code": "en"}});
    sim.sent_as(ADA, "template", send("late_checkout")).await;
    for name in ["please_reject", "wait_for_it"] {
        assert_eq!(code(&sim.send_as(ADA, "template", send(name)).await.1), 132_001);
    }
    assert_eq!(sim.control_raw("PUT", "review", json!({"delay": 1})).await.0, 400);
}

#[tokio::test]
async fn a_review_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let sim = Sim::open(Some(dir.path())).await;
    sim.register(&receiver).await;
    sim.control("PUT", "review", json!({"delay_ms": 400})).await;
    let id = created(&sim, draft("late_checkout", json!([body("Stay until noon.")]))).await;
    sim.stop().await;
    let sim = Sim::open(Some(dir.path())).await;
    assert_eq!(sim.get("review").await, json!({"delay_ms": 400}));
    assert_eq!(decided(&sim, &id).await, "APPROVED");
    receiver.wait_for_notices(1).await;
    sim.idle().await;
    sim.stop().await;
    let sim = Sim::open(Some(dir.path())).await;
    assert_eq!(
        (status(&sim, &id).await, &sim.get("webhooks").await["pending"]),
        ("APPROVED".into(), &json!(0))
    );
}

#[tokio::test]
async fn what_is_written_in_any_case_is_stored_in_upper_case() {
    let sim = quick().await;
    let components = json!([
        {"type": "header", "format": "text", "text": "Hi {{guest}}",
            "example": {"header_text_named_params": [{"param_name": "guest", "example": "Noa"}]}},
        {"type": "body", "text": "Your code is {{code}} until noon today.",
            "example": {"body_text_named_params": [{"param_name": "code", "example": "A1"}]}},
        {"type": "footer", "text": "See you"},
        {"type": "buttons", "buttons": [{"type": "quick_reply", "text": "Thanks"}]},
    ]);
    let mut wanted = draft("door_code", components);
    wanted["parameter_format"] = json!("named");
    wanted["category"] = json!("utility");
    let id = created(&sim, wanted).await;
    let (_, shown) = sim.graph("GET", &id, Value::Null).await;
    let types: Vec<_> = shown["components"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(types, ["HEADER", "BODY", "FOOTER", "BUTTONS"]);
    assert_eq!(shown["components"][0]["format"], "TEXT");
    assert_eq!(shown["components"][3]["buttons"][0]["type"], "QUICK_REPLY");
    assert_eq!((&shown["parameter_format"], &shown["category"]), (&json!("NAMED"), &json!("UTILITY")));
}

#[tokio::test]
async fn only_some_templates_can_be_edited() {
    let sim = quick().await;
    let id = created(&sim, draft("late_checkout", json!([body("Stay until noon.")]))).await;
    let edit = async |change: Value| sim.graph("POST", &id, change).await;
    let longer = json!({"components": [body("Stay until two, if you like.")]});
    let pending = created(&sim, draft("wait_for_it", json!([body("Stay until noon.")]))).await;
    let (refused, answer) = sim.graph("POST", &pending, longer.clone()).await;
    assert_eq!((refused, code(&answer)), (400, 100), "it is pending: {answer}");
    decided(&sim, &id).await;
    assert_eq!(edit(json!({})).await.0, 400);
    assert_eq!(edit(json!({"components": [body("{{1}}")]})).await.0, 400);
    let edited = json!({"success": true, "id": id, "name": "late_checkout", "category": "UTILITY"});
    assert_eq!(edit(longer.clone()).await, (200, edited));
    assert_eq!(decided(&sim, &id).await, "APPROVED");
    let (_, shown) = sim.graph("GET", &id, Value::Null).await;
    assert_eq!(shown["components"][0]["text"], "Stay until two, if you like.");
    assert_eq!(edit(json!({"category": "MARKETING"})).await.0, 400, "once a day");
    sim.control("POST", "clock", json!({"advance_seconds": 86_400})).await;
    assert_eq!(edit(json!({"category": "MARKETING"})).await.0, 200);
    decided(&sim, &id).await;
    let change = |status: &str| json!({"name": "late_checkout", "language": "en", "status": status});
    for (status, expected) in [("DISABLED", 400), ("PAUSED", 200)] {
        sim.control("PUT", "templates", change(status)).await;
        assert_eq!(edit(longer.clone()).await.0, expected, "{status}");
    }
    decided(&sim, &id).await;
    for day in 0..9 {
        sim.control("POST", "clock", json!({"advance_seconds": 86_400})).await;
        let (status, answer) = edit(longer.clone()).await;
        assert_eq!(status, if day < 8 { 200 } else { 400 }, "day {day}: {answer}");
        decided(&sim, &id).await;
    }
}

#[tokio::test]
async fn templates_are_deleted_by_name_or_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    sim.control("PUT", "review", json!({"delay_ms": 0})).await;
    let count = async |sim: &Sim, name: &str| {
        let (_, page) = sim.graph("GET", &format!("{}?name={name}", path(sim)), Value::Null).await;
        page["data"].as_array().unwrap().len()
    };
    let delete =
        async |query: &str| sim.graph("DELETE", &format!("{}?{query}", path(&sim)), Value::Null).await;
    let (_, page) =
        sim.graph("GET", &format!("{}?name=welcome_checkin&language=he", path(&sim)), Value::Null).await;
    let hebrew = page["data"][0]["id"].as_str().unwrap();
    assert_eq!(delete("name=nobody").await.0, 400);
    assert_eq!(delete("").await.0, 400);
    assert_eq!(delete(&format!("hsm_id={hebrew}&name=invoice")).await.0, 400);
    assert_eq!(
        delete(&format!("hsm_id={hebrew}&name=welcome_checkin")).await,
        (200, json!({"success": true}))
    );
    assert_eq!(count(&sim, "welcome_checkin").await, 2);
    assert_eq!(delete("name=welcome_checkin").await.0, 200);
    assert_eq!(count(&sim, "welcome_checkin").await, 0);
    let again = draft("welcome_checkin", json!([body("Welcome to us.")]));
    assert_eq!(subcode(&sim, again.clone()).await, 2_388_023);
    let pending = created(&sim, draft("wait_a_little", json!([body("Welcome to us.")]))).await;
    assert_eq!(delete(&format!("hsm_id={pending}&name=wait_a_little")).await.0, 200);
    created(&sim, draft("wait_a_little", json!([body("Welcome to us.")]))).await;
    sim.stop().await;
    for _ in 0..2 {
        let sim = Sim::open(Some(dir.path())).await;
        assert_eq!((count(&sim, "welcome_checkin").await, count(&sim, "wait_a_little").await), (0, 1));
        assert_eq!(subcode(&sim, again.clone()).await, 2_388_023);
        sim.stop().await;
    }
    let sim = Sim::open(Some(dir.path())).await;
    sim.control("POST", "clock", json!({"advance_seconds": 30 * 86_400 + 1})).await;
    created(&sim, again).await;
}

#[tokio::test]
async fn an_account_has_so_many_templates_and_no_more() {
    let sim = quick().await;
    let (_, page) =
        sim.graph("GET", &format!("{}?summary=message_template_count", path(&sim)), Value::Null).await;
    let seeded = page["summary"]["message_template_count"].as_u64().unwrap();
    let mut refused = 0;
    for n in seeded..250 {
        let wanted = draft(&format!("wait_{n}"), json!([body("Some words.")]));
        if create(&sim, wanted.clone()).await.0 == 429 {
            refused += 1;
            sim.control("POST", "clock", json!({"advance_seconds": 3_600})).await;
            created(&sim, wanted).await;
        }
    }
    assert_eq!(refused, 2, "a hundred in an hour");
    assert_eq!(subcode(&sim, draft("one_more", json!([body("Some words.")]))).await, 2_388_019);
    let mut another_language = draft("wait_249", json!([body("Some words.")]));
    another_language["language"] = json!("he");
    assert_eq!(create(&sim, another_language).await.0, 200, "a name counts once");
}

#[tokio::test]
async fn lists_have_filters_pages_and_a_summary() {
    let sim = quick().await;
    let list = async |query: &str| sim.graph("GET", &format!("{}?{query}", path(&sim)), Value::Null).await.1;
    let names = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let page = list("limit=2&fields=name").await;
    assert!(page["paging"].get("previous").is_none() && page["paging"]["next"].is_string());
    assert_eq!(page["data"][0].as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "name"]);
    let after = page["paging"]["cursors"]["after"].as_str().unwrap();
    let second = list(&format!("limit=2&after={after}")).await;
    let before = second["paging"]["cursors"]["before"].as_str().unwrap();
    assert!(second["paging"]["previous"].is_string());
    assert_eq!(names(&list(&format!("limit=2&before={before}")).await), names(&page));
    let first = list("limit=1").await["paging"]["cursors"]["after"].as_str().unwrap().to_owned();
    assert_eq!(names(&list(&format!("limit=5&before={first}")).await), ["welcome_checkin"]);
    assert!(list("limit=100").await["paging"].get("next").is_none());
    assert_eq!(names(&list("name_or_content=rooftop").await), ["promo_video"]);
    assert_eq!(list("quality_score=RED").await["data"], json!([]));
    let summary = list("summary=total_count,message_template_limit,message_template_count,are_translations_complete&language=he").await;
    assert_eq!(
        summary["summary"],
        json!({"total_count": 2, "message_template_limit": 250, "message_template_count": 13,
            "are_translations_complete": true})
    );
}
