//! Files that messages carry.

mod address;
mod arrival;
mod bring_in;
mod expect;
mod fetch;
mod filename;
mod gauge;
mod hand_over;
mod mime;
mod outcome;
mod refusal;
mod sniff;
mod stored;
mod take_in;
mod unfinished;

use bellhop_domain::media::MediaRef;
use bellhop_domain::{Content, MediaId, PropertyId};
use bellhop_entity::media;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

pub use arrival::{Arrival, ArrivalView};
pub use stored::{MediaView, StoredMedia};
pub use take_in::Incoming;

pub(crate) use expect::expect;
pub(crate) use fetch::Fetches;
pub(crate) use hand_over::{HandOver, HandOvers};

use crate::app::App;
use crate::error::{Error, Result};

impl App {
    /// Refuses a content whose file is not the property's, or of another kind than it is sent as. `within` is
    /// the field of the request in which the content stands.
    pub(crate) async fn check_file(
        &self,
        property: PropertyId,
        content: &Content,
        within: &str,
    ) -> Result<()> {
        let Some((kind, MediaRef::MediaId(id))) = content.file() else { return Ok(()) };
        let mut path: Vec<&str> = vec![within];
        if matches!(content, Content::Template(_) | Content::Interactive(_)) {
            path.push("header");
        }
        path.push("media_id");
        path.retain(|part| !part.is_empty());
        let field = path.join(".");
        let file = find(self.db.reader(), property, *id).await?;
        match file {
            Some(file) if file.kind == kind => Ok(()),
            Some(file) => Err(Error::field(
                &field,
                format_args!("is a file of type {}, and cannot be sent as {kind}", file.kind),
            )),
            None => Err(Error::field(&field, "is no file of this property")),
        }
    }
}

/// Where the bytes of a file are.
fn storage_key(property: PropertyId, id: MediaId) -> String {
    format!("{}/{}", property.uuid(), id.uuid())
}

/// A file that is in whole, and still kept.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    property: PropertyId,
    id: MediaId,
) -> Result<Option<media::Model>> {
    Ok(media::Entity::find_by_id(id)
        .filter(media::Column::PropertyId.eq(property))
        .filter(media::Column::Sha256.is_not_null())
        .filter(media::Column::RemovedAt.is_null())
        .one(db)
        .await?)
}
