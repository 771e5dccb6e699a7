//! A file on its way in. Its row comes first, unfinished, so that whatever dies in between leaves something by
//! which the sweep finds the bytes; then the bytes; then the row says that the file is in whole.

use std::time::Duration;

use bellhop_domain::MediaId;
use bellhop_domain::answer::Answer;
use bellhop_domain::audit::AuditAction;
use bellhop_domain::media::{MAX_BYTES, MediaKind};
use bellhop_domain::ports::{ByteStream, MediaStoreError};
use bellhop_domain::problem::Problem;
use bellhop_domain::provider_error::{ErrorClass, ProviderError};
use bellhop_domain::rights::Right;
use bellhop_entity::media;
use futures_util::StreamExt;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::gauge::{self, Gauge};
use super::hand_over::HandOver;
use super::refusal::Judged;
use super::sniff::Found;
use super::{MediaView, storage_key};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::db::real_now;
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::idempotency::IdempotencyKey;

/// How long an upload waits for the copy at the provider. Without one it is made when the file is first sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often an upload says that it is alive.
const WORD: Duration = Duration::from_secs(10);

/// A file that is being handed in. What comes of it is [`Incoming::finish`]ed or [`Incoming::discard`]ed.
pub struct Incoming {
    app: App,
    caller: Caller,
    id: MediaId,
    /// What the request's key made before: the file is compared with that, and not stored.
    made: Option<media::Model>,
    kind: Option<MediaKind>,
    file: Option<Received>,
}

/// What came.
struct Received {
    filename: Option<String>,
    found: Found,
    size: u64,
    sha256: String,
}

impl App {
    /// Begins to take a file in.
    pub async fn take_media(&self, caller: &Caller, key: Option<IdempotencyKey>) -> Result<Incoming> {
        caller.require(Right::SendMessages)?;
        let made = match &key {
            Some(key) => self.media_made_before(caller, key).await?,
            None => None,
        };
        let id = made.as_ref().map_or_else(MediaId::new, |row| row.id);
        if made.is_none() {
            self.begin_media(caller, id, key).await?;
        }
        Ok(Incoming { app: self.clone(), caller: *caller, id, made, kind: None, file: None })
    }

    async fn media_made_before(&self, caller: &Caller, key: &IdempotencyKey) -> Result<Option<media::Model>> {
        let Some(id) = key.find::<MediaId>(self.db.reader(), caller, self.now()).await? else {
            return Ok(None);
        };
        let row = media::Entity::find_by_id(id)
            .filter(media::Column::PropertyId.eq(caller.property_id))
            .one(self.db.reader())
            .await?;
        match row {
            Some(row) if row.sha256.is_some() => Ok(Some(row)),
            Some(row) if super::unfinished::is_alive(&row) => Err(Error::of(Problem::IdempotencyKeyInFlight)),
            // Its process died.
            Some(row) => self.remove_media(&row).await.map(|()| None),
            None => Ok(None),
        }
    }

    async fn begin_media(&self, caller: &Caller, id: MediaId, key: Option<IdempotencyKey>) -> Result<()> {
        let row = media::ActiveModel {
            removed_at: Set(None),
            id: Set(id),
            property_id: Set(caller.property_id),
            // Kind and type are known at the end only; nobody reads them before.
            kind: Set(MediaKind::Document),
            mime: Set(String::new()),
            filename: Set(None),
            size: Set(0),
            sha256: Set(None),
            storage_key: Set(storage_key(caller.property_id, id)),
            created_at: Set(real_now()),
        };
        let tx = self.db.begin().await?;
        media::Entity::insert(row).exec_without_returning(&tx).await?;
        if let Some(key) = key
            && !key.take(&tx, caller, id.uuid(), self.now()).await?
        {
            return Err(Error::of(Problem::IdempotencyKeyInFlight));
        }
        Ok(tx.commit().await?)
    }
}

impl Incoming {
    /// As what the file is to be sent; may come before the file or after it.
    pub fn kind_is(&mut self, kind: MediaKind) {
        self.kind = Some(kind);
    }

    /// Stores the bytes as they come. `filename` is what the sender calls the file.
    pub async fn receive(&mut self, filename: Option<&str>, bytes: ByteStream) -> Result<()> {
        let filename = filename.and_then(super::filename::plain);
        let limit = self.kind.map_or(MAX_BYTES, |kind| kind.max_bytes(true));
        let (bytes, gauge) = Gauge::up_to(limit).watch(bytes);
        let stored = match self.made {
            Some(_) => drain(bytes).await,
            None => self.store(bytes).await,
        };
        let gauge = gauge::read(&gauge);
        let found = gauge.found(filename.as_deref());
        match stored {
            Ok(()) => {
                self.file = Some(Received { filename, found, size: gauge.size(), sha256: gauge.sha256() });
                Ok(())
            }
            Err(MediaStoreError::Source(_)) if gauge.is_over() => {
                Judged { kind: self.kind, found, size: None }.check()
            }
            Err(MediaStoreError::Source(_)) => {
                Err(Error::field("body", "broke off before its end; nothing of it was kept"))
            }
            Err(error @ (MediaStoreError::NotFound | MediaStoreError::Failed(_))) => Err(error.into()),
        }
    }

    async fn store(&self, bytes: ByteStream) -> Result<(), MediaStoreError> {
        let key = storage_key(self.caller.property_id, self.id);
        let mut put = std::pin::pin!(self.app.ports.media.put(&key, bytes));
        loop {
            match tokio::time::timeout(WORD, &mut put).await {
                Ok(stored) => return stored,
                Err(_) => self.say_alive().await,
            }
        }
    }

    /// An unfinished row's time is when its receiver was heard of last.
    async fn say_alive(&self) {
        let said = async {
            let tx = self.app.db.begin().await?;
            media::Entity::update_many()
                .col_expr(media::Column::CreatedAt, Expr::value(real_now()))
                .filter(media::Column::Id.eq(self.id))
                .filter(media::Column::Sha256.is_null())
                .exec(&tx)
                .await?;
            tx.commit().await
        };
        if let Err(error) = said.await {
            tracing::warn!(media = %self.id, %error, "an upload could not say that it is alive");
        }
    }

    /// Checks what came, makes it usable and hands a copy to WhatsApp.
    ///
    /// # Errors
    /// `MEDIA_UPLOAD_FAILED` when WhatsApp would not take it, or did not.
    pub async fn finish(&mut self) -> Result<MediaView> {
        let kind = self.kind.ok_or_else(|| Error::field("media_type", "is required"))?;
        let file = self.file.take().ok_or_else(|| Error::field("media", "is required"))?;
        if let Some(row) = &self.made {
            let same = row.kind == kind
                && row.filename == file.filename
                && row.sha256.as_ref() == Some(&file.sha256);
            return if same { Ok(row.clone().into()) } else { Err(Error::of(Problem::IdempotencyKeyReused)) };
        }
        let judged = Judged { kind: Some(kind), found: file.found, size: Some(file.size) };
        judged.check()?;
        let row = self.complete(kind, file).await?;
        match self.refused_by_provider().await {
            Some(error) => Err(judged.refused(&error)),
            None => Ok(row.into()),
        }
    }

    async fn complete(&self, kind: MediaKind, file: Received) -> Result<media::Model> {
        let row = media::Model {
            removed_at: None,
            id: self.id,
            property_id: self.caller.property_id,
            kind,
            mime: file.found.mime.to_owned(),
            filename: file.filename,
            size: file.size.try_into().unwrap_or(i64::MAX),
            sha256: Some(file.sha256),
            storage_key: storage_key(self.caller.property_id, self.id),
            created_at: self.app.now(),
        };
        let tx = self.app.db.begin().await?;
        let done = media::Entity::update_many()
            .set(media::ActiveModel::from(row.clone()).reset_all())
            .filter(media::Column::Id.eq(self.id))
            .filter(media::Column::Sha256.is_null())
            .exec(&tx)
            .await?;
        if done.rows_affected == 0 {
            // We were silent for so long that the row was swept away, or the request repeated.
            return Err(Error::of(Problem::Unavailable));
        }
        // Not its name, which may be a guest's: nobody could take it away again.
        let details = json!({"media_type": kind, "mime": row.mime, "size": row.size});
        let scope = Scope { property: row.property_id, at: row.created_at };
        let entry = Entry::of(AuditAction::MediaUploaded, row.id).made(details);
        audit::record(&tx, scope, &self.caller, entry).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Why WhatsApp will never take this file, if it says so now. Everything else is no reason to refuse the
    /// upload: the copy is made when the file is first sent.
    async fn refused_by_provider(&self) -> Option<ProviderError> {
        let connection = match self.app.default_connection(self.caller.property_id).await {
            Ok(connection) => connection,
            Err(error) => {
                tracing::debug!(media = %self.id, %error, "no copy of a file made yet");
                return None;
            }
        };
        let why = match self.app.hand_over_file(&connection, self.id, PATIENCE).await {
            Ok(HandOver::Ready(_) | HandOver::Underway) => return None,
            Ok(HandOver::Instead(Answer::Refused(error))) if is_about_the_file(&error) => return Some(error),
            Ok(HandOver::Instead(answer)) => format!("{answer:?}"),
            Err(error) => error.to_string(),
        };
        tracing::warn!(media = %self.id, why, "no copy of a file made at WhatsApp yet");
        None
    }

    /// Takes everything back. What cannot be removed now is swept away.
    pub async fn discard(self) {
        if self.made.is_some() {
            return;
        }
        let removed = async {
            let row = media::Entity::find_by_id(self.id).one(self.app.db.reader()).await?;
            match row {
                Some(row) => self.app.remove_media(&row).await,
                // Somebody else took the row away; these bytes came after it.
                None => {
                    Ok(self.app.ports.media.delete(&storage_key(self.caller.property_id, self.id)).await?)
                }
            }
        };
        if let Err(error) = removed.await {
            tracing::warn!(media = %self.id, %error, "a file could not be taken back, and will be swept away");
        }
    }
}

/// A refusal of the token, the account or the pace says nothing about the file.
fn is_about_the_file(error: &ProviderError) -> bool {
    match error.class() {
        ErrorClass::Never => true,
        ErrorClass::Backoff
        | ErrorClass::BackoffThrice
        | ErrorClass::PairLimit
        | ErrorClass::Later
        | ErrorClass::OptOut
        | ErrorClass::Credentials => false,
    }
}

async fn drain(mut bytes: ByteStream) -> Result<(), MediaStoreError> {
    while let Some(piece) = bytes.next().await {
        piece.map_err(MediaStoreError::Source)?;
    }
    Ok(())
}
