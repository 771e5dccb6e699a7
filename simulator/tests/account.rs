//! The endpoints about the number, the account and the app.

mod common;

use common::{Sim, code, text_to};
use serde_json::{Value, json};

const ADA: &str = "972541234567";

#[tokio::test]
async fn fields_are_those_that_are_asked_for() {
    let sim = Sim::start().await;
    let get = async |path: String| sim.graph("GET", &path, Value::Null).await.1;
    let (number, waba) = (&sim.account.phone_number_id, &sim.account.waba_id);
    let shown = get(format!("{number}?fields=status,throughput,quality_score,unknown")).await;
    let keys: Vec<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["id", "quality_score", "status", "throughput"]);
    assert_eq!(get(format!("{waba}?fields=currency")).await, json!({"id": waba, "currency": "USD"}));
    let app = get("app".to_owned()).await;
    assert_eq!((&app["id"], &app["name"]), (&json!(sim.account.app_id), &json!("Bellhop")));
    assert_eq!(get("app?fields=link".to_owned()).await.as_object().unwrap().len(), 2);
    assert_eq!(get(sim.account.app_id.clone()).await, app);
    let slash = get(format!("{number}/?fields=id")).await;
    assert_eq!(slash, json!({"id": number}));
}

#[tokio::test]
async fn a_profile_is_written_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    let path = format!("{}/whatsapp_business_profile", sim.account.phone_number_id);
    let set = |key: &str, value: Value| {
        let mut body = json!({"messaging_product": "whatsapp"});
        body[key] = value;
        body
    };
    let site = |length: usize| format!("https://a.example/{}", "x".repeat(length - 18));
    for (key, value, expected) in [
        ("about", json!("x".repeat(139)), 200),
        ("about", json!("x".repeat(140)), 400),
        ("address", json!("x".repeat(257)), 400),
        ("description", json!("x".repeat(513)), 400),
        ("email", json!("x".repeat(129)), 400),
        ("websites", json!([site(256), site(20)]), 200),
        ("websites", json!([site(257)]), 400),
        ("websites", json!([site(20), site(20), site(20)]), 400),
        ("vertical", json!("HOTEL"), 200),
        ("vertical", json!("CASTLE"), 400),
        ("unknown", json!(1), 200),
    ] {
        let (status, answer) = sim.graph("POST", &path, set(key, value)).await;
        assert_eq!(status, expected, "{key}: {answer}");
    }
    assert_eq!(sim.graph("POST", &path, json!({"about": "x"})).await.0, 400);
    sim.stop().await;
    let sim = Sim::open(Some(dir.path())).await;
    let shown = sim.graph("GET", &format!("{path}?fields=vertical,websites"), Value::Null).await.1;
    assert_eq!(
        shown,
        json!({"data": [{"messaging_product": "whatsapp", "vertical": "HOTEL", "websites": [site(256), site(20)]}]})
    );
}

#[tokio::test]
async fn a_number_is_registered_with_a_pin() {
    let sim = Sim::quick().await;
    sim.open_guest(ADA).await;
    let call = async |edge: &str, body: Value| {
        sim.graph("POST", &format!("{}/{edge}", sim.account.phone_number_id), body).await
    };
    let pin = |pin: &str| json!({"messaging_product": "whatsapp", "pin": pin});
    for body in [pin("12345"), pin("1234567"), pin("12345a"), json!({"messaging_product": "whatsapp"})] {
        assert_eq!(code(&call("register", body).await.1), 100);
    }
    assert_eq!(call("register", pin("123456")).await, (200, json!({"success": true})));
    assert_eq!(call("deregister", Value::Null).await.0, 200);
    assert_eq!(code(&call("deregister", Value::Null).await.1), 133_010);
    assert_eq!(code(&sim.send(text_to(ADA, "x")).await.1), 133_010);
    let number = format!("{}?fields=status", sim.account.phone_number_id);
    assert_eq!(sim.graph("GET", &number, Value::Null).await.1["status"], "DISCONNECTED");
    assert_eq!(code(&call("register", pin("654321")).await.1), 133_005);
    assert_eq!(call("register", pin("123456")).await.0, 200);
    sim.text(ADA, "back again").await;
}

#[tokio::test]
async fn codes_come_in_the_query_or_the_body() {
    let sim = Sim::start().await;
    let call = async |edge: &str, body: Value| {
        sim.graph("POST", &format!("{}/{edge}", sim.account.phone_number_id), body).await
    };
    assert_eq!(call("request_code?code_method=SMS&language=en_US", Value::Null).await.0, 200);
    assert_eq!(call("request_code", json!({"code_method": "VOICE", "language": "es"})).await.0, 200);
    assert_eq!(call("request_code", json!({"code_method": "PIGEON", "language": "es"})).await.0, 400);
    assert_eq!(call("request_code", json!({"code_method": "SMS"})).await.0, 400);
    assert_eq!(call("verify_code?code=123456", Value::Null).await.0, 200);
    assert_eq!(call("verify_code", json!({"code": "123-456"})).await.0, 200);
    assert_eq!(call("verify_code", json!({"code": "1234"})).await.0, 400);
    assert_eq!(call("nothing", Value::Null).await.0, 400);
}

#[tokio::test]
async fn a_blocked_guest_is_not_heard() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    let path = format!("{}/block_users", sim.account.phone_number_id);
    let of = |users: &[&str]| {
        let users: Vec<Value> = users.iter().map(|user| json!({"user": user})).collect();
        json!({"messaging_product": "whatsapp", "block_users": users})
    };
    sim.open_guest(ADA).await;
    sim.guest(json!({"phone": "16505551234"})).await;
    let (status, answer) = sim.graph("POST", &path, of(&["+972541234567", "16505551234"])).await;
    assert_eq!(status, 200);
    let users = &answer["block_users"];
    assert_eq!(users["added_users"], json!([{"input": "+972541234567", "wa_id": ADA}]));
    assert_eq!(users["failed_users"][0]["errors"][0]["code"], 139_100, "did not write within a day");
    assert_eq!(sim.graph("POST", &path, of(&[])).await.0, 400);
    let before = sim.get("webhooks").await["pending"].clone();
    sim.writes(ADA, "can you hear me?").await;
    assert_eq!(sim.get("webhooks").await["pending"], before);
    sim.stop().await;
    let sim = Sim::open(Some(dir.path())).await;
    let (_, listed) = sim.graph("GET", &path, Value::Null).await;
    assert_eq!(listed["data"], json!([{"messaging_product": "whatsapp", "wa_id": ADA}]));
    let (_, answer) = sim.graph("DELETE", &path, of(&[ADA])).await;
    assert_eq!(answer["block_users"]["removed_users"][0]["wa_id"], ADA);
    sim.writes(ADA, "and now?").await;
    assert_eq!(sim.get(&format!("guests/{ADA}/chat")).await["data"].as_array().unwrap().len(), 2);
}
