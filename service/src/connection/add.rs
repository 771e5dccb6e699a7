//! Connecting a number: proven against the provider, then stored, then its webhooks are asked for.

use bellhop_domain::audit::AuditAction;
use bellhop_domain::connection::ConnectionStatus;
use bellhop_domain::ports::{Line, NumberInfo};
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::{ConnectionId, Secret};
use bellhop_entity::connection;
use chrono::TimeDelta;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, LockType, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect,
};
use serde_json::json;

use super::access::tell;
use super::prove::{Deadline, read_id, read_secret, read_version};
use super::trail;
use super::view::ConnectionView;
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::{Caller, random_token};
use crate::db::real_now;
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::failpoint;
use crate::idempotency::IdempotencyKey;
use crate::keys;

/// After this a number that somebody began to connect is free again: their process died.
pub(super) const ABANDONED_AFTER: TimeDelta = TimeDelta::minutes(1);

/// A number as an admin gives it.
#[derive(Debug, Clone)]
pub struct ConnectionDraft {
    pub waba_id: String,
    pub phone_number_id: String,
    pub access_token: String,
    /// Without it the number sends and takes nothing in.
    pub app_secret: Option<String>,
    /// Made when absent.
    pub verify_token: Option<String>,
    pub api_version: Option<String>,
    /// Meta's when absent.
    pub base_url: Option<String>,
    pub is_default: bool,
    /// Whether the provider is asked to send the webhooks here.
    pub register_callback: bool,
    pub idempotency_key: Option<IdempotencyKey>,
}

/// A number that was connected.
#[derive(Debug, Clone)]
pub struct Added {
    pub view: ConnectionView,
    /// One that was made here, shown this once.
    pub verify_token: Option<Secret>,
}

/// What was checked of a draft.
struct Checked {
    line: Line,
    app_secret: Option<Secret>,
    verify_token: Secret,
    is_default: bool,
    register_callback: bool,
}

/// The row that a request works on until the number is connected.
#[derive(Clone, Copy)]
struct Reserved {
    id: ConnectionId,
    /// Whoever begins anew raises it, and so takes the row over.
    version: i32,
}

impl App {
    /// Connects a number. Nothing is stored of one that the provider does not confirm.
    pub async fn add_connection(&self, caller: &Caller, mut draft: ConnectionDraft) -> Result<Added> {
        caller.require(Right::ManageConnections)?;
        let key = draft.idempotency_key.take();
        if let Some(key) = &key
            && let Some(id) = key.find::<ConnectionId>(self.db.reader(), caller, self.now()).await?
        {
            return Ok(Added { view: self.connection_of(caller, id).await?, verify_token: None });
        }
        let made = draft.verify_token.is_none();
        let checked = self.check_draft(draft)?;
        let deadline = Deadline::begin();
        let info = self.prove(&checked.line, deadline).await?;
        let reserved = self.reserve_number(caller, &checked, info).await?;
        failpoint::here("connection_reserved");
        if checked.register_callback {
            let with = (&checked.line, &checked.verify_token);
            if let Err(error) = self.claim_webhooks(reserved.id, with, deadline).await {
                self.give_up(reserved).await?;
                return Err(error);
            }
        }
        failpoint::here("connection_registered");
        let id = self.activate(caller, reserved, key).await?;
        self.sync_soon(id);
        let view = self.connection_of(caller, id).await?;
        Ok(Added { view, verify_token: Some(checked.verify_token).filter(|_| made) })
    }

    fn check_draft(&self, draft: ConnectionDraft) -> Result<Checked> {
        let line = Line {
            waba_id: read_id("waba_id", &draft.waba_id)?,
            phone_number_id: read_id("phone_number_id", &draft.phone_number_id)?,
            base_url: self.read_base_url(draft.base_url.as_deref())?,
            api_version: read_version(draft.api_version.as_deref())?,
            access_token: read_secret("access_token", &draft.access_token)?,
        };
        Ok(Checked {
            line,
            app_secret: draft.app_secret.map(|given| read_secret("app_secret", &given)).transpose()?,
            verify_token: match draft.verify_token {
                Some(given) => read_secret("verify_token", &given)?,
                None => random_token(),
            },
            is_default: draft.is_default,
            register_callback: draft.register_callback,
        })
    }

    /// Stores the number, unseen: the provider checks the callback with its verify token.
    async fn reserve_number(&self, caller: &Caller, checked: &Checked, info: NumberInfo) -> Result<Reserved> {
        let tx = self.db.begin().await?;
        keys::hold(&tx).await?;
        let known = free_row(&tx, caller, &checked.line.phone_number_id).await?;
        let id = known.as_ref().map_or_else(ConnectionId::new, |row| row.id);
        let version = known.as_ref().map_or(1, |row| row.token_version + 1);
        let app_secret = checked.app_secret.as_ref();
        let row = connection::ActiveModel {
            id: Set(id),
            property_id: Set(caller.property_id),
            display_phone_number: Set(info.display_phone_number),
            verified_name: Set(info.verified_name),
            throughput: Set(info.throughput.and_then(|n| i32::try_from(n).ok())),
            quality_rating: Set(info.quality_rating),
            app_secret: app_secret.map_or(Set(Vec::new()), |secret| self.seal(id, "app_secret", secret)),
            verify_token: self.seal(id, "verify_token", &checked.verify_token),
            status: Set(ConnectionStatus::Connecting),
            is_default: Set(checked.is_default),
            callback_elsewhere: Set(!checked.register_callback),
            token_version: Set(version),
            last_error: Set(None),
            last_error_at: Set(None),
            webhook_alive_ms: if known.is_some() { NotSet } else { Set(0) },
            created_at: if known.is_some() { NotSet } else { Set(self.now()) },
            updated_at: Set(Some(real_now())),
            ..self.line_columns(id, checked.line.clone())
        };
        let stored = match known {
            Some(_) => connection::Entity::update(row).exec(&tx).await.map(|_| 1)?,
            // Another request may have begun with the number in this very moment.
            None => {
                let taken = OnConflict::column(connection::Column::PhoneNumberId).do_nothing().to_owned();
                connection::Entity::insert(row).on_conflict(taken).exec_without_returning(&tx).await?
            }
        };
        if stored == 0 {
            return Err(Error::of(Problem::NumberConnected));
        }
        tx.commit().await?;
        Ok(Reserved { id, version })
    }

    /// Makes the number the property's.
    async fn activate(
        &self,
        caller: &Caller,
        reserved: Reserved,
        key: Option<IdempotencyKey>,
    ) -> Result<ConnectionId> {
        let scope = Scope { property: caller.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        let row = of(&tx, reserved).await?.ok_or_else(|| Error::of(Problem::NumberConnected))?;
        let before =
            if row.removed_at.is_some() { ConnectionStatus::Removed } else { ConnectionStatus::Connecting };
        if row.is_default {
            take_default(&tx, caller, row.id).await?;
        }
        let mut new = row.into_active_model();
        new.status = Set(ConnectionStatus::Active);
        new.removed_at = Set(None);
        new.updated_at = Set(Some(scope.at));
        let row = new.update(&tx).await?;
        tell(&tx, scope, &row, before).await?;
        let entry = Entry::of(AuditAction::ConnectionAdded, row.id).made(trail::told(&row));
        audit::record(&tx, scope, caller, entry).await?;
        if let Some(key) = key
            && !key.take(&tx, caller, row.id.uuid(), scope.at).await?
        {
            tx.rollback().await?;
            self.give_up(reserved).await?;
            return Err(Error::of(Problem::IdempotencyKeyInFlight));
        }
        tx.commit().await?;
        self.connections.forget();
        Ok(row.id)
    }

    /// Takes back what was reserved: a number that was there before keeps its history and loses its secrets.
    async fn give_up(&self, reserved: Reserved) -> Result<()> {
        let tx = self.db.begin().await?;
        if let Some(row) = of(&tx, reserved).await? {
            match row.removed_at {
                Some(_) => {
                    let mut new = row.into_active_model();
                    new.status = Set(ConnectionStatus::Removed);
                    new.access_token = Set(Vec::new());
                    new.app_secret = Set(Vec::new());
                    new.verify_token = Set(Vec::new());
                    new.update(&tx).await?;
                }
                None => {
                    connection::Entity::delete_by_id(row.id).exec(&tx).await?;
                }
            }
        }
        tx.commit().await?;
        Ok(())
    }
}

/// The row of a number that may be connected by this property; `None` when there is none yet.
async fn free_row(
    tx: &DatabaseTransaction,
    caller: &Caller,
    number: &str,
) -> Result<Option<connection::Model>> {
    let row = connection::Entity::find()
        .filter(connection::Column::PhoneNumberId.eq(number))
        .lock(LockType::Update)
        .one(tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let abandoned = row.status == ConnectionStatus::Connecting
        && row.removed_at.is_none()
        && row.updated_at.is_none_or(|at| at < real_now() - ABANDONED_AFTER);
    if abandoned {
        // Nothing refers to it: it was never anybody's.
        connection::Entity::delete_by_id(row.id).exec(tx).await?;
        return Ok(None);
    }
    if row.property_id != caller.property_id {
        return Err(Error::of(Problem::NumberTaken));
    }
    if row.status.is_connected() {
        let problem = Problem::NumberConnected;
        return Err(Error::with(problem, problem.row().meaning, json!({"connection_id": row.id})));
    }
    Ok(Some(row))
}

/// The row, while it is still this request's.
async fn of(tx: &DatabaseTransaction, reserved: Reserved) -> Result<Option<connection::Model>> {
    let row = connection::Entity::find_by_id(reserved.id)
        .filter(connection::Column::Status.eq(ConnectionStatus::Connecting))
        .filter(connection::Column::TokenVersion.eq(reserved.version))
        .lock(LockType::Update);
    Ok(row.one(tx).await?)
}

/// Lets the property's other numbers be the default no more.
pub(super) async fn take_default(tx: &DatabaseTransaction, caller: &Caller, id: ConnectionId) -> Result<()> {
    connection::Entity::update_many()
        .col_expr(connection::Column::IsDefault, Expr::value(false))
        .filter(connection::Column::PropertyId.eq(caller.property_id))
        .filter(connection::Column::Id.ne(id))
        .exec(tx)
        .await?;
    Ok(())
}
