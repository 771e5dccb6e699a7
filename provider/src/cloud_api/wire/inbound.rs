//! What guests send: the parts of `messages[]`, each read only when the message's `type` names it.

use bellhop_domain::content::Contact;
use serde::Deserialize;
use serde_json::Value;

use super::super::json::{integer, optional, text};

#[derive(Deserialize)]
pub struct Message {
    /// Absent when the guest hides the number.
    #[serde(default, deserialize_with = "text")]
    pub from: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub from_user_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub id: Option<String>,
    /// Unix seconds, as a text.
    #[serde(default, deserialize_with = "integer")]
    pub timestamp: Option<i64>,
    #[serde(rename = "type", default, deserialize_with = "text")]
    pub kind: Option<String>,
    #[serde(default, deserialize_with = "optional")]
    pub context: Option<Context>,
    #[serde(default, deserialize_with = "optional")]
    pub referral: Option<Referral>,
    #[serde(default, deserialize_with = "optional")]
    pub system: Option<System>,
    #[serde(default, deserialize_with = "text")]
    pub group_id: Option<String>,
}

#[derive(Deserialize)]
pub struct Context {
    /// Absent when the context only tells that the message was forwarded.
    #[serde(default, deserialize_with = "text")]
    pub id: Option<String>,
    #[serde(default, deserialize_with = "optional")]
    pub forwarded: Option<bool>,
    #[serde(default, deserialize_with = "optional")]
    pub frequently_forwarded: Option<bool>,
    #[serde(default, deserialize_with = "optional")]
    pub referred_product: Option<ReferredProduct>,
}

#[derive(Deserialize)]
pub struct ReferredProduct {
    pub catalog_id: String,
    pub product_retailer_id: String,
}

#[derive(Deserialize)]
pub struct Referral {
    #[serde(default, deserialize_with = "text")]
    pub source_url: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub source_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub source_type: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub headline: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub body: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub media_type: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub image_url: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub video_url: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub ctwa_clid: Option<String>,
    #[serde(default, deserialize_with = "optional")]
    pub welcome_message: Option<WelcomeMessage>,
}

#[derive(Deserialize)]
pub struct WelcomeMessage {
    #[serde(default, deserialize_with = "text")]
    pub text: Option<String>,
}

#[derive(Deserialize)]
pub struct System {
    #[serde(rename = "type", default, deserialize_with = "text")]
    pub kind: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub body: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub wa_id: Option<String>,
    /// The older name of the same.
    #[serde(default, deserialize_with = "text")]
    pub new_wa_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub user_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub previous_user_id: Option<String>,
}

#[derive(Deserialize)]
pub struct Text {
    pub body: String,
}

#[derive(Deserialize)]
pub struct Media {
    #[serde(default, deserialize_with = "text")]
    pub id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub mime_type: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub sha256: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub caption: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub filename: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub url: Option<String>,
    #[serde(default, deserialize_with = "optional")]
    pub voice: Option<bool>,
    #[serde(default, deserialize_with = "optional")]
    pub animated: Option<bool>,
}

#[derive(Deserialize)]
pub struct Location {
    pub latitude: Degrees,
    pub longitude: Degrees,
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub address: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub url: Option<String>,
}

/// Numbers, and texts in some versions.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Degrees {
    Number(f64),
    Text(String),
}

/// The shape of a card is the same in both directions.
pub type Contacts = Vec<Contact>;

#[derive(Deserialize)]
#[serde(tag = "type")]
pub enum Interactive {
    #[serde(rename = "button_reply")]
    Button { button_reply: Choice },
    #[serde(rename = "list_reply")]
    List { list_reply: Choice },
    #[serde(rename = "nfm_reply")]
    Flow { nfm_reply: FlowReply },
}

#[derive(Deserialize)]
pub struct Choice {
    #[serde(default, deserialize_with = "text")]
    pub id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub description: Option<String>,
}

#[derive(Deserialize)]
pub struct FlowReply {
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub body: Option<String>,
    /// JSON within JSON.
    #[serde(default)]
    pub response_json: Value,
}

#[derive(Deserialize)]
pub struct Button {
    #[serde(default, deserialize_with = "text")]
    pub payload: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub text: Option<String>,
}

#[derive(Deserialize)]
pub struct Reaction {
    pub message_id: String,
    /// Absent, or empty in older versions: the reaction is taken back.
    #[serde(default, deserialize_with = "text")]
    pub emoji: Option<String>,
}

#[derive(Deserialize)]
pub struct Order {
    #[serde(default, deserialize_with = "text")]
    pub catalog_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub text: Option<String>,
    #[serde(default)]
    pub product_items: Vec<OrderItem>,
}

#[derive(Deserialize)]
pub struct OrderItem {
    pub product_retailer_id: String,
    pub quantity: f64,
    #[serde(default, deserialize_with = "optional")]
    pub item_price: Option<f64>,
    #[serde(default, deserialize_with = "text")]
    pub currency: Option<String>,
}

#[derive(Deserialize)]
pub struct Edit {
    pub original_message_id: String,
    pub message: Value,
}

#[derive(Deserialize)]
pub struct Revoke {
    pub original_message_id: String,
}
