//! Business numbers: their credentials, pace and callback.

mod access;
mod add;
mod change;
mod liveness;
mod prove;
mod remove;
mod status;
mod store;
mod sync;
mod trail;
mod view;
mod webhook_events;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bellhop_domain::connection::ConnectionStatus;
use bellhop_domain::ports::{Line, Pace};
use bellhop_domain::problem::Problem;
use bellhop_domain::{ConnectionId, PropertyId, Secret};
use bellhop_entity::connection;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::db::real_now;
use crate::error::{Error, Result};

pub(crate) use access::Refused;
pub(crate) use liveness::{News, vouched_ms};
pub(crate) use store::{SECRETS, SecretColumn};

pub use add::{Added, ConnectionDraft};
pub use change::ConnectionChange;
pub use status::{LiveCheck, StatusView};
pub use store::NewConnection;
pub use view::{ConnectionView, Inbound};
pub use webhook_events::{WebhookEvent, WebhookEventFilter};

/// How stale a process's idea of the connections may be.
const CACHE_FOR: Duration = Duration::from_secs(1);

/// Meta's own default, for numbers of which the provider did not say.
const DEFAULT_THROUGHPUT: u32 = 80;

/// Those that are seen, sent from and received for.
const CONNECTED: [ConnectionStatus; 2] = [ConnectionStatus::Active, ConnectionStatus::NeedsCredentials];

/// A connection with its secrets opened.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    pub id: ConnectionId,
    pub property_id: PropertyId,
    pub line: Line,
    /// Without one nothing that comes in can be verified.
    pub app_secret: Option<Secret>,
    pub verify_token: Secret,
    pub pace: Pace,
    pub status: ConnectionStatus,
    pub is_default: bool,
    pub callback_elsewhere: bool,
    pub token_version: i32,
}

/// Whether a message may go over its connection.
pub(crate) enum Way {
    Open(Arc<OpenConnection>),
    /// Until there is a new access token.
    Waits,
    /// The number was taken away.
    Gone,
}

/// The connections of all properties, read again after [`CACHE_FOR`].
#[derive(Default)]
pub(crate) struct ConnectionCache(RwLock<Option<(Instant, Connections)>>);

type Connections = Arc<Vec<Arc<OpenConnection>>>;

impl ConnectionCache {
    fn fresh(&self) -> Option<Connections> {
        let cached = self.0.read().unwrap_or_else(PoisonError::into_inner);
        cached.as_ref().filter(|(at, _)| at.elapsed() < CACHE_FOR).map(|(_, all)| Arc::clone(all))
    }

    fn put(&self, all: Connections) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), all));
    }

    pub(crate) fn forget(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl App {
    /// Every connected number, in the order of their making.
    pub(crate) async fn connections(&self) -> Result<Connections> {
        if let Some(all) = self.connections.fresh() {
            return Ok(all);
        }
        let rows = connection::Entity::find()
            .filter(connection::Column::Status.is_in(CONNECTED))
            .order_by_asc(connection::Column::Id)
            .all(self.db.reader())
            .await?;
        let mut open = Vec::with_capacity(rows.len());
        for row in rows {
            let id = row.id;
            match self.open(row) {
                Ok(connection) => open.push(Arc::new(connection)),
                // One unreadable secret must not silence the other hotels.
                Err(error) => tracing::error!(connection = %id, %error, "connection left out"),
            }
        }
        let all = Arc::new(open);
        self.connections.put(Arc::clone(&all));
        Ok(all)
    }

    fn open(&self, row: connection::Model) -> Result<OpenConnection> {
        let secret = |sealed: &[u8], column| self.ports.cipher.decrypt(sealed, &context(row.id, column));
        let own = match row.app_secret.as_slice() {
            [] => None,
            sealed => Some(secret(sealed, "app_secret")?),
        };
        Ok(OpenConnection {
            id: row.id,
            property_id: row.property_id,
            app_secret: own.or_else(|| self.config.app_secret.clone()),
            verify_token: secret(&row.verify_token, "verify_token")?,
            pace: Pace {
                per_second: row
                    .throughput_override
                    .or(row.throughput)
                    .and_then(|n| u32::try_from(n).ok())
                    .unwrap_or(DEFAULT_THROUGHPUT)
                    .max(1),
            },
            line: Line {
                access_token: secret(&row.access_token, "access_token")?,
                base_url: row.base_url,
                api_version: row.api_version,
                phone_number_id: row.phone_number_id,
                waba_id: row.waba_id,
            },
            status: row.status,
            is_default: row.is_default,
            callback_elsewhere: row.callback_elsewhere,
            token_version: row.token_version,
        })
    }

    pub(crate) async fn connection(&self, id: ConnectionId) -> Result<Arc<OpenConnection>> {
        let all = self.connections().await?;
        if let Some(found) = all.iter().find(|c| c.id == id) {
            return Ok(Arc::clone(found));
        }
        Err(Error::of(match self.status_of_connection(id).await? {
            Some(ConnectionStatus::Removed | ConnectionStatus::Connecting) => Problem::NumberDisconnected,
            Some(ConnectionStatus::Active | ConnectionStatus::NeedsCredentials) | None => {
                Problem::NoConnection
            }
        }))
    }

    /// Whether something may be sent over a connection now.
    pub(crate) async fn way(&self, id: ConnectionId) -> Result<Way> {
        let all = self.connections().await?;
        if let Some(open) = all.iter().find(|c| c.id == id && c.status.is_usable()) {
            return Ok(Way::Open(Arc::clone(open)));
        }
        // Not from memory: another process may just have taken a new token.
        match self.status_of_connection(id).await? {
            Some(ConnectionStatus::Active) => {
                self.connections.forget();
                self.connection(id).await.map(Way::Open)
            }
            Some(ConnectionStatus::NeedsCredentials | ConnectionStatus::Connecting) => Ok(Way::Waits),
            Some(ConnectionStatus::Removed) | None => Ok(Way::Gone),
        }
    }

    async fn status_of_connection(&self, id: ConnectionId) -> Result<Option<ConnectionStatus>> {
        let row = connection::Entity::find_by_id(id).select_only().column(connection::Column::Status);
        Ok(row.into_tuple().one(self.db.reader()).await?)
    }

    /// The property's connected numbers.
    pub(crate) async fn numbers_of(&self, property: PropertyId) -> Result<Vec<ConnectionId>> {
        let all = self.connections().await?;
        Ok(all.iter().filter(|c| c.property_id == property).map(|c| c.id).collect())
    }

    /// The connection from which a property's new conversations go out: its default, else its first.
    pub(crate) async fn default_connection(&self, property: PropertyId) -> Result<Arc<OpenConnection>> {
        let all = self.connections().await?;
        let own = || all.iter().filter(|c| c.property_id == property);
        let found = own().find(|c| c.is_default).or_else(|| own().next());
        found.cloned().ok_or_else(|| Error::of(Problem::NoConnection))
    }

    /// The connection with this number at the provider.
    pub async fn connection_of_number(&self, phone_number_id: &str) -> Result<Option<ConnectionId>> {
        let all = self.connections().await?;
        Ok(all.iter().find(|c| c.line.phone_number_id == phone_number_id).map(|c| c.id))
    }

    /// Whether the database has this number as connected, readable or not, or as about to be.
    pub(crate) async fn is_stored(&self, phone_number_id: Option<&str>) -> Result<bool> {
        let Some(number) = phone_number_id else { return Ok(false) };
        let connected = connection::Column::Status.is_in(CONNECTED);
        let being_connected = Condition::all()
            .add(connection::Column::Status.eq(ConnectionStatus::Connecting))
            .add(connection::Column::UpdatedAt.gt(real_now() - add::ABANDONED_AFTER));
        let row = connection::Entity::find()
            .filter(connection::Column::PhoneNumberId.eq(number))
            .filter(Condition::any().add(connected).add(being_connected));
        Ok(row.one(self.db.reader()).await?.is_some())
    }

    /// The property that has this number, or had it.
    pub async fn property_of_number(&self, phone_number_id: &str) -> Result<Option<PropertyId>> {
        let row = connection::Entity::find()
            .select_only()
            .column(connection::Column::PropertyId)
            .filter(connection::Column::PhoneNumberId.eq(phone_number_id));
        Ok(row.into_tuple().one(self.db.reader()).await?)
    }

    /// Whether a provider's verification request carries the token of one of our connections.
    pub async fn is_verify_token(&self, given: &str) -> Result<bool> {
        use sha2::{Digest, Sha256};
        // Hashes of equal length compared whole: the time says nothing about the token.
        let given = Sha256::digest(given);
        let fits = |token: &Secret| Sha256::digest(token.expose()) == given;
        if self.connections().await?.iter().filter(|c| fits(&c.verify_token)).count() > 0 {
            return Ok(true);
        }
        // One that is being connected, by any process: the provider asks before it is.
        let rows = connection::Entity::find()
            .filter(connection::Column::Status.ne(ConnectionStatus::Removed))
            .all(self.db.reader())
            .await?;
        let open = rows.into_iter().filter_map(|row| self.open(row).ok());
        Ok(open.filter(|c| fits(&c.verify_token)).count() > 0)
    }
}

/// A property's connection; another property's, and one that was taken away, is not there.
async fn find(
    db: &impl ConnectionTrait,
    property: PropertyId,
    id: ConnectionId,
) -> Result<connection::Model> {
    let row = connection::Entity::find_by_id(id)
        .filter(connection::Column::PropertyId.eq(property))
        .filter(connection::Column::Status.is_in(CONNECTED));
    row.one(db).await?.ok_or_else(|| Error::not_found("connection"))
}

/// The same, locked until the transaction ends. Not against new conversations, which refer to it.
async fn lock(
    tx: &sea_orm::DatabaseTransaction,
    property: PropertyId,
    id: ConnectionId,
) -> Result<connection::Model> {
    let row = connection::Entity::find_by_id(id)
        .filter(connection::Column::PropertyId.eq(property))
        .filter(connection::Column::Status.is_in(CONNECTED))
        .lock(sea_orm::sea_query::LockType::NoKeyUpdate);
    row.one(tx).await?.ok_or_else(|| Error::not_found("connection"))
}

/// Leaves out what belongs to numbers that were taken away.
pub(crate) fn is_connected(column: impl ColumnTrait) -> sea_orm::sea_query::SimpleExpr {
    let removed = sea_orm::sea_query::Query::select()
        .column(connection::Column::Id)
        .from(connection::Entity)
        .and_where(connection::Column::Status.eq(ConnectionStatus::Removed))
        .to_owned();
    column.not_in_subquery(removed)
}

/// Binds a sealed secret to its row and column.
pub(crate) fn context(id: ConnectionId, column: &str) -> String {
    format!("connections|{id}|{column}")
}
