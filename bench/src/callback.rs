//! What guests say, as WhatsApp tells it: signed, with ids of its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::system::System;

/// Who writes, in turn.
pub const GUESTS: usize = 1_024;

pub struct Callback {
    http: reqwest::Client,
    url: String,
    account: bellhop_simulator::Account,
}

impl Callback {
    pub fn of(system: &System) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        let url = format!("{}/webhook", system.staff.base);
        Ok(Self { http, url, account: bellhop_simulator::well_known(1) })
    }

    /// The `n`th guest says something. The name makes its id, and is never used twice.
    pub async fn say(&self, n: usize, name: &str, text: &str) -> Result<()> {
        let body = serde_json::to_vec(&self.payload(n, name, text)?)?;
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
    fn payload(&self, n: usize, name: &str, text: &str) -> Result<Value> {
        let guest = format!("1415556{:04}", n % GUESTS);
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
                "from": guest, "id": format!("wamid.BENCH-{name}"), "timestamp": now,
                "type": "text", "text": {"body": text},
            }],
        }}]}]}))
    }

    fn signature(&self, body: &[u8]) -> Result<String> {
        let mac = Hmac::<Sha256>::new_from_slice(self.account.app_secret.as_bytes())?.chain_update(body);
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("sha256={hex}"))
    }
}
