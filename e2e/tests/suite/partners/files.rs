//! Files of guests, fetched by a partner who has nothing but what was delivered.

use bellhop_e2e::Hotel;
use bellhop_e2e::sink::{Seen, Sink};
use reqwest::header::HeaderMap;
use serde_json::json;

use super::{configured, hotel, wanted};
use crate::media_in::{JPEG, PHONE, on_the_phone, send_photo};

struct Fetched {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Fetched {
    fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).expect("the envelope");
        body["error"]["code"].as_str().expect("a code").to_owned()
    }
}

/// As anybody would.
async fn fetch(url: &str, headers: &[(&str, &str)]) -> Fetched {
    let mut request = reqwest::Client::new().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Fetched { status, headers, body: answer.bytes().await.unwrap().to_vec() }
}

fn address(seen: &Seen) -> String {
    seen.body["data"]["media_url"].as_str().expect("an address").to_owned()
}

/// A hotel whose partner was told of a photo.
async fn told() -> (Hotel, Sink, String, Seen) {
    let hotel = hotel().await;
    let sink = Sink::open().await;
    let mut wanted = wanted(&sink);
    wanted["events"] = json!(["media_received"]);
    let webhook = configured(&hotel.admin, &wanted).await["id"].as_str().unwrap().to_owned();
    hotel.guest(PHONE, "Ana").await;
    let id = on_the_phone(&hotel.phones, "image/jpeg", JPEG).await;
    send_photo(&hotel.phones, &id, "The view from 205").await;
    let seen = sink.until("a photo", |seen| seen.body["event"] == "media_received").await;
    (hotel, sink, webhook, seen)
}

/// Other letters and digits at these places, one at a time.
fn bent(url: &str) -> impl Iterator<Item = String> {
    let from = url.find("/media/").unwrap() + "/media/media_".len();
    let at = (from..url.len()).filter(|at| url.as_bytes()[*at].is_ascii_alphanumeric());
    at.map(|at| {
        let other = if &url[at..=at] == "7" { "3" } else { "7" };
        format!("{}{other}{}", &url[..at], &url[at + 1..])
    })
}

#[tokio::test]
async fn a_partner_fetches_a_file_by_its_address_and_nothing_else() {
    let (hotel, _sink, _, seen) = told().await;
    let url = address(&seen);
    assert!(url.starts_with(&format!("{}/media/", hotel.admin.base)), "{url}");
    let whole = fetch(&url, &[]).await;
    assert_eq!((whole.status, &whole.body[..]), (200, JPEG));
    assert_eq!(whole.headers["content-type"], "image/jpeg");
    let etag = whole.headers["etag"].to_str().unwrap();
    let part = fetch(&url, &[("range", "bytes=10-19"), ("if-range", etag)]).await;
    assert_eq!((part.status, &part.body[..]), (206, &JPEG[10..20]));
    let (path, query) = url.split_once('?').unwrap();
    for part in query.split('&') {
        let refused = fetch(&format!("{path}?{part}"), &[]).await;
        assert_eq!(refused.status, 401, "{part} alone");
    }
    // Another file of the hotel, by the signature of this one.
    let other = hotel.staff.upload("image", "b.jpg", JPEG).await.expect(201);
    let other =
        url.replace(seen.body["data"]["media_id"].as_str().unwrap(), other["media_id"].as_str().unwrap());
    assert_eq!(fetch(&other, &[]).await.code(), "MEDIA_ADDRESS_INVALID");
    // A token goes before a signature.
    let known = |token: &str| vec![("authorization", format!("Bearer {token}"))];
    for (headers, status) in [(known(&hotel.staff.token), 200), (known("bhk_nobody"), 401)] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(fetch(&url, &headers).await.status, status);
    }
    hotel.close().await;
}

#[tokio::test]
async fn one_letter_of_an_address_or_an_hour_is_too_much() {
    let (hotel, sink, webhook, seen) = told().await;
    let url = address(&seen);
    let mut tried = 0;
    for bent in bent(&url) {
        let refused = fetch(&bent, &[]).await;
        // A file's id may not be one any more, and a parameter be another; else the signature tells.
        assert!([401, 404].contains(&refused.status), "{bent}: {}", refused.status);
        if refused.status == 401 {
            assert!(
                ["MEDIA_ADDRESS_INVALID", "UNAUTHENTICATED"].contains(&refused.code().as_str()),
                "{bent}"
            );
        }
        tried += 1;
    }
    assert!(tried > 100, "{tried}");
    hotel.phones.advance_clock(1_800).await;
    assert_eq!(fetch(&url, &[]).await.status, 200, "an hour is not over");
    hotel.phones.advance_clock(1_801).await;
    let late = fetch(&url, &[]).await;
    assert_eq!((late.status, late.code().as_str()), (403, "MEDIA_ADDRESS_EXPIRED"));
    // Whoever is told again gets another address, and so does who reads the log.
    let replay = json!({"from_sequence": 1});
    hotel.admin.post(&format!("/webhooks/{webhook}/replay"), &replay).await.expect(202);
    let again = sink
        .until("the photo again", |again| again.body["event"] == "media_received" && address(again) != url)
        .await;
    assert_eq!(again.id(), seen.id());
    assert_eq!(fetch(&address(&again), &[]).await.body, JPEG);
    let log = hotel.staff.get("/events?types=media_received").await.expect(200);
    let listed = log["data"][0]["data"]["media_url"].as_str().unwrap();
    assert_eq!(fetch(listed, &[]).await.body, JPEG);
    hotel.close().await;
}
