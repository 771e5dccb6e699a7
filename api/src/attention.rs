//! What somebody at the hotel has to look at.

use bellhop_domain::{ConnectionId, SubscriptionId};
use bellhop_service::attention::{Attention as View, Trouble};
use poem_openapi::{Enum, Object};

use crate::types::Timestamp;

/// What is the matter.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum AttentionKind {
    /// WhatsApp refuses the access token of a number: messages wait until it has another.
    ConnectionNeedsCredentials,
    /// A webhook failed for five days: its events wait until it is set to `active`.
    SubscriptionSuspended,
    /// A webhook's receiver said that it is gone.
    SubscriptionDisabled,
}

/// Something that does not mend itself.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Attention {
    kind: AttentionKind,
    connection_id: Option<ConnectionId>,
    subscription_id: Option<SubscriptionId>,
    /// Since when it is so; of a webhook, since when nothing got through.
    since: Timestamp,
}

impl From<View> for Attention {
    fn from(view: View) -> Self {
        use AttentionKind as Kind;
        let (kind, connection_id, subscription_id) = match view.what {
            Trouble::ConnectionNeedsCredentials(id) => (Kind::ConnectionNeedsCredentials, Some(id), None),
            Trouble::SubscriptionSuspended(id) => (Kind::SubscriptionSuspended, None, Some(id)),
            Trouble::SubscriptionDisabled(id) => (Kind::SubscriptionDisabled, None, Some(id)),
        };
        Self { kind, connection_id, subscription_id, since: view.since.into() }
    }
}
