//! Every kind of message to a guest, as WhatsApp gets it.

use bellhop_e2e::Hotel;
use serde_json::{Value, json};

const PHONE: &str = "+14155552671";

/// What stands in the ledger of a send, without the envelope that every message has.
fn said(send: &Value) -> Value {
    let mut payload = send["payload"].clone();
    let envelope = payload.as_object_mut().unwrap();
    for key in ["messaging_product", "recipient_type", "to", "biz_opaque_callback_data"] {
        assert!(envelope.remove(key).is_some(), "{key} in {send}");
    }
    payload
}

async fn sends(hotel: &Hotel, path: &str, body: Value) -> Value {
    let before = hotel.phones.ledger_of(PHONE).await.len();
    let mut body = body;
    body["guest_phone"] = json!(PHONE);
    let sent = hotel.staff.post(path, &body).await.expect(202);
    let ledger = hotel.phones.until_ledger(PHONE, before + 1).await;
    let message =
        hotel.staff.until(sent["message_id"].as_str().unwrap(), &["sent", "delivered", "read"]).await;
    assert_eq!(message["wamid"], ledger[before]["id"]);
    said(&ledger[before])
}

#[tokio::test]
async fn each_goes_out_in_metas_own_words() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    for (path, body, expected) in one_of_each() {
        assert_eq!(sends(&hotel, path, body.clone()).await, expected, "{path} {body}");
    }
    // The same contents through the one operation for all of them, and in a batch.
    let all = [
        ("image", json!({"link": "https://h.example/a.jpg"})),
        ("location", json!({"latitude": 1.5, "longitude": 2})),
        ("contacts", json!({"contacts": [{"name": {"formatted_name": "Ana"}, "phone": "+1"}]})),
        (
            "interactive",
            json!({"interactive_type": "buttons", "text": "t", "buttons": [{"id": "a", "title": "A"}]}),
        ),
        ("template", json!({"template_name": "hello_world", "language": "en_US"})),
    ];
    for (kind, content) in all {
        let sent =
            sends(&hotel, "/messages/send", json!({"message_type": kind, "content": content.clone()})).await;
        assert_eq!(sent["type"], kind);
        let mut line = content;
        line["type"] = json!(kind);
        let batch = json!({"messages": [{"phone": PHONE, "content": line}]});
        let batch = hotel.staff.post("/messages/batch-send", &batch).await.expect(202);
        assert_eq!(batch["accepted"], 1, "{batch}");
        let before = hotel.phones.ledger_of(PHONE).await.len();
        let ledger = hotel.phones.until_ledger(PHONE, before + 1).await;
        assert_eq!(said(&ledger[before]), sent);
    }
    hotel.close().await;
}

/// Path, request, and what Meta's documentation shows for it.
fn one_of_each() -> Vec<(&'static str, Value, Value)> {
    let mut all = files();
    all.extend(interactive());
    all.extend([
        (
            "/messages/send-location",
            json!({"latitude": "37.4224764", "longitude": "-122.0842499", "name": "Googleplex",
                "address": "1600 Amphitheatre Parkway"}),
            json!({"type": "location", "location": {"latitude": 37.422_476_4, "longitude": -122.084_249_9,
                "name": "Googleplex", "address": "1600 Amphitheatre Parkway"}}),
        ),
        (
            "/messages/send-contacts",
            json!({"contacts": [{"name": {"formatted_name": "John Doe", "first_name": "John",
                "last_name": "Doe"}, "phone": "1234567890", "email": "john.doe@example.com"}]}),
            json!({"type": "contacts", "contacts": [{"name": {"formatted_name": "John Doe",
                "first_name": "John", "last_name": "Doe"}, "phones": [{"phone": "1234567890"}],
                "emails": [{"email": "john.doe@example.com"}]}]}),
        ),
        (
            "/messages/send",
            json!({"message_type": "text", "content": {"text": "See https://h.example", "preview_url": true}}),
            json!({"type": "text", "text": {"body": "See https://h.example", "preview_url": true}}),
        ),
    ]);
    all
}

fn files() -> Vec<(&'static str, Value, Value)> {
    let link = |name: &str| format!("https://h.example/{name}");
    vec![
        (
            "/messages/send-media",
            json!({"media_type": "image", "link": link("key.jpg"), "caption": "Your key 🔑"}),
            json!({"type": "image", "image": {"link": link("key.jpg"), "caption": "Your key 🔑"}}),
        ),
        (
            "/messages/send-media",
            json!({"media_type": "video", "link": link("pool.mp4")}),
            json!({"type": "video", "video": {"link": link("pool.mp4")}}),
        ),
        (
            "/messages/send-media",
            json!({"media_type": "audio", "link": link("hi.ogg"), "voice": true}),
            json!({"type": "audio", "audio": {"link": link("hi.ogg"), "voice": true}}),
        ),
        (
            "/messages/send-media",
            json!({"media_type": "document", "link": link("guide.pdf"), "filename": "מדריך.pdf", "caption": "c"}),
            json!({"type": "document",
                "document": {"link": link("guide.pdf"), "filename": "מדריך.pdf", "caption": "c"}}),
        ),
        (
            "/messages/send-media",
            json!({"media_type": "sticker", "link": link("s.webp")}),
            json!({"type": "sticker", "sticker": {"link": link("s.webp")}}),
        ),
    ]
}

fn interactive() -> Vec<(&'static str, Value, Value)> {
    let path = "/messages/send-interactive";
    let rows = json!([{"id": "housekeeping", "title": "Housekeeping", "description": "Extra towels"}]);
    vec![
        (
            path,
            json!({"interactive_type": "buttons", "content": {"text": "Extend?", "footer": "f",
                "header": {"type": "image", "link": "https://h.example/a.jpg"},
                "buttons": [{"id": "yes", "title": "1 More Night"}]}}),
            json!({"type": "interactive", "interactive": {"type": "button",
                "header": {"type": "image", "image": {"link": "https://h.example/a.jpg"}},
                "body": {"text": "Extend?"}, "footer": {"text": "f"},
                "action": {"buttons": [{"type": "reply", "reply": {"id": "yes", "title": "1 More Night"}}]}}}),
        ),
        (
            path,
            json!({"interactive_type": "list", "content": {"text": "What?", "button_text": "View Services",
                "header": {"type": "text", "text": "Services"},
                "sections": [{"title": "Room Services", "rows": rows}]}}),
            json!({"type": "interactive", "interactive": {"type": "list",
                "header": {"type": "text", "text": "Services"}, "body": {"text": "What?"},
                "action": {"button": "View Services",
                    "sections": [{"title": "Room Services", "rows": rows}]}}}),
        ),
        (
            path,
            json!({"interactive_type": "cta_url", "content": {"text": "Menu", "display_text": "Open",
                "url": "https://h.example/menu"}}),
            json!({"type": "interactive", "interactive": {"type": "cta_url", "body": {"text": "Menu"},
                "action": {"name": "cta_url",
                    "parameters": {"display_text": "Open", "url": "https://h.example/menu"}}}}),
        ),
        (
            path,
            json!({"interactive_type": "location_request", "content": {"text": "Where are you?"}}),
            json!({"type": "interactive", "interactive": {"type": "location_request_message",
                "body": {"text": "Where are you?"}, "action": {"name": "send_location"}}}),
        ),
    ]
}

#[tokio::test]
async fn a_reply_and_a_reaction_name_their_message() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest(PHONE, "Ana").await;
    let detail = hotel.staff.get(&format!("/conversations/{conversation}")).await.expect(200);
    let hello = &detail["messages"][0];
    for reply_to in [&hello["message_id"], &hello["wamid"]] {
        let body = json!({"message_type": "text", "content": {"text": "Hi"}, "reply_to": reply_to});
        let sent = sends(&hotel, "/messages/send", body).await;
        assert_eq!(sent["context"], json!({"message_id": hello["wamid"]}));
    }
    let reaction = json!({"message_id": hello["message_id"], "emoji": "👍"});
    let sent = sends(&hotel, "/messages/send-reaction", reaction).await;
    assert_eq!(sent["reaction"], json!({"message_id": hello["wamid"], "emoji": "👍"}));
    let back = sends(&hotel, "/messages/send-reaction", json!({"message_id": hello["wamid"]})).await;
    assert_eq!(back["reaction"], json!({"message_id": hello["wamid"], "emoji": ""}));
    // Of another conversation, or of nobody.
    hotel.guest("+972541234567", "נועה").await;
    let others = hotel.staff.conversation_of("+972541234567").await;
    let path = format!("/conversations/{}", others["conversation_id"].as_str().unwrap());
    let others = hotel.staff.get(&path).await.expect(200)["messages"][0]["message_id"].clone();
    for strange in [others, json!("msg_01h455vb4pex5vsknk084sn02q"), json!("wamid.nobody")] {
        let body = json!({"guest_phone": PHONE, "message_id": strange, "emoji": "👍"});
        let refused = hotel.staff.post("/messages/send-reaction", &body).await.expect(400);
        assert_eq!(refused["error"]["details"]["fields"][0]["field"], "message_id");
    }
    hotel.close().await;
}

#[tokio::test]
async fn limits_are_refused_by_name_before_anything_leaves() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    let long = |n: usize| "x".repeat(n);
    let button = |title: String| {
        json!({"interactive_type": "buttons",
        "content": {"text": "t", "buttons": [{"id": "a", "title": title}]}})
    };
    for (path, body, field) in [
        (
            "/messages/send-media",
            json!({"media_type": "image", "link": "https://h.example", "caption": long(1025)}),
            "caption",
        ),
        ("/messages/send-media", json!({"media_type": "image"}), "media_id"),
        ("/messages/send-media", json!({"media_type": "image", "link": "ftp://h.example"}), "link"),
        (
            "/messages/send-media",
            json!({"media_type": "audio", "link": "https://h.example", "caption": "c"}),
            "caption",
        ),
        (
            "/messages/send-media",
            json!({"media_type": "image", "media_id": "media_01h455vb4pex5vsknk084sn02q"}),
            "media_id",
        ),
        ("/messages/send-media", json!({"media_type": "gif", "link": "https://h.example"}), "media_type"),
        ("/messages/send-interactive", button(long(21)), "content.buttons.0.title"),
        (
            "/messages/send-interactive",
            json!({"interactive_type": "list", "content": {"text": "t"}}),
            "content.button_text",
        ),
        ("/messages/send-location", json!({"latitude": 91, "longitude": 0}), "latitude"),
        ("/messages/send-contacts", json!({"contacts": []}), "contacts"),
    ] {
        let mut body = body;
        body["guest_phone"] = json!(PHONE);
        let refused = hotel.staff.post(path, &body).await.expect(400);
        assert_eq!(refused["error"]["details"]["fields"][0]["field"], field, "{refused}");
    }
    assert!(hotel.phones.ledger_of(PHONE).await.is_empty());
    assert_eq!(sends(&hotel, "/messages/send-interactive", button(long(20))).await["type"], "interactive");
    hotel.close().await;
}

#[tokio::test]
async fn a_conversation_is_read_and_counted() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest(PHONE, "Ana").await;
    let path = format!("/conversations/{conversation}/read");
    let read = hotel.staff.post(&path, &json!({"typing": true})).await.expect(200);
    assert_eq!(read["shown_to_guest"], true, "{read}");
    let guest = hotel.phones.get(&format!("/guests/{}", &PHONE[1..])).await;
    assert_eq!(guest["typing"], true, "{guest}");
    let chat = hotel.phones.get(&format!("/guests/{}/chat", &PHONE[1..])).await;
    assert_eq!(chat["data"][0]["status"], "read", "{chat}");
    let detail = hotel.staff.get(&format!("/conversations/{conversation}")).await.expect(200);
    assert!(detail["messages"][0]["read_at"].is_string());
    let sent = hotel.staff.text(PHONE, "Hi").await.expect(202);
    hotel.staff.until(sent["message_id"].as_str().unwrap(), &["read"]).await;
    let resolve = format!("/conversations/{conversation}/resolve");
    hotel.staff.post(&resolve, &json!({"satisfaction_rating": 4})).await.expect(200);
    let path = format!("/conversations/{conversation}/analytics");
    let analytics = hotel.staff.get(&path).await.expect(200);
    assert_eq!(analytics["message_counts"], json!({"inbound": 1, "outbound": 1}));
    assert_eq!(analytics["delivery_rates"]["read_rate"], 1.0);
    assert_eq!(analytics["response_times"]["answered"], 1);
    assert_eq!(analytics["satisfaction_scores"]["latest"], 4);
    hotel.close().await;
}
