//! A file's copy at the provider: made once for each number, and again before the provider forgets it.
//!
//! A large file takes longer to hand over than a message may be held. So the hand-over is a task of its own:
//! messages wait for it a while, and come back later if that was not enough.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bellhop_domain::answer::Answer;
use bellhop_domain::error_table::OwnReason;
use bellhop_domain::media::{self, MediaRef};
use bellhop_domain::ports::{ByteStream, MediaFile, MediaStoreError, ProviderFailure, ProviderMedia};
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::{ConnectionId, Content, MediaId};
use bellhop_entity::media_upload;
use chrono::TimeDelta;
use futures_util::StreamExt;
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;
use sea_orm::sea_query::OnConflict;
use tokio::sync::watch;

use crate::app::App;
use crate::connection::OpenConnection;
use crate::error::{Error, Result};

/// A copy this close to its end is not relied upon: the message may be under way for a while.
const MARGIN: TimeDelta = TimeDelta::days(1);

/// How long a failure counts for whoever waits for the file, before it is tried again.
const FAILED_FOR: Duration = Duration::from_secs(10);

/// What a message's file is to the provider.
#[derive(Debug, Clone)]
pub(crate) enum HandOver {
    /// There, or there is none.
    Ready(Option<ProviderMedia>),
    /// On its way; the message waits for it.
    Underway,
    /// The provider cannot have it: as if it had answered this to the message.
    Instead(Answer),
}

type Outcome = std::result::Result<String, Answer>;
type Key = (MediaId, ConnectionId);

/// Hand-overs of this process that are under way, or failed and were not asked about yet. Two processes may
/// hand the same file over; the later copy is used then.
pub(crate) type HandOvers = Mutex<HashMap<Key, Watched>>;

/// The outcome, once there is one, with its time.
type Watched = watch::Receiver<Option<(Outcome, Instant)>>;

/// Whether it is still under way, or failed a moment ago. A success stands in its row; a sender that is gone
/// without a word died.
fn is_of_use(watched: &Watched) -> bool {
    match &*watched.borrow() {
        Some((Ok(_), _)) => false,
        Some((Err(_), at)) => at.elapsed() < FAILED_FOR,
        None => watched.has_changed().is_ok(),
    }
}

impl App {
    /// The provider's name for the file of a content, waiting at most `patience` until it has one.
    pub(crate) async fn hand_over(
        &self,
        connection: &Arc<OpenConnection>,
        content: &Content,
        patience: Duration,
    ) -> Result<HandOver> {
        let id = match content.file() {
            None => return Ok(HandOver::Ready(None)),
            Some((_, MediaRef::Link(link))) => {
                return Ok(HandOver::Ready(Some(ProviderMedia::Link(link.clone()))));
            }
            Some((_, MediaRef::MediaId(id))) => *id,
        };
        self.hand_over_file(connection, id, patience).await
    }

    /// The provider's name for a file of ours, waiting at most `patience` until it has one.
    pub(crate) async fn hand_over_file(
        &self,
        connection: &Arc<OpenConnection>,
        id: MediaId,
        patience: Duration,
    ) -> Result<HandOver> {
        let key = (id, connection.id);
        if let Some(copy) = self.copy_of(key).await? {
            return Ok(HandOver::Ready(Some(ProviderMedia::Id(copy))));
        }
        let mut outcome = self.join_hand_over(connection, key);
        let Ok(Ok(done)) = tokio::time::timeout(patience, outcome.wait_for(Option::is_some)).await else {
            return Ok(HandOver::Underway);
        };
        Ok(match &*done {
            Some((Ok(copy), _)) => HandOver::Ready(Some(ProviderMedia::Id(copy.clone()))),
            Some((Err(answer), _)) => HandOver::Instead(answer.clone()),
            None => HandOver::Underway,
        })
    }

    /// A copy that the provider still has.
    async fn copy_of(&self, (id, connection): Key) -> Result<Option<String>> {
        let copy = media_upload::Entity::find_by_id((id, connection)).one(self.db.reader()).await?;
        let fresh = copy.filter(|copy| copy.uploaded_at + media::LIVES_FOR - MARGIN > self.now());
        Ok(fresh.map(|copy| copy.provider_media_id))
    }

    fn join_hand_over(&self, connection: &Arc<OpenConnection>, key: Key) -> Watched {
        let mut all = self.hand_overs.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, watched| is_of_use(watched));
        if let Some(known) = all.get(&key) {
            return known.clone();
        }
        let (sender, receiver) = watch::channel(None);
        all.insert(key, receiver.clone());
        let (app, connection) = (self.clone(), Arc::clone(connection));
        self.tasks.spawn(async move {
            let outcome = app.make_copy(&connection, key.0).await;
            sender.send_replace(Some((outcome, Instant::now())));
        });
        receiver
    }

    /// Hands a file over now, and keeps the provider's name for it.
    pub(crate) async fn make_copy(&self, connection: &OpenConnection, id: MediaId) -> Outcome {
        let later = |error: Error| Answer::NeverSent { reason: error.to_string() };
        let file = super::find(self.db.reader(), connection.property_id, id).await.map_err(later)?;
        let Some(file) = file else { return Err(Answer::Refused(gone())) };
        let bytes = self.ports.media.get(&file.storage_key).await.map_err(|error| match error {
            MediaStoreError::NotFound => Answer::Refused(gone()),
            MediaStoreError::Source(_) | MediaStoreError::Failed(_) => {
                Answer::NeverSent { reason: error.to_string() }
            }
        })?;
        let uploaded_at = self.now();
        let size = file.size.unsigned_abs();
        let whole = Arc::new(Whole::default());
        let file = MediaFile {
            filename: file.filename.unwrap_or_else(|| id.to_string()),
            mime: file.mime,
            size,
            bytes: whole.watch(bytes),
        };
        let upload = self.ports.provider.upload(&connection.line, file);
        let uploaded = upload.await;
        if let Err(ProviderFailure::Refused(error)) = &uploaded
            && error.forbids_sending()
        {
            self.token_refused(connection, error).await;
        }
        let copy = uploaded.map_err(|error| match error {
            // A file that the store has not got whole never will be: tried again, it would hold its guest's
            // lane for ever.
            _ if whole.is_broken(size) => Answer::Refused(gone()),
            ProviderFailure::Refused(error) => Answer::Refused(error),
            ProviderFailure::Unreachable(reason) | ProviderFailure::Unreadable(reason) => {
                Answer::NeverSent { reason }
            }
        })?;
        let row = media_upload::ActiveModel {
            media_id: Set(id),
            connection_id: Set(connection.id),
            provider_media_id: Set(copy.clone()),
            uploaded_at: Set(uploaded_at),
        };
        self.keep_copy(row).await.map_err(later)?;
        Ok(copy)
    }

    async fn keep_copy(&self, row: media_upload::ActiveModel) -> Result<()> {
        use media_upload::Column;
        let again = OnConflict::columns([Column::MediaId, Column::ConnectionId])
            .update_columns([Column::ProviderMediaId, Column::UploadedAt])
            .to_owned();
        let tx = self.db.begin().await?;
        media_upload::Entity::insert(row).on_conflict(again).exec_without_returning(&tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// What came out of the store.
#[derive(Default)]
struct Whole {
    bytes: AtomicU64,
    ended: AtomicBool,
}

impl Whole {
    fn watch(self: &Arc<Self>, bytes: ByteStream) -> ByteStream {
        let (counted, ended) = (Arc::clone(self), Arc::clone(self));
        let pieces = bytes.inspect(move |piece| {
            let length = piece.as_ref().map_or(0, |piece| piece.len() as u64);
            counted.bytes.fetch_add(length, Ordering::Relaxed);
        });
        let end = futures_util::stream::poll_fn(move |_| {
            ended.ended.store(true, Ordering::Relaxed);
            std::task::Poll::Ready(None)
        });
        Box::pin(pieces.chain(end))
    }

    /// It came to its end, or past it, and is not as long as its row says.
    fn is_broken(&self, size: u64) -> bool {
        let bytes = self.bytes.load(Ordering::Relaxed);
        bytes > size || (self.ended.load(Ordering::Relaxed) && bytes != size)
    }
}

fn gone() -> ProviderError {
    ProviderError::own(OwnReason::FileGone)
}
