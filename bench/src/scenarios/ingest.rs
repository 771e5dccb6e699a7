//! Signed inbound texts with ids of their own, as WhatsApp posts them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use bellhop_e2e::services::Pair;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Asked, Size};
use crate::load::{CLIENTS, drive};
use crate::raw;
use crate::system::System;

const GUESTS: usize = 1_024;

pub async fn run(size: Size) -> Result<()> {
    let time = Duration::from_secs(size.of(10) as u64);
    let runs = [one(Pair::Embedded, time).await?, one(Pair::Services, time).await?];
    super::print("ingest: signed inbound texts by POST webhook, 16 clients", &runs);
    Ok(())
}

async fn one(pair: Pair, time: Duration) -> Result<Asked> {
    let mut system = System::on(pair, 1).await?;
    let sender = Arc::new(Sender::new(&system)?);
    // Guests and conversations are made by a first message each, which is not counted.
    for n in 0..GUESTS.div_ceil(CLIENTS) {
        let first = (0..CLIENTS).map(|client| sender.send("first", client, n));
        futures_util::future::try_join_all(first).await?;
    }
    let before = system.watch().now()?;
    let load = drive(time, move |client, n| {
        let sender = Arc::clone(&sender);
        async move { sender.send("next", client, n).await }
    })
    .await?;
    let cpu = system.watch().now()?.since(&before);
    system.stop().await?;
    let raw = raw::one::run(&system, time).await?;
    Ok(Asked { pair, load, cpu, raw })
}

struct Sender {
    http: reqwest::Client,
    url: String,
    account: bellhop_simulator::Account,
}

impl Sender {
    fn new(system: &System) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        let url = format!("{}/webhook", system.staff.base);
        Ok(Self { http, url, account: bellhop_simulator::well_known(1) })
    }

    async fn send(&self, series: &str, client: usize, n: usize) -> Result<()> {
        let body = serde_json::to_vec(&self.payload(series, (client, n))?)?;
        let request = self.http.post(&self.url).header("content-type", "application/json");
        let request = request.header("x-hub-signature-256", self.signature(&body)?);
        let answer = request.body(body).send().await?;
        let status = answer.status();
        // Read to its end, so that the connection is used again.
        let text = answer.text().await?;
        ensure!(status == 200, "{status}: {text}");
        Ok(())
    }

    /// In Meta's shape.
    fn payload(&self, series: &str, (client, n): (usize, usize)) -> Result<Value> {
        let guest = format!("1415556{:04}", (client + n * CLIENTS) % GUESTS);
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().to_string();
        let account = &self.account;
        Ok(json!({"object": "whatsapp_business_account", "entry": [{"id": account.waba_id, "changes": [{
        "field": "messages",
        "value": {
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": account.display_phone_number,
                "phone_number_id": account.phone_number_id,
            },
            "contacts": [{"profile": {"name": "Guest"}, "wa_id": guest}],
            "messages": [{
                "from": guest, "id": format!("wamid.BENCH-{series}-{client}-{n}"), "timestamp": now,
                "type": "text", "text": {"body": "Is the pool open until nine?"},
            }],
        }}]}]}))
    }

    fn signature(&self, body: &[u8]) -> Result<String> {
        let mac = Hmac::<Sha256>::new_from_slice(self.account.app_secret.as_bytes())?.chain_update(body);
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("sha256={hex}"))
    }
}
