//! What WhatsApp says of a guest's will when it refuses marketing.

use bellhop_domain::MessageId;
use bellhop_domain::consent::{ConsentSource, ConsentState};
use bellhop_entity::message;
use chrono::{DateTime, Utc};
use sea_orm::{DatabaseTransaction, EntityTrait};

use super::{Said, hold, record};
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::guest;

/// Holds the guest of a message that is not locked yet.
pub(crate) async fn hold_guest_of(tx: &DatabaseTransaction, message: MessageId) -> Result<()> {
    let seen = message::Entity::find_by_id(message).one(tx).await?;
    let seen = seen.ok_or_else(|| Error::not_found("message"))?;
    if guest::is_erased(tx, seen.guest_id).await? {
        return Ok(());
    }
    hold(tx, seen.property_id, seen.guest_id).await.map(|_| ())
}

/// The guest of a locked message has stopped marketing, as WhatsApp says. `at` is when it said so; `None` for
/// right now.
///
/// The guest should be held by now. A status that was parked says it too late for that: it is as rare as a
/// merge of this very guest in the same instant, and the one that loses is tried again.
pub(crate) async fn note_refusal(
    tx: &DatabaseTransaction,
    scope: Scope,
    row: &message::Model,
    at: Option<DateTime<Utc>>,
) -> Result<()> {
    if guest::is_erased(tx, row.guest_id).await? {
        return Ok(());
    }
    let guest = hold(tx, row.property_id, row.guest_id).await?;
    let said = Said::of_marketing(ConsentState::OptedOut, ConsentSource::ProviderRefusal, at);
    record(tx, scope, guest, Said { message_id: Some(row.id), ..said }).await?;
    Ok(())
}
