//! The customer service window: 24 hours from the guest's last message.

use chrono::{DateTime, TimeDelta, Utc};

use crate::inbound::InboundKind;

crate::text_enum! {
    /// Where a window is.
    WindowState {
        Open = "open",
        /// Open, but not for long: see [`CLOSING`].
        Closing = "closing",
        Closed = "closed",
    }
}

/// How long a guest's message lets the hotel write freely.
/// Source: Meta, "Customer service windows".
pub const LENGTH: TimeDelta = TimeDelta::hours(24);

/// How long before its end a window counts as closing: time enough to answer everybody.
pub const CLOSING: TimeDelta = TimeDelta::hours(2);

/// How long before its end the event `window_closing` is told, once: the last call, while lists begin to show a
/// window as closing [earlier](CLOSING).
pub const LAST_CALL: TimeDelta = TimeDelta::hours(1);

/// The end of the window that a message with this timestamp of its own opens.
///
/// The provider repeats undelivered webhooks for days, so the time of arrival says nothing.
pub fn expires_at(message_timestamp: DateTime<Utc>) -> DateTime<Utc> {
    message_timestamp + LENGTH
}

/// Whether free text may leave at `now`. The end itself is outside.
pub fn is_open(expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    expires_at.is_some_and(|end| now < end)
}

/// Hours until the window closes, as a decimal number; 0 when it is closed.
pub fn hours_remaining(expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> f64 {
    let left = expires_at.map_or(0, |end| (end - now).num_milliseconds());
    left.max(0) as f64 / 3_600_000.0
}

/// Whether an inbound item of this kind opens the window.
///
/// Meta says "messages and calls". Whether a reaction, a system note or an unsupported item
/// counts is not confirmed anywhere, so they do not: a refused text can be sent as a template,
/// one that the provider drops is lost.
pub const fn opened_by(kind: InboundKind) -> bool {
    match kind {
        InboundKind::Message => true,
        InboundKind::Reaction | InboundKind::System | InboundKind::Unsupported => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_until_the_last_millisecond() {
        let wrote = DateTime::from_timestamp(1_790_416_800, 0).unwrap();
        let end = Some(expires_at(wrote));
        assert!(is_open(end, wrote));
        assert!(is_open(end, wrote + LENGTH - TimeDelta::milliseconds(1)));
        assert!(!is_open(end, wrote + LENGTH));
        assert!(!is_open(None, wrote));
        assert_eq!(hours_remaining(end, wrote + TimeDelta::minutes(30)), 23.5);
        assert_eq!(hours_remaining(end, wrote + TimeDelta::hours(30)), 0.0);
        assert_eq!(hours_remaining(None, wrote), 0.0);
    }
}
