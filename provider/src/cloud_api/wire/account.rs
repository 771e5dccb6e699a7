//! The number and the account's callback.

use serde::{Deserialize, Serialize};

use super::super::json::{optional, text};

#[derive(Deserialize)]
pub struct Number {
    #[serde(default)]
    pub display_phone_number: String,
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

#[derive(Serialize)]
pub struct Subscribe<'a> {
    pub override_callback_uri: &'a str,
    pub verify_token: &'a str,
}
