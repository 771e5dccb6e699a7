//! Sends of every type: what WhatsApp takes, and what it refuses.

mod common;

use common::{Receiver, Sim, check_sends, code};
use serde_json::{Value, json};

const ADA: &str = "972541234567";

async fn ready() -> Sim {
    let sim = Sim::quick().await;
    sim.open_guest(ADA).await;
    sim
}

/// Each of these contents is accepted, or refused with this code and a sentence that has these words.
async fn check(sim: &Sim, kind: &str, cases: Vec<(Value, i64, &str)>) {
    check_sends(sim, ADA, kind, cases).await;
}

fn x(count: usize) -> String {
    "x".repeat(count)
}

#[tokio::test]
async fn media_by_link() {
    let sim = ready().await;
    let link = "https://grandplaza.example/a?b=1";
    let captioned = |length: usize| json!({"link": link, "caption": x(length)});
    for kind in ["image", "video", "document"] {
        check(
            &sim,
            kind,
            vec![
                (json!({"link": link}), 0, ""),
                (captioned(1_024), 0, ""),
                (captioned(0), 0, ""),
                (captioned(1_025), 131_009, "caption"),
                (json!({"link": "ftp://x/a"}), 131_009, "URL"),
                (json!({"link": "grandplaza"}), 131_009, "URL"),
                (json!({"link": link, "id": "1"}), 100, "not both"),
                (json!({"caption": "x"}), 100, "'id' and 'link'"),
                (json!({"link": link, "from_the_future": 1}), 0, ""),
            ],
        )
        .await;
    }
    for kind in ["audio", "sticker"] {
        check(&sim, kind, vec![(json!({"link": link}), 0, ""), (captioned(1), 100, "caption")]).await;
    }
    check(&sim, "audio", vec![(json!({"link": link, "voice": true}), 0, "")]).await;
    check(&sim, "audio", vec![(json!({"link": link, "voice": "yes"}), 100, "voice")]).await;
    check(&sim, "document", vec![(json!({"link": link, "filename": "a.pdf"}), 0, "")]).await;
    check(&sim, "image", vec![(json!({"link": link, "filename": "a.png"}), 100, "filename")]).await;
    check(&sim, "document", vec![(Value::Null, 131_008, "document")]).await;
}

#[tokio::test]
async fn media_by_id_must_live_and_fit() {
    let sim = ready().await;
    let image = sim.upload("image/png", b"png").await;
    let sticker = sim.upload("image/webp", b"webp").await;
    check(
        &sim,
        "image",
        vec![
            (json!({"id": image, "caption": "the view"}), 0, ""),
            (json!({"id": image.parse::<u64>().unwrap()}), 0, ""),
            (json!({"id": sticker}), 131_053, "image/webp"),
            (json!({"id": "4242"}), 131_009, "media attachment ID"),
        ],
    )
    .await;
    check(&sim, "sticker", vec![(json!({"id": sticker}), 0, ""), (json!({"id": image}), 131_053, "")]).await;
    sim.graph("DELETE", &image, Value::Null).await;
    check(&sim, "image", vec![(json!({"id": image}), 131_009, "media attachment ID")]).await;
    let ledger = sim.ledger("type=image").await;
    assert_eq!(ledger["data"][0]["payload"]["image"], json!({"id": image, "caption": "the view"}));
    let chat = sim.get(&format!("guests/{ADA}/chat")).await;
    let line = &chat["data"][1];
    assert_eq!((&line["type"], &line["text"]), (&json!("image"), &json!("the view")));
    assert_eq!((&line["content"]["id"], &line["media"]["mime_type"]), (&json!(image), &json!("image/png")));
}

#[tokio::test]
async fn texts() {
    let sim = ready().await;
    check(
        &sim,
        "text",
        vec![
            (json!({"body": "א".repeat(4_096), "preview_url": true}), 0, ""),
            (json!({"body": x(4_097)}), 100, "4096"),
            (json!({"body": "x", "preview_url": "true"}), 100, "preview_url"),
        ],
    )
    .await;
}

#[tokio::test]
async fn locations() {
    let sim = ready().await;
    check(
        &sim,
        "location",
        vec![
            (json!({"latitude": 90, "longitude": -180}), 0, ""),
            (
                json!({"latitude": "32.08", "longitude": "34.78", "name": "Grand Plaza", "address": "1 Sea"}),
                0,
                "",
            ),
            (json!({"latitude": 90.01, "longitude": 0}), 131_009, "latitude"),
            (json!({"latitude": 0, "longitude": "180.1"}), 131_009, "longitude"),
            (json!({"latitude": "north", "longitude": 0}), 131_009, "latitude"),
            (json!({"latitude": "NaN", "longitude": 0}), 131_009, "latitude"),
            (json!({"latitude": 0}), 131_008, "longitude"),
        ],
    )
    .await;
}

#[tokio::test]
async fn contacts() {
    let sim = ready().await;
    let card = json!({"name": {"formatted_name": "Noa Cohen", "first_name": "Noa"},
        "phones": [{"phone": "+972 54", "type": "WORK"}]});
    check(
        &sim,
        "contacts",
        vec![
            (json!([card]), 0, ""),
            (json!(vec![card.clone(); 257]), 0, ""),
            (json!(vec![card.clone(); 258]), 131_009, "257"),
            (json!([]), 131_009, "entries"),
            (json!([card, {"name": {"first_name": "Noa"}}]), 131_008, "contacts[1]"),
            (json!({"name": "x"}), 131_009, "array"),
        ],
    )
    .await;
}

#[tokio::test]
async fn reactions_belong_to_messages_of_the_chat() {
    let sim = ready().await;
    let receiver = Receiver::start().await;
    sim.register(&receiver).await;
    let theirs = sim.writes(ADA, "thank you").await;
    let ours = sim.text(ADA, "with pleasure").await;
    sim.open_guest("16505551234").await;
    let elsewhere = sim.writes("16505551234", "hi").await;
    let react = |id: &str, emoji: &str| json!({"message_id": id, "emoji": emoji});
    let id = sim.sent_as(ADA, "reaction", react(&theirs, "👍🏽")).await;
    check(
        &sim,
        "reaction",
        vec![
            (react(&ours, "❤️"), 0, ""),
            (react(&theirs, ""), 0, ""),
            (react(&theirs, "ok"), 131_009, "emoji"),
            (react(&theirs, "👍👍"), 131_009, "emoji"),
            (react(&elsewhere, "👍"), 131_009, "message_id"),
            (react("wamid.AAAA", "👍"), 131_009, "message_id"),
            (react(&id, "👍"), 131_009, "reaction itself"),
            (json!({"emoji": "👍"}), 131_008, "message_id"),
            (json!({"message_id": theirs}), 131_008, "emoji"),
        ],
    )
    .await;
    sim.idle().await;
    assert_eq!(receiver.statuses(&id), ["sent"]);
    sim.control("POST", "clock", json!({"advance_seconds": 31 * 86_400})).await;
    assert_eq!(code(&sim.send_as(ADA, "reaction", react(&theirs, "👍")).await.1), 131_009);
    sim.writes(ADA, "again").await;
    check(&sim, "reaction", vec![(react(&theirs, "👍"), 131_009, "30 days")]).await;
}

#[tokio::test]
async fn free_form_needs_the_window_whatever_it_is() {
    let sim = ready().await;
    let id = sim.writes(ADA, "hi").await;
    sim.control("POST", "clock", json!({"advance_seconds": 86_401})).await;
    for (kind, content) in [
        ("image", json!({"link": "https://a.example/b"})),
        ("location", json!({"latitude": 1, "longitude": 1})),
        ("reaction", json!({"message_id": id, "emoji": "👍"})),
    ] {
        assert_eq!(code(&sim.send_as(ADA, kind, content).await.1), 131_047);
    }
}

#[tokio::test]
async fn replies_quote_a_message_of_the_chat() {
    let sim = ready().await;
    let question = sim.writes(ADA, "when is breakfast?").await;
    let mut body = common::text_to(ADA, "from seven");
    body["context"] = json!({"message_id": question});
    assert_eq!(sim.send(body.clone()).await.0, 200);
    let chat = sim.get(&format!("guests/{ADA}/chat")).await;
    assert_eq!(chat["data"][2]["context"], json!({"id": question}));
    for (context, expected) in [
        (json!({"message_id": "wamid.AAAA"}), 131_009),
        (json!({"message_id": 7}), 131_009),
        (json!({"id": question}), 131_008),
    ] {
        body["context"] = context;
        assert_eq!(code(&sim.send(body.clone()).await.1), expected);
    }
}

#[tokio::test]
async fn typing_shows_until_the_next_message() {
    let sim = ready().await;
    let id = sim.writes(ADA, "hello?").await;
    let mark = |kind: &str| {
        json!({"messaging_product": "whatsapp", "status": "read", "message_id": id,
            "typing_indicator": {"type": kind}})
    };
    let typing = async || sim.get(&format!("guests/{ADA}")).await["typing"].clone();
    assert_eq!(code(&sim.send(mark("audio")).await.1), 100);
    assert_eq!(typing().await, false);
    assert_eq!(sim.send(mark("text")).await.0, 200);
    assert_eq!(typing().await, true);
    sim.text(ADA, "here I am").await;
    assert_eq!(typing().await, false);
}
