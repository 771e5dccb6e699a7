//! Signatures, judged by the published libraries of Standard Webhooks.

use bellhop_e2e::outside::{Outside, project, run};
use bellhop_e2e::sink::{Seen, Sink};
use bellhop_e2e::{BellhopProcess, Home, Phones};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use standardwebhooks::Webhook;
use tokio::process::Command;

use super::{ANA, INSECURE, configured, hotel, wanted};

fn headers(seen: &Seen) -> HeaderMap {
    let signed = seen.headers.iter().filter(|(name, _)| name.starts_with("webhook-"));
    let pair = |(name, value): (&String, &String)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    signed.map(pair).collect()
}

fn fits(secret: &str, seen: &Seen) -> bool {
    Webhook::new(secret).unwrap().verify(&seen.raw, &headers(seen)).is_ok()
}

/// The same with one bit of the body another.
fn bent(seen: &Seen) -> Seen {
    let mut bent = seen.clone();
    let middle = bent.raw.len() / 2;
    bent.raw[middle] ^= 1;
    bent
}

#[tokio::test]
async fn the_published_verifiers_accept_and_refuse_one_bit() {
    let hotel = hotel().await;
    let sink = Sink::open().await;
    let made = configured(&hotel.admin, &wanted(&sink)).await;
    let secret = made["signing_secret"].as_str().unwrap();
    hotel.guest(ANA, "Ana").await;
    hotel.phones.writes(ANA, "Señor 🦀").await;
    let seen = sink.until_taken("Señor 🦀").await;
    assert!(fits(secret, &seen) && !fits(secret, &bent(&seen)));
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, seen: &Seen| {
        let path = folder.path().join(name);
        let body = String::from_utf8_lossy(&seen.raw);
        std::fs::write(&path, json!({"secret": secret, "headers": seen.headers, "body": body}).to_string())
            .unwrap();
        path
    };
    let (whole, bent) = (at("whole.json", &seen), at("bent.json", &bent(&seen)));
    let outside = Outside::at_hand().await;
    let scripts = project().join("e2e/clients");
    for (what, program, script) in [
        ("Python", outside.python.clone(), "standardwebhooks.verify.py"),
        ("Node", outside.node.clone().map(|_| "node".into()), "standardwebhooks.verify.mjs"),
    ] {
        let Ok(program) = program.inspect_err(|why| println!("left out, {what} is missing: {why}")) else {
            continue;
        };
        let mut verifier = Command::new(program);
        verifier.envs(outside.node.clone().ok().map(|node| ("BELLHOP_NODE", node)));
        verifier.arg(scripts.join(script)).args([&whole, &bent]);
        let said = run(&mut verifier).await.unwrap_or_else(|said| panic!("{what}: {said}"));
        assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["accepted", "refused"], "{what}");
    }
    hotel.close().await;
}

#[tokio::test]
async fn a_new_secret_takes_over_while_the_former_one_still_fits() {
    let hotel = hotel().await;
    let sink = Sink::open().await;
    let made = configured(&hotel.admin, &wanted(&sink)).await;
    let (id, former) = (made["id"].as_str().unwrap(), made["signing_secret"].as_str().unwrap());
    hotel.guest(ANA, "Ana").await;
    let writing = async {
        for n in 0..40 {
            hotel.phones.writes(ANA, &format!("n{n}")).await;
        }
    };
    let rotating = async {
        sink.until_taken("n5").await;
        hotel.admin.post(&format!("/webhooks/{id}/rotate-secret"), &json!({})).await.expect(200)
    };
    let ((), rotated) = tokio::join!(writing, rotating);
    let new = rotated["signing_secret"].as_str().unwrap();
    sink.until_taken("n39").await;
    // Whoever has the former secret verified all of them.
    assert!(sink.seen().iter().all(|seen| fits(former, seen)));
    let last = sink.until_taken("n39").await;
    assert!(fits(new, &last) && !fits(new, &sink.taken("n0")[0]) && !fits(new, &bent(&last)));
    hotel.phones.advance_clock(25 * 3600).await;
    // What changes is read again at once; time alone, within a second.
    hotel
        .admin
        .ask(Method::PATCH, &format!("/webhooks/{id}"), Some(&json!({"ordered": false})), &[])
        .await
        .expect(200);
    hotel.phones.writes(ANA, "a day later").await;
    let late = sink.until_taken("a day later").await;
    assert!(fits(new, &late) && !fits(former, &late));
    hotel.close().await;
}

/// What signs is sealed with the key of the credentials.
#[tokio::test]
async fn another_key_of_the_credentials_leaves_signatures_as_they_were() {
    let phones = Phones::start(1).await;
    let (home, sink) = (Home::make().await, Sink::open().await);
    let bellhop = BellhopProcess::start(&home, &phones.url, &[INSECURE]).await;
    let made = configured(&bellhop.admin(), &wanted(&sink)).await;
    let secret = made["signing_secret"].as_str().unwrap();
    phones.guest(json!({"phone": ANA, "name": "Ana"})).await;
    let key = std::fs::read(home.path().join("secret.key")).unwrap();
    let writing = async {
        for n in 0..20 {
            phones.writes(ANA, &format!("n{n}")).await;
        }
    };
    let rotating = async {
        sink.until_taken("n2").await;
        let mut command = home.bellhop();
        command.arg("rotate-key").env("BELLHOP_SIMULATOR_URL", &phones.url);
        run(&mut command).await.expect("a rotation")
    };
    tokio::join!(writing, rotating);
    sink.until_taken("n19").await;
    assert_ne!(std::fs::read(home.path().join("secret.key")).unwrap(), key, "the key is another");
    bellhop.terminate().await;
    // A process that never had the former key.
    let bellhop = BellhopProcess::start(&home, &phones.url, &[INSECURE]).await;
    phones.writes(ANA, "with the new key alone").await;
    sink.until_taken("with the new key alone").await;
    assert!(sink.seen().iter().filter(|seen| !seen.text().is_empty()).all(|seen| fits(secret, seen)));
    bellhop.terminate().await;
}
