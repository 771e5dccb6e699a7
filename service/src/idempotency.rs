//! `Idempotency-Key`: a repeat of a request makes nothing new.

use bellhop_domain::MessageId;
use bellhop_domain::problem::Problem;
use bellhop_entity::idempotency_key as keys;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter};

use crate::auth::{Caller, hash};
use crate::error::{Error, Result};

/// How long a key is remembered.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// The key of one request, with the request it stands for.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// The path that was asked, so that a key may be used once for each.
    path: String,
    key: String,
    body_hash: String,
}

impl IdempotencyKey {
    /// `header` may stand in double quotes, as the IETF draft has it.
    pub fn parse(header: &str, path: &str, body: &[u8]) -> Result<Self> {
        let bare = header.trim();
        let key = bare.strip_prefix('"').and_then(|k| k.strip_suffix('"')).unwrap_or(bare);
        if key.is_empty() || key.len() > 255 || !key.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(Error::field("Idempotency-Key", "must have 1 to 255 printable ASCII characters"));
        }
        Ok(Self { path: path.to_owned(), key: key.to_owned(), body_hash: hash(body) })
    }

    /// The message that this request made before, if it did.
    pub(crate) async fn find(
        &self,
        db: &impl ConnectionTrait,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Option<MessageId>> {
        let row =
            keys::Entity::find_by_id((caller.token_id, self.path.clone(), self.key.clone())).one(db).await?;
        let Some(row) = row.filter(|row| row.created_at > now - KEPT) else { return Ok(None) };
        if row.body_hash != self.body_hash {
            return Err(Error::of(Problem::IdempotencyKeyReused));
        }
        Ok(Some(row.message_id))
    }

    /// Takes the key in the transaction that makes `message`. `false` when another request took
    /// it in the meantime: the caller rolls back and looks it up.
    pub(crate) async fn take(
        &self,
        tx: &DatabaseTransaction,
        caller: &Caller,
        message: MessageId,
        now: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let mine = |delete: sea_orm::DeleteMany<keys::Entity>| {
            delete
                .filter(keys::Column::TokenId.eq(caller.token_id))
                .filter(keys::Column::Path.eq(&self.path))
                .filter(keys::Column::Key.eq(&self.key))
        };
        mine(keys::Entity::delete_many()).filter(keys::Column::CreatedAt.lte(now - KEPT)).exec(tx).await?;
        let row = keys::ActiveModel {
            token_id: Set(caller.token_id),
            path: Set(self.path.clone()),
            key: Set(self.key.clone()),
            property_id: Set(caller.property_id),
            body_hash: Set(self.body_hash.clone()),
            message_id: Set(message),
            created_at: Set(now),
        };
        let taken = keys::Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(tx)
            .await?;
        Ok(taken == 1)
    }
}

/// Forgets the keys that are older than [`KEPT`].
pub(crate) async fn forget_old(tx: &DatabaseTransaction, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let old = keys::Entity::delete_many().filter(keys::Column::CreatedAt.lte(now - KEPT));
    Ok(old.exec(tx).await?.rows_affected)
}
