//! Guests are identities, not numbers.

use bellhop_e2e::{Hotel, eventually, orders};
use serde_json::{Value, json};

use crate::webhook_security::{Inbound, deliver, inbound};

#[tokio::test]
async fn a_hidden_guest_is_answered_by_bsuid_and_joined_when_the_number_shows() {
    let hotel = Hotel::open().await;
    let bsuid = "US.10000000000000009999";
    hotel.phones.guest(json!({"bsuid": bsuid, "name": "Maria", "hidden_number": true})).await;
    hotel.phones.writes(bsuid, "Hi, it is me").await;
    let hidden = eventually("the hidden guest's conversation", || async {
        let all = hotel.staff.get("/conversations").await.expect(200);
        let data = all["data"].as_array().cloned().unwrap_or_default();
        data.into_iter().find(|c| c["guest"]["bsuid"] == bsuid)
    })
    .await;
    assert_eq!(hidden["guest_phone"], Value::Null);
    let id = hidden["conversation_id"].as_str().unwrap();
    let body = json!({"conversation_id": id, "message_type": "text", "content": {"text": "Hello Maria"}});
    let sent = hotel.staff.post("/messages/send", &body).await.expect(202);
    hotel.staff.until(sent["message_id"].as_str().unwrap(), &["read"]).await;
    let ledger = hotel.phones.ledger_of(bsuid).await;
    assert_eq!(ledger[0]["payload"]["recipient"], bsuid);
    assert!(ledger[0]["payload"].get("to").is_none());

    // Known by number too, as somebody else so far.
    let phone = "+14155552671";
    hotel.phones.guest(json!({"phone": phone, "bsuid": null})).await;
    let template = json!({"guest_phone": phone, "template_name": "hello_world", "language": "en_US"});
    let other = hotel.staff.post("/templates/send", &template).await.expect(202);
    hotel.staff.until(other["message_id"].as_str().unwrap(), &["sent", "delivered", "read"]).await;
    // A webhook with both: one guest, one conversation, nothing lost, the old ids still lead there.
    hotel.phones.guest(json!({"phone": phone, "bsuid": bsuid, "hidden_number": false})).await;
    hotel.phones.writes(phone, "both").await;
    let joined = eventually("one conversation", || async {
        let detail = hotel.staff.get(&format!("/conversations/{id}")).await.expect(200);
        // The number may come earlier, with a status; the message is the last of the news.
        let told = detail["messages"].to_string().contains("\"both\"");
        (told && detail["guest_phone"] == phone).then_some(detail)
    })
    .await;
    let texts: Vec<&str> =
        joined["messages"].as_array().unwrap().iter().filter_map(|m| m["content"]["text"].as_str()).collect();
    assert!(
        texts.contains(&"Hi, it is me") && texts.contains(&"Hello Maria") && texts.contains(&"both"),
        "{texts:?}"
    );
    let by_other = hotel
        .staff
        .get(&format!("/conversations/{}", other["conversation_id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(by_other["conversation_id"], joined["conversation_id"]);
    let guests = hotel.staff.get(&format!("/guests?phone={phone}")).await.expect(200);
    assert_eq!(guests["data"].as_array().map(Vec::len), Some(1), "an unescaped + is a plus");
    assert_eq!(guests["data"][0]["bsuid"], bsuid);
    hotel.close().await;
}

#[tokio::test]
async fn two_first_messages_in_the_same_instant_make_one_conversation() {
    let hotel = Hotel::open().await;
    let account = bellhop_simulator::well_known(1);
    let bodies: Vec<Value> = (0..8)
        .map(|n| {
            inbound(&Inbound {
                wa_id: Some("5215512345678"),
                bsuid: Some("MX.1"),
                wamid: &format!("wamid.FIRST{n}"),
                text: "hola",
                ..Inbound::of(1)
            })
        })
        .collect();
    let all = bodies.iter().map(|body| deliver(&hotel, body, Some(&account.app_secret)));
    for status in futures_util::future::join_all(all).await {
        assert_eq!(status, 200);
    }
    // The other way in which Mexico's numbers are written finds the same guest.
    let listed = hotel.staff.get("/conversations?guest_phone=%2B525512345678").await.expect(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    let id = listed["data"][0]["conversation_id"].as_str().unwrap();
    let detail = hotel.staff.get(&format!("/conversations/{id}")).await.expect(200);
    assert_eq!(detail["messages"].as_array().map(Vec::len), Some(8));
    hotel.close().await;
}

#[tokio::test]
async fn a_number_a_user_id_and_both_are_one_guest_in_every_order_of_arrival() {
    let hotel = Hotel::open().await;
    let account = bellhop_simulator::well_known(1);
    let known = [(true, false), (false, true), (true, true)];
    for (n, order) in orders(&[0, 1, 2]).into_iter().enumerate() {
        let (wa_id, bsuid) = (format!("1415555{n:04}"), format!("US.{n}"));
        // Each of them twice, the second time in the other direction.
        for i in order.iter().chain(order.iter().rev()) {
            let (number, id) = known[*i];
            let (wamid, text) = (format!("wamid.{n}.{i}"), format!("text {i}"));
            let told = Inbound {
                wa_id: number.then_some(&wa_id),
                bsuid: id.then_some(&bsuid),
                wamid: &wamid,
                text: &text,
                ..Inbound::of(1)
            };
            assert_eq!(deliver(&hotel, &inbound(&told), Some(&account.app_secret)).await, 200);
        }
        let guests = hotel.staff.get(&format!("/guests?phone=%2B{wa_id}")).await.expect(200);
        assert_eq!(guests["data"].as_array().map(Vec::len), Some(1), "{order:?}: {guests}");
        assert_eq!(guests["data"][0]["bsuid"], bsuid.as_str(), "{order:?}");
        let listed = hotel.staff.get(&format!("/conversations?guest_phone=%2B{wa_id}")).await.expect(200);
        assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "{order:?}: {listed}");
        let id = listed["data"][0]["conversation_id"].as_str().unwrap();
        let detail = hotel.staff.get(&format!("/conversations/{id}")).await.expect(200);
        let mut texts: Vec<&str> = detail["messages"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|message| message["content"]["text"].as_str())
            .collect();
        texts.sort_unstable();
        assert_eq!(texts, ["text 0", "text 1", "text 2"], "{order:?}");
    }
    // The demo's guest, and one for each order.
    let all = hotel.staff.get("/guests?limit=100").await.expect(200);
    assert_eq!(all["data"].as_array().map(Vec::len), Some(7), "{all}");
    hotel.close().await;
}

#[tokio::test]
async fn webhooks_about_the_same_guests_in_other_orders_do_not_wait_for_each_other() {
    let hotel = Hotel::open().await;
    let account = bellhop_simulator::well_known(1);
    let guests: Vec<String> = (0..10).map(|n| format!("14155559{n:03}")).collect();
    // The first round makes the guests, the others find them.
    for round in 0..6 {
        let bodies: Vec<Value> = (0..8)
            .map(|n| {
                let mut order = guests.clone();
                order.rotate_left(n);
                if n % 2 == 1 {
                    order.reverse();
                }
                let one = |wa_id: &String| {
                    let wamid = format!("wamid.{round}.{n}.{wa_id}");
                    inbound(&Inbound { wa_id: Some(wa_id), wamid: &wamid, ..Inbound::of(1) })
                };
                let of = "/entry/0/changes/0/value/messages/0";
                let messages: Vec<Value> =
                    order.iter().map(|wa_id| one(wa_id).pointer(of).unwrap().clone()).collect();
                let mut body = one(&order[0]);
                body["entry"][0]["changes"][0]["value"]["messages"] = json!(messages);
                body
            })
            .collect();
        let all = bodies.iter().map(|body| deliver(&hotel, body, Some(&account.app_secret)));
        for status in futures_util::future::join_all(all).await {
            assert_eq!(status, 200, "round {round}");
        }
    }
    for wa_id in &guests {
        let listed = hotel.staff.get(&format!("/conversations?guest_phone=%2B{wa_id}")).await.expect(200);
        let id = listed["data"][0]["conversation_id"].as_str().unwrap();
        let detail = hotel.staff.get(&format!("/conversations/{id}?limit=100")).await.expect(200);
        assert_eq!(detail["messages"].as_array().map(Vec::len), Some(48), "{wa_id}");
    }
    hotel.close().await;
}
