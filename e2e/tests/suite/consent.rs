//! What guests do not want does not leave: from the front desk, in a batch, or when its time comes.

use bellhop_e2e::batch::{guest, recipients, to_guests, until_completed};
use bellhop_e2e::ledger::LEFT;
use bellhop_e2e::{Api, Hotel, PATIENCE, eventually};
use chrono::{TimeDelta, Utc};
use reqwest::Method;
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value, json};

use crate::webhook_security::deliver;

const PHONE: &str = "+14155552671";
const OFFER: &str = "weekend_offer";

/// A hotel with a template that is marketing.
async fn open() -> Hotel {
    let hotel = Hotel::open().await;
    let body = json!({"type": "BODY", "text": "This weekend every treatment in our spa is half the price."});
    let offer = json!({"name": OFFER, "language": "en", "category": "MARKETING", "components": [body]});
    hotel.phones.put("/templates", &offer).await;
    hotel.admin.post("/templates/sync", &json!({})).await.expect(200);
    hotel
}

fn offer_to(phone: &str) -> Value {
    json!({"guest_phone": phone, "template_name": OFFER, "language": "en"})
}

fn followup_to(phone: &str) -> Value {
    json!({"guest_phone": phone, "template_name": "service_followup", "language": "en",
        "parameters": {"guest_name": "Ana", "service_type": "late checkout"}})
}

fn id(sent: &Value) -> &str {
    sent["message_id"].as_str().expect("an id")
}

async fn guest_id(api: &Api, phone: &str) -> String {
    let found = api.get(&format!("/guests?phone={}", phone.replace('+', "%2B"))).await.expect(200);
    found["data"][0]["guest_id"].as_str().expect("a guest").to_owned()
}

async fn stop(api: &Api, guest: &str) {
    let body = json!({"kind": "marketing", "state": "opted_out"});
    api.ask(Method::PUT, &format!("/guests/{guest}/consent"), Some(&body), &[]).await.expect(200);
}

async fn until_marketing(hotel: &Hotel, guest: &str, state: &str) -> Value {
    let path = format!("/guests/{guest}/consent");
    eventually(&format!("marketing to be {state}"), || async {
        let consent = hotel.staff.get(&path).await.expect(200);
        (consent["marketing"]["state"] == state).then_some(consent)
    })
    .await
}

/// As WhatsApp tells of a guest's own choice.
async fn prefers(hotel: &Hotel, value: &str, at: i64) {
    let account = bellhop_simulator::well_known(1);
    let told = json!({"object": "whatsapp_business_account", "entry": [{"id": account.waba_id, "changes": [{
        "field": "user_preferences", "value": {
            "messaging_product": "whatsapp", "metadata": {"phone_number_id": account.phone_number_id},
            "contacts": [{"wa_id": &PHONE[1..]}],
            "user_preferences": [{"wa_id": &PHONE[1..], "category": "marketing_messages", "value": value,
                "detail": "User requested it", "timestamp": at}]}}]}]});
    assert_eq!(deliver(hotel, &told, Some(&account.app_secret)).await, 200);
}

#[tokio::test]
async fn stop_ends_marketing_and_nothing_else_until_it_is_resumed() {
    let hotel = open().await;
    hotel.guest(PHONE, "Ana").await;
    let before = hotel.staff.post("/templates/send", &offer_to(PHONE)).await.expect(202);
    hotel.staff.until(id(&before), LEFT).await;
    hotel.phones.writes(PHONE, "stop by at 5, please").await;
    hotel.phones.writes(PHONE, "Stop.").await;
    let guest = guest_id(&hotel.staff, PHONE).await;
    let consent = until_marketing(&hotel, &guest, "opted_out").await;
    assert_eq!(consent["marketing"]["source"], "stop_word");
    assert_eq!(consent["history"][0]["evidence"], "Stop.");
    let refused = hotel.staff.post("/templates/send", &offer_to(PHONE)).await.expect(403);
    assert_eq!(refused["error"]["code"], "GUEST_OPTED_OUT");
    assert_eq!(refused["error"]["details"]["kind"], "marketing");
    let followup = hotel.staff.post("/templates/send", &followup_to(PHONE)).await.expect(202);
    hotel.staff.until(id(&followup), LEFT).await;
    let text = hotel.staff.text(PHONE, "As you wish!").await.expect(202);
    hotel.staff.until(id(&text), LEFT).await;
    // Resumed in WhatsApp; what the guest had chosen before that comes late, and changes nothing.
    let now = Utc::now().timestamp();
    prefers(&hotel, "resume", now).await;
    prefers(&hotel, "stop", now - 60).await;
    until_marketing(&hotel, &guest, "opted_in").await;
    let after = hotel.staff.post("/templates/send", &offer_to(PHONE)).await.expect(202);
    hotel.staff.until(id(&after), LEFT).await;
    prefers(&hotel, "stop", Utc::now().timestamp()).await;
    until_marketing(&hotel, &guest, "opted_out").await;
    hotel.close().await;
}

#[tokio::test]
async fn what_was_accepted_before_does_not_leave_after_it() {
    let hotel = open().await;
    hotel.guest(PHONE, "Ana").await;
    let guest = guest_id(&hotel.staff, PHONE).await;
    let tomorrow = json!((Utc::now() + TimeDelta::days(1)).to_rfc3339());
    let later = |mut body: Value| {
        body["send_at"] = tomorrow.clone();
        body
    };
    let offer = hotel.staff.post("/templates/send", &later(offer_to(PHONE))).await.expect(202);
    let refiled = hotel.staff.post("/templates/send", &later(followup_to(PHONE))).await.expect(202);
    stop(&hotel.staff, &guest).await;
    // It was of service when it was accepted.
    let change = json!({"name": "service_followup", "language": "en", "category": "MARKETING"});
    hotel.phones.put("/templates", &change).await;
    eventually("the template to be filed elsewhere", || async {
        let template = hotel.staff.get("/templates/service_followup").await.expect(200);
        (template["category"] == "MARKETING").then_some(())
    })
    .await;
    hotel.phones.advance_clock(TimeDelta::hours(25).num_seconds()).await;
    for sent in [&offer, &refiled] {
        let failed = hotel.staff.until(id(sent), &["failed"]).await;
        assert_eq!(failed["failure_reason"]["code"], "GUEST_OPTED_OUT", "{failed}");
        assert_eq!(failed["attempts"], 0);
    }
    assert!(hotel.phones.ledger_of(PHONE).await.is_empty());
    hotel.close().await;
}

#[tokio::test]
async fn whatsapps_own_refusal_is_an_opt_out() {
    let hotel = open().await;
    for (phone, fault) in [(PHONE, "send_error"), ("+14155552672", "fail_status")] {
        hotel.guest(phone, "Ana").await;
        let guest = guest_id(&hotel.staff, phone).await;
        hotel.phones.faults(json!({fault: {"code": 131_050, "times": 1}})).await;
        let sent = hotel.staff.post("/templates/send", &offer_to(phone)).await.expect(202);
        let failed = hotel.staff.until(id(&sent), &["failed"]).await;
        assert_eq!(failed["failure_reason"]["code"], "GUEST_OPTED_OUT");
        let consent = until_marketing(&hotel, &guest, "opted_out").await;
        assert_eq!(consent["marketing"]["source"], "provider_refusal", "{fault}");
        assert_eq!(consent["history"][0]["message_id"], sent["message_id"]);
        assert_eq!(
            hotel.staff.post("/templates/send", &offer_to(phone)).await.refused(403),
            "GUEST_OPTED_OUT"
        );
    }
    hotel.close().await;
}

/// The send and the opt-out go off together; whichever comes first, the other one sees it.
#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_races_a_send() {
    let hotel = open().await;
    let races = (0..24).map(|n| {
        let (staff, hotel) = (hotel.staff.clone(), &hotel);
        async move {
            let phone = guest(900 + n);
            hotel.guest(&phone, "Ana").await;
            let id_of_guest = guest_id(&staff, &phone).await;
            let offer = offer_to(&phone);
            let stopping = async {
                tokio::time::sleep(std::time::Duration::from_millis(n as u64 % 8 * 3)).await;
                stop(&staff, &id_of_guest).await;
                Utc::now().timestamp_millis()
            };
            let (sent, stopped) = tokio::join!(staff.post("/templates/send", &offer), stopping);
            let accepted = sent.status.as_u16() == 202;
            let left = accepted && {
                let end = staff.until(id(&sent.body), &["sent", "delivered", "read", "failed"]).await;
                let failed = end["status"] == "failed";
                assert!(!failed || end["failure_reason"]["code"] == "GUEST_OPTED_OUT", "{end}");
                !failed
            };
            assert!(accepted || sent.refused(403) == "GUEST_OPTED_OUT");
            let ledger = hotel.phones.ledger_of(&phone).await;
            assert_eq!(ledger.len(), usize::from(left), "{phone}");
            expect_begun_before(&ledger, stopped);
            assert_eq!(staff.post("/templates/send", &offer).await.refused(403), "GUEST_OPTED_OUT");
        }
    });
    futures_util::future::join_all(races).await;
    expect_no_attempt_after_an_opt_out(&hotel).await;
    hotel.close().await;
}

/// What was on its way when the opt-out was committed arrives, and that takes less than this.
const ON_ITS_WAY_MS: i64 = 1_500;

#[track_caller]
fn expect_begun_before(ledger: &[Value], stopped: i64) {
    for send in ledger {
        let late = send["accepted_at"].as_i64().expect("a time") - stopped;
        assert!(late < ON_ITS_WAY_MS, "left {late} ms after the opt-out: {send}");
    }
}

/// By the rows themselves, to the millisecond: each was written with the conversation locked.
async fn expect_no_attempt_after_an_opt_out(hotel: &Hotel) {
    let late = "SELECT count(*) AS late FROM attempts a JOIN messages m ON m.id = a.message_id \
                JOIN consent_changes c ON c.guest_id = m.guest_id AND c.state = 'opted_out' \
                WHERE a.started_at > c.recorded_at";
    let db = Database::connect(hotel.settings.database_url.expose()).await.unwrap();
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), late)).await.unwrap();
    assert_eq!(row.unwrap().try_get::<i64>("", "late").unwrap(), 0);
    db.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn opt_outs_race_a_batch() {
    const LINES: usize = 360;
    let hotel = open().await;
    let pace = json!({"template": {"template_name": OFFER, "language": "en"},
        "rate_limit": {"messages_per_second": 60, "batch_size": 50}});
    let accepted = hotel.staff.post("/messages/batch-send", &to_guests(0..LINES, pace)).await.expect(202);
    assert_eq!(accepted["accepted"], LINES, "{accepted}");
    let batch = accepted["batch_id"].as_str().unwrap();
    // Every third, the last first: they meet the batch somewhere in the middle.
    let mut stopped = std::collections::HashMap::new();
    for n in (0..LINES).rev().step_by(3) {
        let id = guest_id(&hotel.staff, &guest(n)).await;
        stop(&hotel.staff, &id).await;
        stopped.insert(guest(n), Utc::now().timestamp_millis());
    }
    let done = until_completed(&hotel.staff, batch, PATIENCE).await;
    let (mut ended, mut left) = (0, 0);
    let ledger = hotel.phones.ledger().await;
    for recipient in recipients(&hotel.staff, batch).await {
        let phone = recipient["phone"].as_str().unwrap();
        let sends: Vec<Value> = ledger.iter().filter(|send| send["to"] == phone[1..]).cloned().collect();
        match stopped.get(phone) {
            Some(_) if recipient["status"] == "failed" => {
                let path = format!("/messages/{}", recipient["message_id"].as_str().unwrap());
                let message = hotel.staff.get(&path).await.expect(200);
                assert_eq!(message["failure_reason"]["code"], "GUEST_OPTED_OUT", "{message}");
                assert_eq!((&message["attempts"], sends.len()), (&json!(0), 0));
                ended += 1;
            }
            stopped => {
                assert!(LEFT.contains(&recipient["status"].as_str().unwrap()), "{recipient}");
                assert_eq!(sends.len(), 1, "{recipient}");
                expect_begun_before(&sends, stopped.copied().unwrap_or(i64::MAX - ON_ITS_WAY_MS));
                left += 1;
            }
        }
    }
    expect_no_attempt_after_an_opt_out(&hotel).await;
    assert!(ended > 0 && left >= LINES * 2 / 3, "{ended} ended, {left} left");
    assert_eq!((&done["counts"]["failed"], ended + left), (&json!(ended), LINES), "{done}");
    hotel.close().await;
}
