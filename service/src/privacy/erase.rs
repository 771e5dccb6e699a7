//! A guest's erasure is asked for: from this commit on nobody sees the guest, and nothing leads to them.

use bellhop_domain::audit::AuditAction;
use bellhop_domain::error_table::OwnReason;
use bellhop_domain::event::EventType;
use bellhop_domain::privacy::{ErasureStatus, ErasureStep};
use bellhop_domain::profile::Profile;
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::rights::Right;
use bellhop_domain::status::Evidence;
use bellhop_domain::stay::{Stay, StayStatus};
use bellhop_domain::{GuestId, MessageStatus, PropertyId, Secret, StayId};
use bellhop_entity::{
    consent_change, conversation, erasure, guest, guest_identifier, guest_merge, message, stay, stay_guest,
};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;

use super::overwrite::{Depth, overwrite};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::consent::lock_conversations;
use crate::dispatch::{Change, settle};
use crate::error::{Error, Result};
use crate::event::{self, Scope};
use crate::rows::among;
use crate::{failpoint, guest as guests, keys};

/// How an erasure stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureView {
    pub guest_id: GuestId,
    pub status: ErasureStatus,
    pub requested_at: DateTime<Utc>,
    /// `None` while there is still something to overwrite.
    pub completed_at: Option<DateTime<Utc>>,
}

impl From<erasure::Model> for ErasureView {
    fn from(row: erasure::Model) -> Self {
        let status =
            if row.completed_at.is_some() { ErasureStatus::Completed } else { ErasureStatus::Running };
        let (requested_at, completed_at) = (row.requested_at, row.completed_at);
        Self { guest_id: row.guest_id, status, requested_at, completed_at }
    }
}

impl App {
    /// How the erasure of a guest stands; also of one who had turned out to be this guest.
    pub async fn erasure(&self, caller: &Caller, guest: GuestId) -> Result<ErasureView> {
        caller.require(Right::EraseGuests)?;
        let found = find(self.db.reader(), caller.property_id, guest).await?;
        found.map(Into::into).ok_or_else(|| Error::not_found("erasure"))
    }

    /// Erases a guest, and everybody who turned out to be this guest. What is already in the rows is overwritten by
    /// the worker; asked for twice, it is the same erasure.
    pub async fn erase_guest(&self, caller: &Caller, id: GuestId) -> Result<ErasureView> {
        caller.require(Right::EraseGuests)?;
        if let Some(known) = find(self.db.reader(), caller.property_id, id).await? {
            return Ok(known.into());
        }
        let scope = Scope { property: caller.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        keys::hold(&tx).await?;
        let guest = match guests::lock(&tx, scope.property, id).await {
            Ok(row) => row.id,
            // Somebody else was faster, or there is no such guest.
            Err(error) => {
                let known = find(&tx, scope.property, id).await?;
                return known.map(Into::into).ok_or(error);
            }
        };
        let family = family(&tx, guest).await?;
        lock_conversations(&tx, &family).await?;
        let identifiers = take_identifiers(&tx, &family).await?;
        self.stop_messages(&tx, scope, &family).await?;
        forget_person(&tx, scope, &family).await?;
        event::record(&tx, scope, EventType::GuestErased, json!({"guest_id": guest})).await?;
        let entry = Entry::of(AuditAction::GuestErased, guest).about(guest);
        audit::record(&tx, scope, caller, entry).await?;
        let sealed = Secret::new(json!(identifiers).to_string());
        let row = erasure::ActiveModel {
            guest_id: Set(guest),
            property_id: Set(scope.property),
            step: Set(ErasureStep::Messages),
            identifiers: Set(self.ports.cipher.encrypt(&sealed, &context(guest))),
            requested_at: Set(scope.at),
            ..Default::default()
        };
        let row = erasure::Entity::insert(row).exec_with_returning(&tx).await?;
        failpoint::here("erasure_before_commit");
        tx.commit().await?;
        failpoint::here("erasure_begun");
        Ok(row.into())
    }

    /// Nothing leaves for the guest any more. What is on the wire cannot be called back; nothing follows from its
    /// answer but its state.
    async fn stop_messages(&self, tx: &DatabaseTransaction, scope: Scope, family: &[GuestId]) -> Result<()> {
        use message::Column;
        let waiting =
            [MessageStatus::Scheduled, MessageStatus::Queued, MessageStatus::Sending, MessageStatus::InDoubt];
        let rows = message::Entity::find()
            .filter(Column::GuestId.is_in(family.iter().copied()))
            .filter(Column::Status.is_in(waiting))
            .order_by_asc(Column::Id)
            .lock_exclusive()
            .all(tx)
            .await?;
        overwrite(tx, scope, &rows, Depth::Person).await?;
        for row in rows {
            let change = match row.status {
                MessageStatus::Scheduled | MessageStatus::Queued => {
                    Change::to(MessageStatus::Cancelled, Evidence::Decision)
                }
                // There will be nobody who could decide. An echo still settles it.
                MessageStatus::InDoubt => {
                    let failure = ProviderError::own(OwnReason::GivenUp);
                    Change::failed(failure, Evidence::Decision)
                }
                MessageStatus::Sending
                | MessageStatus::Sent
                | MessageStatus::Delivered
                | MessageStatus::Read
                | MessageStatus::Failed
                | MessageStatus::Expired
                | MessageStatus::Cancelled
                | MessageStatus::Received => continue,
            };
            let bare = message::Entity::find_by_id(row.id).one(tx).await?;
            settle(tx, scope, bare.ok_or_else(|| Error::not_found("message"))?, change).await?;
        }
        Ok(())
    }
}

/// Under which the identifiers of an erasure are sealed.
pub(crate) fn context(guest: GuestId) -> String {
    format!("erasures|{guest}|identifiers")
}

/// The erasure of a guest, or of the guest that this one turned out to be.
async fn find(
    db: &impl ConnectionTrait,
    property: PropertyId,
    mut id: GuestId,
) -> Result<Option<erasure::Model>> {
    loop {
        let row =
            guest::Entity::find_by_id(id).filter(guest::Column::PropertyId.eq(property)).one(db).await?;
        match row.and_then(|row| row.merged_into) {
            Some(into) => id = into,
            None => break,
        }
    }
    let found = erasure::Entity::find_by_id(id).filter(erasure::Column::PropertyId.eq(property));
    Ok(found.one(db).await?)
}

/// A guest, and all who turned out to be this guest.
pub(super) async fn family(db: &impl ConnectionTrait, guest: GuestId) -> Result<Vec<GuestId>> {
    let mut all = vec![guest];
    let mut newest = all.clone();
    while !newest.is_empty() {
        newest = guest::Entity::find()
            .select_only()
            .column(guest::Column::Id)
            // Written out, so that SQLite sees that the partial index fits.
            .filter(Expr::cust("merged_into IS NOT NULL"))
            .filter(guest::Column::MergedInto.is_in(newest))
            .into_tuple()
            .all(db)
            .await?;
        all.extend(&newest);
    }
    Ok(all)
}

/// Cuts off what leads to the guest; what it was. A number with its digits only, as raw webhooks have it.
async fn take_identifiers(tx: &DatabaseTransaction, family: &[GuestId]) -> Result<Vec<String>> {
    let theirs = || guest_identifier::Column::GuestId.is_in(family.iter().copied());
    let rows = guest_identifier::Entity::find().filter(theirs()).all(tx).await?;
    guest_identifier::Entity::delete_many().filter(theirs()).exec(tx).await?;
    let mut words: Vec<String> =
        rows.into_iter().map(|row| row.value.trim_start_matches('+').to_owned()).collect();
    words.sort_unstable();
    words.dedup();
    words.retain(|word| !word.is_empty());
    Ok(words)
}

/// Takes away what stands about the guest outside of messages and events: some few rows.
async fn forget_person(tx: &DatabaseTransaction, scope: Scope, family: &[GuestId]) -> Result<()> {
    let ids = || family.iter().copied();
    let nothing = || Expr::value(None::<String>);
    guest::Entity::update_many()
        .col_expr(guest::Column::Name, nothing())
        .col_expr(guest::Column::Staff, Expr::value(None::<Profile>))
        .col_expr(guest::Column::Import, Expr::value(None::<Profile>))
        .col_expr(guest::Column::ToldName, nothing())
        .col_expr(guest::Column::Language, nothing())
        .col_expr(guest::Column::Tier, nothing())
        .col_expr(guest::Column::Notes, nothing())
        .col_expr(guest::Column::Stay, Expr::value(None::<Stay>))
        .col_expr(guest::Column::Room, nothing())
        .col_expr(guest::Column::StayStatus, Expr::value(None::<StayStatus>))
        .col_expr(guest::Column::StayLapsesAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(guest::Column::ErasedAt, Expr::value(scope.at))
        .col_expr(guest::Column::UpdatedAt, Expr::value(scope.at))
        .filter(guest::Column::Id.is_in(ids()))
        .exec(tx)
        .await?;
    conversation::Entity::update_many()
        .col_expr(conversation::Column::Metadata, Expr::value(json!({})))
        .col_expr(conversation::Column::ResolutionNotes, nothing())
        .col_expr(conversation::Column::Language, nothing())
        .col_expr(conversation::Column::Tier, nothing())
        .col_expr(conversation::Column::Room, nothing())
        .col_expr(conversation::Column::StayStatus, Expr::value(None::<StayStatus>))
        // Nobody is told of its window any more.
        .col_expr(conversation::Column::WindowExpiresAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(conversation::Column::ErasedAt, Expr::value(scope.at))
        .filter(conversation::Column::GuestId.is_in(ids()))
        .exec(tx)
        .await?;
    consent_change::Entity::update_many()
        .col_expr(consent_change::Column::Evidence, nothing())
        .filter(consent_change::Column::GuestId.is_in(ids()))
        .exec(tx)
        .await?;
    guest_merge::Entity::update_many()
        .col_expr(guest_merge::Column::Moved, Expr::value(json!({})))
        .filter(guest_merge::Column::KeptGuestId.is_in(ids()))
        .exec(tx)
        .await?;
    leave_stays(tx, family).await
}

/// The stays lose the guest; one that nobody is left in, the booking's reference.
async fn leave_stays(tx: &DatabaseTransaction, family: &[GuestId]) -> Result<()> {
    let theirs = || stay_guest::Column::GuestId.is_in(family.iter().copied());
    let stays: Vec<StayId> = stay_guest::Entity::find()
        .select_only()
        .column(stay_guest::Column::StayId)
        .filter(theirs())
        .into_tuple()
        .all(tx)
        .await?;
    stay_guest::Entity::delete_many().filter(theirs()).exec(tx).await?;
    let still = Query::select().column(stay_guest::Column::StayId).from(stay_guest::Entity).to_owned();
    stay::Entity::update_many()
        .col_expr(stay::Column::BookingReference, Expr::value(None::<String>))
        .filter(among(tx, stay::Column::Id, stays))
        .filter(stay::Column::Id.not_in_subquery(still))
        .exec(tx)
        .await?;
    Ok(())
}
