//! What WhatsApp itself tells in a conversation.

use serde::{Deserialize, Serialize};

use crate::text_enum;

text_enum! {
    NoticeKind {
        /// The guest has a new number.
        NumberChanged = "number_changed",
        /// The guest has a new business-scoped user id.
        UserIdChanged = "user_id_changed",
        /// The guest's security code changed: a new phone, or somebody else's.
        IdentityChanged = "identity_changed",
        Other = "other",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub notice_type: NoticeKind,
    /// WhatsApp's sentence.
    pub text: String,
}
