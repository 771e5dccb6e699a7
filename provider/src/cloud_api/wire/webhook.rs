//! What Meta's webhooks tell.

use serde::Deserialize;
use serde_json::Value;

use super::super::json::{integer, optional, text};

/// `value` of a change of the field `messages`, and what other fields have of it.
#[derive(Deserialize)]
pub struct ChangeValue {
    #[serde(default, deserialize_with = "optional")]
    pub metadata: Option<Metadata>,
    #[serde(default, deserialize_with = "optional")]
    pub contacts: Option<Vec<Contact>>,
}

#[derive(Deserialize)]
pub struct Metadata {
    #[serde(default, deserialize_with = "text")]
    pub phone_number_id: Option<String>,
}

#[derive(Deserialize)]
pub struct Contact {
    #[serde(default, deserialize_with = "text")]
    pub wa_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub user_id: Option<String>,
    #[serde(default, deserialize_with = "optional")]
    pub profile: Option<Profile>,
}

#[derive(Deserialize)]
pub struct Profile {
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub username: Option<String>,
}

#[derive(Deserialize)]
pub struct Status {
    #[serde(default, deserialize_with = "text")]
    pub id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "integer")]
    pub timestamp: Option<i64>,
    #[serde(default, deserialize_with = "text")]
    pub recipient_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub recipient_user_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub recipient_type: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub biz_opaque_callback_data: Option<String>,
    #[serde(default, deserialize_with = "optional")]
    pub errors: Option<Vec<StatusError>>,
    #[serde(default, deserialize_with = "optional")]
    pub pricing: Option<Pricing>,
}

#[derive(Deserialize)]
pub struct Pricing {
    #[serde(default, deserialize_with = "optional")]
    pub billable: Option<bool>,
    #[serde(default, deserialize_with = "text")]
    pub pricing_model: Option<String>,
    /// `pricing_type` in older versions.
    #[serde(rename = "type", alias = "pricing_type", default, deserialize_with = "text")]
    pub kind: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub category: Option<String>,
}

#[derive(Deserialize)]
pub struct StatusError {
    #[serde(default, deserialize_with = "integer")]
    pub code: Option<i64>,
    #[serde(default, deserialize_with = "text")]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub message: Option<String>,
    #[serde(default)]
    pub error_data: Value,
}

/// An entry of `value.user_preferences`.
#[derive(Deserialize)]
pub struct UserPreference {
    /// Absent when the guest hides the number.
    #[serde(default, deserialize_with = "text")]
    pub wa_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub user_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub detail: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub category: Option<String>,
    /// `stop`, `resume`, `signup`.
    #[serde(default, deserialize_with = "text")]
    pub value: Option<String>,
    /// Unix seconds, as a number.
    #[serde(default, deserialize_with = "integer")]
    pub timestamp: Option<i64>,
}

/// `value` of all changes that tell of a template; each field has a part of it.
#[derive(Deserialize)]
pub struct TemplateUpdate {
    /// A number in Meta's examples.
    #[serde(default, deserialize_with = "text")]
    pub message_template_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub message_template_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub message_template_language: Option<String>,
    /// The new status.
    #[serde(default, deserialize_with = "text")]
    pub event: Option<String>,
    /// `NONE`, or null, where there is none.
    #[serde(default, deserialize_with = "text")]
    pub reason: Option<String>,
    #[serde(default, deserialize_with = "optional")]
    pub rejection_info: Option<RejectionInfo>,
    #[serde(default, deserialize_with = "optional")]
    pub other_info: Option<OtherInfo>,
    #[serde(default, deserialize_with = "text")]
    pub new_category: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub previous_category: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub new_quality_score: Option<String>,
}

#[derive(Deserialize)]
pub struct RejectionInfo {
    #[serde(default, deserialize_with = "text")]
    pub reason: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub recommendation: Option<String>,
}

/// Of a pause, or of its end.
#[derive(Deserialize)]
pub struct OtherInfo {
    #[serde(default, deserialize_with = "text")]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub description: Option<String>,
}
