//! Meta's answers into ours.

use bellhop_domain::answer::{Accepted, Answer};
use bellhop_domain::ports::{NumberInfo, ProviderFailure};
use bellhop_domain::provider_error::ProviderError;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::json;
use super::super::wire::{account, answer as wire, webhook};

/// Meta's default throughput of a number, in messages per second.
const STANDARD: u32 = 80;
/// Fixed for numbers that are used in the WhatsApp Business app as well.
const SHARED: u32 = 20;
/// After the automatic upgrade.
const HIGH: u32 = 1_000;

const INVALID: i64 = 100;
/// A subcode of [`INVALID`].
const NO_OBJECT: i64 = 33;
const NO_TEMPLATE: i64 = 132_001;

/// What a complete answer to a send means. The one place that decides between "not taken", which
/// may be tried again, and "may have been taken", which may not.
pub fn answer(http_status: u16, body: &[u8]) -> Answer {
    if let 200..=299 = http_status
        && let Some(accepted) = accepted(body)
    {
        return Answer::Accepted(accepted);
    }
    if let Some(error) = error(http_status, body) {
        // Meta asks to go by the code. An unknown one proves a refusal only where HTTP says so too:
        // a 5xx may be written by a part that does not know what the others did.
        return match http_status {
            _ if error.is_known() => Answer::Refused(error),
            400..=499 => Answer::Refused(error),
            0..400 | 500.. => Answer::Unknown {
                reason: format!("HTTP {http_status} with the unknown error code {}", error.code),
            },
        };
    }
    match http_status {
        // Something on the way that by HTTP's own rules did not pass the request on: a proxy that
        // wants credentials, a limit, a request too long. To retry these doubles nothing.
        407 | 429 => Answer::Refused(without_envelope(http_status, true)),
        413 | 414 | 431 => Answer::Refused(without_envelope(http_status, false)),
        // Any other status says what its sender thinks, and its sender is not known to be Meta: a
        // gateway's 404 or 408 may well come after it forwarded the request. In doubt, the message
        // is neither lost nor doubled.
        0..407 | 408..413 | 415..429 | 430 | 432.. => {
            Answer::Unknown { reason: format!("HTTP {http_status} without a readable answer") }
        }
    }
}

fn accepted(body: &[u8]) -> Option<Accepted> {
    let answer: wire::SendAnswer = serde_json::from_value(json::parse(body).ok()?).ok()?;
    let wamid = answer.messages?.into_iter().next()?.id;
    if wamid.is_empty() || wamid.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let contact = answer.contacts.and_then(|contacts| contacts.into_iter().next());
    let (wa_id, bsuid) = contact.map_or((None, None), |c| (c.wa_id, c.user_id));
    Some(Accepted { wamid, wa_id: wa_id.and_then(|id| digits(&id)), bsuid })
}

/// The digits of an account or a number; `None` when it is something else.
pub fn digits(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    // No E.164 number is longer than 15 digits; some more, because wa_ids need not be one.
    ((1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
}

fn envelope(body: &[u8]) -> Option<wire::GraphError> {
    let envelope: wire::ErrorEnvelope = serde_json::from_value(json::parse(body).ok()?).ok()?;
    Some(envelope.error)
}

fn error(http_status: u16, body: &[u8]) -> Option<ProviderError> {
    let error = envelope(body)?;
    let code = error.code?;
    // Webhooks carry the same title without the code in front.
    let title = error.message.strip_prefix(&format!("(#{code}) ")).unwrap_or(&error.message);
    Some(ProviderError {
        code,
        title: title.to_owned(),
        // Where there are words for people, `error_data` is Graph's own, which names fields only.
        details: error.error_user_msg.or_else(|| details(&error.error_data)),
        http_status: Some(http_status),
        is_transient: error.is_transient.unwrap_or(false),
        retry_after: None,
    })
}

/// Outside Meta's codes, which are not negative, and outside the error table.
fn without_envelope(http_status: u16, is_transient: bool) -> ProviderError {
    ProviderError {
        code: -i64::from(http_status),
        title: format!("HTTP {http_status} from something between us and WhatsApp"),
        details: None,
        http_status: Some(http_status),
        is_transient,
        retry_after: None,
    }
}

fn details(error_data: &Value) -> Option<String> {
    let text = error_data.as_str().or_else(|| error_data["details"].as_str())?;
    (!text.is_empty()).then(|| text.to_owned())
}

impl From<webhook::StatusError> for Option<ProviderError> {
    fn from(error: webhook::StatusError) -> Self {
        Some(ProviderError {
            code: error.code?,
            title: error.title.or(error.message).unwrap_or_default(),
            details: details(&error.error_data),
            http_status: None,
            is_transient: false,
            retry_after: None,
        })
    }
}

/// The answer to anything but a send.
pub fn query_answer<T: DeserializeOwned>(http_status: u16, body: &[u8]) -> Result<T, ProviderFailure> {
    if let Some(error) = error(http_status, body) {
        return Err(ProviderFailure::Refused(error));
    }
    if !(200..300).contains(&http_status) {
        return Err(ProviderFailure::Unreadable(format!("HTTP {http_status} without a readable answer")));
    }
    let readable = json::parse(body).and_then(serde_json::from_value);
    readable.map_err(|error| ProviderFailure::Unreadable(error.to_string()))
}

/// The answer to a question that is answered by `success` only.
pub fn done(answer: &wire::Done) -> Result<(), ProviderFailure> {
    if answer.success {
        Ok(())
    } else {
        Err(ProviderFailure::Unreadable("the answer does not say that it was done".to_owned()))
    }
}

/// The id of an object in a list.
pub fn id(object: Value) -> Option<String> {
    match &object["id"] {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The one thing that an answer was for.
pub fn told(what: Option<String>, name: &str) -> Result<String, ProviderFailure> {
    what.ok_or_else(|| ProviderFailure::Unreadable(format!("the answer has no {name}")))
}

/// The answer to the removal of a template of this account.
pub fn removed(waba_id: &str, http_status: u16, body: &[u8]) -> Result<(), ProviderFailure> {
    if envelope(body).is_some_and(|error| says_gone(waba_id, &error)) {
        return Ok(());
    }
    done(&query_answer(http_status, body)?)
}

/// Meta does not document what it answers when there is no such template. The two that mean it
/// elsewhere: 132001, and 100 with the subcode 33. That one also comes when the account itself is
/// unknown or not ours any more, and then its words name the account.
fn says_gone(waba_id: &str, error: &wire::GraphError) -> bool {
    match (error.code, error.error_subcode) {
        (Some(NO_TEMPLATE), _) => true,
        (Some(INVALID), Some(NO_OBJECT)) => !error.message.contains(&format!("'{waba_id}'")),
        (Some(_) | None, _) => false,
    }
}

impl From<account::Number> for NumberInfo {
    fn from(number: account::Number) -> Self {
        let level = number.throughput.and_then(|throughput| match throughput.level.as_str() {
            "STANDARD" => Some(STANDARD),
            "HIGH" => Some(HIGH),
            // NOT_APPLICABLE, or a level that is newer than this code.
            _ => None,
        });
        // A number that the Business app uses too is never upgraded, whatever level it shows.
        let throughput = if number.is_on_biz_app == Some(true) { Some(SHARED) } else { level };
        Self {
            display_phone_number: number.display_phone_number,
            verified_name: number.verified_name,
            throughput,
            quality_rating: number.quality_rating,
        }
    }
}
