//! Files that are in whole, as they are read again.

use std::ops::Range;

use bellhop_domain::media::MediaKind;
use bellhop_domain::ports::{ByteStream, MediaStoreError};
use bellhop_domain::rights::Right;
use bellhop_domain::{MediaId, PropertyId};
use bellhop_entity::media;
use chrono::{DateTime, Utc};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};

/// A file.
#[derive(Debug, Clone)]
pub struct MediaView {
    pub media_id: MediaId,
    pub media_type: MediaKind,
    /// As it was found by the file's bytes; of a guest's file that these do not tell, the provider's word.
    pub mime_type: String,
    pub filename: Option<String>,
    /// In bytes.
    pub size: u64,
    /// Hexadecimal.
    pub sha256: String,
    pub created_at: DateTime<Utc>,
}

impl From<media::Model> for MediaView {
    fn from(row: media::Model) -> Self {
        Self {
            media_id: row.id,
            media_type: row.kind,
            mime_type: row.mime,
            filename: row.filename,
            size: row.size.unsigned_abs(),
            sha256: row.sha256.unwrap_or_default(),
            created_at: row.created_at,
        }
    }
}

/// A file that its reader may read.
pub struct StoredMedia {
    pub view: MediaView,
    storage_key: String,
    app: App,
}

impl App {
    pub async fn media(&self, caller: &Caller, id: MediaId) -> Result<MediaView> {
        Ok(self.open_media(caller, id).await?.view)
    }

    /// A file of the caller's property.
    pub async fn open_media(&self, caller: &Caller, id: MediaId) -> Result<StoredMedia> {
        caller.require(Right::ReadMedia)?;
        self.open_file(caller.property_id, id).await
    }

    /// As [`open_media`](Self::open_media), for whoever was found to have a right to it.
    pub(super) async fn open_file(&self, property: PropertyId, id: MediaId) -> Result<StoredMedia> {
        let row = super::find(self.db.reader(), property, id).await?;
        let Some(row) = row else { return Err(self.why_not_there(property, id).await?) };
        let storage_key = row.storage_key.clone();
        Ok(StoredMedia { view: row.into(), storage_key, app: self.clone() })
    }
}

impl StoredMedia {
    /// The bytes: all, or those of a part that lies within the file.
    pub async fn bytes(&self, part: Option<Range<u64>>) -> Result<ByteStream> {
        let store = &self.app.ports.media;
        let bytes = match part {
            Some(part) => store.get_part(&self.storage_key, part).await,
            None => store.get(&self.storage_key).await,
        };
        bytes.map_err(|error| match error {
            MediaStoreError::NotFound => {
                tracing::error!(media = %self.view.media_id, "a file is gone from the media store");
                Error::not_found("file")
            }
            MediaStoreError::Source(_) | MediaStoreError::Failed(_) => error.into(),
        })
    }
}
