//! What WhatsApp takes as a template: every rule at its edge, and one past it.

mod common;

use common::{
    Sim, code,
    templates::{body, created, decided, draft, quick, subcode},
};
use serde_json::{Value, json};

const ADA: &str = "972541234567";

async fn check(sim: &Sim, cases: Vec<(Value, i64)>) {
    for (at, (components, expected)) in cases.into_iter().enumerate() {
        // Within an hour a hundred, and these are more.
        sim.control("POST", "clock", json!({"advance_seconds": 60})).await;
        let wanted = draft(&format!("t{at}"), components.clone());
        assert_eq!(subcode(sim, wanted).await, expected, "{components}");
    }
}

fn with_body(component: Value) -> Value {
    json!([component, body("Some words.")])
}

#[tokio::test]
async fn names_languages_and_categories() {
    let sim = quick().await;
    let fine = || draft("a", json!([body("Some words.")]));
    let with = |key: &str, value: Value| {
        let mut wanted = fine();
        wanted[key] = value;
        wanted
    };
    for (wanted, expected) in [
        (with("name", json!("a".repeat(512))), 0),
        (with("name", json!("a".repeat(513))), 2_388_042),
        (with("name", json!("Late")), 2_388_042),
        (with("name", json!("late-checkout")), 2_388_042),
        (with("name", json!("")), 2_388_042),
        (with("language", json!("pt_BR")), 0),
        (with("language", json!("English")), 2_388_042),
        (with("language", Value::Null), 2_388_042),
        (with("category", json!("SERVICE")), 2_388_042),
        (with("parameter_format", json!("NUMBERED")), 2_388_042),
        (with("components", json!([])), 2_388_043),
        (with("components", Value::Null), 2_388_042),
        (with("components", json!([body("a"), body("b")])), 2_388_042),
        (with("components", json!([body("a"), {"type": "CAROUSEL"}])), 2_388_042),
    ] {
        assert_eq!(subcode(&sim, wanted.clone()).await, expected, "{wanted}");
    }
    created(&sim, fine()).await;
    assert_eq!(subcode(&sim, fine()).await, 2_388_024);
    created(&sim, with("language", json!("he"))).await;
}

#[tokio::test]
async fn texts_of_templates() {
    let sim = quick().await;
    let words = |count: usize| body(&"x".repeat(count));
    let filled = |text: &str, examples: &[&str]| json!([{"type": "BODY", "text": text, "example": {"body_text": [examples]}}]);
    let header = |text: &str, example: Value| {
        with_body(
            json!({"type": "HEADER", "format": "TEXT", "text": text, "example": {"header_text": example}}),
        )
    };
    let footer = |text: &str| with_body(json!({"type": "FOOTER", "text": text}));
    let media = |format: &str, handle: Value| {
        with_body(json!({"type": "HEADER", "format": format, "example": {"header_handle": handle}}))
    };
    check(
        &sim,
        vec![
            (json!([words(1_024)]), 0),
            (json!([words(1_025)]), 2_388_040),
            (json!([body(" ")]), 2_388_043),
            (filled("Dear {{1}}, your room is {{2}} now.", &["Noa", "205"]), 0),
            (filled("Dear {{1}}, your room is {{2}} now.", &["Noa"]), 2_388_042),
            (filled("Dear {{1}}, your room is ready.", &[]), 2_388_043),
            (json!([body("Dear {{1}}, your room is ready.")]), 2_388_043),
            (filled("{{1}}, your room is ready.", &["Noa"]), 2_388_299),
            (filled("Your room is ready, {{1}}", &["Noa"]), 2_388_299),
            (filled("Your room {{1}}{{2}} is ready now.", &["2", "05"]), 2_388_072),
            (filled("Your room {{2}} is ready now.", &["205"]), 2_388_072),
            (filled("Your room {{room}} is ready now.", &["205"]), 2_388_072),
            (filled("Your room {{1} is ready now.", &["205"]), 2_388_072),
            (filled("Hi {{1}} {{2}} {{3}} there.", &["a", "b", "c"]), 2_388_293),
            (header(&"x".repeat(60), Value::Null), 0),
            (header(&"x".repeat(61), Value::Null), 2_388_040),
            (header("Room {{1}}", json!(["205"])), 0),
            (header("Room {{1}}", Value::Null), 2_388_043),
            (header("Room {{1}} of {{2}}", json!(["205", "x"])), 2_388_047),
            (header("Room\n205", Value::Null), 2_388_047),
            (footer(&"x".repeat(60)), 0),
            (footer(&"x".repeat(61)), 2_388_040),
            (footer("Room {{1}}"), 2_388_073),
            (media("IMAGE", json!(["4::aW"])), 0),
            (media("VIDEO", json!([])), 2_388_043),
            (media("DOCUMENT", Value::Null), 2_388_043),
            (media("LOCATION", Value::Null), 0),
            (media("PAINTING", json!(["4::aW"])), 2_388_047),
            (with_body(json!({"type": "HEADER", "text": "x"})), 2_388_043),
        ],
    )
    .await;
}

#[tokio::test]
async fn buttons_of_templates() {
    let sim = quick().await;
    let buttons = |buttons: Vec<Value>| with_body(json!({"type": "BUTTONS", "buttons": buttons}));
    let reply = |text: &str| json!({"type": "QUICK_REPLY", "text": text});
    let url = |url: &str| json!({"type": "URL", "text": "Open", "url": url, "example": ["https://x/abc"]});
    let phone = |number: &str| json!({"type": "PHONE_NUMBER", "text": "Call", "phone_number": number});
    let copy = |code: &str| json!({"type": "COPY_CODE", "example": code});
    let long = format!("https://x/{}", "y".repeat(1_990));
    check(
        &sim,
        vec![
            (buttons(vec![reply("x"); 10]), 0),
            (buttons(vec![reply("x"); 11]), 2_388_042),
            (buttons(vec![]), 2_388_043),
            (buttons(vec![reply(&"x".repeat(25))]), 0),
            (buttons(vec![reply(&"x".repeat(26))]), 2_388_040),
            (buttons(vec![reply("")]), 2_388_043),
            (buttons(vec![url("https://x/"); 2]), 0),
            (buttons(vec![url("https://x/"); 3]), 2_388_042),
            (buttons(vec![url(&long)]), 0),
            (buttons(vec![url(&format!("{long}y"))]), 2_388_040),
            (buttons(vec![url("https://x/{{1}}")]), 0),
            (buttons(vec![url("https://x/{{1}}/y")]), 2_388_042),
            (buttons(vec![url("https://{{1}}/{{2}}")]), 2_388_042),
            (buttons(vec![url("x")]), 2_388_042),
            (buttons(vec![json!({"type": "URL", "text": "Open", "url": "https://x/{{1}}"})]), 2_388_043),
            (buttons(vec![phone("+15550100001")]), 0),
            (buttons(vec![phone("+15550100001"); 2]), 2_388_042),
            (buttons(vec![phone("+1 555 010 0001 000 00")]), 2_388_040),
            (buttons(vec![phone("front desk")]), 2_388_042),
            (buttons(vec![copy(&"x".repeat(15))]), 0),
            (buttons(vec![copy(&"x".repeat(16))]), 2_388_040),
            (buttons(vec![copy("a"), copy("b")]), 2_388_042),
            (buttons(vec![reply("a"), reply("b"), url("https://x/")]), 0),
            (buttons(vec![reply("a"), url("https://x/"), reply("b")]), 2_388_042),
            (buttons(vec![url("https://x/"), reply("a"), url("https://y/")]), 2_388_042),
            (buttons(vec![json!({"type": "FLOW", "text": "x"})]), 2_388_042),
            (buttons(vec![json!({"type": "OTP", "otp_type": "COPY_CODE"})]), 2_388_042),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_authentication_template_gets_its_words_from_whatsapp() {
    let sim = quick().await;
    let otp = |kind: &str| json!({"type": "BUTTONS", "buttons": [{"type": "otp", "otp_type": kind, "text": "Copy"}]});
    let wanted = |components: Value| {
        let mut wanted = draft("login_code", components);
        wanted["category"] = json!("AUTHENTICATION");
        wanted
    };
    let advised = json!({"type": "BODY", "add_security_recommendation": true});
    let footer = |minutes: u64| json!({"type": "FOOTER", "code_expiration_minutes": minutes});
    for components in [
        json!([body("Your code is here."), otp("COPY_CODE")]),
        json!([advised]),
        json!([advised, otp("ONE_TAP")]),
        json!([advised, footer(91), otp("COPY_CODE")]),
        json!([advised, footer(0), otp("COPY_CODE")]),
    ] {
        assert_ne!(subcode(&sim, wanted(components)).await, 0);
    }
    let id = created(&sim, wanted(json!([advised, footer(90), otp("copy_code")]))).await;
    assert_eq!(decided(&sim, &id).await, "APPROVED");
    let code_of = |text: &str| json!([{"type": "text", "text": text}]);
    let send = |text: &str| {
        json!({"name": "login_code", "language": {"code": "en"}, "components": [
            {"type": "body", "parameters": code_of(text)},
            {"type": "button", "sub_type": "url", "index": 0, "parameters": code_of(text)}]})
    };
    sim.sent_as(ADA, "template", send("123456789012345")).await;
    assert_eq!(code(&sim.send_as(ADA, "template", send("1234567890123456")).await.1), 131_009);
    let chat = sim.get(&format!("guests/{ADA}/chat")).await;
    assert!(chat["data"][0]["text"].as_str().unwrap().starts_with("*123456789012345* is your"), "{chat}");
}
