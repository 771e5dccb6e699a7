//! Meta's JSON: field names and shapes are theirs, unknown fields are ignored. What the
//! documentation leaves open, or breaks in its own examples, is taken in every form.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::{integer, optional, text};

// ---- what we send

#[derive(Serialize)]
pub(super) struct SendRequest<'a> {
    pub messaging_product: &'static str,
    pub recipient_type: &'static str,
    /// A phone number; absent when there is a `recipient`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<&'a str>,
    /// A business-scoped user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<&'a str>,
    /// At most 512 characters; comes back in every status of the message.
    pub biz_opaque_callback_data: String,
    #[serde(flatten)]
    pub body: SendBody<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SendBody<'a> {
    Text { text: TextBody<'a> },
    Template { template: TemplateBody<'a> },
}

#[derive(Serialize)]
pub(super) struct TextBody<'a> {
    pub body: &'a str,
    pub preview_url: bool,
}

#[derive(Serialize)]
pub(super) struct TemplateBody<'a> {
    pub name: &'a str,
    pub language: LanguageCode<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component<'a>>,
}

#[derive(Serialize)]
pub(super) struct LanguageCode<'a> {
    pub code: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Component<'a> {
    Body { parameters: Vec<Parameter<'a>> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Parameter<'a> {
    Text {
        #[serde(skip_serializing_if = "Option::is_none")]
        parameter_name: Option<&'a str>,
        text: &'a str,
    },
}

#[derive(Serialize)]
pub(super) struct Subscribe<'a> {
    pub override_callback_uri: &'a str,
    pub verify_token: &'a str,
}

// ---- what it answers

/// The answer to a send. Both parts are read on their own: one that is broken is absent.
#[derive(Deserialize)]
pub(super) struct SendAnswer {
    #[serde(default, deserialize_with = "optional")]
    pub messages: Option<Vec<AcceptedMessage>>,
    #[serde(default, deserialize_with = "optional")]
    pub contacts: Option<Vec<AcceptedContact>>,
}

#[derive(Deserialize)]
pub(super) struct AcceptedMessage {
    pub id: String,
}

#[derive(Deserialize)]
pub(super) struct AcceptedContact {
    #[serde(default, deserialize_with = "text")]
    pub wa_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub user_id: Option<String>,
}

/// Meta's error envelope.
#[derive(Deserialize)]
pub(super) struct ErrorEnvelope {
    pub error: GraphError,
}

#[derive(Deserialize)]
pub(super) struct GraphError {
    #[serde(default, deserialize_with = "integer")]
    pub code: Option<i64>,
    /// With `code`, `type` and `fbtrace_id` the only fields that are always there.
    pub message: String,
    /// An object with `details`, now and then a plain text.
    #[serde(default)]
    pub error_data: Value,
    #[serde(default, deserialize_with = "optional")]
    pub is_transient: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    pub success: bool,
}

#[derive(Deserialize)]
pub(super) struct Number {
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
pub(super) struct Throughput {
    pub level: String,
}

#[derive(Deserialize)]
pub(super) struct TemplatePage {
    /// Read one by one: a template of a new kind must not hide the others.
    pub data: Vec<Value>,
    #[serde(default, deserialize_with = "optional")]
    pub paging: Option<Paging>,
}

#[derive(Deserialize)]
pub(super) struct Paging {
    #[serde(default, deserialize_with = "optional")]
    pub cursors: Option<Cursors>,
    /// Only there when another page is.
    #[serde(default, deserialize_with = "text")]
    pub next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Cursors {
    #[serde(default, deserialize_with = "text")]
    pub after: Option<String>,
}

impl TemplatePage {
    /// Where the next page starts. The cursor alone is taken from `next`: following that address
    /// would send the token to whatever host the answer names.
    pub fn next_cursor(&self) -> Option<String> {
        let paging = self.paging.as_ref()?;
        let next = paging.next.as_ref()?;
        let of_next = || {
            let url = reqwest::Url::parse(next).ok()?;
            url.query_pairs().find(|(key, _)| key == "after").map(|(_, value)| value.into_owned())
        };
        paging.cursors.as_ref().and_then(|cursors| cursors.after.clone()).or_else(of_next)
    }
}

#[derive(Deserialize)]
pub(super) struct Template {
    #[serde(default, deserialize_with = "text")]
    pub id: Option<String>,
    pub name: String,
    pub language: String,
    pub category: String,
    pub status: String,
    /// Absent means positional.
    #[serde(default, deserialize_with = "text")]
    pub parameter_format: Option<String>,
    pub components: Value,
    #[serde(default, deserialize_with = "optional")]
    pub quality_score: Option<QualityScore>,
    #[serde(default, deserialize_with = "text")]
    pub rejected_reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct QualityScore {
    pub score: String,
}

// ---- what its webhooks tell

/// `value` of a change of the field `messages`, and what other fields have of it.
#[derive(Deserialize)]
pub(super) struct ChangeValue {
    #[serde(default, deserialize_with = "optional")]
    pub metadata: Option<Metadata>,
    #[serde(default, deserialize_with = "optional")]
    pub contacts: Option<Vec<Contact>>,
}

#[derive(Deserialize)]
pub(super) struct Metadata {
    #[serde(default, deserialize_with = "text")]
    pub phone_number_id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Contact {
    #[serde(default, deserialize_with = "text")]
    pub wa_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub user_id: Option<String>,
    #[serde(default, deserialize_with = "optional")]
    pub profile: Option<Profile>,
}

#[derive(Deserialize)]
pub(super) struct Profile {
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub username: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Message {
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
    pub text: Option<MessageText>,
    #[serde(default, deserialize_with = "optional")]
    pub context: Option<Context>,
    #[serde(default, deserialize_with = "text")]
    pub group_id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct MessageText {
    pub body: String,
}

#[derive(Deserialize)]
pub(super) struct Context {
    /// Absent when the context only tells that the message was forwarded.
    #[serde(default, deserialize_with = "text")]
    pub id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Status {
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
}

#[derive(Deserialize)]
pub(super) struct StatusError {
    #[serde(default, deserialize_with = "integer")]
    pub code: Option<i64>,
    #[serde(default, deserialize_with = "text")]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub message: Option<String>,
    #[serde(default)]
    pub error_data: Value,
}
