//! Interactive messages, and what guests answer to them.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::{Receiver, Sim, check_sends};
use serde_json::{Value, json};

const ADA: &str = "972541234567";

async fn ready() -> Sim {
    let sim = Sim::quick().await;
    sim.open_guest(ADA).await;
    sim
}

fn x(count: usize) -> String {
    "x".repeat(count)
}

async fn check(sim: &Sim, cases: Vec<(Value, i64, &str)>) {
    check_sends(sim, ADA, "interactive", cases).await;
}

fn buttons(count: usize) -> Value {
    let one =
        |n: usize| json!({"type": "reply", "reply": {"id": format!("b{n}"), "title": format!("Button {n}")}});
    json!({"type": "button", "body": {"text": "Late checkout?"},
        "action": {"buttons": (0..count).map(one).collect::<Vec<_>>()}})
}

/// The content with something else at this place.
fn but(mut content: Value, place: &str, value: Value) -> Value {
    *content.pointer_mut(place).unwrap() = value;
    content
}

fn with(mut content: Value, key: &str, value: Value) -> Value {
    content[key] = value;
    content
}

fn without(mut content: Value, place: &str, key: &str) -> Value {
    content.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(key);
    content
}

#[tokio::test]
async fn reply_buttons() {
    let sim = ready().await;
    let image = sim.upload("image/jpeg", b"jpeg").await;
    let reply = "/action/buttons/0/reply";
    let id = |value: Value| but(buttons(2), "/action/buttons/0/reply/id", value);
    let title = |value: Value| but(buttons(2), "/action/buttons/0/reply/title", value);
    check(
        &sim,
        vec![
            (buttons(1), 0, ""),
            (buttons(3), 0, ""),
            (buttons(4), 131_009, "buttons"),
            (buttons(0), 131_009, "buttons"),
            (id(json!(x(256))), 0, ""),
            (id(json!(x(257))), 131_009, "['id']"),
            (id(json!("b1")), 131_009, "['id']"),
            (id(json!(" b0")), 131_009, "space"),
            (id(json!("")), 131_009, "empty"),
            (title(json!(x(20))), 0, ""),
            (title(json!("ש".repeat(20))), 0, ""),
            (title(json!(x(21))), 131_009, "['title']"),
            (title(json!("Button 1")), 131_009, "['title']"),
            (without(buttons(1), reply, "id"), 100, "['id'] is required"),
            (without(buttons(1), reply, "title"), 100, "['title'] is required"),
            (without(buttons(1), "/action", "buttons"), 100, "['buttons'] is required"),
            (without(buttons(1), "", "action"), 100, "['action'] is required"),
            (without(buttons(1), "", "body"), 100, "['body'] is required"),
            (without(buttons(1), "", "type"), 100, "['type'] is required"),
            (but(buttons(1), "/action/buttons/0/type", json!("url")), 131_009, "reply"),
            (but(buttons(1), "/body/text", json!(x(1_024))), 0, ""),
            (but(buttons(1), "/body/text", json!(x(1_025))), 131_009, "['body']['text']"),
            (with(buttons(1), "footer", json!({"text": x(60)})), 0, ""),
            (with(buttons(1), "footer", json!({"text": x(61)})), 131_009, "['footer']"),
            (with(buttons(1), "header", json!({"type": "text", "text": x(60)})), 0, ""),
            (with(buttons(1), "header", json!({"type": "text", "text": x(61)})), 131_009, "['header']"),
            (with(buttons(1), "header", json!({"type": "image", "image": {"id": image}})), 0, ""),
            (with(buttons(1), "header", json!({"type": "video", "video": {"id": image}})), 131_053, "video"),
            (with(buttons(1), "header", json!({"type": "document", "document": {}})), 100, "document"),
            (with(buttons(1), "header", json!({"type": "image"})), 100, "['image'] is required"),
            (with(buttons(1), "header", json!({"type": "sticker"})), 131_009, "['header']['type']"),
        ],
    )
    .await;
}

fn list(sections: usize, rows: usize) -> Value {
    let row = |s: usize, r: usize| json!({"id": format!("{s}-{r}"), "title": "Row", "description": "x"});
    let section = |s: usize| {
        let title = format!("Section {s}");
        json!({"title": title, "rows": (0..rows).map(|r| row(s, r)).collect::<Vec<_>>()})
    };
    json!({"type": "list", "body": {"text": "Room service"}, "action": {"button": "Menu",
        "sections": (0..sections).map(section).collect::<Vec<_>>()}})
}

#[tokio::test]
async fn lists() {
    let sim = ready().await;
    let row = |key: &str, value: Value| but(list(1, 2), &format!("/action/sections/0/rows/0/{key}"), value);
    let section = "/action/sections/0";
    check(
        &sim,
        vec![
            (list(1, 10), 0, ""),
            (list(10, 1), 0, ""),
            (list(11, 1), 131_009, "sections"),
            (list(1, 11), 131_009, "rows"),
            (list(6, 2), 131_009, "in total"),
            (list(0, 0), 131_009, "sections"),
            (list(1, 0), 131_009, "rows"),
            (row("id", json!(x(200))), 0, ""),
            (row("id", json!(x(201))), 131_009, "['id']"),
            (row("id", json!("0-1")), 131_009, "['id']"),
            (row("title", json!(x(24))), 0, ""),
            (row("title", json!(x(25))), 131_009, "['title']"),
            (row("description", json!(x(72))), 0, ""),
            (row("description", json!(x(73))), 131_009, "['description']"),
            (but(list(1, 1), "/action/button", json!(x(20))), 0, ""),
            (but(list(1, 1), "/action/button", json!(x(21))), 131_009, "['button']"),
            (but(list(2, 1), "/action/sections/0/title", json!(x(24))), 0, ""),
            (but(list(2, 1), "/action/sections/0/title", json!(x(25))), 131_009, "['title']"),
            (without(list(1, 1), section, "title"), 0, ""),
            (without(list(2, 1), section, "title"), 100, "['title'] is required"),
            (without(list(1, 1), section, "rows"), 100, "['rows'] is required"),
            (without(list(1, 1), "/action", "button"), 100, "['button'] is required"),
            (but(list(1, 1), "/body/text", json!(x(4_096))), 0, ""),
            (but(list(1, 1), "/body/text", json!(x(4_097))), 131_009, "['body']"),
            (with(list(1, 1), "header", json!({"type": "text", "text": "Menu"})), 0, ""),
            (
                with(list(1, 1), "header", json!({"type": "image", "image": {}})),
                131_009,
                "['header']['type']",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn links_and_requests_for_a_location() {
    let sim = ready().await;
    let link = json!({"type": "cta_url", "body": {"text": "Your invoice"}, "action": {"name": "cta_url",
        "parameters": {"display_text": "Open", "url": "https://grandplaza.example"}}});
    let parameter = |key: &str, value: Value| but(link.clone(), &format!("/action/parameters/{key}"), value);
    let ask = json!({"type": "location_request_message", "body": {"text": "Where are you?"},
        "action": {"name": "send_location"}});
    let other = |kind: &str| json!({"type": kind, "body": {"text": "x"}, "action": {}});
    check(
        &sim,
        vec![
            (link.clone(), 0, ""),
            (parameter("display_text", json!(x(20))), 0, ""),
            (parameter("display_text", json!(x(21))), 131_009, "['display_text']"),
            (parameter("url", json!("grandplaza")), 131_009, "['url']"),
            (without(link.clone(), "/action/parameters", "url"), 100, "['url'] is required"),
            (but(link.clone(), "/action/name", json!("open")), 131_009, "['name']"),
            (ask.clone(), 0, ""),
            (but(ask.clone(), "/body/text", json!(x(1_025))), 131_009, "['body']"),
            (without(ask.clone(), "/action", "name"), 100, "['name'] is required"),
            (but(ask.clone(), "/action/name", json!("x")), 131_009, "['name']"),
            (other("flow"), 131_051, "flow"),
            (other("product"), 131_051, "product"),
            (other("product_list"), 131_051, "product_list"),
            (other("catalog_message"), 131_051, "catalog_message"),
            (other("riddle"), 131_009, "['type']"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_tap_comes_back_as_an_answer() {
    let sim = ready().await;
    let receiver = Receiver::start().await;
    sim.register(&receiver).await;
    let asked = sim.sent_as(ADA, "interactive", buttons(2)).await;
    let taps = [
        json!({"type": "button_reply", "button_reply": {"id": "b1", "title": "Button 1"}}),
        json!({"type": "list_reply", "list_reply": {"id": "0-0", "title": "Row", "description": "x"}}),
    ];
    for tap in &taps {
        sim.writes_as(ADA, json!({"type": "interactive", "interactive": tap, "context": {"id": asked}}))
            .await;
    }
    let mine = sim.writes(ADA, "one more thing").await;
    let quoting = json!({"type": "text", "text": {"body": "as I said"}, "context": {"id": mine}});
    sim.writes_as(ADA, quoting).await;
    let button = json!({"payload": "More", "text": "One more night"});
    sim.writes_as(ADA, json!({"type": "button", "button": button, "context": {"id": asked}})).await;
    sim.idle().await;
    let own =
        receiver.updates().into_iter().find(|(_, update, _)| update["text"]["body"] == "as I said").unwrap();
    assert_eq!(own.1["context"], json!({"id": mine, "from": ADA}));
    let messages: Vec<Value> = receiver
        .updates()
        .into_iter()
        .filter(|(key, update, _)| key == "messages" && update["type"] != "text")
        .map(|(_, update, _)| update)
        .collect();
    assert_eq!((&messages[0]["interactive"], &messages[1]["interactive"]), (&taps[0], &taps[1]));
    assert_eq!(messages[2]["button"], button);
    for message in messages {
        let own = &sim.account.display_phone_number;
        assert_eq!(message["context"], json!({"id": asked, "from": own}));
    }
    let chat = sim.get(&format!("guests/{ADA}/chat")).await;
    let texts: Vec<_> = chat["data"].as_array().unwrap().iter().skip(2).map(|line| &line["text"]).collect();
    assert_eq!(texts, ["Button 1", "Row", "one more thing", "as I said", "One more night"]);
}
