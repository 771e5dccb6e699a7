//! `Idempotency-Key`: a repeat of a request makes nothing new.

use bellhop_domain::problem::Problem;
use bellhop_entity::idempotency_key as keys;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter};

use sha2::{Digest, Sha256};

use crate::app::App;
use crate::auth::{Caller, hash, hex};
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

    /// What this request made before, if it did.
    pub(crate) async fn find<Id: From<Uuid>>(
        &self,
        db: &impl ConnectionTrait,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Option<Id>> {
        let row =
            keys::Entity::find_by_id((caller.uuid(), self.path.clone(), self.key.clone())).one(db).await?;
        let Some(row) = row.filter(|row| row.created_at > now - KEPT) else { return Ok(None) };
        if split(&row.body_hash).0 != self.body_hash {
            return Err(Error::of(Problem::IdempotencyKeyReused));
        }
        Ok(Some(row.made_id.into()))
    }

    /// Takes the key in the transaction that makes the message or the batch. `false` when another request took
    /// it in the meantime: the caller rolls back and looks it up.
    pub(crate) async fn take(
        &self,
        tx: &DatabaseTransaction,
        caller: &Caller,
        made: Uuid,
        now: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let mine = |delete: sea_orm::DeleteMany<keys::Entity>| {
            delete
                .filter(keys::Column::TokenId.eq(caller.uuid()))
                .filter(keys::Column::Path.eq(&self.path))
                .filter(keys::Column::Key.eq(&self.key))
        };
        mine(keys::Entity::delete_many()).filter(keys::Column::CreatedAt.lte(now - KEPT)).exec(tx).await?;
        let row = keys::ActiveModel {
            token_id: Set(caller.uuid()),
            path: Set(self.path.clone()),
            key: Set(self.key.clone()),
            property_id: Set(caller.property_id),
            body_hash: Set(self.body_hash.clone()),
            made_id: Set(made),
            created_at: Set(now),
        };
        let taken = keys::Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(tx)
            .await?;
        Ok(taken == 1)
    }
}

/// The hash of a body that is too large to be held, made while it is read.
#[derive(Debug, Clone, Default)]
pub struct BodyHash(Sha256);

impl BodyHash {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn text(&self) -> String {
        hex(&self.0.clone().finalize())
    }
}

/// A stored hash: of what was known when the request began, and of a body that came after it.
fn split(stored: &str) -> (&str, Option<&str>) {
    stored.split_once(':').map_or((stored, None), |(opening, content)| (opening, Some(content)))
}

impl IdempotencyKey {
    /// Adds what the body was, in the transaction that ends the request.
    pub(crate) async fn seal(
        &self,
        tx: &DatabaseTransaction,
        caller: &Caller,
        content: &BodyHash,
    ) -> Result<(), DbErr> {
        let both = format!("{}:{}", self.body_hash, content.text());
        keys::Entity::update_many()
            .col_expr(keys::Column::BodyHash, Expr::value(both))
            .filter(keys::Column::TokenId.eq(caller.uuid()))
            .filter(keys::Column::Path.eq(&self.path))
            .filter(keys::Column::Key.eq(&self.key))
            .exec(tx)
            .await?;
        Ok(())
    }
}

impl App {
    /// Refuses a repeat whose body, which came after its key was found, is another than the first.
    pub async fn check_content(
        &self,
        caller: &Caller,
        key: &IdempotencyKey,
        content: &BodyHash,
    ) -> Result<()> {
        let id = (caller.uuid(), key.path.clone(), key.key.clone());
        let row = keys::Entity::find_by_id(id).one(self.db.reader()).await?;
        match row.as_ref().and_then(|row| split(&row.body_hash).1) {
            Some(before) if before != content.text() => Err(Error::of(Problem::IdempotencyKeyReused)),
            Some(_) | None => Ok(()),
        }
    }
}

/// Lets the request that made this be made anew.
pub(crate) async fn forget(tx: &DatabaseTransaction, made: Uuid) -> Result<(), DbErr> {
    keys::Entity::delete_many().filter(keys::Column::MadeId.eq(made)).exec(tx).await?;
    Ok(())
}

/// Forgets the keys that are older than [`KEPT`].
pub(crate) async fn forget_old(tx: &DatabaseTransaction, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let old = keys::Entity::delete_many().filter(keys::Column::CreatedAt.lte(now - KEPT));
    Ok(old.exec(tx).await?.rows_affected)
}
