//! One attempt at a guest's file: from the provider into the store, and nothing of it is kept that is not as it was
//! announced.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bellhop_domain::error_table::ErrorClass;
use bellhop_domain::media::MAX_BYTES;
use bellhop_domain::ports::{FetchFailure, FetchedFile, MediaStoreError, WantedFile};
use bellhop_entity::{media, media_fetch};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::expect::as_hex;
use super::fetch::Claim;
use super::gauge::{self, Gauge};
use super::sniff::Found;
use super::storage_key;
use crate::app::App;
use crate::db::in_time;
use crate::error::{Error, Result};

/// The longest silence of whoever has the bytes.
const STALL: Duration = Duration::from_secs(20);
/// For a file of no size.
const LEAST: Duration = Duration::from_secs(60);
/// The slowest way on which a fetch still succeeds, in bytes per second.
const SLOWEST: u64 = 256 << 10;

/// A file that came whole, as it was announced.
pub(super) struct Arrived {
    pub storage_key: String,
    /// The provider's word, where it was asked.
    pub said: Option<String>,
    pub found: Found,
    pub size: u64,
    pub sha256: String,
}

/// What people are told of a failure that is our own; the log has it.
const OURS: &str = "the file could not be stored here";

/// Why an attempt brought nothing. Nothing of it was kept.
pub(super) struct Miss {
    pub class: ErrorClass,
    /// For people.
    pub why: String,
    pub retry_after: Option<Duration>,
}

impl Miss {
    fn of(class: ErrorClass, why: impl Into<String>) -> Self {
        Self { class, why: why.into(), retry_after: None }
    }

    fn for_now(why: impl Into<String>) -> Self {
        Self::of(ErrorClass::Backoff, why)
    }
}

impl From<Error> for Miss {
    fn from(error: Error) -> Self {
        tracing::warn!(%error, "a guest's file was not fetched");
        Self::for_now(OURS)
    }
}

impl From<FetchFailure> for Miss {
    fn from(failure: FetchFailure) -> Self {
        let why = failure.to_string();
        match failure {
            FetchFailure::Refused(error) => {
                Self { class: error.class(), why, retry_after: error.retry_after }
            }
            FetchFailure::TooLarge(_) => Self::of(ErrorClass::Never, why),
            FetchFailure::Failed(_) => Self::for_now(why),
        }
    }
}

impl App {
    /// Fetches the file into the store.
    pub(super) async fn bring_in(&self, claim: &Claim) -> Result<Arrived, Miss> {
        let row = &claim.row;
        let connection = self.connection(row.connection_id).await;
        let connection = connection.map_err(|error| Miss::of(ErrorClass::Credentials, error.to_string()))?;
        let storage_key = in_time(self.place_of(claim)).await?;
        let wanted = WantedFile {
            provider_id: row.provider_id.clone(),
            // Only for the first time: it lives for five minutes.
            url: row.url.clone().filter(|_| row.attempts == 1),
            stall: STALL,
            max_bytes: MAX_BYTES,
        };
        let opened = self.ports.provider.fetch(&connection.line, &wanted).await;
        if let Err(FetchFailure::Refused(error)) = &opened
            && error.says_token_is_dead()
        {
            self.token_refused(&connection, error).await;
        }
        let file = opened?;
        let limit = file.size.map_or(MAX_BYTES, |size| size.min(MAX_BYTES));
        let patience = LEAST + Duration::from_secs(limit / SLOWEST);
        match tokio::time::timeout(patience, self.store_arrival(row, storage_key, file)).await {
            Ok(arrived) => arrived,
            Err(_) => Err(Miss::for_now("the file came too slowly")),
        }
    }

    /// Where the bytes of this attempt go. Its row always names the one place where some may be: what a death left
    /// at the last one goes before there is another.
    async fn place_of(&self, claim: &Claim) -> Result<String> {
        let row = &claim.row;
        let first = storage_key(row.property_id, row.media_id);
        if row.attempts == 1 {
            return Ok(first);
        }
        let file = media::Entity::find_by_id(row.media_id).one(self.db.reader()).await?;
        let file = file.ok_or_else(|| Error::not_found("file"))?;
        self.ports.media.delete(&file.storage_key).await?;
        let place = format!("{first}.{}", row.attempts);
        let held = Query::select()
            .column(media_fetch::Column::MediaId)
            .from(media_fetch::Entity)
            .and_where(media_fetch::Column::MediaId.eq(row.media_id))
            .and_where(media_fetch::Column::LeaseToken.eq(claim.token))
            .to_owned();
        let tx = self.db.begin().await?;
        media::Entity::update_many()
            .col_expr(media::Column::StorageKey, Expr::value(&place))
            .filter(media::Column::Id.in_subquery(held))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(place)
    }

    /// Nothing is kept of what is not as it was announced: the check is the end of the stream.
    async fn store_arrival(
        &self,
        row: &media_fetch::Model,
        storage_key: String,
        file: FetchedFile,
    ) -> Result<Arrived, Miss> {
        let hashes = [row.sha256.clone(), file.sha256.as_deref().and_then(as_hex)];
        let announced = Announced { size: file.size, hashes };
        let limit = announced.size.map_or(MAX_BYTES, |size| size.min(MAX_BYTES));
        let (bytes, gauge) = Gauge::up_to(limit).watch(file.bytes);
        let whole = Arc::clone(&gauge);
        let check = stream::once(async move { announced.check(&gauge::read(&whole)) });
        let stored = self.ports.media.put(&storage_key, bytes.chain(check).boxed()).await;
        let gauge = gauge::read(&gauge);
        match stored {
            Ok(()) => Ok(Arrived {
                storage_key,
                said: file.mime,
                found: gauge.found(None),
                size: gauge.size(),
                sha256: gauge.sha256(),
            }),
            Err(MediaStoreError::Source(_)) if gauge.is_over() && limit == MAX_BYTES => {
                Err(FetchFailure::TooLarge(gauge.size()).into())
            }
            Err(MediaStoreError::Source(_)) if gauge.is_over() => {
                Err(Miss::for_now(format!("more came than the {limit} bytes that the file has")))
            }
            Err(MediaStoreError::Source(error)) => Err(Miss::for_now(error.to_string())),
            Err(error @ (MediaStoreError::NotFound | MediaStoreError::Failed(_))) => {
                Err(Error::from(error).into())
            }
        }
    }
}

/// What is known of a file before it comes.
struct Announced {
    /// In bytes.
    size: Option<u64>,
    /// By the webhook and by the provider's API, in hexadecimal.
    hashes: [Option<String>; 2],
}

impl Announced {
    /// An error, or no more bytes.
    fn check(&self, came: &Gauge) -> io::Result<Bytes> {
        let size = came.size();
        if size == 0 {
            return Err(io::Error::other("nothing came"));
        }
        if let Some(announced) = self.size.filter(|announced| *announced != size) {
            return Err(io::Error::other(format!("{size} bytes came of a file that has {announced}")));
        }
        let sha256 = came.sha256();
        if self.hashes.iter().flatten().any(|announced| *announced != sha256) {
            return Err(io::Error::other("what came is not what the guest sent: its checksum differs"));
        }
        Ok(Bytes::new())
    }
}
