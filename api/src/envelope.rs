//! The one shape of every failure.

use std::error::Error as _;

use bellhop_domain::problem::Problem;
use bellhop_service::error::{Error, Refusal};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};
use serde_json::{Map, Value, json};

use crate::request_id;
use crate::types::JsonObject;

/// What every failed request is answered with.
#[derive(Debug, Object)]
pub struct ErrorEnvelope {
    // Boxed: every result carries room for it.
    error: Box<ErrorBody>,
}

/// What went wrong and what to do next.
#[derive(Debug, Object)]
struct ErrorBody {
    /// A stable code; GET errors lists them all.
    code: String,
    /// A sentence for a front-desk person.
    message: String,
    /// What the code leaves open. VALIDATION_FAILED names each wrong field:
    /// `{"fields": [{"field": "content.text", "reason": "…"}]}`.
    details: JsonObject,
    /// What to do next.
    recovery_options: Vec<String>,
    /// The request's id, as in the header x-request-id.
    request_id: String,
}

/// Every failure that an operation answers with.
#[derive(Debug, ApiResponse)]
pub enum ApiError {
    /// The request is wrong: VALIDATION_FAILED, INVALID_PHONE_NUMBER, INVALID_TEMPLATE_PARAMETERS
    #[oai(status = 400)]
    BadRequest(Json<ErrorEnvelope>),
    /// No valid access token, password or signature: UNAUTHENTICATED, SIGN_IN_REFUSED, INVALID_SIGNATURE,
    /// MEDIA_ADDRESS_INVALID
    #[oai(status = 401)]
    Unauthorized(
        Json<ErrorEnvelope>,
        /// How to authenticate
        #[oai(header = "WWW-Authenticate")]
        Option<String>,
    ),
    /// Not allowed: FORBIDDEN, MESSAGE_WINDOW_EXPIRED, GUEST_OPTED_OUT, WEBHOOK_VERIFICATION_FAILED,
    /// ACCOUNT_RESTRICTED, MEDIA_ADDRESS_EXPIRED
    #[oai(status = 403)]
    Forbidden(Json<ErrorEnvelope>),
    /// There is no such object for this token: NOT_FOUND, TEMPLATE_NOT_FOUND
    #[oai(status = 404)]
    NotFound(Json<ErrorEnvelope>),
    /// The address does not take this method: METHOD_NOT_ALLOWED
    #[oai(status = 405)]
    MethodNotAllowed(
        Json<ErrorEnvelope>,
        /// The methods that it takes
        #[oai(header = "Allow")]
        String,
    ),
    /// The present state is against it: CONVERSATION_MISMATCH, NO_CONNECTION, GUEST_UNREACHABLE,
    /// MESSAGE_NOT_IN_DOUBT, TEMPLATE_EXISTS, TEMPLATE_STATE_CONFLICT, PROVIDER_CREDENTIALS,
    /// NUMBER_CONNECTED, NUMBER_TAKEN, NUMBER_DISCONNECTED, EMAIL_TAKEN, CONTENT_ERASED
    #[oai(status = 409)]
    Conflict(Json<ErrorEnvelope>),
    /// It was here and is not kept any more: CURSOR_EXPIRED, MEDIA_GONE
    #[oai(status = 410)]
    Gone(Json<ErrorEnvelope>),
    /// The body is over the limit: PAYLOAD_TOO_LARGE
    #[oai(status = 413)]
    TooLarge(Json<ErrorEnvelope>),
    /// The body's content type is not taken: UNSUPPORTED_MEDIA_TYPE
    #[oai(status = 415)]
    UnsupportedMediaType(Json<ErrorEnvelope>),
    /// The request cannot be done as it stands: IDEMPOTENCY_KEY_REUSED, MEDIA_UPLOAD_FAILED,
    /// TEMPLATE_REFUSED, ACCESS_TOKEN_REFUSED, NUMBER_UNKNOWN, NUMBER_NOT_OF_ACCOUNT, CALLBACK_REFUSED
    #[oai(status = 422)]
    Unprocessable(Json<ErrorEnvelope>),
    /// Too many requests: RATE_LIMIT_EXCEEDED
    #[oai(status = 429)]
    TooMany(
        Json<ErrorEnvelope>,
        /// Seconds to wait
        #[oai(header = "Retry-After")]
        u64,
    ),
    /// Our fault: INTERNAL_ERROR
    #[oai(status = 500)]
    Internal(Json<ErrorEnvelope>),
    /// Not now: SERVICE_UNAVAILABLE, PROVIDER_UNAVAILABLE
    #[oai(status = 503)]
    Unavailable(
        Json<ErrorEnvelope>,
        /// Seconds to wait
        #[oai(header = "Retry-After")]
        u64,
    ),
}

impl ApiError {
    /// The answer for a problem; `details` is always an object.
    pub fn new(problem: Problem, message: impl Into<String>, details: Value) -> Self {
        let row = problem.row();
        let retry_after = details.get("retry_after").and_then(Value::as_u64).unwrap_or(1).max(1);
        let envelope = Json(ErrorEnvelope {
            error: Box::new(ErrorBody {
                code: row.code.to_owned(),
                message: message.into(),
                details: JsonObject::of(details),
                recovery_options: row.recovery_options.iter().map(|&option| option.to_owned()).collect(),
                request_id: request_id::current(),
            }),
        });
        match row.http_status {
            400 => Self::BadRequest(envelope),
            // A signature is no HTTP authentication scheme: there is nothing to challenge for.
            401 if problem == Problem::InvalidSignature => Self::Unauthorized(envelope, None),
            401 => Self::Unauthorized(envelope, Some("Bearer realm=\"bellhop\"".to_owned())),
            403 => Self::Forbidden(envelope),
            404 => Self::NotFound(envelope),
            405 => Self::MethodNotAllowed(envelope, String::new()),
            409 => Self::Conflict(envelope),
            410 => Self::Gone(envelope),
            413 => Self::TooLarge(envelope),
            415 => Self::UnsupportedMediaType(envelope),
            422 => Self::Unprocessable(envelope),
            429 => Self::TooMany(envelope, retry_after),
            503 => Self::Unavailable(envelope, retry_after),
            _ => Self::Internal(envelope),
        }
    }

    /// A problem in its own words.
    pub fn of(problem: Problem) -> Self {
        Self::new(problem, problem.row().meaning, json!({}))
    }

    pub fn because(problem: Problem, message: impl Into<String>) -> Self {
        Self::new(problem, message, json!({}))
    }

    /// Wrong fields of a request, each with the reason.
    pub fn fields(wrong: &[(String, String)]) -> Self {
        let sentence: Vec<_> = wrong.iter().map(|(field, reason)| format!("{field}: {reason}")).collect();
        let fields: Vec<_> =
            wrong.iter().map(|(field, reason)| json!({"field": field, "reason": reason})).collect();
        Self::new(Problem::ValidationFailed, sentence.join("; "), json!({"fields": fields}))
    }

    pub fn field(field: &str, reason: impl std::fmt::Display) -> Self {
        Self::fields(&[(field.to_owned(), reason.to_string())])
    }

    /// The answer to a method that the address does not take.
    pub fn method_not_allowed(allow: String) -> Self {
        let Self::MethodNotAllowed(envelope, _) = Self::of(Problem::MethodNotAllowed) else {
            return Self::of(Problem::MethodNotAllowed);
        };
        Self::MethodNotAllowed(envelope, allow)
    }

    /// One shape for wrong fields, whoever found them: the service names one, the body several.
    fn refused(refusal: Refusal) -> Self {
        let Refusal { problem, message, details } = refusal;
        let details = match details {
            Value::Object(map) if problem == Problem::ValidationFailed => Value::Object(as_fields(map)),
            other => other,
        };
        Self::new(problem, message, details)
    }
}

fn as_fields(mut details: Map<String, Value>) -> Map<String, Value> {
    if let (Some(field), Some(reason)) = (details.remove("field"), details.remove("reason")) {
        details.insert("fields".to_owned(), json!([{"field": field, "reason": reason}]));
    }
    details
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let problem = error.problem();
        if let Error::Refused(refusal) = error {
            return Self::refused(*refusal);
        }
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        let request_id = request_id::current();
        tracing::error!(%request_id, %error, causes = causes.join(": "), "request failed");
        Self::of(problem)
    }
}

#[cfg(test)]
mod tests {
    use poem::IntoResponse;

    use super::*;

    #[test]
    fn every_problem_has_its_own_status() {
        for problem in Problem::ALL {
            let response = ApiError::of(*problem).into_response();
            assert_eq!(response.status().as_u16(), problem.row().http_status, "{problem:?}");
        }
    }

    #[test]
    fn waits_are_told() {
        let retry_after = |error: ApiError| error.into_response().headers()["retry-after"].clone();
        assert_eq!(retry_after(ApiError::of(Problem::Unavailable)), "1");
        let limited = ApiError::new(Problem::RateLimitExceeded, "", json!({"retry_after": 7}));
        assert_eq!(retry_after(limited), "7");
    }

    #[test]
    fn a_field_of_the_service_is_named_like_one_of_the_body() {
        let ApiError::BadRequest(Json(envelope)) = ApiError::from(Error::field("limit", "must be 1 to 100"))
        else {
            panic!("not a 400");
        };
        let fields = json!([{"field": "limit", "reason": "must be 1 to 100"}]);
        assert_eq!(envelope.error.details.0["fields"], fields);
    }
}
