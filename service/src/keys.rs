//! The encryption key: whether it is the right one, and going over to another.

use bellhop_domain::Secret;
use bellhop_domain::ports::CipherError;
use bellhop_entity::{connection, erasure, key_check, subscription};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::app::App;
use crate::connection::{SECRETS, SecretColumn, context};
use crate::error::{Error, Result};
use crate::failpoint;

/// What the key is tried on.
const TEXT: &str = "bellhop";
/// Where it stands.
const CONTEXT: &str = "key_checks|1|sealed";
const ROW: i32 = 1;

/// Whether a process's keys open what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyCheck {
    Fits,
    Wrong,
    /// A rotation has begun and not ended: it takes both keys.
    Unfinished,
}

/// What a rotation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Secrets that are under the key in use now and were not before.
    pub secrets: usize,
}

/// Holds the keys as they are until the transaction ends: whoever seals comes wholly before a rotation, and
/// is seen by it, or after its beginning, and seals with the next key.
pub(crate) async fn hold(tx: &DatabaseTransaction) -> Result<()> {
    key_check::Entity::find_by_id(ROW).lock_shared().one(tx).await?;
    Ok(())
}

impl App {
    /// Tries the key on a text that the first start has sealed; the first start seals it.
    pub async fn check_key(&self) -> Result<KeyCheck> {
        if let Some(row) = key_check::Entity::find_by_id(ROW).one(self.db.reader()).await? {
            return Ok(self.try_on(&row));
        }
        // A database from before there was this text: then it must open what is there.
        if !self.opens_all_secrets().await? {
            return Ok(KeyCheck::Wrong);
        }
        let tx = self.db.begin().await?;
        let row = key_check::ActiveModel {
            id: Set(ROW),
            sealed: Set(self.ports.cipher.encrypt(&Secret::new(TEXT), CONTEXT)),
            next_sealed: Set(None),
        };
        key_check::Entity::insert(row)
            .on_conflict(OnConflict::column(key_check::Column::Id).do_nothing().to_owned())
            .exec_without_returning(&tx)
            .await?;
        // Two first starts at once: the one whose text is there has the right key.
        let row = load(&tx).await?;
        tx.commit().await?;
        Ok(self.try_on(&row))
    }

    fn try_on(&self, row: &key_check::Model) -> KeyCheck {
        let opens = |sealed: &[u8]| self.ports.cipher.decrypt(sealed, CONTEXT).is_ok();
        match (opens(&row.sealed), row.next_sealed.as_deref().map(opens)) {
            (true, None | Some(true)) => KeyCheck::Fits,
            (false, None | Some(false)) => KeyCheck::Wrong,
            (true, Some(false)) | (false, Some(true)) => KeyCheck::Unfinished,
        }
    }

    async fn opens_all_secrets(&self) -> Result<bool> {
        let rows = connection::Entity::find().all(self.db.reader()).await?;
        let opens = |row: &connection::Model, secret: &SecretColumn| {
            let sealed = (secret.of)(row);
            sealed.is_empty() || self.ports.cipher.decrypt(sealed, &context(row.id, secret.name)).is_ok()
        };
        Ok(rows.iter().all(|row| SECRETS.iter().all(|secret| opens(row, secret))))
    }

    /// Brings every secret under the key in use. May be repeated after it was cut off, by anybody who has
    /// both keys; processes that have them go on meanwhile.
    ///
    /// # Errors
    /// When a secret is under neither key; what was done until then stays done.
    pub async fn rotate_key(&self) -> Result<Rotated> {
        let tx = self.db.begin().await?;
        let row = lock(&tx).await?;
        // Neither key: nothing is touched.
        self.ports.cipher.decrypt(&row.sealed, CONTEXT)?;
        let next = self.ports.cipher.encrypt(&Secret::new(TEXT), CONTEXT);
        put(&tx, key_check::Column::NextSealed, Some(next)).await?;
        tx.commit().await?;
        failpoint::here("key_rotation_begun");
        let secrets = self.reseal_connections().await?
            + self.reseal_subscriptions().await?
            + self.reseal_erasures().await?;
        failpoint::here("key_rotation_resealed");
        let tx = self.db.begin().await?;
        let row = lock(&tx).await?;
        if let Some(sealed) = self.ports.cipher.reseal(&row.sealed, CONTEXT)? {
            put(&tx, key_check::Column::Sealed, Some(sealed)).await?;
        }
        put(&tx, key_check::Column::NextSealed, None).await?;
        tx.commit().await?;
        failpoint::here("key_rotation_ended");
        self.connections.forget();
        Ok(Rotated { secrets })
    }

    /// The secrets of connections, in one transaction.
    async fn reseal_connections(&self) -> Result<usize> {
        let tx = self.db.begin().await?;
        lock(&tx).await?;
        let rows = connection::Entity::find()
            .order_by_asc(connection::Column::Id)
            .lock(sea_orm::sea_query::LockType::NoKeyUpdate)
            .all(&tx)
            .await?;
        let mut changed = 0;
        for row in rows {
            for SecretColumn { name, column, of } in SECRETS {
                let sealed = of(&row);
                if sealed.is_empty() {
                    continue;
                }
                let resealed = self.ports.cipher.reseal(sealed, &context(row.id, name)).map_err(|error| {
                    tracing::error!(connection = %row.id, secret = name, "is under neither of the keys");
                    Error::from(error)
                })?;
                let Some(resealed) = resealed else { continue };
                connection::Entity::update_many()
                    .col_expr(column, Expr::value(resealed))
                    .filter(connection::Column::Id.eq(row.id))
                    .exec(&tx)
                    .await?;
                changed += 1;
            }
        }
        tx.commit().await?;
        Ok(changed)
    }
}

impl App {
    /// The secrets of partners' webhooks, in one transaction.
    async fn reseal_subscriptions(&self) -> Result<usize> {
        let tx = self.db.begin().await?;
        lock(&tx).await?;
        let rows = subscription::Entity::find()
            .order_by_asc(subscription::Column::Id)
            .lock(sea_orm::sea_query::LockType::NoKeyUpdate)
            .all(&tx)
            .await?;
        let mut changed = 0;
        for row in rows {
            for secret in crate::subscription::SECRETS {
                let sealed = (secret.of)(&row);
                if sealed.is_empty() {
                    continue;
                }
                let context = crate::subscription::context(row.id, secret.name);
                let Some(resealed) = self.ports.cipher.reseal(sealed, &context)? else { continue };
                subscription::Entity::update_many()
                    .col_expr(secret.column, Expr::value(resealed))
                    .filter(subscription::Column::Id.eq(row.id))
                    .exec(&tx)
                    .await?;
                changed += 1;
            }
        }
        tx.commit().await?;
        Ok(changed)
    }
}

impl App {
    /// What erasures that are under way look for, in one transaction.
    async fn reseal_erasures(&self) -> Result<usize> {
        let tx = self.db.begin().await?;
        lock(&tx).await?;
        let rows = erasure::Entity::find()
            .filter(Expr::cust("completed_at IS NULL"))
            .order_by_asc(erasure::Column::GuestId)
            .lock(sea_orm::sea_query::LockType::NoKeyUpdate)
            .all(&tx)
            .await?;
        let mut changed = 0;
        for row in rows {
            let context = crate::privacy::context(row.guest_id);
            let Some(resealed) = self.ports.cipher.reseal(&row.identifiers, &context)? else { continue };
            erasure::Entity::update_many()
                .col_expr(erasure::Column::Identifiers, Expr::value(resealed))
                .filter(erasure::Column::GuestId.eq(row.guest_id))
                .exec(&tx)
                .await?;
            changed += 1;
        }
        tx.commit().await?;
        Ok(changed)
    }
}

async fn load(db: &impl ConnectionTrait) -> Result<key_check::Model> {
    key_check::Entity::find_by_id(ROW).one(db).await?.ok_or_else(|| CipherError.into())
}

/// Waits for whoever is sealing, and keeps others from it.
async fn lock(tx: &DatabaseTransaction) -> Result<key_check::Model> {
    let row = key_check::Entity::find_by_id(ROW).lock_exclusive().one(tx).await?;
    row.ok_or_else(|| CipherError.into())
}

async fn put(tx: &DatabaseTransaction, column: key_check::Column, sealed: Option<Vec<u8>>) -> Result<()> {
    key_check::Entity::update_many()
        .col_expr(column, Expr::value(sealed))
        .filter(key_check::Column::Id.eq(ROW))
        .exec(tx)
        .await?;
    Ok(())
}
