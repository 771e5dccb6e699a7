//! Meta's error envelope, and the table of codes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use poem::{Response, http::StatusCode};
use serde_json::{Value, json};

/// A refusal in the terms of the Graph API.
#[derive(Clone, Debug)]
pub(crate) struct GraphError {
    pub code: i64,
    /// `error_data.details`; empty: the table's sentence.
    pub details: String,
    subcode: Option<i64>,
    /// Replaces the table's message, for errors about objects and paths.
    message: Option<String>,
    /// Title and sentence for people, as errors about templates carry them.
    user: Option<(String, String)>,
}

impl GraphError {
    pub(crate) fn new(code: i64, details: impl Into<String>) -> Self {
        Self { code, details: details.into(), subcode: None, message: None, user: None }
    }

    /// What Graph says of an object it does not know, or will not show.
    pub(crate) fn unknown_object(method: &str, id: &str) -> Self {
        let message = format!(
            "Unsupported {} request. Object with ID '{id}' does not exist, cannot be loaded due to missing \
             permissions, or does not support this operation.",
            method.to_lowercase()
        );
        Self { subcode: Some(33), message: Some(message), ..Self::new(100, "") }
    }

    pub(crate) fn unknown_path(path: &str) -> Self {
        Self { message: Some(format!("Unknown path components: {path}")), ..Self::new(2_500, "") }
    }

    /// A refusal of the template endpoints: the subcode says which rule, the sentence is for people.
    pub(crate) fn template(subcode: i64, title: &str, sentence: impl Into<String>) -> Self {
        Self {
            subcode: Some(subcode),
            message: Some("Invalid parameter".to_owned()),
            user: Some((title.to_owned(), sentence.into())),
            ..Self::new(100, "")
        }
    }

    /// The token was right once, and another has taken its place.
    pub(crate) fn token_replaced() -> Self {
        let message = "Error validating access token: The session has been invalidated.";
        Self { subcode: Some(460), message: Some(message.to_owned()), ..Self::new(190, "") }
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new(131_008, format!("Parameter '{parameter}' is mandatory"))
    }

    pub(crate) fn into_response(self) -> Response {
        let (http, title, details) = entry(self.code);
        let message = self.message.clone().unwrap_or_else(|| match self.code {
            // Codes about the call as a whole are not repeated in the sentence.
            0 | 1 | 2 | 104 | 190 => title.to_owned(),
            code => format!("(#{code}) {title}"),
        });
        let object_error = self.subcode == Some(33);
        let mut error = json!({
            "message": message,
            "type": if object_error { "GraphMethodException" } else { "OAuthException" },
            "code": self.code,
            "fbtrace_id": trace_id(),
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = json!(subcode);
        }
        if matches!(self.code, 1 | 2 | 4 | 80_007 | 80_008) {
            error["is_transient"] = json!(true);
        }
        if let Some((title, sentence)) = &self.user {
            error["is_transient"] = json!(false);
            error["error_user_title"] = json!(title);
            error["error_user_msg"] = json!(sentence);
        }
        let details = if self.details.is_empty() { details } else { &self.details };
        if self.message.is_none() && !details.is_empty() {
            error["error_data"] = json!({"messaging_product": "whatsapp", "details": details});
        }
        respond(http, &json!({"error": error}))
    }
}

/// Title and details of a code, as a `failed` status webhook carries them.
pub(crate) fn error_text(code: i64) -> (&'static str, &'static str) {
    let (_, title, details) = entry(code);
    (title, if details.is_empty() { title } else { details })
}

pub(super) fn respond(http: u16, body: &Value) -> Response {
    Response::builder()
        .status(StatusCode::from_u16(http).unwrap_or(StatusCode::BAD_REQUEST))
        .header("facebook-api-version", "v24.0")
        .content_type("application/json; charset=UTF-8")
        .body(body.to_string())
}

fn trace_id() -> String {
    format!("A{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()))
}

const OTHER: (u16, &str, &str) = (400, "Something went wrong", "");

/// HTTP status, title and usual details of a code. A code that is not here can still be asked for by a
/// fault: it answers 400, as most do.
fn entry(code: i64) -> (u16, &'static str, &'static str) {
    match code {
        0 => (401, "We were unable to authenticate the app user", ""),
        1 => (400, "An unknown error occurred", ""),
        2 => (503, "Service temporarily unavailable", ""),
        3 => (500, "Application does not have the capability to make this API call", ""),
        4 => (429, "Application request limit reached", ""),
        10 => (403, "Application does not have permission for this action", ""),
        33 => (400, "Parameter value is not valid", ""),
        100 => (400, "Invalid parameter", ""),
        104 => (401, "An access token is required to request this resource", ""),
        190 => (401, "Invalid OAuth access token - Cannot parse access token", ""),
        200..=299 => (403, "Permissions error", ""),
        368 => (403, "Temporarily blocked for policies violations", ""),
        2_200 => (400, "Callback verification failed", ""),
        80_007 => (429, "Rate limit issues", ""),
        80_008 => (429, "There have been too many calls to this WhatsApp Business account", ""),
        130_000.. => messaging_entry(code),
        _ => OTHER,
    }
}

/// The codes of the messaging endpoints.
fn messaging_entry(code: i64) -> (u16, &'static str, &'static str) {
    match code {
        130_429 => (400, "Rate limit hit", "Cloud API message throughput has been reached."),
        130_472 => (400, "User's number is part of an experiment", "Message was not sent."),
        131_000 => (500, "Something went wrong", "Message failed to send because of an unknown error."),
        131_005 => (403, "Access denied", ""),
        131_008 => (400, "Required parameter is missing", ""),
        131_009 => (400, "Parameter value is not valid", ""),
        131_016 => (500, "Service unavailable", "A service is temporarily unavailable"),
        131_021 => (400, "Recipient cannot be sender", "The recipient is the same as the sender"),
        131_026 => (400, "Message undeliverable", "Message Undeliverable."),
        131_030 => (400, "Recipient phone number not in allowed list", ""),
        131_031 => (403, "Business Account locked", "Account restricted or data mismatch"),
        131_042 => (400, "Business eligibility payment issue", "Payment methods need attention"),
        131_047 => (
            400,
            "Re-engagement message",
            "Message failed to send because more than 24 hours have passed since the customer last replied to \
             this number.",
        ),
        131_048 => (400, "Spam rate limit hit", "Too many messages blocked or flagged"),
        131_049 => (400, "Message not delivered to keep the ecosystem healthy", ""),
        131_050 => (
            400,
            "User has stopped marketing messages",
            "Recipient stopped marketing messages from this business.",
        ),
        131_051 => (400, "Unsupported message type", ""),
        131_052 => (400, "Media download error", ""),
        131_053 => (400, "Media upload error", ""),
        131_056 => (
            400,
            "(Business Account, Consumer Account) pair rate limit hit",
            "Too many messages to the same recipient in a short period",
        ),
        131_057 => (500, "Account in maintenance mode", ""),
        132_000 => (400, "Number of parameters does not match the expected number of params", ""),
        132_001 => (404, "Template name does not exist in the translation", ""),
        132_005 => (400, "Translated text too long", ""),
        132_007 => (400, "Template format character policy violated", ""),
        132_008 => (400, "Parameter value is not valid", ""),
        132_012 => (400, "Parameter format does not match format in the created template", ""),
        132_015 => (400, "Template is paused", "Template paused due to low quality"),
        132_016 => (400, "Template is disabled", ""),
        132_018 => (400, "Template parameters are not valid", ""),
        133_004 => (503, "Server temporarily unavailable", ""),
        133_005 => (400, "Two step verification PIN mismatch", "The PIN is not the one that was set"),
        133_006 => (400, "Phone number must be verified", "Verify the number before it is registered"),
        133_010 => (400, "Account not registered", "Phone number not registered on the platform"),
        134_100 => (400, "Only marketing messages are supported", ""),
        _ => OTHER,
    }
}
