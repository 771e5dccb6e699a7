//! A guest is erased: nothing of them is left, nothing of others is gone, and it does not come back.

use bellhop_e2e::sink::{Manner, Sink};
use bellhop_e2e::{Hotel, PATIENCE, batch, eventually};
use serde_json::{Value, json};

use super::{erased, guest_id, hotel, patch, photo, put, text, told, traces};
use crate::partners::configured;
use crate::webhook_security::{deliver, status};

const PHONE: &str = "+4915112345678";
const OTHER: &str = "+14155552671";
const MARK: &[u8] = b"the-picture-of-zebulon";
/// Everything that leads to the guest or was said.
const WORDS: [&str; 9] = [
    "15112345678",
    "Zebulon",
    "Quixfield",
    "zebra-words",
    "zebra-answer",
    "zebra-invoice",
    "ZEBRA-BOOKING",
    "zebra-evidence",
    "zebra-notes",
];

/// What guest and hotel say, and a partner is told.
async fn said(hotel: &Hotel, sink: &Sink) {
    let all = [
        "inbound_message",
        "message_sent",
        "message_read",
        "media_received",
        "guest_updated",
        "message_edited",
    ];
    configured(
        &hotel.admin,
        &json!({"webhook_url": sink.url, "events": all,
        "verify_token": "your_verification_token", "retry_config": {"max_retries": 1, "retry_delay": 100}}),
    )
    .await;
    sink.does(Manner::Answers(500));
    hotel.phones.writes(PHONE, "zebra-words of Zebulon").await;
    sink.until("a delivery that fails", |seen| seen.text().contains("zebra-words")).await;
    sink.does(Manner::Takes);
    let sent = hotel
        .staff
        .post(
            "/messages/send",
            &json!({"guest_phone": PHONE, "message_type": "text",
        "content": {"text": "zebra-answer, Mr Quixfield"}, "metadata": {"order": "zebra-words"}}),
        )
        .await
        .expect(202);
    hotel.staff.until(&text(&sent, "message_id"), &["read"]).await;
    photo(hotel, PHONE, MARK, "zebra-words on the beach").await;
}

/// What is known about the guest; who it is.
async fn known(hotel: &Hotel) -> String {
    let guest = guest_id(hotel, PHONE).await;
    let about = json!({"name": "Zebulon Quixfield", "notes": "zebra-notes", "tier": "gold"});
    patch(&hotel.staff, &format!("/guests/{guest}"), about).await.expect(200);
    let stay = json!({"version": 1, "status": "in_house", "room": "712", "arrival": "2026-05-01",
        "departure": "2030-06-01", "booking_reference": "ZEBRA-BOOKING",
        "guests": [{"phone": PHONE, "name": "Zebulon Quixfield"}]});
    put(&hotel.admin, "/stays/pms/4711", stay).await.expect(200);
    let consent = json!({"kind": "marketing", "state": "opted_in", "evidence": "zebra-evidence"});
    put(&hotel.staff, &format!("/guests/{guest}/consent"), consent).await.expect(200);
    guest
}

/// Everything that a guest leaves behind.
async fn a_full_life(hotel: &Hotel, sink: &Sink) -> String {
    hotel.guest(PHONE, "Zebulon").await;
    said(hotel, sink).await;
    let file =
        hotel.staff.upload("document", "zebra-invoice.txt", b"zebra-invoice for Zebulon").await.expect(201);
    let invoice = json!({"guest_phone": PHONE, "message_type": "document",
        "content": {"media_id": file["media_id"], "caption": "zebra-invoice", "filename": "zebra-invoice.txt"}});
    let sent = hotel.staff.post("/messages/send", &invoice).await.expect(202);
    hotel.staff.until(&text(&sent, "message_id"), &["read"]).await;
    let guest = known(hotel).await;
    let now = chrono::Utc::now().timestamp();
    let (wa_id, name) = (&PHONE[1..], "Zebulon");
    let first = json!({"id": "wamid.zebra", "timestamp": (now - 9).to_string(), "type": "text",
        "text": {"body": "zebra-words at 9"}});
    told(hotel, wa_id, name, first).await;
    told(hotel, wa_id, name, edit(now)).await;
    let mut lines = batch::to_guests([1, 2].into_iter(), json!({}));
    lines["recipients"].as_array_mut().unwrap().push(json!({"phone": PHONE, "reference": "zebra-words",
        "parameters": {"guest_name": "Zebulon", "service_type": "Spa"}}));
    let batch = text(&hotel.staff.post("/messages/batch-send", &lines).await.expect(202), "batch_id");
    batch::until_completed(&hotel.staff, &batch, PATIENCE).await;
    let conversation = text(&hotel.staff.conversation_of(PHONE).await, "conversation_id");
    let resolution =
        json!({"resolution_notes": "zebra-notes", "satisfaction_rating": 4, "follow_up_required": false});
    hotel.staff.post(&format!("/conversations/{conversation}/resolve"), &resolution).await.expect(200);
    eventually("the picture to be here", || async {
        let page = hotel.staff.get("/events?types=media_received").await.expect(200);
        (!page["data"].as_array()?.is_empty()).then_some(())
    })
    .await;
    quiet(hotel).await;
    guest
}

fn edit(now: i64) -> Value {
    json!({"id": "wamid.zebra2", "timestamp": (now - 8).to_string(), "type": "edit", "edit": {
        "original_message_id": "wamid.zebra", "message": {"type": "text", "text": {"body": "zebra-words at 10"}}}})
}

/// Nothing is on its way any more: what was sent was read.
async fn quiet(hotel: &Hotel) {
    eventually("all messages to be read", || async {
        let page = hotel.staff.get("/messages?direction=outbound&limit=100").await.expect(200);
        let all = page["data"].as_array()?.clone();
        all.iter().all(|message| message["status"] == "read").then_some(())
    })
    .await;
}

async fn numbers(hotel: &Hotel) -> Value {
    let mut numbers = hotel.staff.get("/analytics/summary").await.expect(200);
    numbers.as_object_mut().unwrap().remove("as_of");
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_an_erased_guest_and_numbers_stay() {
    let hotel = hotel().await;
    let sink = Sink::open().await;
    let other = hotel.guest(OTHER, "Ana").await;
    hotel.staff.text(OTHER, "Welcome, Ana").await.expect(202);
    let guest = a_full_life(&hotel, &sink).await;
    let conversation = text(&hotel.staff.conversation_of(PHONE).await, "conversation_id");
    // The eyes work: everything is there before.
    let before = traces::of(&hotel, &WORDS).await;
    for word in WORDS {
        assert!(before.iter().any(|found| found.starts_with(word)), "{word} was never anywhere");
    }
    assert!(traces::in_files(&hotel.data_dir().join("media"), MARK));
    let (counted, ana) =
        (numbers(&hotel).await, hotel.staff.get(&format!("/conversations/{other}")).await.expect(200));
    let messages = hotel.staff.get(&format!("/messages?guest_id={guest}&limit=100")).await.expect(200);
    let wamids: Vec<String> = messages["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|m| Some(m["wamid"].as_str()?.to_owned()))
        .collect();
    let echo = messages["data"].as_array().unwrap().iter().find(|m| m["direction"] == "outbound").unwrap();
    let (echo, wamid) = (format!("{}.1", text(echo, "message_id")), text(echo, "wamid"));

    erased(&hotel, &guest).await;
    let left = traces::of(&hotel, &WORDS).await;
    assert!(left.is_empty(), "{left:#?}");
    let wamids: Vec<&str> = wamids.iter().map(String::as_str).collect();
    let left = traces::of(&hotel, &wamids).await;
    assert!(left.is_empty(), "{left:#?}");
    assert!(
        !traces::in_files(&hotel.data_dir().join("media"), MARK)
            && !traces::in_files(&hotel.data_dir().join("media"), b"zebra-invoice")
    );

    assert_eq!(numbers(&hotel).await, counted);
    assert_eq!(hotel.staff.get(&format!("/conversations/{other}")).await.expect(200), ana);
    for path in [
        format!("/guests/{guest}"),
        format!("/conversations/{conversation}"),
        format!("/guests/{guest}/consent"),
    ] {
        assert_eq!(hotel.staff.get(&path).await.refused(404), "NOT_FOUND", "{path}");
    }
    assert_eq!(hotel.admin.get(&format!("/guests/{guest}/export")).await.refused(404), "NOT_FOUND");
    let message = hotel.staff.get(&format!("/messages/{}", &echo[..echo.len() - 2])).await.expect(200);
    assert_eq!((&message["erased"], &message["status"]), (&json!(true), &json!("read")));
    let log = hotel.staff.get("/events?types=guest_erased").await.expect(200);
    assert_eq!(log["data"][0]["data"], json!({"guest_id": guest}));
    // Once more is the same erasure.
    erased(&hotel, &guest).await;

    what_comes_late_brings_nothing_back(&hotel, (&echo, &wamid)).await;
    assert_eq!(numbers(&hotel).await, counted);
    hotel.phones.writes(PHONE, "Hello again").await;
    hotel.staff.conversation_of(PHONE).await;
    assert_ne!(guest_id(&hotel, PHONE).await, guest, "somebody new");
    a_recount_counts_the_same(&hotel).await;
    hotel.close().await;
}

/// The day is over and counted once for all, from what is left of it.
async fn a_recount_counts_the_same(hotel: &Hotel) {
    let busy = async || {
        let numbers = numbers(hotel).await;
        numbers["groups"].as_array().unwrap().iter().find(|day| day["outbound"] != 0).unwrap().clone()
    };
    let open = busy().await;
    hotel.phones.advance_clock(4 * 24 * 3600).await;
    hotel.running.app().roll_up_analytics().await.unwrap();
    assert_eq!(busy().await, open);
}

/// Statuses, edits and repeats, in other words than the first time.
async fn what_comes_late_brings_nothing_back(hotel: &Hotel, (echo, wamid): (&str, &str)) {
    let account = bellhop_simulator::well_known(1);
    for word in ["delivered", "read"] {
        let mut late = status(wamid, word, Some(echo));
        late["entry"][0]["changes"][0]["value"]["statuses"][0]["recipient_id"] = json!(&PHONE[1..]);
        assert_eq!(deliver(hotel, &late, Some(&account.app_secret)).await, 200);
    }
    let now = chrono::Utc::now().timestamp();
    let repeat = json!({"id": "wamid.zebra", "timestamp": (now - 9).to_string(), "type": "text",
        "text": {"body": "zebra-words at 9"}, "repeated": true});
    told(hotel, &PHONE[1..], "Zebulon", repeat).await;
    let mut again = edit(now);
    again["id"] = json!("wamid.zebra3");
    told(hotel, &PHONE[1..], "Zebulon", again).await;
    let found = hotel.staff.get(&format!("/guests?phone=%2B{}", &PHONE[1..])).await.expect(200);
    assert_eq!(found["data"], json!([]), "nobody was made of a repeat");
    let mut words = WORDS.to_vec();
    words.push(wamid);
    let left = traces::of(hotel, &words).await;
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_to_be_sent_is_not_and_what_is_unsettled_ends() {
    let hotel = hotel().await;
    hotel.guest(PHONE, "Zebulon").await;
    let guest = guest_id(&hotel, PHONE).await;
    let later = (chrono::Utc::now() + chrono::TimeDelta::hours(2)).to_rfc3339();
    let body = json!({"guest_phone": PHONE, "message_type": "text", "content": {"text": "zebra-words"}, "send_at": later});
    let scheduled = text(&hotel.staff.post("/messages/send", &body).await.expect(202), "message_id");
    hotel.phones.faults(json!({"close_after_accept": {"times": 1}, "webhooks": {"silent": true}})).await;
    let doubted = text(&hotel.staff.text(PHONE, "zebra-words").await.expect(202), "message_id");
    hotel.staff.until(&doubted, &["in_doubt"]).await;
    hotel.phones.faults(json!({"send_error": {"code": 131_016}, "webhooks": {"silent": true}})).await;
    let waits = text(&hotel.staff.text(PHONE, "zebra-words").await.expect(202), "message_id");
    eventually("the refusal", || async {
        let message = hotel.staff.get(&format!("/messages/{waits}")).await.expect(200);
        (message["attempts"] == 1 && message["status"] == "queued").then_some(())
    })
    .await;
    erased(&hotel, &guest).await;
    let sent = hotel.phones.ledger_of(PHONE).await.len();
    for (id, state) in [(scheduled, "cancelled"), (doubted.clone(), "failed"), (waits, "cancelled")] {
        let message = hotel.staff.get(&format!("/messages/{id}")).await.expect(200);
        assert_eq!((&message["status"], &message["erased"]), (&json!(state), &json!(true)));
    }
    assert_eq!(
        hotel.staff.post(&format!("/messages/{doubted}/retry"), &json!({})).await.refused(404),
        "NOT_FOUND"
    );
    assert_eq!(traces::of(&hotel, &["15112345678", "zebra-words", "Zebulon"]).await, Vec::<String>::new());
    // What it says now settles the doubt, and sends nothing.
    hotel.phones.no_faults().await;
    hotel.phones.advance_clock(3 * 3600).await;
    assert_eq!(hotel.phones.ledger_of(PHONE).await.len(), sent, "nothing more left");
    hotel.close().await;
}
