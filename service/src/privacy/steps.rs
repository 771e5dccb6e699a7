//! An erasure's rows are overwritten, step by step and a few at a time, by whoever has its lease. Each step may be
//! made again: a death costs one transaction.

use bellhop_domain::privacy::ErasureStep;
use bellhop_domain::{GuestId, MessageId};
use bellhop_entity::{batch, batch_refusal, erasure, event, event_log, message};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::erase::{context, family};
use super::overwrite::{Depth, overwrite};
use super::webhooks::{blank, names};
use super::{events, files};
use crate::app::App;
use crate::audit;
use crate::db::{in_time, real_now};
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::failpoint;
use crate::rows::among;

/// Rows that one transaction overwrites.
const PART: u64 = 100;
/// Events that one step looks at: their log has no index of guests, which each event would pay for.
const LOOKED_AT: i64 = 5_000;
/// Erasures that are looked at in one round.
const ROUND: u64 = 20;

/// What came of a part of a step.
enum Went {
    /// There is more of it, after this place.
    On(Place),
    /// The step is over.
    Over,
    /// Something has to happen elsewhere first.
    Waits,
}

#[derive(Default)]
struct Place {
    id: Option<Uuid>,
    number: Option<i64>,
}

impl App {
    /// Goes on with the erasures that are under way, until each is over or waits. How many were ended.
    pub async fn carry_on_erasures(&self) -> Result<usize> {
        let open: Vec<GuestId> = erasure::Entity::find()
            .select_only()
            .column(erasure::Column::GuestId)
            .filter(Expr::cust("completed_at IS NULL"))
            .order_by_asc(erasure::Column::RequestedAt)
            .limit(ROUND)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let mut ended = 0;
        for guest in open {
            // One at a time: what fails on one must not keep the others for ever.
            match self.carry_on(guest).await {
                Ok(over) => ended += usize::from(over),
                Err(error) => {
                    tracing::error!(%guest, %error, "an erasure was not carried on; it is tried again");
                }
            }
        }
        Ok(ended)
    }

    async fn carry_on(&self, guest: GuestId) -> Result<bool> {
        let token = crate::send::lease_token();
        let mut is_over = false;
        while !self.tasks.is_closed()
            && let Some(row) = in_time(self.hold_erasure(guest, token)).await?
        {
            let went = in_time(self.go_on(&row)).await?;
            failpoint::here("erasure_part_done");
            let waits = matches!(went, Went::Waits);
            is_over = in_time(self.note_erasure(&row, token, went)).await?;
            if waits || is_over {
                break;
            }
        }
        if is_over {
            tracing::info!(%guest, "a guest is erased");
        }
        Ok(is_over)
    }

    /// Takes or renews the lease; `None` when somebody else has it, or the erasure is over.
    async fn hold_erasure(&self, guest: GuestId, token: Uuid) -> Result<Option<erasure::Model>> {
        use erasure::Column;
        let now = real_now();
        let lease = TimeDelta::from_std(self.config.lease).unwrap_or(TimeDelta::seconds(20));
        let free = Condition::any()
            .add(Column::LeaseUntil.is_null())
            .add(Column::LeaseUntil.lte(now))
            .add(Column::LeaseToken.eq(token));
        let tx = self.db.begin().await?;
        let held = erasure::Entity::update_many()
            .col_expr(Column::LeaseToken, Expr::value(token))
            .col_expr(Column::LeaseUntil, Expr::value(now + lease))
            .filter(Column::GuestId.eq(guest))
            .filter(Column::CompletedAt.is_null())
            .filter(free)
            .exec_with_returning(&tx)
            .await?;
        tx.commit().await?;
        Ok(held.into_iter().next())
    }

    async fn go_on(&self, row: &erasure::Model) -> Result<Went> {
        match row.step {
            ErasureStep::Messages => self.erase_messages(row).await,
            ErasureStep::Events => self.erase_events(row).await,
            ErasureStep::Webhooks => self.erase_webhooks(row).await,
            ErasureStep::Records => self.erase_records(row).await,
            ErasureStep::Files => {
                self.delete_removed_files().await?;
                let waits = self.has_removed_files(row.property_id).await?;
                Ok(if waits { Went::Waits } else { Went::Over })
            }
        }
    }

    async fn erase_messages(&self, row: &erasure::Model) -> Result<Went> {
        use message::Column;
        let guests = family(self.db.reader(), row.guest_id).await?;
        let mut seen = message::Entity::find()
            .filter(Column::GuestId.is_in(guests.iter().copied()))
            .order_by_asc(Column::Id)
            .limit(PART);
        if let Some(after) = row.done_to {
            seen = seen.filter(Column::Id.gt(after));
        }
        let seen = seen.all(self.db.reader()).await?;
        let Some(last) = seen.last().map(|row| row.id) else { return Ok(Went::Over) };
        let files = self.files_only_of((row.property_id, row.guest_id), &seen).await?;
        let scope = self.erasing(row);
        let tx = self.db.begin().await?;
        let rows = lock_unerased(&tx, seen.iter().map(|row| row.id)).await?;
        overwrite(&tx, scope, &rows, Depth::Person).await?;
        files::let_go(&tx, scope, &files).await?;
        failpoint::here("erasure_part_before_commit");
        tx.commit().await?;
        Ok(Went::On(Place { id: Some(last.uuid()), number: None }))
    }

    /// After the messages: whoever still settles one of them writes nothing of the person into an event.
    async fn erase_events(&self, row: &erasure::Model) -> Result<Went> {
        let guests = family(self.db.reader(), row.guest_id).await?;
        let theirs = || Expr::cust("data ->> 'guest_id'").is_in(guests.iter().map(ToString::to_string));
        let after = row.events_to.unwrap_or(0);
        // First those without a number, which get one at any moment; there are few.
        let waiting = events::some(
            self.db.reader(),
            row.property_id,
            [event::Column::Number.is_null(), theirs()],
            PART,
        )
        .await?;
        let log = event_log::Entity::find_by_id(row.property_id).one(self.db.reader()).await?;
        let last = log.map_or(0, |log| log.last_number);
        let end = Ord::min(last, after + LOOKED_AT);
        let part = [event::Column::Number.gt(after), event::Column::Number.lte(end), theirs()];
        let numbered = events::some(self.db.reader(), row.property_id, part, PART).await?;
        let is_full = numbered.len() as u64 == PART;
        let upto = numbered.last().and_then(|event| event.number).filter(|_| is_full).unwrap_or(end);
        let is_over = upto >= last && waiting.is_empty();
        let tx = self.db.begin().await?;
        events::overwrite(&tx, self.erasing(row), waiting.into_iter().chain(numbered).collect()).await?;
        failpoint::here("erasure_part_before_commit");
        tx.commit().await?;
        if is_over {
            return Ok(Went::Over);
        }
        Ok(Went::On(Place { id: None, number: Some(upto) }))
    }

    async fn erase_webhooks(&self, row: &erasure::Model) -> Result<Went> {
        let words = self.identifiers_of_erasure(row)?;
        let Some((last, named)) = self.webhooks_naming(row.property_id, &words, row.done_to).await? else {
            return Ok(Went::Over);
        };
        if !named.is_empty() {
            let tx = self.db.begin().await?;
            blank(&tx, named).await?;
            tx.commit().await?;
        }
        Ok(Went::On(Place { id: Some(last), number: None }))
    }

    /// What people and programs did about the guest; what batches refused, which may quote a number.
    async fn erase_records(&self, row: &erasure::Model) -> Result<Went> {
        for guest in family(self.db.reader(), row.guest_id).await? {
            let tx = self.db.begin().await?;
            let forgotten = audit::forget(&tx, self.erasing(row), guest).await?;
            tx.commit().await?;
            if forgotten > 0 {
                return Ok(Went::On(Place::default()));
            }
        }
        let words = self.identifiers_of_erasure(row)?;
        let batches = Query::select()
            .column(batch::Column::Id)
            .from(batch::Entity)
            .and_where(batch::Column::PropertyId.eq(row.property_id))
            .to_owned();
        let tx = self.db.begin().await?;
        batch_refusal::Entity::update_many()
            .col_expr(batch_refusal::Column::Reason, Expr::value(""))
            .filter(batch_refusal::Column::BatchId.in_subquery(batches))
            .filter(names("reason", &words))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(Went::Over)
    }

    fn identifiers_of_erasure(&self, row: &erasure::Model) -> Result<Vec<String>> {
        let opened = self.ports.cipher.decrypt(&row.identifiers, &context(row.guest_id))?;
        serde_json::from_str(opened.expose())
            .map_err(|_| Error::of(bellhop_domain::problem::Problem::Internal))
    }

    /// Stores how far it is; whether that is the end. Whoever lost the lease changes nothing.
    async fn note_erasure(&self, row: &erasure::Model, token: Uuid, went: Went) -> Result<bool> {
        use erasure::Column;
        let next = match went {
            Went::On(_) | Went::Waits => Some(row.step),
            Went::Over => row.step.next(),
        };
        let mut update = erasure::Entity::update_many();
        match went {
            Went::On(place) => {
                update = update
                    .col_expr(Column::DoneTo, Expr::value(place.id))
                    .col_expr(Column::EventsTo, Expr::value(place.number));
            }
            Went::Over => {
                update = update
                    .col_expr(Column::DoneTo, Expr::value(None::<Uuid>))
                    .col_expr(Column::EventsTo, Expr::value(None::<i64>));
            }
            Went::Waits => update = update.col_expr(Column::LeaseUntil, Expr::value(real_now())),
        }
        match next {
            Some(step) => update = update.col_expr(Column::Step, Expr::value(step)),
            None => {
                update = update
                    .col_expr(Column::CompletedAt, Expr::value(self.now()))
                    .col_expr(Column::Identifiers, Expr::value(Vec::<u8>::new()))
                    .col_expr(Column::LeaseToken, Expr::value(None::<Uuid>))
                    .col_expr(Column::LeaseUntil, Expr::value(None::<DateTime<Utc>>));
            }
        }
        let tx = self.db.begin().await?;
        let noted = update
            .filter(Column::GuestId.eq(row.guest_id))
            .filter(Column::LeaseToken.eq(token))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(next.is_none() && noted.rows_affected == 1)
    }

    fn erasing(&self, row: &erasure::Model) -> Scope {
        Scope { property: row.property_id, at: self.now() }
    }
}

/// Those of these messages that still say something, locked in the order of their ids.
pub(super) async fn lock_unerased(
    tx: &DatabaseTransaction,
    ids: impl IntoIterator<Item = MessageId>,
) -> Result<Vec<message::Model>> {
    Ok(message::Entity::find()
        .filter(among(tx, message::Column::Id, ids))
        .filter(message::Column::ErasedAt.is_null())
        .order_by_asc(message::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?)
}
