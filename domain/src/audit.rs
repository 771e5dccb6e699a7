//! The audit trail: who changed or sent what.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::id::BadId;
use crate::{StaffId, TokenId, text_enum};

text_enum! {
    /// What kind of somebody did something.
    ActorKind {
        /// A person who was signed in.
        Staff = "staff",
        /// A program, by its API token.
        Token = "token",
        /// Whoever runs Bellhop, by a command.
        Operator = "operator",
    }
}

text_enum! {
    /// What was done. What guests, the provider and timers do stands in the event log instead.
    AuditAction {
        MessageSent = "message_sent",
        MessageCancelled = "message_cancelled",
        /// A failed message was sent again.
        MessageRetried = "message_retried",
        /// Somebody decided about a message in doubt.
        DoubtResolved = "doubt_resolved",
        BatchCreated = "batch_created",
        BatchPaused = "batch_paused",
        BatchResumed = "batch_resumed",
        BatchCancelled = "batch_cancelled",
        /// What had failed of a batch was sent again.
        BatchRetried = "batch_retried",
        MediaUploaded = "media_uploaded",
        /// A guest's file was asked for again.
        MediaRetried = "media_retried",
        /// The guest was shown that their messages were read.
        ConversationRead = "conversation_read",
        ConversationResolved = "conversation_resolved",
        /// Somebody, or nobody, looks after it from then on.
        ConversationAssigned = "conversation_assigned",
        GuestChanged = "guest_changed",
        /// All that was held about a guest was taken away.
        GuestErased = "guest_erased",
        /// All that is held about a guest was handed out.
        GuestExported = "guest_exported",
        GuestsImported = "guests_imported",
        ConsentChanged = "consent_changed",
        StayPut = "stay_put",
        TemplateSubmitted = "template_submitted",
        TemplateChanged = "template_changed",
        TemplateDeleted = "template_deleted",
        ConnectionAdded = "connection_added",
        ConnectionChanged = "connection_changed",
        ConnectionRemoved = "connection_removed",
        SubscriptionCreated = "subscription_created",
        SubscriptionChanged = "subscription_changed",
        SubscriptionSecretRotated = "subscription_secret_rotated",
        SubscriptionRemoved = "subscription_removed",
        /// Deliveries that had failed, or one of them, were asked for again.
        DeliveriesRepeated = "deliveries_repeated",
        /// A part of the event log was asked for once more.
        EventsReplayed = "events_replayed",
        StaffCreated = "staff_created",
        StaffChanged = "staff_changed",
        /// Somebody was given a password by somebody else.
        PasswordSet = "password_set",
        /// Somebody changed their own.
        PasswordChanged = "password_changed",
        SignedIn = "signed_in",
        SignedOut = "signed_out",
        TokenCreated = "token_created",
        TokenRevoked = "token_revoked",
        PropertyChanged = "property_changed",
    }
}

/// By which somebody is found in the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorId {
    Staff(StaffId),
    Token(TokenId),
}

impl ActorId {
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::Staff(id) => id.uuid(),
            Self::Token(id) => id.uuid(),
        }
    }

    /// What a row says; `None` of a command, which has no id.
    pub fn of(kind: ActorKind, id: Option<Uuid>) -> Option<Self> {
        match kind {
            ActorKind::Staff => id.map(|id| Self::Staff(id.into())),
            ActorKind::Token => id.map(|id| Self::Token(id.into())),
            ActorKind::Operator => None,
        }
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Staff(id) => id.fmt(f),
            Self::Token(id) => id.fmt(f),
        }
    }
}

impl FromStr for ActorId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        text.parse().map(Self::Staff).or_else(|_| text.parse().map(Self::Token))
    }
}

#[cfg(feature = "openapi")]
crate::openapi::text_type!(ActorId, "actor_id", "^(staff|tok)_[0-7][0-9a-hjkmnp-tv-z]{25}$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_known_by_the_mark_of_the_id() {
        let (staff, token) = (StaffId::new(), TokenId::new());
        assert_eq!(staff.to_string().parse(), Ok(ActorId::Staff(staff)));
        assert_eq!(token.to_string().parse(), Ok(ActorId::Token(token)));
        assert_eq!("guest_01h455vb4pex5vsknk084sn02q".parse::<ActorId>(), Err(BadId));
        let of = |kind| ActorId::of(kind, Some(token.uuid())).map(|id| id.to_string());
        assert_eq!(of(ActorKind::Token), Some(token.to_string()));
        assert_eq!(of(ActorKind::Operator), None);
    }

    #[test]
    fn words_fit_their_column() {
        assert!(AuditAction::ALL.iter().all(|action| action.as_str().len() <= 32));
    }
}
