//! Our own reasons for not sending a message, in the same columns as the provider's.

use super::Codes::These;
use super::ErrorClass::{Backoff, Never, OptOut};
use super::FailureRow;
use super::api::Problem;

/// The code of our reasons in rows of the first versions. It is also Meta's, for a dead token.
const FORMERLY: i64 = 0;

// The codes are below those that Graph uses (Instagram has -1 and -2) and below the negative HTTP
// statuses that stand for an answer without an envelope.
super::table! {
    /// Why we ourselves did not send a message, or gave it up. Codes are added, never renamed.
    OwnReason of FailureRow {
    GuestUnreachable = These(&[-1001]), Never, Problem::GuestUnreachable,
        "Nothing is known under which WhatsApp could reach this guest.",
        &["Add the guest's phone number", "Wait for guest to initiate conversation"];
    GivenUp = These(&[-1002]), Never, Problem::MessageGivenUp,
        "Given up by staff while it was in doubt; the guest may have it.",
        &["Ask the guest whether the message arrived", "Send the message again if it did not"];
    NotReached = These(&[-1003]), Backoff, Problem::ProviderUnavailable, "WhatsApp could not be reached.",
        &["Wait; the message is tried again by itself", "Ask an admin to check the internet connection"];
    FileGone = These(&[-1004]), Never, Problem::MediaUploadFailed,
        "The message was not sent: its file is not there any more.",
        &["Upload the file again", "Send the message again with the new file"];
    OptedOut = These(&[-1005]), OptOut, Problem::GuestOptedOut,
        "The message was not sent: the guest does not want messages of this kind.",
        &["Contact guest via alternative channel", "Ask the guest to opt in again"];
    NumberRemoved = These(&[-1012]), Never, Problem::NumberDisconnected,
        "The message was not sent: the hotel's WhatsApp number was disconnected.",
        &["Ask an admin to connect the number again", "Send the message again from another number"];
    // The error's own title says more.
    Other = These(&[-1000]), Never, Problem::MessageRefused, "The message could not be sent.",
        &["Change the message and send it as a new one", "Contact guest via alternative channel"];
    }
}

impl OwnReason {
    /// The reason of a stored failure; `None` when the provider stated it.
    pub fn of(code: i64, title: &str) -> Option<Self> {
        let is =
            |reason: &Self| reason.row().codes.contain(code) || (code == FORMERLY && title == reason.title());
        Self::ALL.iter().copied().find(is)
    }

    pub fn code(self) -> i64 {
        self.row().codes.first()
    }

    /// As the provider's titles are: without a full stop.
    pub fn title(self) -> &'static str {
        self.row().meaning.trim_end_matches('.')
    }
}
