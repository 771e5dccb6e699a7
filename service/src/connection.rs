//! Business numbers: their credentials, pace and callback.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bellhop_domain::ports::{Line, Pace};
use bellhop_domain::problem::Problem;
use bellhop_domain::{ConnectionId, PropertyId, Secret};
use bellhop_entity::connection;
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::app::App;
use crate::db::real_now;
use crate::error::{Error, Result};

/// How stale a process's idea of the connections may be.
const CACHE_FOR: Duration = Duration::from_secs(1);

/// Meta's own default, for numbers of which the provider did not say.
const DEFAULT_THROUGHPUT: u32 = 80;

/// The longest time for which one webhook vouches that those before it got through.
const VOUCHED_FOR: i64 = 60_000;

/// A connection with its secrets opened.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    pub id: ConnectionId,
    pub property_id: PropertyId,
    pub line: Line,
    pub app_secret: Secret,
    pub verify_token: Secret,
    pub pace: Pace,
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

/// A number to connect.
#[derive(Debug, Clone)]
pub struct NewConnection {
    pub line: Line,
    pub display_phone_number: String,
    pub app_secret: Secret,
    pub verify_token: Secret,
}

impl App {
    /// Every connection, in the order of their making.
    pub(crate) async fn connections(&self) -> Result<Connections> {
        if let Some(all) = self.connections.fresh() {
            return Ok(all);
        }
        let rows =
            connection::Entity::find().order_by_asc(connection::Column::Id).all(self.db.reader()).await?;
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
        Ok(OpenConnection {
            id: row.id,
            property_id: row.property_id,
            app_secret: secret(&row.app_secret, "app_secret")?,
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
        })
    }

    pub(crate) async fn connection(&self, id: ConnectionId) -> Result<Arc<OpenConnection>> {
        let all = self.connections().await?;
        all.iter().find(|c| c.id == id).cloned().ok_or_else(|| Error::of(Problem::NoConnection))
    }

    /// The connection from which a property's new conversations go out: its first.
    pub(crate) async fn default_connection(&self, property: PropertyId) -> Result<Arc<OpenConnection>> {
        let all = self.connections().await?;
        all.iter()
            .find(|c| c.property_id == property)
            .cloned()
            .ok_or_else(|| Error::of(Problem::NoConnection))
    }

    /// The connection with this number at the provider.
    pub async fn connection_of_number(&self, phone_number_id: &str) -> Result<Option<ConnectionId>> {
        let all = self.connections().await?;
        Ok(all.iter().find(|c| c.line.phone_number_id == phone_number_id).map(|c| c.id))
    }

    /// Whether the database has this number, readable or not.
    pub(crate) async fn is_stored(&self, phone_number_id: Option<&str>) -> Result<bool> {
        let Some(number) = phone_number_id else { return Ok(false) };
        let row = connection::Entity::find().filter(connection::Column::PhoneNumberId.eq(number));
        Ok(row.one(self.db.reader()).await?.is_some())
    }

    /// The property that has this number.
    pub async fn property_of_number(&self, phone_number_id: &str) -> Result<Option<PropertyId>> {
        let all = self.connections().await?;
        Ok(all.iter().find(|c| c.line.phone_number_id == phone_number_id).map(|c| c.property_id))
    }

    /// Stores a number with its secrets sealed, or brings a known one up to date.
    pub async fn connect(&self, property: PropertyId, new: NewConnection) -> Result<ConnectionId> {
        let tx = self.db.begin().await?;
        let known = connection::Entity::find()
            .filter(connection::Column::PhoneNumberId.eq(&new.line.phone_number_id))
            .one(&tx)
            .await?;
        let id = known.as_ref().map_or_else(ConnectionId::new, |row| row.id);
        if known.as_ref().is_some_and(|row| row.property_id != property) {
            return Err(Error::field("phone_number_id", "is connected to another property"));
        }
        let seal = |secret, column| Set(self.ports.cipher.encrypt(secret, &context(id, column)));
        let row = connection::ActiveModel {
            id: Set(id),
            property_id: Set(property),
            waba_id: Set(new.line.waba_id),
            phone_number_id: Set(new.line.phone_number_id),
            display_phone_number: Set(new.display_phone_number),
            base_url: Set(new.line.base_url),
            api_version: Set(new.line.api_version),
            access_token: seal(&new.line.access_token, "access_token"),
            app_secret: seal(&new.app_secret, "app_secret"),
            verify_token: seal(&new.verify_token, "verify_token"),
            webhook_alive_ms: known.as_ref().map_or(Set(0), |row| Set(row.webhook_alive_ms)),
            created_at: known.as_ref().map_or(Set(self.now()), |row| Set(row.created_at)),
            ..Default::default()
        };
        match known {
            Some(_) => connection::Entity::update(row).exec(&tx).await.map(|_| ())?,
            None => connection::Entity::insert(row).exec_without_returning(&tx).await.map(|_| ())?,
        }
        tx.commit().await?;
        self.connections.forget();
        Ok(id)
    }

    /// Asks the provider to send this connection's webhooks here.
    pub async fn register_callback(&self, id: ConnectionId) -> Result<()> {
        let connection = self.connection(id).await?;
        let url = &self.config.callback_url;
        Ok(self.ports.provider.register_callback(&connection.line, url, &connection.verify_token).await?)
    }

    /// Whether a provider's verification request carries the token of one of our connections.
    pub async fn is_verify_token(&self, given: &str) -> Result<bool> {
        use sha2::{Digest, Sha256};
        // Hashes of equal length compared whole: the time says nothing about the token.
        let given = Sha256::digest(given);
        let fits = |c: &Arc<OpenConnection>| Sha256::digest(c.verify_token.expose()) == given;
        Ok(self.connections().await?.iter().filter(|c| fits(c)).count() > 0)
    }

    /// Reads pace and templates from the provider, for every connection. Failures are logged and
    /// tried again with the next round.
    pub async fn sync_connections(&self) -> Result<()> {
        for connection in self.connections().await?.iter() {
            let id = connection.id;
            if let Err(error) = self.sync_number(connection).await {
                tracing::warn!(connection = %id, %error, "the number's limits could not be read");
            }
            if let Err(error) = self.sync_templates(connection).await {
                tracing::warn!(connection = %id, %error, "the templates could not be read");
            }
        }
        Ok(())
    }

    /// Reads the pace of an account's numbers, in the background: what fails comes with the next round.
    pub(crate) fn sync_account(&self, waba_id: String) {
        let app = self.clone();
        self.tasks.spawn(async move {
            let Ok(connections) = app.connections().await else { return };
            for connection in connections.iter().filter(|c| c.line.waba_id == waba_id) {
                if let Err(error) = app.sync_number(connection).await {
                    tracing::warn!(connection = %connection.id, %error, "the number's limits could not be read");
                }
            }
        });
    }

    async fn sync_number(&self, connection: &OpenConnection) -> Result<()> {
        let number = self.ports.provider.number(&connection.line).await?;
        let tx = self.db.begin().await?;
        connection::Entity::update_many()
            .col_expr(
                connection::Column::Throughput,
                Expr::value(number.throughput.and_then(|n| i32::try_from(n).ok())),
            )
            .col_expr(connection::Column::QualityRating, Expr::value(number.quality_rating))
            .col_expr(connection::Column::DisplayPhoneNumber, Expr::value(number.display_phone_number))
            .filter(connection::Column::Id.eq(connection.id))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        self.connections.forget();
        Ok(())
    }

    /// Notes that a webhook of the connection got through, about once a second.
    ///
    /// Time counts as "getting through" up to a minute before each webhook: a silent hour may be
    /// a quiet hotel or a broken callback, so it counts for nothing.
    pub(crate) async fn note_webhook(&self, id: ConnectionId) -> Result<()> {
        if !self.webhook_news(id) {
            return Ok(());
        }
        let tx = self.db.begin().await?;
        if let Some(row) = connection::Entity::find_by_id(id).one(&tx).await? {
            let now = real_now();
            let since = vouched_ms(row.webhook_seen_at, now);
            connection::Entity::update_many()
                .col_expr(connection::Column::WebhookSeenAt, Expr::value(now))
                .col_expr(connection::Column::WebhookAliveMs, longer_alive(since))
                .filter(connection::Column::Id.eq(id))
                // Another process may have counted the same time.
                .filter(match row.webhook_seen_at {
                    Some(seen) => connection::Column::WebhookSeenAt.eq(seen),
                    None => connection::Column::WebhookSeenAt.is_null(),
                })
                .exec(&tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// The time up to `now` for which a webhook at `now` vouches.
pub(crate) fn vouched_ms(last_seen: Option<DateTime<Utc>>, now: DateTime<Utc>) -> i64 {
    last_seen.map_or(0, |seen| (now - seen).num_milliseconds().clamp(0, VOUCHED_FOR))
}

fn longer_alive(by_ms: i64) -> SimpleExpr {
    use sea_orm::sea_query::ExprTrait;
    Expr::col(connection::Column::WebhookAliveMs).add(by_ms)
}

/// Binds a sealed secret to its row and column.
fn context(id: ConnectionId, column: &str) -> String {
    format!("connections|{id}|{column}")
}
