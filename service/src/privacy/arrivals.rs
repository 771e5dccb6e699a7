//! What still comes of people who were erased: news that were on their way.

use std::collections::HashSet;

use bellhop_domain::{ConnectionId, MessageId};
use bellhop_entity::{message, message_status, webhook_change};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use serde_json::json;

use super::overwrite::hidden;
use crate::error::Result;
use crate::rows::among;

/// Whether a message that comes in is one that we have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    No,
    Yes,
    /// What it said was taken away: nothing that tells of it may be kept either.
    Erased,
}

/// Looks for a message by the provider's id, or by what stands in its place.
pub(crate) async fn known(tx: &DatabaseTransaction, connection: ConnectionId, wamid: &str) -> Result<Known> {
    let found: Option<Option<DateTime<Utc>>> = message::Entity::find()
        .select_only()
        .column(message::Column::ErasedAt)
        .filter(message::Column::ConnectionId.eq(connection))
        .filter(message::Column::Wamid.is_in([wamid.to_owned(), hidden(wamid)]))
        .into_tuple()
        .one(tx)
        .await?;
    Ok(match found {
        None => Known::No,
        Some(None) => Known::Yes,
        Some(Some(_)) => Known::Erased,
    })
}

/// Takes away what was just written down of statuses of erased messages; they have had their effect. Which they
/// are.
pub(crate) async fn forget_statuses(
    tx: &DatabaseTransaction,
    messages: impl IntoIterator<Item = MessageId>,
) -> Result<HashSet<MessageId>> {
    let messages: Vec<MessageId> = messages.into_iter().collect();
    if messages.is_empty() {
        return Ok(HashSet::new());
    }
    let erased: Vec<MessageId> = message::Entity::find()
        .select_only()
        .column(message::Column::Id)
        .filter(among(tx, message::Column::Id, messages))
        .filter(message::Column::ErasedAt.is_not_null())
        .into_tuple()
        .all(tx)
        .await?;
    if erased.is_empty() {
        return Ok(HashSet::new());
    }
    message_status::Entity::delete_many()
        .filter(among(tx, message_status::Column::MessageId, erased.iter().copied()))
        .exec(tx)
        .await?;
    Ok(erased.into_iter().collect())
}

/// Takes away what raw webhooks said. Their digests stay, so that a repeat changes nothing.
pub(crate) async fn blank_changes(
    tx: &DatabaseTransaction,
    digests: impl IntoIterator<Item = String>,
) -> Result<()> {
    webhook_change::Entity::update_many()
        .col_expr(webhook_change::Column::Body, Expr::value(json!({})))
        .col_expr(webhook_change::Column::Error, Expr::value(None::<String>))
        .filter(among(tx, webhook_change::Column::Digest, digests))
        .exec(tx)
        .await?;
    Ok(())
}
