//! Addresses under which a file can be fetched without a token, for an hour: partners get them with
//! `media_received`.
//!
//! The signature is the property's id, sealed for this file and this end with the key of the credentials: so it can
//! be neither made nor changed by others, and the cipher tries both keys while one is being changed. Nothing is
//! stored, so an address cannot be taken back; that is why it is short-lived.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bellhop_domain::event::EventType;
use bellhop_domain::problem::Problem;
use bellhop_domain::{MediaId, PropertyId, Secret};
use chrono::TimeDelta;
use serde_json::Value;

use super::StoredMedia;
use crate::app::App;
use crate::error::{Error, Result};

const LIVES_FOR: TimeDelta = TimeDelta::hours(1);

impl App {
    /// What an event tells at this moment: of a file also where it can be fetched. Made when it is read and never
    /// stored, so that a delivery after three days has an address that is good.
    pub(crate) fn told_now(&self, property: PropertyId, event: EventType, mut data: Value) -> Value {
        let file = data["media_id"].as_str().and_then(|id| id.parse().ok());
        if let (EventType::MediaReceived, Some(file)) = (event, file) {
            data["media_url"] = self.media_address(property, file).into();
        }
        data
    }

    fn media_address(&self, property: PropertyId, file: MediaId) -> String {
        let expires = (self.now() + LIVES_FOR).timestamp();
        let sealed = self.ports.cipher.encrypt(&Secret::new(property.to_string()), &context(file, expires));
        let signature = URL_SAFE_NO_PAD.encode(sealed);
        format!("{}/media/{file}?expires={expires}&signature={signature}", self.config.api_url)
    }

    /// The file of an address that was made here, with its `expires` and `signature` as they came.
    pub async fn open_address(&self, file: MediaId, expires: &str, signature: &str) -> Result<StoredMedia> {
        let invalid = || Error::of(Problem::AddressInvalid);
        let expires: i64 = expires.parse().map_err(|_| invalid())?;
        let sealed = URL_SAFE_NO_PAD.decode(signature).map_err(|_| invalid())?;
        let property = self.ports.cipher.decrypt(&sealed, &context(file, expires)).map_err(|_| invalid())?;
        let property = property.expose().parse().map_err(|_| invalid())?;
        if self.now().timestamp() >= expires {
            return Err(Error::of(Problem::AddressExpired));
        }
        self.open_file(property, file).await
    }
}

fn context(file: MediaId, expires: i64) -> String {
    format!("media address {file} {expires}")
}
