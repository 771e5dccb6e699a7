//! The names of what is recorded in the event log.

use crate::status::MessageStatus;
use crate::text_enum;

text_enum! {
    /// What happened. Written in the transaction of the change itself.
    EventType {
        InboundMessage = "inbound_message",
        /// A file that a guest sent is here.
        MediaReceived = "media_received",
        /// A guest changed what they had said.
        MessageEdited = "message_edited",
        /// A guest deleted it for everyone.
        MessageRevoked = "message_revoked",
        MessageQueued = "message_queued",
        MessageSent = "message_sent",
        MessageDelivered = "message_delivered",
        MessageRead = "message_read",
        MessageFailed = "message_failed",
        MessageExpired = "message_expired",
        MessageInDoubt = "message_in_doubt",
        BatchAccepted = "batch_accepted",
        /// How far a batch is that is on its way; at most one every few seconds.
        BatchProgress = "batch_progress",
        BatchPaused = "batch_paused",
        BatchResumed = "batch_resumed",
        BatchStopped = "batch_stopped",
        BatchCancelled = "batch_cancelled",
        BatchCompleted = "batch_completed",
        ConversationOpened = "conversation_opened",
        ConversationResolved = "conversation_resolved",
        ConversationReopened = "conversation_reopened",
        /// Somebody else looks after it, or nobody any more.
        ConversationAssigned = "conversation_assigned",
        WindowOpened = "window_opened",
        /// The window ends in [an hour](crate::window::LAST_CALL), unless the guest writes again.
        WindowClosing = "window_closing",
        /// The window has ended: from here on only templates reach the guest.
        WindowClosed = "window_closed",
        GuestCreated = "guest_created",
        GuestUpdated = "guest_updated",
        GuestMerged = "guest_merged",
        /// All that was held about the guest is being overwritten.
        GuestErased = "guest_erased",
        /// The guest agrees, from now on, to what `kind` names.
        GuestOptedIn = "guest_opted_in",
        /// The guest does not want what `kind` names any more.
        GuestOptedOut = "guest_opted_out",
        TemplateStatusChanged = "template_status_changed",
        /// The provider files it elsewhere; what it costs and who may get it changes with that.
        TemplateCategoryChanged = "template_category_changed",
        TemplateQualityChanged = "template_quality_changed",
        /// A number was connected or taken away, its access token was refused, or a new one accepted.
        ConnectionStatusChanged = "connection_status_changed",
        /// A partner's webhook was configured, paused, taken up again or removed, by somebody or because it failed.
        SubscriptionStatusChanged = "subscription_status_changed",
    }
}

impl EventType {
    /// The event that tells of a message's arrival in `status`, if anybody is told.
    pub const fn of_status(status: MessageStatus) -> Option<Self> {
        match status {
            MessageStatus::Queued => Some(Self::MessageQueued),
            MessageStatus::Sent => Some(Self::MessageSent),
            MessageStatus::Delivered => Some(Self::MessageDelivered),
            MessageStatus::Read => Some(Self::MessageRead),
            MessageStatus::Failed => Some(Self::MessageFailed),
            MessageStatus::Expired => Some(Self::MessageExpired),
            MessageStatus::InDoubt => Some(Self::MessageInDoubt),
            MessageStatus::Received => Some(Self::InboundMessage),
            MessageStatus::Scheduled | MessageStatus::Sending | MessageStatus::Cancelled => None,
        }
    }
}
