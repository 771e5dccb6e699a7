//! What guests agreed to: who said so, what stands, and what it keeps from leaving.
//!
//! An opt-out and a send meet at two locks. Acceptance holds the guest; the step onto the wire holds the
//! conversation. Whoever writes a change of consent holds both ([`hold`]), so each looks at what was committed
//! before, and no attempt begins after an opt-out's commit.

mod gate;
mod record;
mod refusal;

use bellhop_domain::audit::AuditAction;
use bellhop_domain::consent::{ConsentKind, ConsentSource, ConsentState};
use bellhop_domain::rights::Right;
use bellhop_domain::{GuestId, MessageId};
use bellhop_entity::{consent_change, guest_consent};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::event::{Scope, rfc3339};
use crate::guest;

pub(crate) use gate::{Gate, NotWanted, consents_of};
pub(crate) use record::{Said, hold, hold_all, lock_conversations, move_history, record};
pub(crate) use refusal::{hold_guest_of, note_refusal};

/// Changes that are shown.
const HISTORY: u64 = 100;
const EVIDENCE_MAX: usize = 1_000;
const STAFF_ID_MAX: usize = 64;

/// What a guest agreed to, and how that came to be.
#[derive(Debug, Clone)]
pub struct ConsentView {
    pub guest_id: GuestId,
    pub marketing: Standing,
    pub service: Standing,
    /// The newest first, by when they were said.
    pub history: Vec<ChangeView>,
}

/// What stands of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub state: ConsentState,
    /// `None` where nothing was said.
    pub said: Option<(DateTime<Utc>, ConsentSource)>,
}

/// Something that was said.
#[derive(Debug, Clone)]
pub struct ChangeView {
    pub kind: ConsentKind,
    pub state: ConsentState,
    pub source: ConsentSource,
    pub at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    pub evidence: Option<String>,
    pub message_id: Option<MessageId>,
    pub staff_member_id: Option<String>,
}

/// What a caller says of a guest's will.
#[derive(Debug, Clone)]
pub struct NewConsent {
    pub kind: ConsentKind,
    pub state: ConsentState,
    /// `api` where absent.
    pub source: Option<ConsentSource>,
    pub evidence: Option<String>,
    pub staff_member_id: Option<String>,
    /// When the guest said so; now where absent.
    pub at: Option<DateTime<Utc>>,
}

impl NewConsent {
    fn check(&self, now: DateTime<Utc>) -> Result<()> {
        if self.state == ConsentState::Unknown {
            return Err(Error::field("state", "must be opted_in or opted_out"));
        }
        if self.source.is_some_and(|source| !source.may_be_stated()) {
            return Err(Error::field("source", "is one that only Bellhop itself finds out"));
        }
        let texts = [
            ("evidence", &self.evidence, EVIDENCE_MAX),
            ("staff_member_id", &self.staff_member_id, STAFF_ID_MAX),
        ];
        for (field, text, max) in texts {
            if text.as_ref().is_some_and(|text| text.chars().count() > max) {
                return Err(Error::field(field, format_args!("must have at most {max} characters")));
            }
        }
        // It would stand over everything that is said until then.
        if self.at.is_some_and(|at| at > now) {
            return Err(Error::field("at", "must not lie in the future"));
        }
        Ok(())
    }
}

impl App {
    /// What a guest agreed to, with the newest of what was said.
    pub async fn consent(&self, caller: &Caller, guest: GuestId) -> Result<ConsentView> {
        caller.require(Right::ReadGuests)?;
        let db = self.db.reader();
        let guest_id = guest::find(db, caller.property_id, guest).await?.id;
        let standing =
            guest_consent::Entity::find().filter(guest_consent::Column::GuestId.eq(guest_id)).all(db).await?;
        let of = |kind| {
            let row = standing.iter().find(|row| row.kind == kind);
            let state = row.map_or(ConsentState::Unknown, |row| row.state);
            Standing { state, said: row.map(|row| (row.at, row.source)) }
        };
        let history = consent_change::Entity::find()
            .filter(consent_change::Column::GuestId.eq(guest_id))
            .order_by_desc(consent_change::Column::At)
            .order_by_desc(consent_change::Column::Id)
            .limit(HISTORY)
            .all(db)
            .await?;
        let (marketing, service) = (of(ConsentKind::Marketing), of(ConsentKind::Service));
        Ok(ConsentView {
            guest_id,
            marketing,
            service,
            history: history.into_iter().map(Into::into).collect(),
        })
    }

    /// Writes down what a guest said, and lets it take effect if nothing newer is known. From this commit on
    /// nothing begins to leave that it stands against.
    pub async fn set_consent(&self, caller: &Caller, guest: GuestId, new: NewConsent) -> Result<ConsentView> {
        caller.require(Right::ChangeConsent)?;
        let scope = Scope { property: caller.property_id, at: self.now() };
        new.check(scope.at)?;
        let staff_member_id = caller.staff_member(new.staff_member_id)?;
        let tx = self.db.begin().await?;
        let guest = hold(&tx, caller.property_id, guest).await?;
        let standing = guest_consent::Entity::find_by_id((guest, new.kind)).one(&tx).await?;
        let entry = Entry::of(AuditAction::ConsentChanged, guest)
            .about(guest)
            .gone(json!({"kind": new.kind, "state": standing.map_or(ConsentState::Unknown, |row| row.state)}))
            .made(json!({
                "kind": new.kind, "state": new.state, "source": new.source, "evidence": new.evidence,
                "at": new.at.map(rfc3339), "staff_member_id": staff_member_id,
            }));
        let said = Said {
            kind: new.kind,
            state: new.state,
            source: new.source.unwrap_or(ConsentSource::Api),
            at: new.at,
            evidence: new.evidence,
            message_id: None,
            staff_member_id,
            token_id: caller.token_id(),
        };
        if record(&tx, scope, guest, said).await? {
            audit::record(&tx, scope, caller, entry).await?;
        }
        tx.commit().await?;
        self.consent(caller, guest).await
    }
}

impl From<consent_change::Model> for ChangeView {
    fn from(row: consent_change::Model) -> Self {
        Self {
            kind: row.kind,
            state: row.state,
            source: row.source,
            at: row.at,
            recorded_at: row.recorded_at,
            evidence: row.evidence,
            message_id: row.message_id,
            staff_member_id: row.staff_member_id,
        }
    }
}
