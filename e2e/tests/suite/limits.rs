//! How often the API may be asked, and how callers are told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bellhop_e2e::fleet::Fleet;
use bellhop_e2e::services::unless_embedded;
use bellhop_e2e::stream::EventStream;
use bellhop_e2e::{Answer, Api, Home, Hotel, eventually};
use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::json;

/// Ten at once, then one a second.
const SLOW: &str = "60";
const FAST: &str = "6000000";
const SLOW_TOKENS: [(&str, &str); 2] = [("BELLHOP_TOKEN_RATE", SLOW), ("BELLHOP_PROPERTY_RATE", FAST)];

/// The items of a structured list: strings with whole numbers as parameters, and nothing else.
/// Source: RFC 9651, sections 3.1 and 4.2.
fn items(text: &str) -> Vec<(String, BTreeMap<String, u64>)> {
    let item = |item: &str| {
        let (name, parameters) =
            item.strip_prefix('"').and_then(|rest| rest.split_once('"')).expect("a string");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{item}");
        let mut read = BTreeMap::new();
        for parameter in parameters.strip_prefix(';').expect("parameters").split(';') {
            let (key, value) = parameter.split_once('=').expect("a value");
            assert!(key.bytes().all(|byte| byte.is_ascii_lowercase()) && !key.is_empty(), "{item}");
            // No sign, no space, no leading zero, at most 15 digits.
            assert!(value.bytes().all(|byte| byte.is_ascii_digit()) && value.len() <= 15, "{item}");
            let number: u64 = value.parse().unwrap();
            assert_eq!(number.to_string(), value, "{item}");
            assert!(read.insert(key.to_owned(), number).is_none(), "{item}");
        }
        (name.to_owned(), read)
    };
    text.split(", ").map(item).collect()
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    assert!(values.next().is_none(), "{name} stands twice");
    Some(value.to_str().unwrap())
}

/// What the answer says of the closest limit: its name, what is left, and until when.
fn standing(answer: &Answer) -> (String, u64, u64) {
    let all = items(one(&answer.headers, "ratelimit").expect("a standing"));
    let [(name, parameters)] = &all[..] else { panic!("{all:?}") };
    assert_eq!(parameters.keys().collect::<Vec<_>>(), ["r", "t"]);
    (name.clone(), parameters["r"], parameters["t"])
}

/// The answer is a refusal as it should be; seconds to wait.
fn refusal(answer: &Answer, limit: &str) -> u64 {
    assert_eq!(answer.status.as_u16(), 429, "{}", answer.body);
    let error = &answer.body["error"];
    assert_eq!(
        (error["code"].as_str(), error["details"]["limit"].as_str()),
        (Some("RATE_LIMIT_EXCEEDED"), Some(limit))
    );
    assert_eq!(error["request_id"].as_str(), one(&answer.headers, "x-request-id"));
    assert!(!error["recovery_options"].as_array().unwrap().is_empty() && error["message"].is_string());
    let wait: u64 = one(&answer.headers, "retry-after").unwrap().parse().unwrap();
    assert_eq!(error["details"]["retry_after"], wait);
    assert_eq!(standing(answer), (limit.to_owned(), 0, wait));
    wait
}

/// Another token of the hotel, which nobody has used.
async fn fresh(admin: &Api, name: &str) -> Api {
    let made = admin.post("/tokens", &json!({"name": name, "role": "staff"})).await.expect(201);
    Api::new(&admin.base, made["token"].as_str().unwrap())
}

/// Asks until it is refused; how often it was answered.
async fn exhaust(api: &Api) -> (u32, Answer) {
    for granted in 0..1_000 {
        let answer = api.get("/me").await;
        if answer.status.as_u16() != 200 {
            return (granted, answer);
        }
    }
    panic!("never refused");
}

/// With these settings from its second start on: opening asks more than some of them allow.
async fn hotel(settings: &[(&str, &str)]) -> Hotel {
    Hotel::open().await.reopen(settings).await
}

#[tokio::test]
async fn every_answer_to_somebody_known_says_how_the_limits_stand() {
    let hotel = hotel(&[("BELLHOP_TOKEN_RATE", "3000"), ("BELLHOP_PROPERTY_RATE", "12000")]).await;
    let api = fresh(&hotel.admin, "told").await;
    let wrong =
        [("/me", 200), ("/messages/msg_none", 404), ("/conversations?limit=0", 400), ("/tokens", 403)];
    for (asked, (path, status)) in wrong.into_iter().enumerate() {
        let answer = api.get(path).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
        let policy = one(&answer.headers, "ratelimit-policy").unwrap();
        assert_eq!(policy, r#""token";q=500;w=10, "property";q=2000;w=10"#);
        for (_, parameters) in items(policy) {
            assert_eq!(parameters.keys().collect::<Vec<_>>(), ["q", "w"]);
        }
        let (name, left, whole_in) = standing(&answer);
        // Fifty come back in a second.
        assert!(name == "token" && (499 - asked as u64..500).contains(&left), "{name} {left}");
        assert_eq!(whole_in, 1);
        assert!(answer.headers.get("retry-after").is_none());
    }
    let nobody = Api::new(&api.base, "bhk_nobody");
    let root = api.base.strip_suffix("/api/v1/whatsapp").unwrap();
    let open = [
        nobody.get("/me").await.headers,
        nobody.get("/errors").await.headers,
        reqwest::get(format!("{root}/healthz")).await.unwrap().headers().clone(),
    ];
    assert!(
        open.iter()
            .all(|headers| !headers.contains_key("ratelimit") && !headers.contains_key("ratelimit-policy"))
    );
    hotel.close().await;
}

#[tokio::test]
async fn a_token_that_asks_too_fast_waits_as_long_as_it_is_told() {
    let hotel = hotel(&SLOW_TOKENS).await;
    let (api, other) = (fresh(&hotel.admin, "fast").await, fresh(&hotel.admin, "other").await);
    let began = Instant::now();
    let (granted, answer) = exhaust(&api).await;
    let most = 11 + began.elapsed().as_secs() as u32;
    assert!((10..=most).contains(&granted), "{granted} of {most}");
    let wait = refusal(&answer, "token");
    assert_eq!(wait, 1);
    // Before the body is read: nobody could. One comes back in a second, and four ask.
    let client = reqwest::Client::new();
    let unread = join_all((0..4).map(|_| {
        let ask = client.post(format!("{}/messages/send", api.base)).bearer_auth(&api.token);
        ask.header("content-type", "application/json").body("{").send()
    }))
    .await;
    assert!(unread.iter().any(|answer| answer.as_ref().unwrap().status().as_u16() == 429), "{unread:?}");
    assert_eq!(other.get("/me").await.status.as_u16(), 200, "another token has its own");
    let (_, answer) = exhaust(&api).await;
    tokio::time::sleep(Duration::from_secs(refusal(&answer, "token"))).await;
    assert_eq!(api.get("/me").await.status.as_u16(), 200, "who waits as told is answered");
    let refused = reqwest::get(format!("{}/metrics", api.base.strip_suffix("/api/v1/whatsapp").unwrap()));
    let numbers = refused.await.unwrap().text().await.unwrap();
    assert!(numbers.contains(r#"bellhop_requests_refused_total{limit="token"}"#), "{numbers}");
    hotel.close().await;
}

#[tokio::test]
async fn everybody_of_a_hotel_shares_its_limit() {
    let hotel = hotel(&[("BELLHOP_TOKEN_RATE", FAST), ("BELLHOP_PROPERTY_RATE", SLOW)]).await;
    let (_, answer) = exhaust(&hotel.staff).await;
    refusal(&answer, "property");
    // One comes back in a second, and four ask.
    let answers = join_all((0..4).map(|_| hotel.admin.get("/me"))).await;
    let refused = answers.iter().find(|answer| answer.status.as_u16() == 429).expect("a refusal");
    refusal(refused, "property");
    hotel.close().await;
}

#[tokio::test]
async fn without_limits_nothing_is_said_of_them() {
    let hotel = hotel(&[("BELLHOP_TOKEN_RATE", "0"), ("BELLHOP_PROPERTY_RATE", "0")]).await;
    let answers = join_all((0..200).map(|_| hotel.staff.get("/me"))).await;
    let silent = |answer: &Answer| answer.status.as_u16() == 200 && !answer.headers.contains_key("ratelimit");
    assert!(answers.iter().all(silent));
    hotel.close().await;
}

#[tokio::test]
async fn a_token_has_so_many_live_feeds_and_no_more() {
    let hotel = Hotel::open().await;
    let api = fresh(&hotel.admin, "screens").await;
    let mut open = join_all((0..100).map(|_| EventStream::open(&api, "", None))).await;
    let refused = api.get("/events/stream").await;
    assert_eq!(refused.status.as_u16(), 429);
    assert_eq!(refused.body["error"]["details"]["limit"], "streams");
    assert!(refused.headers.contains_key("retry-after"));
    open.pop();
    eventually("room for another", || async { EventStream::try_open(&api, "", None).await.ok() }).await;
    EventStream::open(&hotel.staff, "", None).await;
    hotel.close().await;
}

#[tokio::test]
async fn processes_count_together() {
    let Some(services) = unless_embedded().await else { return };
    let fleet = Fleet::start(Home::on_services(services).await, (2, 0), &SLOW_TOKENS).await;
    let began = Instant::now();
    let mut granted = 0_u64;
    let answer = 'asking: loop {
        for api in &fleet.staff {
            let answer = api.ask(Method::GET, "/me", None, &[]).await;
            if answer.status.as_u16() == 429 {
                break 'asking answer;
            }
            granted += 1;
            assert!(granted < 1_000, "never refused");
        }
    };
    let most = 11 + began.elapsed().as_secs();
    assert!((10..=most).contains(&granted), "{granted} of {most}");
    refusal(&answer, "token");
    for api in &fleet.staff {
        let answers = join_all((0..4).map(|_| api.get("/me"))).await;
        assert!(
            answers.iter().any(|answer| answer.status.as_u16() == 429),
            "one comes back in a second, for both"
        );
    }
}
