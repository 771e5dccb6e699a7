//! The number and the account's callback.

use serde::{Deserialize, Serialize};

use super::super::json::{optional, text};

#[derive(Deserialize)]
pub struct Number {
    #[serde(default)]
    pub display_phone_number: String,
    #[serde(default, deserialize_with = "text")]
    pub verified_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub quality_rating: Option<String>,
    #[serde(default, deserialize_with = "optional")]
    pub throughput: Option<Throughput>,
    #[serde(default, deserialize_with = "optional")]
    pub is_on_biz_app: Option<bool>,
}

#[derive(Deserialize)]
pub struct Throughput {
    pub level: String,
}

#[derive(Deserialize)]
pub struct Callbacks {
    #[serde(default, deserialize_with = "optional")]
    pub webhook_configuration: Option<Callback>,
}

/// The addresses that webhooks may go to. The closest to the number counts.
#[derive(Deserialize)]
pub struct Callback {
    #[serde(default, deserialize_with = "text")]
    phone_number: Option<String>,
    #[serde(default, deserialize_with = "text")]
    whatsapp_business_account: Option<String>,
    #[serde(default, deserialize_with = "text")]
    application: Option<String>,
}

impl Callback {
    pub fn effective(self) -> Option<String> {
        self.phone_number.or(self.whatsapp_business_account).or(self.application)
    }
}

#[derive(Serialize)]
pub struct Subscribe<'a> {
    pub override_callback_uri: &'a str,
    pub verify_token: &'a str,
}
