//! Guests who change their number: whatever the order in which the news comes, they are one guest each.

use bellhop_e2e::{Hotel, orders};
use serde_json::{Value, json};

use crate::webhook_security::deliver;

/// One guest of a test, with an old and a new identity of their own.
struct Mover {
    /// Keeps the guests of one hotel apart.
    n: usize,
}

impl Mover {
    fn before(&self) -> (String, String) {
        (format!("1415555{:04}", self.n), format!("US.1000{}", self.n))
    }

    fn after(&self) -> (String, String) {
        (format!("1650555{:04}", self.n), format!("US.2000{}", self.n))
    }

    fn at_last(&self) -> (String, String) {
        (format!("1212555{:04}", self.n), format!("US.3000{}", self.n))
    }

    fn text(&self, (wa_id, bsuid): &(String, String), text: &str, at: i64) -> Value {
        self.webhook(json!({"from": wa_id, "from_user_id": bsuid, "id": format!("wamid.{}.{text}", self.n),
            "timestamp": at.to_string(), "type": "text", "text": {"body": text}}))
    }

    fn moves(&self, from: &(String, String), to: &(String, String), at: i64) -> Value {
        self.webhook(json!({"from": from.0, "id": format!("wamid.{}.to.{}", self.n, to.0),
            "timestamp": at.to_string(), "type": "system", "system": {"type": "user_changed_number",
                "body": "User Ana changed", "wa_id": to.0, "user_id": to.1, "previous_user_id": from.1}}))
    }

    /// A notice has no contacts, as Meta's examples have it.
    fn webhook(&self, message: Value) -> Value {
        let account = bellhop_simulator::well_known(1);
        let metadata = json!({"phone_number_id": account.phone_number_id});
        json!({"object": "whatsapp_business_account", "entry": [{"id": account.waba_id, "changes": [{
            "field": "messages", "value": {"metadata": metadata, "messages": [message]}}]}]})
    }
}

async fn deliver_all(hotel: &Hotel, bodies: impl IntoIterator<Item = Value>) {
    let account = bellhop_simulator::well_known(1);
    for body in bodies {
        assert_eq!(deliver(hotel, &body, Some(&account.app_secret)).await, 200);
    }
}

/// The only guest with this number, and the texts of the only conversation, in any order.
async fn state(hotel: &Hotel, (wa_id, bsuid): &(String, String)) -> (Value, Vec<String>) {
    let guests = hotel.staff.get(&format!("/guests?phone=%2B{wa_id}")).await.expect(200);
    let guest = guests["data"][0].clone();
    assert_eq!(guest["bsuid"], bsuid.as_str(), "{guests}");
    let listed = hotel.staff.get(&format!("/conversations?guest_phone=%2B{wa_id}")).await.expect(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "{listed}");
    let id = listed["data"][0]["conversation_id"].as_str().unwrap();
    let detail = hotel.staff.get(&format!("/conversations/{id}")).await.expect(200);
    let texts = detail["messages"].as_array().unwrap().iter();
    let mut texts: Vec<String> =
        texts.filter_map(|message| message["content"]["text"].as_str().map(str::to_owned)).collect();
    texts.sort();
    (guest, texts)
}

async fn is_nobodys(hotel: &Hotel, wa_id: &str) {
    let guests = hotel.staff.get(&format!("/guests?phone=%2B{wa_id}")).await.expect(200);
    assert_eq!(guests["data"], json!([]));
}

#[tokio::test]
async fn the_identity_follows_the_number_in_every_order_of_arrival() {
    let hotel = Hotel::open().await;
    let now = chrono::Utc::now().timestamp();
    let steps: Vec<fn(&Mover, i64) -> Value> = vec![
        |mover, now| mover.text(&mover.before(), "before", now - 300),
        |mover, now| mover.text(&mover.before(), "just before", now - 201),
        |mover, now| mover.moves(&mover.before(), &mover.after(), now - 200),
        |mover, now| mover.text(&mover.after(), "after", now - 100),
    ];
    for (n, order) in orders(&steps).into_iter().enumerate() {
        let mover = Mover { n };
        deliver_all(&hotel, order.iter().map(|step| step(&mover, now))).await;
        // Everything once more, as the provider does: nothing goes back.
        deliver_all(&hotel, order.iter().rev().map(|step| step(&mover, now))).await;
        let (_, texts) = state(&hotel, &mover.after()).await;
        assert_eq!(texts, ["User Ana changed", "after", "before", "just before"], "order {n}");
        is_nobodys(&hotel, &mover.before().0).await;
    }
    // What is sent now goes to the new number, in whichever conversation it is written.
    let sent = hotel.staff.text(&format!("+{}", Mover { n: 3 }.after().0), "Welcome").await.expect(202);
    let message =
        hotel.staff.until(sent["message_id"].as_str().unwrap(), &["sent", "failed", "delivered"]).await;
    assert!(message["attempts"].as_i64() >= Some(1));
    hotel.close().await;
}

#[tokio::test]
async fn two_moves_end_at_the_last_number_in_every_order() {
    let hotel = Hotel::open().await;
    let now = chrono::Utc::now().timestamp();
    let steps: Vec<fn(&Mover, i64) -> Value> = vec![
        |mover, now| mover.text(&mover.before(), "a", now - 500),
        |mover, now| mover.moves(&mover.before(), &mover.after(), now - 400),
        |mover, now| mover.moves(&mover.after(), &mover.at_last(), now - 200),
        |mover, now| mover.text(&mover.at_last(), "c", now - 100),
    ];
    for (n, order) in orders(&steps).into_iter().enumerate() {
        let mover = Mover { n };
        deliver_all(&hotel, order.iter().map(|step| step(&mover, now))).await;
        deliver_all(&hotel, [mover.text(&mover.after(), "b", now - 300)]).await;
        let (_, texts) = state(&hotel, &mover.at_last()).await;
        assert_eq!(texts, ["User Ana changed", "User Ana changed", "a", "b", "c"], "order {n}");
        is_nobodys(&hotel, &mover.before().0).await;
        is_nobodys(&hotel, &mover.after().0).await;
    }
    hotel.close().await;
}

#[tokio::test]
async fn a_number_that_was_anothers_is_taken_over_without_their_past() {
    let hotel = Hotel::open().await;
    let now = chrono::Utc::now().timestamp();
    let mover = Mover { n: 1 };
    // Bo had the number, under a user id that is nobody else's.
    let bo = (mover.after().0, "US.9".to_owned());
    deliver_all(
        &hotel,
        [
            mover.text(&bo, "I am Bo", now - 900),
            mover.text(&mover.before(), "I am Ana", now - 300),
            mover.moves(&mover.before(), &mover.after(), now - 200),
        ],
    )
    .await;
    let (ana, texts) = state(&hotel, &mover.after()).await;
    assert_eq!(texts, ["I am Ana", "User Ana changed"]);
    let all = hotel.staff.get("/conversations").await.expect(200);
    let bos = all["data"].as_array().unwrap().iter().find(|row| row["guest"]["bsuid"] == "US.9").cloned();
    let bos = bos.expect("Bo's conversation");
    assert_eq!(bos["guest_phone"], Value::Null);
    assert_ne!(bos["guest_id"], ana["guest_id"]);
    // What Bo wrote before that comes late, with and without the user id: it is Bo's, and joins nobody.
    let mut nameless = mover.text(&bo, "Bo without an id", now - 240);
    nameless["entry"][0]["changes"][0]["value"]["messages"][0]["from_user_id"].take();
    deliver_all(&hotel, [mover.text(&bo, "Bo is late", now - 250), nameless]).await;
    assert_eq!(state(&hotel, &mover.after()).await.1, ["I am Ana", "User Ana changed"]);
    let path = format!("/conversations/{}", bos["conversation_id"].as_str().unwrap());
    let late = hotel.staff.get(&path).await.expect(200)["messages"].to_string();
    assert!(late.contains("Bo is late") && late.contains("Bo without an id"), "{late}");
    hotel.close().await;
}
