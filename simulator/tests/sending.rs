//! The Cloud API's side of a send.

mod common;

use base64::{Engine, engine::general_purpose::STANDARD};
use common::{Sim, text_to};
use serde_json::{Value, json};

const ADA: &str = "972541234567";

fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error in {answer}"))
}

#[tokio::test]
async fn a_text_is_accepted_and_in_the_ledger() {
    let sim = Sim::quick().await;
    sim.open_guest(ADA).await;
    let mut body = text_to("+972 54-123-4567", "shalom");
    body["biz_opaque_callback_data"] = json!("msg_1.1");
    body["from_the_future"] = json!({"ignored": true});
    let (status, answer) = sim.send(body.clone()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["messaging_product"], "whatsapp");
    assert_eq!(answer["contacts"], json!([{"input": "+972 54-123-4567", "wa_id": ADA}]));
    let id = answer["messages"][0]["id"].as_str().unwrap();
    let bytes = STANDARD.decode(id.strip_prefix("wamid.").unwrap()).unwrap();
    assert_eq!(&bytes[3..15], ADA.as_bytes());

    let ledger = sim.ledger("").await;
    assert_eq!(ledger["count"], 1);
    let entry = &ledger["data"][0];
    assert_eq!(entry["id"], id);
    assert_eq!(entry["phone_number_id"], sim.account.phone_number_id);
    assert_eq!((&entry["to"], &entry["type"]), (&json!(ADA), &json!("text")));
    assert_eq!(entry["payload"], body);
    assert_eq!(entry["biz_opaque_callback_data"], "msg_1.1");
    assert!((sim.clock.now_ms() - entry["accepted_at"].as_i64().unwrap()).abs() < 60_000);
}

#[tokio::test]
async fn clients_differ_and_are_all_understood() {
    let sim = Sim::quick().await;
    sim.open_guest(ADA).await;
    let mut number = text_to("", "a number");
    number["to"] = json!(972_541_234_567_u64);
    assert_eq!(sim.send(number).await.0, 200);

    let url = format!("{}/v19.0/{}/messages/", sim.base, sim.account.phone_number_id);
    let token = format!("Bearer {}", sim.account.access_token);
    let host = sim.base.strip_prefix("http://").unwrap().to_owned();
    let body = text_to(ADA, "in pieces").to_string();
    let (first, second) = body.split_at(20);
    let raw = format!(
        "POST {url} HTTP/1.1\r\nhost: {host}\r\nauthorization: {token}\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        stream.write_all(raw.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("wamid."), "{answer}");
    assert_eq!(sim.ledger("").await["count"], 2);
}

#[tokio::test]
async fn refusals_carry_metas_codes() {
    let sim = Sim::quick().await;
    sim.open_guest(ADA).await;
    sim.guest(json!({"phone": "+15550009999", "on_whatsapp": false})).await;
    let own = sim.account.display_phone_number.clone();
    let long = "x".repeat(4_097);
    let no_product = json!({"to": ADA, "type": "text", "text": {"body": "x"}});
    let product = |rest: Value| {
        let mut body = json!({"messaging_product": "whatsapp", "to": ADA});
        body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        body
    };
    let cases = [
        (no_product, 400, 100),
        (json!({"messaging_product": "whatsapp", "type": "text", "text": {"body": "x"}}), 400, 131_008),
        (text_to("0541234567", "x"), 400, 100),
        (text_to("guest@hotel", "x"), 400, 100),
        (text_to(&own, "x"), 400, 131_021),
        (text_to("15550009999", "x"), 400, 131_026),
        (text_to(ADA, ""), 400, 100),
        (text_to(ADA, &long), 400, 100),
        (product(json!({"type": "text"})), 400, 131_008),
        (product(json!({"type": "image", "image": {"id": "1"}})), 400, 131_009),
        (product(json!({"type": "interactive", "interactive": {"type": "flow"}})), 400, 131_051),
        (product(json!({"type": "song"})), 400, 100),
        (
            product(json!({"type": "template", "template": {"name": "no", "language": {"code": "en"}}})),
            404,
            132_001,
        ),
        (json!({"messaging_product": "whatsapp", "recipient": "US.1", "text": {"body": "x"}}), 400, 131_026),
        (text_to("16505551234", "never wrote"), 400, 131_047),
    ];
    for (body, http, expected) in cases {
        let (status, answer) = sim.send(body.clone()).await;
        assert_eq!((status, code(&answer)), (http, expected), "{body} -> {answer}");
        assert!(answer["error"]["fbtrace_id"].is_string() && answer["error"]["type"] == "OAuthException");
    }
    assert_eq!(sim.ledger("").await["count"], 0);
}

#[tokio::test]
async fn tokens_and_paths_are_checked() {
    let sim = Sim::quick().await;
    let url = format!("{}/v24.0/{}/messages", sim.base, sim.account.phone_number_id);
    let response = sim.http.post(&url).bearer_auth("wrong").json(&text_to(ADA, "x")).send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(code(&response.json().await.unwrap()), 190);
    assert_eq!(sim.http.post(&url).send().await.unwrap().status(), 401);

    let (status, answer) = sim.graph("POST", "42/messages", text_to(ADA, "x")).await;
    assert_eq!((status, code(&answer)), (400, 100));
    assert_eq!(answer["error"]["error_subcode"], 33);
    assert_eq!(answer["error"]["type"], "GraphMethodException");
    let (status, answer) = sim.graph("GET", "42/nothing/here", Value::Null).await;
    assert_eq!(status, 400);
    assert!(answer["error"]["message"].as_str().unwrap().contains("Unknown path"));
    let response = sim.http.post(&url).bearer_auth(&sim.account.access_token).body("{").send().await.unwrap();
    assert_eq!(code(&response.json().await.unwrap()), 100);
}

#[tokio::test]
async fn the_window_closes_with_the_clock() {
    let sim = Sim::quick().await;
    sim.open_guest(ADA).await;
    sim.text(ADA, "inside").await;
    sim.control("POST", "clock", json!({"advance_seconds": 86_399})).await;
    sim.control("POST", "clock", json!({"advance_seconds": 2})).await;
    let (status, answer) = sim.send_text(ADA, "outside").await;
    assert_eq!((status, code(&answer)), (400, 131_047));
    sim.writes(ADA, "again").await;
    sim.text(ADA, "inside again").await;
    assert!(sim.get("clock").await["offset_seconds"].as_f64().unwrap() > 86_400.0);
}

#[tokio::test]
async fn a_window_counts_from_the_messages_own_timestamp() {
    let sim = Sim::quick().await;
    sim.guest(json!({"phone": ADA})).await;
    let old = (sim.clock.now_ms() / 1_000 - 86_400 - 10).to_string();
    let body = json!({"type": "text", "text": {"body": "late"}, "timestamp": old});
    sim.control("POST", &format!("guests/{ADA}/messages"), body).await;
    assert_eq!(code(&sim.send_text(ADA, "x").await.1), 131_047);
    let reaction = json!({"type": "reaction", "reaction": {"message_id": "wamid.AAAA", "emoji": "x"}});
    sim.control("POST", &format!("guests/{ADA}/messages"), reaction).await;
    assert_eq!(code(&sim.send_text(ADA, "x").await.1), 131_047, "a reaction opens nothing");
}

#[tokio::test]
async fn the_pair_bucket_holds_45_and_refills() {
    let sim = Sim::quick().await;
    sim.control("PUT", &sim.number_path(), json!({"pair_limit": true})).await;
    sim.open_guest(ADA).await;
    sim.open_guest("16505551234").await;
    // A slow machine may refill one token or two while this runs: the clock stands for sure otherwise.
    let mut accepted = 0;
    let refused = loop {
        let (status, answer) = sim.send_text(ADA, "x").await;
        if status != 200 {
            break answer;
        }
        accepted += 1;
    };
    assert!((45..=50).contains(&accepted), "{accepted}");
    assert_eq!(code(&refused), 131_056);
    assert_eq!(sim.send_text("16505551234", "another pair").await.0, 200);
    sim.control("POST", "clock", json!({"advance_seconds": 12})).await;
    assert_eq!(sim.send_text(ADA, "x").await.0, 200);
    assert_eq!(sim.send_text(ADA, "x").await.0, 200);
}

#[tokio::test]
async fn throughput_is_counted_strictly() {
    let sim = Sim::quick().await;
    sim.open_guest(ADA).await;
    sim.control("PUT", &sim.number_path(), json!({"throughput": 20})).await;
    let level = |answer: Value| answer["throughput"]["level"].as_str().unwrap().to_owned();
    let path = format!("{}?fields=throughput", sim.account.phone_number_id);
    assert_eq!(level(sim.graph("GET", &path, Value::Null).await.1), "STANDARD");
    let sends = (0..60).map(|_| sim.send_text(ADA, "x"));
    let answers = futures(sends).await;
    let refused: Vec<_> = answers.iter().filter(|(status, _)| *status != 200).collect();
    assert!(refused.iter().all(|(_, answer)| code(answer) == 130_429));
    let accepted = sim.ledger("").await;
    let times: Vec<i64> =
        accepted["data"].as_array().unwrap().iter().map(|one| one["accepted_at"].as_i64().unwrap()).collect();
    assert_eq!(times.len() + refused.len(), 60);
    // The 21st is a second after the first; the limit's clock is read a moment after the ledger's.
    assert!(times.windows(21).all(|w| w[20] - w[0] > 900), "{times:?}");
    sim.control("PUT", &sim.number_path(), json!({"throughput": null})).await;
    assert_eq!(level(sim.graph("GET", &path, Value::Null).await.1), "HIGH");
    assert!(futures((0..60).map(|_| sim.send_text(ADA, "x"))).await.iter().all(|(status, _)| *status == 200));
}

async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = all.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        let mut left = false;
        for (future, done) in pending.iter_mut().filter(|(_, done)| done.is_none()) {
            match future.as_mut().poll(cx) {
                std::task::Poll::Ready(value) => *done = Some(value),
                std::task::Poll::Pending => left = true,
            }
        }
        if left { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    pending.into_iter().filter_map(|(_, done)| done).collect()
}

#[tokio::test]
async fn templates_need_no_window() {
    let sim = Sim::quick().await;
    let text = |name: &str, text: &str| json!({"type": "text", "parameter_name": name, "text": text});
    let body = json!({
        "messaging_product": "whatsapp", "to": ADA, "type": "template",
        "template": {"name": "welcome_checkin", "language": {"code": "en"}, "components": [{
            "type": "BODY",
            "parameters": [
                text("guest_name", "John Smith"), text("hotel_name", "Grand Plaza Hotel"),
                text("room_number", "205"), text("checkin_time", "3:00 PM"),
                text("checkout_date", "January 18, 2024"),
            ],
        }]},
    });
    let (status, answer) = sim.send(body.clone()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["messages"][0]["message_status"], "accepted");
    let chat = sim.get(&format!("guests/{ADA}/chat")).await;
    let shown = chat["data"][0]["text"].as_str().unwrap();
    assert!(shown.contains("John Smith") && shown.contains("205") && !shown.contains("{{"), "{shown}");

    let mut short = body.clone();
    short["template"]["components"][0]["parameters"].as_array_mut().unwrap().pop();
    let (_, answer) = sim.send(short).await;
    assert_eq!(code(&answer), 132_000);
    let details = answer["error"]["error_data"]["details"].as_str().unwrap();
    assert!(details.starts_with("body: number of localizable_params (4)"), "{details}");
    for (status, expected) in [("PAUSED", 132_015), ("PENDING", 132_001), ("DISABLED", 132_016)] {
        let change = json!({"name": "welcome_checkin", "language": "en", "status": status});
        sim.control("PUT", "templates", change).await;
        assert_eq!(code(&sim.send(body.clone()).await.1), expected);
    }
}

#[tokio::test]
async fn read_marks_turn_the_guests_ticks() {
    let sim = Sim::quick().await;
    sim.open_guest(ADA).await;
    let id = sim.writes(ADA, "second").await;
    let body = json!({"messaging_product": "whatsapp", "status": "read", "message_id": id,
        "typing_indicator": {"type": "text"}});
    let (status, answer) = sim.send(body).await;
    assert_eq!((status, answer), (200, json!({"success": true})));
    let chat = sim.get(&format!("guests/{ADA}/chat")).await;
    assert!(chat["data"].as_array().unwrap().iter().all(|line| line["status"] == "read"), "{chat}");
    for id in ["nonsense", "wamid.AAAA"] {
        let body = json!({"messaging_product": "whatsapp", "status": "read", "message_id": id});
        assert_eq!(code(&sim.send(body).await.1), 131_009);
    }
    assert_eq!(sim.ledger("").await["count"], 0, "read marks are not in the ledger");
}

#[tokio::test]
async fn a_guest_can_be_addressed_by_user_id() {
    let sim = Sim::quick().await;
    let guest = sim.guest(json!({"name": "Noa", "hidden_number": true})).await;
    let id = guest["bsuid"].as_str().unwrap().to_owned();
    assert_eq!(guest["phone"], Value::Null);
    sim.writes(&id, "hi").await;
    let body =
        json!({"messaging_product": "whatsapp", "recipient": id, "type": "text", "text": {"body": "x"}});
    let (status, answer) = sim.send(body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["contacts"], json!([{"input": id, "user_id": id}]));
    assert_eq!(sim.ledger(&format!("to={id}")).await["count"], 1);
}

#[tokio::test]
async fn ticks_turn_on_the_phone() {
    let sim = Sim::start().await;
    sim.open_guest(ADA).await;
    let delays = json!({"status_delay_ms": {"sent": 20, "delivered": 40, "read": 60}});
    sim.control("PUT", "faults", delays).await;
    sim.text(ADA, "x").await;
    let sim = &sim;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while sim.get(&format!("guests/{ADA}/chat")).await["data"][1]["status"] != "read" {
        assert!(std::time::Instant::now() < deadline);
    }
}
