//! Every code that the API can answer with: one table of what it means and what to do next.

/// A problem's row in the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub code: &'static str,
    pub http_status: u16,
    /// For a front-desk person.
    pub meaning: &'static str,
    pub recovery_options: &'static [&'static str],
}

macro_rules! problems {
    ($($(#[$meta:meta])* $name:ident = $code:literal, $status:literal, $meaning:literal, [$($option:literal),* $(,)?];)+) => {
        /// A stable error code of the API. Codes are added, never renamed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Problem { $($(#[$meta])* $name),+ }

        impl Problem {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            pub const fn row(self) -> Row {
                match self { $(Self::$name => Row {
                    code: $code, http_status: $status, meaning: $meaning, recovery_options: &[$($option),*],
                }),+ }
            }
        }
    };
}

problems! {
    // The contract's own.
    InvalidPhoneNumber = "INVALID_PHONE_NUMBER", 400, "The phone number cannot be an international number.",
        ["Write the number with + and the country code", "Set the property's default country for local numbers"];
    TemplateNotFound = "TEMPLATE_NOT_FOUND", 404, "The template does not exist in this language or is not approved.",
        ["List the approved templates", "Use another language of the template"];
    MessageWindowExpired = "MESSAGE_WINDOW_EXPIRED", 403, "Cannot send free-form message outside 24-hour window",
        ["Use approved template message", "Wait for guest to initiate conversation", "Contact guest via alternative channel"];
    RateLimitExceeded = "RATE_LIMIT_EXCEEDED", 429, "Too many requests in a short time.",
        ["Try again after the time in the Retry-After header"];
    MediaUploadFailed = "MEDIA_UPLOAD_FAILED", 422, "The media file could not be taken.",
        ["Check the file's type and size", "Upload the file again"];
    WebhookDeliveryFailed = "WEBHOOK_DELIVERY_FAILED", 500, "A webhook could not be delivered.",
        ["Check that the receiving address answers", "Ask for the delivery again"];
    GuestOptedOut = "GUEST_OPTED_OUT", 403, "The guest does not want messages of this kind on WhatsApp.",
        ["Contact guest via alternative channel", "Ask the guest to opt in again"];
    // Ours.
    ValidationFailed = "VALIDATION_FAILED", 400, "Something in the request is missing or wrong; the details name it.",
        ["Correct the fields named in the details and send the request again"];
    InvalidParameters = "INVALID_TEMPLATE_PARAMETERS", 400, "The parameters do not fit the template.",
        ["Give exactly the parameters that the template lists", "Read the template with GET templates/{name}"];
    Unauthenticated = "UNAUTHENTICATED", 401, "The request has no valid access token.",
        ["Send the header Authorization: Bearer <token>", "Ask an admin for a new token"];
    InvalidSignature = "INVALID_SIGNATURE", 401, "The webhook is not signed with the secret of a known app.",
        ["Check the app secret of the connection"];
    VerificationFailed = "WEBHOOK_VERIFICATION_FAILED", 403, "The verify token is not the one of a connection.",
        ["Check the verify token of the connection"];
    Forbidden = "FORBIDDEN", 403, "This access token may not do that.",
        ["Use a token with the role that the operation names"];
    NotFound = "NOT_FOUND", 404, "There is nothing here under this address or id.",
        ["Check the id", "See the API reference at /docs"];
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405, "This address does not take this method.",
        ["Use one of the methods in the Allow header"];
    ConversationMismatch = "CONVERSATION_MISMATCH", 409, "The conversation belongs to another guest than the one named.",
        ["Name the guest or the conversation, not both", "Check which guest was meant before sending"];
    NoConnection = "NO_CONNECTION", 409, "The property has no WhatsApp number connected.",
        ["Ask an admin to connect a number"];
    GuestUnreachable = "GUEST_UNREACHABLE", 409, "Nothing is known under which WhatsApp could reach this guest.",
        ["Add the guest's phone number", "Wait for guest to initiate conversation"];
    NotInDoubt = "MESSAGE_NOT_IN_DOUBT", 409, "The message is not in doubt, so there is nothing to decide.",
        ["Read the message's present status"];
    BatchState = "BATCH_STATE_CONFLICT", 409, "The batch's present status does not allow that.",
        ["Read the batch's present status"];
    NotScheduled = "MESSAGE_NOT_SCHEDULED", 409, "The message is on its way or has ended, so it cannot be cancelled.",
        ["Read the message's present status"];
    NotFailed = "MESSAGE_NOT_FAILED", 409, "The message has not failed, so there is nothing to send again.",
        ["Read the message's present status"];
    IdempotencyKeyInFlight = "IDEMPOTENCY_KEY_IN_FLIGHT", 409, "The first request with this Idempotency-Key is still being worked on.",
        ["Send the same request again in a few seconds"];
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", 413, "The request is larger than the limit.",
        ["Send less at once"];
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", 415, "The request's content type is not taken here.",
        ["Send the body as application/json"];
    IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED", 422, "This Idempotency-Key was used with another request.",
        ["Use a new key for a new request", "Send the first request again unchanged"];
    Internal = "INTERNAL_ERROR", 500, "Something went wrong on our side.",
        ["Try again", "Report the request_id if it stays"];
    Unavailable = "SERVICE_UNAVAILABLE", 503, "A part of the service cannot be reached right now; nothing was accepted.",
        ["Try again in a moment; with the same Idempotency-Key nothing is sent twice"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_is_kept_to_the_letter() {
        for (problem, code, status) in [
            (Problem::InvalidPhoneNumber, "INVALID_PHONE_NUMBER", 400),
            (Problem::TemplateNotFound, "TEMPLATE_NOT_FOUND", 404),
            (Problem::MessageWindowExpired, "MESSAGE_WINDOW_EXPIRED", 403),
            (Problem::RateLimitExceeded, "RATE_LIMIT_EXCEEDED", 429),
            (Problem::MediaUploadFailed, "MEDIA_UPLOAD_FAILED", 422),
            (Problem::WebhookDeliveryFailed, "WEBHOOK_DELIVERY_FAILED", 500),
            (Problem::GuestOptedOut, "GUEST_OPTED_OUT", 403),
        ] {
            assert_eq!((problem.row().code, problem.row().http_status), (code, status));
        }
        assert_eq!(Problem::MessageWindowExpired.row().recovery_options.len(), 3);
    }

    #[test]
    fn codes_are_unique_and_help() {
        let mut codes: Vec<_> = Problem::ALL.iter().map(|p| p.row().code).collect();
        codes.sort_unstable();
        assert!(codes.windows(2).all(|w| w[0] != w[1]));
        assert!(Problem::ALL.iter().all(|p| !p.row().recovery_options.is_empty()));
    }
}
