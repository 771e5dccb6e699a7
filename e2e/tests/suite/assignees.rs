//! Who looks after a conversation.

use bellhop_domain::StaffId;
use bellhop_e2e::{Answer, Hotel, eventually};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

const ANA: &str = "+14155552671";
const BEN: &str = "+14155552672";

async fn person(hotel: &Hotel, name: &str) -> String {
    let body = json!({"name": name, "email": format!("{name}@h.example"), "role": "staff"});
    let made = hotel.admin.post("/staff", &body).await.expect(201);
    made["staff_member_id"].as_str().unwrap().to_owned()
}

async fn give(hotel: &Hotel, conversation: &str, to: Option<&str>) -> Answer {
    let path = format!("/conversations/{conversation}/assignee");
    hotel.staff.ask(Method::PUT, &path, Some(&json!({"staff_member_id": to})), &[]).await
}

/// What was told of assignments so far, in its order, once there are so many.
async fn told(hotel: &Hotel, count: usize) -> Vec<Value> {
    eventually(&format!("{count} assignments in the log"), || async {
        let log = hotel.staff.get("/events?types=conversation_assigned").await.expect(200);
        let data: Vec<Value> =
            log["data"].as_array().unwrap().iter().map(|event| event["data"].clone()).collect();
        assert!(data.len() <= count, "{data:?}");
        (data.len() == count).then_some(data)
    })
    .await
}

/// The conversations of a list, by their ids.
async fn listed(hotel: &Hotel, query: &str) -> Vec<String> {
    let list = hotel.staff.get(&format!("/conversations?{query}")).await.expect(200);
    let ids = list["data"].as_array().unwrap().iter();
    ids.map(|one| one["conversation_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_conversation_is_given_to_somebody_and_found_by_them() {
    let hotel = Hotel::open().await;
    let (ana, ben) = (hotel.guest(ANA, "Ana").await, hotel.guest(BEN, "Ben").await);
    let (dana, eli) = (person(&hotel, "dana").await, person(&hotel, "eli").await);
    for _ in 0..2 {
        assert_eq!(give(&hotel, &ana, Some(&dana)).await.expect(200)["assignee"], dana);
    }
    give(&hotel, &ben, None).await.expect(200);
    let first = told(&hotel, 1).await;
    assert_eq!((&first[0]["staff_member_id"], &first[0]["previous"]), (&json!(dana), &Value::Null));
    assert_eq!(first[0]["conversation_id"], ana);
    assert!(first[0]["assigned_by"].as_str().unwrap().starts_with("tok_"), "{first:?}");
    assert_eq!(hotel.staff.get(&format!("/conversations/{ana}")).await.expect(200)["assignee"], dana);
    assert_eq!(listed(&hotel, &format!("assignee={dana}")).await, std::slice::from_ref(&ana));
    let nobodys = listed(&hotel, "assignee=none").await;
    assert!(nobodys.contains(&ben) && !nobodys.contains(&ana));
    assert!(listed(&hotel, &format!("assignee={eli}")).await.is_empty());
    assert!(listed(&hotel, &format!("assignee={dana}&status=resolved")).await.is_empty());
    assert_eq!(hotel.staff.get("/conversations?assignee=dana").await.refused(400), "VALIDATION_FAILED");

    // Whoever leaves keeps what they have, until somebody else gets it.
    let off = json!({"disabled": true});
    hotel.admin.ask(Method::PATCH, &format!("/staff/{dana}"), Some(&off), &[]).await.expect(200);
    assert_eq!(listed(&hotel, &format!("assignee={dana}")).await, std::slice::from_ref(&ana));
    assert_eq!(give(&hotel, &ben, Some(&dana)).await.refused(400), "VALIDATION_FAILED");
    let stranger = StaffId::new().to_string();
    assert_eq!(give(&hotel, &ben, Some(&stranger)).await.refused(400), "VALIDATION_FAILED");
    let path = format!("/conversations/{ben}/assignee");
    let nothing = hotel.staff.ask(Method::PUT, &path, Some(&json!({})), &[]).await;
    assert_eq!(nothing.refused(400), "VALIDATION_FAILED");
    assert_eq!(give(&hotel, &ana, Some(&eli)).await.expect(200)["assignee"], eli);
    give(&hotel, &ana, None).await.expect(200);
    let all = told(&hotel, 3).await;
    assert_eq!((&all[1]["previous"], &all[2]["previous"]), (&json!(dana), &json!(eli)));
    assert_eq!(all[2]["staff_member_id"], Value::Null);
    hotel.close().await;
}

#[tokio::test]
async fn of_many_at_once_each_tells_what_was_before_it() {
    let hotel = Hotel::open().await;
    let ana = hotel.guest(ANA, "Ana").await;
    let people = [person(&hotel, "dana").await, person(&hotel, "eli").await, person(&hotel, "noa").await];
    let gives = (0..24).map(|n| give(&hotel, &ana, Some(&people[n % 3])));
    assert!(join_all(gives).await.iter().all(|answer| answer.status.as_u16() == 200));
    let last = hotel.staff.get(&format!("/conversations/{ana}")).await.expect(200)["assignee"].clone();
    let log = eventually("the last assignment in the log", || async {
        let log = hotel.staff.get("/events?types=conversation_assigned&limit=100").await.expect(200);
        let data: Vec<Value> =
            log["data"].as_array().unwrap().iter().map(|event| event["data"].clone()).collect();
        (data.last()?["staff_member_id"] == last).then_some(data)
    })
    .await;
    let mut before = Value::Null;
    for one in &log {
        assert_eq!(one["previous"], before);
        assert_ne!(one["staff_member_id"], before, "the same again tells nothing");
        before = one["staff_member_id"].clone();
    }
    hotel.close().await;
}

#[tokio::test]
async fn of_two_that_become_one_somebody_goes_on() {
    let hotel = Hotel::open().await;
    let bsuid = "US.10000000000000009999";
    hotel.phones.guest(json!({"bsuid": bsuid, "name": "Maria", "hidden_number": true})).await;
    hotel.phones.writes(bsuid, "Hi, it is me").await;
    let hidden = eventually("the hidden guest's conversation", || async {
        let all = hotel.staff.get("/conversations").await.expect(200);
        let found = all["data"].as_array()?.iter().find(|one| one["guest"]["bsuid"] == bsuid)?;
        Some(found["conversation_id"].as_str()?.to_owned())
    })
    .await;
    hotel.phones.guest(json!({"phone": ANA, "bsuid": null})).await;
    hotel.phones.writes(ANA, "Hello").await;
    let known = hotel.staff.conversation_of(ANA).await["conversation_id"].as_str().unwrap().to_owned();
    let dana = person(&hotel, "dana").await;
    give(&hotel, &known, Some(&dana)).await.expect(200);
    hotel.phones.guest(json!({"phone": ANA, "bsuid": bsuid, "hidden_number": false})).await;
    hotel.phones.writes(ANA, "both").await;
    let joined = eventually("one conversation", || async {
        let one = hotel.staff.get(&format!("/conversations/{hidden}")).await.expect(200);
        let other = hotel.staff.get(&format!("/conversations/{known}")).await.expect(200);
        // The second, which was asked for when it was seen that they are one.
        (one["conversation_id"] == other["conversation_id"]).then_some(other)
    })
    .await;
    assert_eq!(joined["assignee"], dana);
    let all = told(&hotel, 2).await;
    assert_eq!((&all[1]["staff_member_id"], &all[1]["assigned_by"]), (&json!(dana), &Value::Null));
    assert_eq!(all[1]["conversation_id"], joined["conversation_id"]);
    hotel.close().await;
}
