//! Everything that guests send, as staff see it.

use bellhop_e2e::{Hotel, eventually, orders};
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value, json};

use crate::webhook_security::deliver;

const PHONE: &str = "+14155552671";

async fn says(hotel: &Hotel, message: Value) -> String {
    let answer = hotel.phones.post(&format!("/guests/{}/messages", &PHONE[1..]), &message).await;
    answer["id"].as_str().expect("a wamid").to_owned()
}

/// The message of the conversation with this wamid, once it is there.
async fn message(hotel: &Hotel, conversation: &str, wamid: &str) -> Value {
    eventually("the guest's message", || async {
        let detail = hotel.staff.get(&format!("/conversations/{conversation}?limit=100")).await.expect(200);
        detail["messages"].as_array()?.iter().find(|message| message["wamid"] == wamid).cloned()
    })
    .await
}

fn at(seconds_ago: i64) -> String {
    (chrono::Utc::now().timestamp() - seconds_ago).to_string()
}

#[tokio::test]
async fn every_kind_has_the_shape_of_sends() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest(PHONE, "Ana").await;
    let asked = json!({"guest_phone": PHONE, "message_type": "interactive", "content": {
        "interactive_type": "buttons", "text": "Breakfast?",
        "buttons": [{"id": "yes", "title": "Yes"}, {"id": "no", "title": "No"}]}});
    let asked = hotel.staff.post("/messages/send", &asked).await.expect(202);
    let asked = hotel.staff.until(asked["message_id"].as_str().unwrap(), &["delivered", "read"]).await;
    let question = asked["wamid"].as_str().unwrap();
    for (sent, kind, content) in [
        (
            json!({"type": "location", "location": {"latitude": 31.77, "longitude": 35.22, "name": "Jaffa Gate"}}),
            "location",
            json!({"latitude": 31.77, "longitude": 35.22, "name": "Jaffa Gate"}),
        ),
        (
            json!({"type": "contacts", "contacts": [{"name": {"formatted_name": "Bo"}, "phones": [{"phone": "+1 555"}]}]}),
            "contacts",
            json!({"contacts": [{"name": {"formatted_name": "Bo"}, "phones": [{"phone": "+1 555"}]}]}),
        ),
        (
            json!({"type": "order", "order": {"catalog_id": "7", "product_items": [
                {"product_retailer_id": "wine", "quantity": 2, "item_price": 9.5, "currency": "EUR"}]}}),
            "order",
            json!({"catalog_id": "7", "items": [
                {"product_id": "wine", "quantity": 2.0, "price": 9.5, "currency": "EUR"}]}),
        ),
    ] {
        let wamid = says(&hotel, sent).await;
        let shown = message(&hotel, &conversation, &wamid).await;
        assert_eq!((&shown["message_type"], &shown["content"]), (&json!(kind), &content));
        assert_eq!(shown["direction"], "inbound");
    }
    let tap = json!({"type": "interactive", "context": {"id": question},
        "interactive": {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}}});
    let tap = message(&hotel, &conversation, &says(&hotel, tap).await).await;
    assert_eq!(tap["content"], json!({"reply_type": "button", "id": "yes", "title": "Yes"}));
    assert_eq!((&tap["reply_to"], &tap["reply_to_message_id"]), (&json!(question), &asked["message_id"]));
    let thumb = json!({"type": "reaction", "reaction": {"message_id": question, "emoji": "👍"}});
    let thumb = message(&hotel, &conversation, &says(&hotel, thumb).await).await;
    assert_eq!(thumb["content"], json!({"message_id": asked["message_id"], "emoji": "👍"}));
    let gone = json!({"type": "reaction", "reaction": {"message_id": question, "emoji": ""}});
    let gone = message(&hotel, &conversation, &says(&hotel, gone).await).await;
    assert_eq!(gone["content"], json!({"message_id": asked["message_id"]}));
    hotel.close().await;
}

fn webhook(message: &Value) -> Value {
    let account = bellhop_simulator::well_known(1);
    let mut message = message.clone();
    message["from"] = json!(&PHONE[1..]);
    let metadata = json!({"phone_number_id": account.phone_number_id});
    json!({"object": "whatsapp_business_account", "entry": [{"id": account.waba_id, "changes": [{
        "field": "messages", "value": {"metadata": metadata, "messages": [message]}}]}]})
}

/// What a message was changed to is what it says, in every order in which it and its changes come.
#[tokio::test]
async fn edits_and_revokes_are_kept_and_shown_in_every_order() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest(PHONE, "Ana").await;
    let account = bellhop_simulator::well_known(1);
    let edit = |of: &str, id: &str, text: &str, ago: i64| {
        json!({"id": format!("{of}.{id}"), "timestamp": at(ago), "type": "edit", "edit": {
            "original_message_id": of, "message": {"type": "text", "text": {"body": text}}}})
    };
    for (n, order) in orders(&[0, 1, 2, 3]).into_iter().enumerate() {
        let of = format!("wamid.ORIGINAL{n}");
        let all = [
            json!({"id": of, "timestamp": at(60), "type": "text", "text": {"body": "at 9"}}),
            edit(&of, "1", "at 10", 50),
            edit(&of, "2", "at 11", 40),
            json!({"id": format!("{of}.3"), "timestamp": at(30), "type": "revoke",
                "revoke": {"original_message_id": of}}),
        ];
        for i in order.iter().chain(&order) {
            assert_eq!(deliver(&hotel, &webhook(&all[*i]), Some(&account.app_secret)).await, 200);
        }
        let shown = message(&hotel, &conversation, &of).await;
        assert_eq!(shown["content"], json!({"text": "at 11"}), "order {n}");
        let earlier: Vec<&Value> =
            shown["earlier"].as_array().unwrap().iter().map(|earlier| &earlier["content"]["text"]).collect();
        assert_eq!(earlier, ["at 9", "at 10"], "order {n}");
        assert!(shown["edited_at"].is_string() && shown["revoked_at"].is_string(), "{shown}");
    }
    // Nobody but its author changes a message: an edit of one of ours is kept, and has no effect.
    let sent = hotel.staff.text(PHONE, "ours").await.expect(202);
    let sent = hotel.staff.until(sent["message_id"].as_str().unwrap(), &["read"]).await;
    let forged = edit(sent["wamid"].as_str().unwrap(), "9", "theirs", 1);
    assert_eq!(deliver(&hotel, &webhook(&forged), Some(&account.app_secret)).await, 200);
    let shown = message(&hotel, &conversation, sent["wamid"].as_str().unwrap()).await;
    assert_eq!((&shown["content"], shown.get("earlier")), (&json!({"text": "ours"}), None));
    hotel.close().await;
}

/// As two transactions leave them that commit in the same moment, and of which neither saw the other.
#[tokio::test]
async fn a_revoke_that_crossed_its_message_is_seen_to_once() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest(PHONE, "Ana").await;
    let wamid = says(&hotel, json!({"type": "text", "text": {"body": "oops"}})).await;
    message(&hotel, &conversation, &wamid).await;
    let database = Database::connect(hotel.settings.database_url.expose()).await.unwrap();
    let crossed = format!(
        "INSERT INTO message_revisions (connection_id, wamid, property_id, original, change, at, created_at) \
         SELECT connection_id, 'wamid.CROSSED', property_id, wamid, 'revoke', created_at, created_at \
         FROM messages WHERE wamid = '{wamid}'"
    );
    database.execute_unprepared(&crossed).await.unwrap();
    eventually("the sweep to see it", || async {
        message(&hotel, &conversation, &wamid).await["revoked_at"].is_string().then_some(())
    })
    .await;
    // A few rounds more tell nothing more.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let told = "SELECT count(*) FROM events WHERE event = 'message_revoked'";
    let told = Statement::from_string(database.get_database_backend(), told);
    let told: i64 = database.query_one_raw(told).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    assert_eq!(told, 1);
    database.close().await.unwrap();
    hotel.close().await;
}

#[tokio::test]
async fn where_a_message_comes_from_is_shown() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest(PHONE, "Ana").await;
    let account = bellhop_simulator::well_known(1);
    let from_ad = json!({"id": "wamid.AD", "timestamp": at(5), "type": "text", "text": {"body": "info?"},
        "context": {"forwarded": true},
        "referral": {"source_type": "ad", "source_id": "7", "headline": "Summer", "ctwa_clid": "click"}});
    assert_eq!(deliver(&hotel, &webhook(&from_ad), Some(&account.app_secret)).await, 200);
    let shown = message(&hotel, &conversation, "wamid.AD").await;
    let origin = json!({"forwarded": true, "frequently_forwarded": false, "referral":
        {"source_type": "ad", "source_id": "7", "headline": "Summer", "click_id": "click"}});
    assert_eq!(shown["origin"], origin);
    hotel.close().await;
}
