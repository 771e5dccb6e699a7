//! All that is held about a guest, as it is read: one JSON document by pages, then the files. Nobody holds it whole.

use std::collections::BTreeSet;

use bellhop_domain::audit::AuditAction;
use bellhop_domain::rights::Right;
use bellhop_domain::{GuestId, MediaId, PropertyId};
use bellhop_entity::{guest, media, message};
use bytes::Bytes;
use futures_util::StreamExt;
use sea_orm::prelude::Uuid;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;
use tokio::sync::mpsc;

use super::erase::family;
use super::{held, overwrite};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::guest as guests;

/// Rows that are read at a time.
const PAGE: u64 = 100;
/// Parts that wait for a slow reader.
const AHEAD: usize = 4;

/// A piece of the archive.
#[derive(Debug)]
pub enum Part {
    /// Another file begins.
    File { name: String },
    /// The next bytes of the present one.
    Bytes(Bytes),
}

/// An archive as it comes. One that ends with an error is not whole.
pub type Archive = mpsc::Receiver<Result<Part>>;

/// Whose archive it is.
pub(super) struct Subject {
    pub property: PropertyId,
    /// The guest first, then those who turned out to be this guest.
    pub guests: Vec<GuestId>,
}

/// Where an archive is written to.
struct Out(mpsc::Sender<Result<Part>>);

impl App {
    /// Everything about a guest of the caller's property.
    pub async fn export_guest(&self, caller: &Caller, id: GuestId) -> Result<Archive> {
        caller.require(Right::ExportGuests)?;
        let property = caller.property_id;
        let guest = guests::find(self.db.reader(), property, id).await?;
        let subject = Subject { property, guests: family(self.db.reader(), guest.id).await? };
        let scope = Scope { property, at: self.now() };
        let tx = self.db.begin().await?;
        audit::record(&tx, scope, caller, Entry::of(AuditAction::GuestExported, guest.id).about(guest.id))
            .await?;
        tx.commit().await?;
        let (sender, archive) = mpsc::channel(AHEAD);
        let app = self.clone();
        self.tasks.spawn(async move {
            let out = Out(sender);
            if let Err(error) = app.write_archive(&subject, &out).await {
                tracing::error!(guest = %guest.id, %error, "an export broke off");
                // The reader may be gone too.
                out.0.send(Err(error)).await.ok();
            }
        });
        Ok(archive)
    }

    async fn write_archive(&self, subject: &Subject, out: &Out) -> Result<()> {
        let written = async {
            out.file("guest.json").await?;
            let files = self.write_json(subject, out).await?;
            for id in files {
                self.write_file(subject, id, out).await?;
            }
            Ok::<(), Stop>(())
        };
        match written.await {
            Ok(()) | Err(Stop::Gone) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// One object, a field at a time. The files that its messages name.
    async fn write_json(&self, subject: &Subject, out: &Out) -> Result<BTreeSet<MediaId>, Stop> {
        let db = self.db.reader();
        let rows = guest::Entity::find().filter(guest::Column::Id.is_in(subject.guests.iter().copied()));
        let rows = rows.order_by_asc(guest::Column::Id).all(db).await?;
        out.text("{\"guest\": ").await?;
        out.json(&held::guest(self, subject, rows).await?).await?;
        for (name, values) in held::lists(db, subject).await? {
            out.text(&format!(",\n\"{name}\": ")).await?;
            out.json(&Value::Array(values)).await?;
        }
        let files = self.write_messages(subject, out).await?;
        out.text(",\n\"events\": ").await?;
        let mut list = List::begin(out).await?;
        let mut after = Some(0);
        while let Some(number) = after {
            let (events, next) = held::events(self, subject, number).await?;
            for event in events {
                list.item(&event).await?;
            }
            after = next;
        }
        list.end().await?;
        out.text("}\n").await?;
        Ok(files)
    }

    async fn write_messages(&self, subject: &Subject, out: &Out) -> Result<BTreeSet<MediaId>, Stop> {
        use message::Column;
        out.text(",\n\"messages\": ").await?;
        let mut list = List::begin(out).await?;
        let mut files = BTreeSet::new();
        let mut after = Uuid::nil();
        loop {
            let page = message::Entity::find()
                .filter(Column::GuestId.is_in(subject.guests.iter().copied()))
                .filter(Column::Id.gt(after))
                .order_by_asc(Column::Id)
                .limit(PAGE)
                .all(self.db.reader())
                .await?;
            let Some(last) = page.last() else { break };
            after = last.id.uuid();
            files.extend(page.iter().flat_map(overwrite::files_of));
            for said in held::messages(self.db.reader(), page).await? {
                list.item(&said).await?;
            }
        }
        list.end().await?;
        Ok(files)
    }

    async fn write_file(&self, subject: &Subject, id: MediaId, out: &Out) -> Result<(), Stop> {
        let found = media::Entity::find_by_id(id)
            .filter(media::Column::PropertyId.eq(subject.property))
            .filter(media::Column::Sha256.is_not_null())
            .filter(media::Column::RemovedAt.is_null())
            .one(self.db.reader())
            .await?;
        // Not here yet, or not any more: the message says so.
        let Some(row) = found else { return Ok(()) };
        out.file(&format!("media/{id}.{}", extension(&row))).await?;
        let mut bytes = self.ports.media.get(&row.storage_key).await.map_err(Error::from)?;
        while let Some(part) = bytes.next().await {
            let part = part.map_err(|error| {
                Error::from(bellhop_domain::ports::MediaStoreError::Failed(error.to_string()))
            })?;
            out.send(Part::Bytes(part)).await?;
        }
        Ok(())
    }
}

/// Why an archive ends early.
enum Stop {
    Gone,
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Out {
    async fn send(&self, part: Part) -> Result<(), Stop> {
        self.0.send(Ok(part)).await.map_err(|_| Stop::Gone)
    }

    async fn file(&self, name: &str) -> Result<(), Stop> {
        self.send(Part::File { name: name.to_owned() }).await
    }

    async fn text(&self, text: &str) -> Result<(), Stop> {
        self.send(Part::Bytes(Bytes::copy_from_slice(text.as_bytes()))).await
    }

    async fn json(&self, value: &Value) -> Result<(), Stop> {
        self.text(&value.to_string()).await
    }
}

/// A JSON list whose items come one after the other.
struct List<'a> {
    out: &'a Out,
    before: &'static str,
}

impl<'a> List<'a> {
    async fn begin(out: &'a Out) -> Result<Self, Stop> {
        out.text("[").await?;
        Ok(Self { out, before: "\n" })
    }

    async fn item(&mut self, value: &Value) -> Result<(), Stop> {
        self.out.text(&format!("{}{value}", self.before)).await?;
        self.before = ",\n";
        Ok(())
    }

    async fn end(self) -> Result<(), Stop> {
        self.out.text("]").await
    }
}

/// As people know it, for programs that go by it; the archive's JSON has the exact type.
fn extension(row: &media::Model) -> String {
    let named = row.filename.as_deref().and_then(|name| name.rsplit_once('.')).map(|(_, end)| end);
    let is_plain =
        |end: &&str| (1..=5).contains(&end.len()) && end.bytes().all(|b| b.is_ascii_alphanumeric());
    if let Some(end) = named.filter(is_plain) {
        return end.to_ascii_lowercase();
    }
    let essence = row.mime.split(';').next().unwrap_or_default().trim();
    match essence {
        "image/jpeg" => "jpg",
        "audio/mpeg" => "mp3",
        "audio/mp4" => "m4a",
        "text/plain" => "txt",
        other => match other.split_once('/') {
            Some((_, end)) if is_plain(&end) => end,
            Some(_) | None => "bin",
        },
    }
    .to_owned()
}
