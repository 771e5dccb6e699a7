//! The states of a conversation and the sides of a message.

use crate::text_enum;

text_enum! {
    /// Whether somebody has to look at it.
    ConversationStatus {
        Active = "active",
        /// Closed by staff; a send or an inbound message makes it active again.
        Resolved = "resolved",
    }
}

text_enum! {
    Direction {
        /// From the guest.
        Inbound = "inbound",
        /// To the guest.
        Outbound = "outbound",
    }
}
