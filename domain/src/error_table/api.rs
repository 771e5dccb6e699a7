//! Every code that the API can answer with, or show for a message: what it means and what to do next.

use super::ErrorClass;
use super::ErrorClass::{Backoff, BackoffThrice, Credentials, Later, Never, OptOut};

/// A problem's row in the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub code: &'static str,
    pub http_status: u16,
    /// What becomes of the same request made again.
    pub class: ErrorClass,
    /// For a front-desk person.
    pub meaning: &'static str,
    pub recovery_options: &'static [&'static str],
}

impl Row {
    const fn new(
        code: &'static str,
        http_status: u16,
        class: ErrorClass,
        meaning: &'static str,
        recovery_options: &'static [&'static str],
    ) -> Self {
        Self { code, http_status, class, meaning, recovery_options }
    }
}

super::table! {
    /// A stable error code of the API. Codes are added, never renamed.
    Problem of Row {
    // The contract's own.
    InvalidPhoneNumber = "INVALID_PHONE_NUMBER", 400, Never, "The phone number cannot be an international number.",
        &["Write the number with + and the country code", "Set the property's default country for local numbers"];
    TemplateNotFound = "TEMPLATE_NOT_FOUND", 404, Never, "The template does not exist in this language or is not approved.",
        &["List the approved templates", "Use another language of the template"];
    MessageWindowExpired = "MESSAGE_WINDOW_EXPIRED", 403, Never, "Cannot send free-form message outside 24-hour window",
        &["Use approved template message", "Wait for guest to initiate conversation", "Contact guest via alternative channel"];
    RateLimitExceeded = "RATE_LIMIT_EXCEEDED", 429, Backoff, "Too many requests in a short time.",
        &["Try again after the time in the Retry-After header"];
    MediaUploadFailed = "MEDIA_UPLOAD_FAILED", 422, Never, "The media file could not be taken.",
        &["Check the file's type and size", "Upload the file again"];
    WebhookDeliveryFailed = "WEBHOOK_DELIVERY_FAILED", 500, Later, "A webhook could not be delivered.",
        &["Check that the receiving address answers", "Ask for the delivery again"];
    GuestOptedOut = "GUEST_OPTED_OUT", 403, OptOut, "The guest does not want messages of this kind on WhatsApp.",
        &["Contact guest via alternative channel", "Ask the guest to opt in again"];
    // Ours.
    ValidationFailed = "VALIDATION_FAILED", 400, Never, "Something in the request is missing or wrong; the details name it.",
        &["Correct the fields named in the details and send the request again"];
    InvalidParameters = "INVALID_TEMPLATE_PARAMETERS", 400, Never, "The parameters do not fit the template.",
        &["Give exactly the parameters that the template lists", "Read the template with GET templates/{name}"];
    Unauthenticated = "UNAUTHENTICATED", 401, Credentials, "The request has no valid access token.",
        &["Send the header Authorization: Bearer <token>", "Ask an admin for a new token"];
    SignInRefused = "SIGN_IN_REFUSED", 401, Credentials, "E-mail address or password is wrong, or the account is not in use.",
        &["Check both, and property_id if it was given", "Ask an admin for a new password"];
    InvalidSignature = "INVALID_SIGNATURE", 401, Credentials, "The webhook is not signed with the secret of a known app.",
        &["Check the app secret of the connection"];
    AddressInvalid = "MEDIA_ADDRESS_INVALID", 401, Credentials, "This address of a file was not made here, or was changed.",
        &["Use the address exactly as it came", "Fetch the file by its media_id, with a token"];
    AddressExpired = "MEDIA_ADDRESS_EXPIRED", 403, Credentials, "This address of a file was good for an hour, which is over.",
        &["Ask for the event or the delivery again: it comes with a new address", "Fetch the file by its media_id, with a token"];
    VerificationFailed = "WEBHOOK_VERIFICATION_FAILED", 403, Credentials, "The verify token is not the one of a connection.",
        &["Check the verify token of the connection"];
    Forbidden = "FORBIDDEN", 403, Credentials, "This access token may not do that.",
        &["Use a token with the role and the scope that the operation needs"];
    EmailTaken = "EMAIL_TAKEN", 409, Never, "Somebody at this hotel has this e-mail address already.",
        &["Change the account that the details name", "Give another e-mail address"];
    NotFound = "NOT_FOUND", 404, Never, "There is nothing here under this address or id.",
        &["Check the id", "See the API reference at /docs"];
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405, Never, "This address does not take this method.",
        &["Use one of the methods in the Allow header"];
    ConversationMismatch = "CONVERSATION_MISMATCH", 409, Never, "The conversation belongs to another guest than the one named.",
        &["Name the guest or the conversation, not both", "Check which guest was meant before sending"];
    NoConnection = "NO_CONNECTION", 409, Credentials, "The property has no WhatsApp number connected.",
        &["Ask an admin to connect a number"];
    NumberDisconnected = "NUMBER_DISCONNECTED", 409, Credentials, "The WhatsApp number that this goes over is not connected any more.",
        &["Ask an admin to connect the number again", "Name the guest instead of the conversation, to write from another number"];
    NumberConnected = "NUMBER_CONNECTED", 409, Never, "The WhatsApp number is connected already.",
        &["Change the connection that the details name with PATCH", "Remove that connection first"];
    NumberTaken = "NUMBER_TAKEN", 409, Never, "The WhatsApp number belongs to another property.",
        &["Check the phone_number_id", "Connect the number with a token of that property"];
    GuestUnreachable = "GUEST_UNREACHABLE", 409, Never, "Nothing is known under which WhatsApp could reach this guest.",
        &["Add the guest's phone number", "Wait for guest to initiate conversation"];
    InDoubt = "MESSAGE_IN_DOUBT", 409, Never, "The connection broke during the send; WhatsApp may or may not have the message.",
        &["Wait: WhatsApp's own news often settles it", "Ask the guest whether the message arrived", "Decide with resolve-doubt"];
    NotInDoubt = "MESSAGE_NOT_IN_DOUBT", 409, Never, "The message is not in doubt, so there is nothing to decide.",
        &["Read the message's present status"];
    MediaNotReady = "MEDIA_NOT_READY", 409, Backoff, "The guest's file is still being fetched from WhatsApp.",
        &["Try again in a few seconds", "Have it fetched at once with POST media/{id}/retry"];
    MediaFetchFailed = "MEDIA_FETCH_FAILED", 409, Never, "The guest's file could not be fetched from WhatsApp.",
        &["Have it fetched again with POST media/{id}/retry", "Ask the guest to send the file again"];
    MediaGone = "MEDIA_GONE", 410, Never, "The file is not kept any more.",
        &["Upload the file again", "Ask the guest to send the file again"];
    ContentErased = "CONTENT_ERASED", 409, Never, "What the message said is not kept any more.",
        &["Write a new message"];
    CursorExpired = "CURSOR_EXPIRED", 410, Never, "The events after this sequence are kept without their contents, as the property's retention says.",
        &["Read the present state, such as conversations and guests, and go on after the sequence in oldest_after"];
    BatchState = "BATCH_STATE_CONFLICT", 409, Never, "The batch's present status does not allow that.",
        &["Read the batch's present status"];
    NotScheduled = "MESSAGE_NOT_SCHEDULED", 409, Never, "The message is on its way or has ended, so it cannot be cancelled.",
        &["Read the message's present status"];
    NotFailed = "MESSAGE_NOT_FAILED", 409, Never, "The message has not failed, so there is nothing to send again.",
        &["Read the message's present status"];
    IdempotencyKeyInFlight = "IDEMPOTENCY_KEY_IN_FLIGHT", 409, Backoff, "The first request with this Idempotency-Key is still being worked on.",
        &["Send the same request again in a few seconds"];
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", 413, Never, "The request is larger than the limit.",
        &["Send less at once"];
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", 415, Never, "The request's content type is not taken here.",
        &["Send the body with the content type that the operation names"];
    IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED", 422, Never, "This Idempotency-Key was used with another request.",
        &["Use a new key for a new request", "Send the first request again unchanged"];
    Internal = "INTERNAL_ERROR", 500, BackoffThrice, "Something went wrong on our side.",
        &["Try again", "Report the request_id if it stays"];
    Unavailable = "SERVICE_UNAVAILABLE", 503, Backoff, "A part of the service cannot be reached right now; nothing was accepted.",
        &["Try again in a moment; with the same Idempotency-Key nothing is sent twice"];
    // WhatsApp's, as the API shows them for a message or for what was asked of WhatsApp.
    ProviderUnavailable = "PROVIDER_UNAVAILABLE", 503, Backoff, "WhatsApp cannot do this at the moment.",
        &["Try again in a few minutes", "Contact guest via alternative channel"];
    ProviderCredentials = "PROVIDER_CREDENTIALS", 409, Credentials, "The property's WhatsApp access, number or account is not in order.",
        &["Ask an admin to check the WhatsApp connection", "Contact guest via alternative channel"];
    TokenRefused = "ACCESS_TOKEN_REFUSED", 422, Never, "WhatsApp does not accept the access token.",
        &["Make a new token of a system user in Meta's Business Settings, without an end date",
          "Give the token whatsapp_business_management and whatsapp_business_messaging, and the system user the account"];
    NumberUnknown = "NUMBER_UNKNOWN", 422, Never, "WhatsApp does not know the number under this id, or the access token may not see it.",
        &["Compare phone_number_id with WhatsApp Manager, API Setup; it is not the phone number itself",
          "Give the token's system user access to the number's account"];
    AccountMismatch = "NUMBER_NOT_OF_ACCOUNT", 422, Never, "The number does not belong to this WhatsApp Business Account, or the access token may not see the account.",
        &["Compare waba_id with WhatsApp Manager, Account settings", "Give the token's system user access to the account"];
    CallbackRefused = "CALLBACK_REFUSED", 422, Never, "WhatsApp does not take this server's address for its webhooks.",
        &["Set BELLHOP_PUBLIC_URL to an https address of this server that can be reached from the internet",
          "Say register_callback: false and enter address and verify token in Meta's App Dashboard"];
    WebhookUrlNotProven = "WEBHOOK_URL_NOT_PROVEN", 422, Never, "The webhook's address did not prove that it wants these events.",
        &["Answer a GET that has hub.mode, hub.verify_token and hub.challenge with the challenge, when the token is yours",
          "Check that the address can be reached from the internet by https"];
    SubscriptionsFull = "TOO_MANY_SUBSCRIPTIONS", 409, Never, "The property has as many webhooks as it may.",
        &["Remove a webhook that is not used any more", "Let one webhook take several kinds of events"];
    AccountRestricted = "ACCOUNT_RESTRICTED", 403, Credentials, "WhatsApp has restricted what the property's account may send.",
        &["Ask an admin to look at the account's status in WhatsApp Manager", "Contact guest via alternative channel"];
    MessageRefused = "MESSAGE_REFUSED", 422, Never, "The message cannot be sent as it is.",
        &["Change the message and send it as a new one", "Contact guest via alternative channel"];
    MessageGivenUp = "MESSAGE_GIVEN_UP", 409, Never, "Staff gave the message up while it was in doubt; the guest may have it.",
        &["Ask the guest whether the message arrived before sending it again"];
    GuestNotOnWhatsApp = "GUEST_NOT_ON_WHATSAPP", 422, Never, "WhatsApp cannot deliver to the guest's number.",
        &["Check the guest's phone number", "Contact guest via alternative channel"];
    MarketingHeldBack = "MARKETING_HELD_BACK", 403, Later, "WhatsApp did not pass the marketing message on to the guest.",
        &["Wait at least a day before sending marketing to this guest again", "Wait for guest to initiate conversation"];
    TemplateExists = "TEMPLATE_EXISTS", 409, Never, "A template with this name exists in this language already.",
        &["Give the new template another name", "Change the template that exists"];
    TemplateState = "TEMPLATE_STATE_CONFLICT", 409, Never, "The template's present status does not allow that.",
        &["Read the template's present status", "Wait until WhatsApp has reviewed the template"];
    TemplateRefused = "TEMPLATE_REFUSED", 422, Never, "WhatsApp does not take the template as it is.",
        &["Correct what the details name and submit the template again", "Compare it with an approved template"];
    }
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
