//! One try of one message on the wire.

use std::fmt;
use std::str::FromStr;

use crate::id::{BadId, MessageId};

/// `<message id>.<attempt>`, carried as `biz_opaque_callback_data` and echoed by status webhooks.
///
/// The Cloud API has no idempotency key for sends: this echo is the only proof of what became of
/// an attempt whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptRef {
    pub message: MessageId,
    /// Counted from 1.
    pub number: i32,
}

impl fmt::Display for AttemptRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.message, self.number)
    }
}

impl FromStr for AttemptRef {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let (message, number) = text.split_once('.').ok_or(BadId)?;
        let number: i32 = number.parse().map_err(|_| BadId)?;
        if number < 1 {
            return Err(BadId);
        }
        Ok(Self { message: message.parse()?, number })
    }
}

crate::text_enum! {
    /// What is known of an attempt.
    AttemptOutcome {
        /// On the wire, or its process died.
        Calling = "calling",
        Sent = "sent",
        Refused = "refused",
        /// No byte of it left.
        NeverSent = "never_sent",
        InDoubt = "in_doubt",
        /// Taken, and failed afterwards, as a status webhook said.
        Failed = "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_comes_back_as_what_was_sent() {
        let sent = AttemptRef { message: MessageId::new(), number: 3 };
        assert_eq!(sent.to_string().parse(), Ok(sent));
        for foreign in
            ["order=42;try=1", "msg_x.1", "", &format!("{}.0", sent.message), &format!("{}.-1", sent.message)]
        {
            assert_eq!(foreign.parse::<AttemptRef>(), Err(BadId), "{foreign}");
        }
    }
}
