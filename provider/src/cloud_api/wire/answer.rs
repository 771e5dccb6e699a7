//! What Meta answers, to a send and in general.

use serde::Deserialize;
use serde_json::Value;

use super::super::json::{integer, optional, text};

/// The answer to a send. Both parts are read on their own: one that is broken is absent.
#[derive(Deserialize)]
pub struct SendAnswer {
    #[serde(default, deserialize_with = "optional")]
    pub messages: Option<Vec<AcceptedMessage>>,
    #[serde(default, deserialize_with = "optional")]
    pub contacts: Option<Vec<AcceptedContact>>,
}

#[derive(Deserialize)]
pub struct AcceptedMessage {
    pub id: String,
}

#[derive(Deserialize)]
pub struct AcceptedContact {
    #[serde(default, deserialize_with = "text")]
    pub wa_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub user_id: Option<String>,
}

/// Meta's error envelope.
#[derive(Deserialize)]
pub struct ErrorEnvelope {
    pub error: GraphError,
}

#[derive(Deserialize)]
pub struct GraphError {
    #[serde(default, deserialize_with = "integer")]
    pub code: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    pub error_subcode: Option<i64>,
    /// With `code`, `type` and `fbtrace_id` the only fields that are always there.
    pub message: String,
    /// An object with `details`, now and then a plain text.
    #[serde(default)]
    pub error_data: Value,
    /// What Meta would show to a person: of templates, what is wrong with them.
    #[serde(default, deserialize_with = "text")]
    pub error_user_msg: Option<String>,
    #[serde(default, deserialize_with = "optional")]
    pub is_transient: Option<bool>,
}

#[derive(Deserialize)]
pub struct Done {
    #[serde(default)]
    pub success: bool,
}

/// An upload of a file, or of a session for one.
#[derive(Deserialize)]
pub struct Uploaded {
    #[serde(default, deserialize_with = "text")]
    pub id: Option<String>,
}

/// Where a file is, for five minutes, and what it is.
#[derive(Deserialize)]
pub struct FileAddress {
    #[serde(default, deserialize_with = "text")]
    pub url: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub mime_type: Option<String>,
    /// Base64 or hexadecimal.
    #[serde(default, deserialize_with = "text")]
    pub sha256: Option<String>,
    /// A text in Meta's specification, a number elsewhere.
    #[serde(default, deserialize_with = "integer")]
    pub file_size: Option<i64>,
}

/// The end of a resumable upload.
#[derive(Deserialize)]
pub struct Handle {
    #[serde(default, deserialize_with = "text")]
    pub h: Option<String>,
}
