//! What can be made to go wrong, as `PUT /simulator/faults` takes it.

use serde::{Deserialize, Deserializer, Serialize};

/// Everything off is the default. An unknown key is an error that names it: a misspelt fault that
/// silently does nothing would make a test pass for the wrong reason.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Faults {
    /// Refuse sends with this code.
    pub send_error: Option<CodeFault>,
    /// Accept sends, then report them `failed` with this code by webhook.
    pub fail_status: Option<CodeFault>,
    /// Wait this long before a send is answered; the message is in the ledger before the wait.
    #[serde(deserialize_with = "null_is_default")]
    pub latency_ms: u64,
    /// Accept, then leave the client waiting.
    pub never_answer: Option<Times>,
    /// Accept, then close the connection without a byte.
    pub close_after_accept: Option<Times>,
    /// Delays of the statuses, counted from the acceptance.
    pub status_delay_ms: Option<StatusDelays>,
    /// Media that cannot be fetched as they should be.
    pub media: Option<MediaFault>,
    #[serde(deserialize_with = "null_is_default")]
    pub webhooks: WebhookFaults,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeFault {
    pub code: i64,
    /// How many sends are still to be hit; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Only sends to this guest (digits with or without `+`, or a BSUID).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Times {
    /// How many sends are still to be hit; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

/// What goes wrong with downloads. `sha256` and `file_size` are what `GET /{media_id}` says; the rest is
/// about the address that it gives out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MediaFault {
    /// How many downloads are still to be hit; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
    /// The header says so many bytes. Of a longer file no more comes; a shorter one breaks off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_length: Option<u64>,
    /// The header's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// After so many bytes nothing more comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall_after: Option<u64>,
    /// The address answers this HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The address leads on to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// The address has run out as soon as it is given out.
    #[serde(deserialize_with = "null_is_default")]
    pub expired: bool,
}

impl MediaFault {
    pub(crate) fn is_on(&self) -> bool {
        self.times != Some(0)
    }

    /// Why it could never do what it says.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let header = |text: &String| poem::http::HeaderValue::from_str(text).is_ok();
        if self.status.is_some_and(|status| !(400..=599).contains(&status)) {
            return Some("media.status must be from 400 to 599");
        }
        if self.redirect.as_ref().is_some_and(|url| !header(url)) {
            return Some("media.redirect must be an address");
        }
        if self.mime_type.as_ref().is_some_and(|kind| !header(kind)) {
            return Some("media.mime_type must be a MIME type");
        }
        None
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StatusDelays {
    pub sent: u64,
    pub delivered: u64,
    pub read: u64,
}

impl Default for StatusDelays {
    /// Small, and far enough apart for an eye to see the ticks turn.
    fn default() -> Self {
        Self { sent: 50, delivered: 400, read: 1_500 }
    }
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WebhookFaults {
    /// Identical extra deliveries after each successful one.
    #[serde(deserialize_with = "null_is_default")]
    pub duplicate: u32,
    /// Statuses of one message, and messages of one guest, in a shuffled order.
    #[serde(deserialize_with = "null_is_default")]
    pub reorder: bool,
    /// Hold every webhook this long after it is due.
    #[serde(deserialize_with = "null_is_default")]
    pub delay_ms: u64,
    /// Several updates in one POST, each in an entry of its own.
    #[serde(deserialize_with = "null_is_default")]
    pub batch: bool,
    /// `sent` is followed by `read`, as when the chat is open on the phone.
    #[serde(deserialize_with = "null_is_default")]
    pub skip_delivered: bool,
    /// Hold everything back until this is lifted; nothing is lost.
    #[serde(deserialize_with = "null_is_default")]
    pub silent: bool,
}

fn null_is_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

impl Faults {
    /// The code to refuse a send to this guest with; counts it.
    pub(crate) fn take_send_error(&mut self, names: &[&str]) -> Option<i64> {
        take_code(&mut self.send_error, names)
    }

    /// The code an accepted send to this guest is to fail with; counts it.
    pub(crate) fn take_fail_status(&mut self, names: &[&str]) -> Option<i64> {
        take_code(&mut self.fail_status, names)
    }

    /// What is to go wrong with this download; counts it.
    pub(crate) fn take_media(&mut self) -> Option<MediaFault> {
        let fault = self.media.as_mut()?;
        take(&mut fault.times).then(|| fault.clone())
    }

    pub(crate) fn take_never_answer(&mut self) -> bool {
        self.never_answer.as_mut().is_some_and(|fault| take(&mut fault.times))
    }

    pub(crate) fn take_close(&mut self) -> bool {
        self.close_after_accept.as_mut().is_some_and(|fault| take(&mut fault.times))
    }
}

fn take_code(fault: &mut Option<CodeFault>, names: &[&str]) -> Option<i64> {
    let fault = fault.as_mut()?;
    if let Some(to) = &fault.to {
        let to = to.trim_start_matches('+');
        if !names.iter().any(|name| name.trim_start_matches('+') == to) {
            return None;
        }
    }
    take(&mut fault.times).then_some(fault.code)
}

fn take(times: &mut Option<u64>) -> bool {
    match times {
        None => true,
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Faults, String> {
        serde_json::from_str(text).map_err(|e| e.to_string())
    }

    #[test]
    fn unknown_keys_are_named() {
        for (text, key) in [
            (r#"{"latencyms":1}"#, "latencyms"),
            (r#"{"webhooks":{"slient":true}}"#, "slient"),
            (r#"{"send_error":{"code":1,"time":1}}"#, "time"),
        ] {
            assert!(parse(text).unwrap_err().contains(key));
        }
        assert!(parse(r#"{"send_error":{}}"#).unwrap_err().contains("code"));
    }

    #[test]
    fn counted_faults_run_out_and_match_their_guest() {
        let mut faults = parse(r#"{"send_error":{"code":131016,"times":2,"to":"+123"}}"#).unwrap();
        assert_eq!(faults.take_send_error(&["456"]), None);
        assert_eq!(faults.take_send_error(&["123"]), Some(131016));
        assert_eq!(faults.take_send_error(&["US.9", "123"]), Some(131016));
        assert_eq!(faults.take_send_error(&["123"]), None);
    }

    #[test]
    fn nulls_and_gaps_take_the_defaults() {
        let faults = parse(r#"{"latency_ms":null,"webhooks":null,"status_delay_ms":{"read":9}}"#).unwrap();
        let delays = faults.status_delay_ms.unwrap();
        assert_eq!((faults.latency_ms, delays.sent, delays.read), (0, 50, 9));
    }
}
