//! How staff see a guest's file that is not here yet, and what they can do about it.

use std::collections::HashMap;

use bellhop_domain::audit::AuditAction;
use bellhop_domain::conversation::Direction;
use bellhop_domain::media::{ArrivalStatus, MediaKind, MediaRef};
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::{MediaId, PropertyId};
use bellhop_entity::{media, media_fetch};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::fetch::nobody_has_it;
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::db::real_now;
use crate::error::{Error, Result};
use crate::event::{Scope, rfc3339};
use crate::failure::FailureReason;
use crate::message::MessageView;
use crate::rows::among;

/// What became of a guest's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    pub status: ArrivalStatus,
    /// Why it was given up.
    pub failure: Option<FailureReason>,
}

/// A guest's file, as it stands.
#[derive(Debug, Clone)]
pub struct ArrivalView {
    pub media_id: MediaId,
    pub media_type: MediaKind,
    pub filename: Option<String>,
    pub arrival: Arrival,
    /// How often it was tried; 0 when it is here.
    pub attempts: i32,
    /// When it is tried next; real time.
    pub due_at: Option<DateTime<Utc>>,
}

impl Arrival {
    const STORED: Self = Self { status: ArrivalStatus::Stored, failure: None };
}

impl From<&media_fetch::Model> for Arrival {
    fn from(row: &media_fetch::Model) -> Self {
        let failure = match row.status {
            ArrivalStatus::Failed => {
                let reason = FailureReason::of(Problem::MediaFetchFailed);
                Some(FailureReason { details: row.error.clone(), ..reason })
            }
            ArrivalStatus::Pending | ArrivalStatus::Stored => None,
        };
        Self { status: row.status, failure }
    }
}

impl App {
    /// Says of each message with a guest's file what became of that; one query for all of them.
    pub(crate) async fn show_arrivals(&self, messages: &mut [MessageView]) -> Result<()> {
        let files: HashMap<usize, MediaId> =
            messages.iter().enumerate().filter_map(|(at, view)| Some((at, file_of_guest(view)?))).collect();
        if files.is_empty() {
            return Ok(());
        }
        let db = self.db.reader();
        let missing = media_fetch::Entity::find()
            .filter(among(db, media_fetch::Column::MediaId, files.values().copied()))
            .all(db)
            .await?;
        let missing: HashMap<MediaId, Arrival> =
            missing.iter().map(|row| (row.media_id, Arrival::from(row))).collect();
        for (at, file) in files {
            messages[at].arrival = Some(missing.get(&file).cloned().unwrap_or(Arrival::STORED));
        }
        Ok(())
    }

    /// Has a guest's file fetched at once, also one that was given up. One that is here stays as it is.
    pub async fn retry_media(&self, caller: &Caller, id: MediaId) -> Result<ArrivalView> {
        caller.require(Right::SendMessages)?;
        use media_fetch::Column;
        let tx = self.db.begin().await?;
        let again = media_fetch::Entity::update_many()
            .col_expr(Column::Status, Expr::value(ArrivalStatus::Pending))
            .col_expr(Column::Failures, Expr::value(0))
            .col_expr(Column::DueAt, Expr::value(real_now()))
            .filter(Column::MediaId.eq(id))
            .filter(Column::PropertyId.eq(caller.property_id))
            // One that is under way is at it.
            .filter(nobody_has_it(real_now()))
            .exec(&tx)
            .await?;
        // As it was left: somebody may be at it before the answer goes out.
        let view = arrival(&tx, caller.property_id, id).await?;
        if again.rows_affected > 0 {
            let scope = Scope { property: caller.property_id, at: self.now() };
            audit::record(&tx, scope, caller, Entry::of(AuditAction::MediaRetried, id)).await?;
        }
        tx.commit().await?;
        self.start_fetching();
        Ok(view)
    }

    /// Why a file cannot be read.
    pub(super) async fn why_not_there(&self, property: PropertyId, id: MediaId) -> Result<Error> {
        let Some(fetch) = fetch_of(self.db.reader(), property, id).await? else {
            let removed = media::Entity::find_by_id(id)
                .filter(media::Column::PropertyId.eq(property))
                .filter(media::Column::RemovedAt.is_not_null())
                .one(self.db.reader())
                .await?;
            return Ok(removed.map_or_else(|| Error::not_found("file"), |_| Error::of(Problem::MediaGone)));
        };
        let problem = match fetch.status {
            ArrivalStatus::Failed => Problem::MediaFetchFailed,
            ArrivalStatus::Pending | ArrivalStatus::Stored => Problem::MediaNotReady,
        };
        let due = (problem == Problem::MediaNotReady).then(|| rfc3339(fetch.due_at));
        let details = json!({
            "status": fetch.status, "reason": fetch.error, "attempts": fetch.attempts, "retry_at": due,
        });
        Ok(Error::with(problem, problem.row().meaning, details))
    }
}

async fn arrival(db: &impl ConnectionTrait, property: PropertyId, id: MediaId) -> Result<ArrivalView> {
    let file = media::Entity::find_by_id(id).filter(media::Column::PropertyId.eq(property)).one(db).await?;
    let fetch = fetch_of(db, property, id).await?;
    if file.as_ref().is_some_and(|file| file.removed_at.is_some()) {
        return Err(Error::of(Problem::MediaGone));
    }
    let file = file.filter(|file| file.sha256.is_some() || fetch.is_some());
    let file = file.ok_or_else(|| Error::not_found("file"))?;
    let pending = fetch.as_ref().filter(|fetch| fetch.status == ArrivalStatus::Pending);
    Ok(ArrivalView {
        media_id: id,
        media_type: file.kind,
        filename: file.filename,
        arrival: fetch.as_ref().map_or(Arrival::STORED, Arrival::from),
        attempts: fetch.as_ref().map_or(0, |fetch| fetch.attempts),
        due_at: pending.map(|fetch| fetch.due_at),
    })
}

async fn fetch_of(
    db: &impl ConnectionTrait,
    property: PropertyId,
    id: MediaId,
) -> Result<Option<media_fetch::Model>> {
    Ok(media_fetch::Entity::find_by_id(id)
        .filter(media_fetch::Column::PropertyId.eq(property))
        .one(db)
        .await?)
}

/// The file that a guest sent with this message.
fn file_of_guest(view: &MessageView) -> Option<MediaId> {
    match view.content.file() {
        Some((_, MediaRef::MediaId(id))) if view.direction == Direction::Inbound => Some(*id),
        Some(_) | None => None,
    }
}
