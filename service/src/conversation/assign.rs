//! Who looks after a conversation.

use bellhop_domain::audit::AuditAction;
use bellhop_domain::event::EventType;
use bellhop_domain::rights::Right;
use bellhop_domain::{ConversationId, StaffId};
use bellhop_entity::{conversation, staff};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
};
use serde_json::json;

use super::{ConversationView, lock, show_one};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::{Caller, Who};
use crate::error::{Error, Result, shorten};
use crate::event::{self, Scope};

/// Whose conversations are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssigneeFilter {
    Of(StaffId),
    /// Those that nobody looks after.
    Nobody,
}

impl AssigneeFilter {
    /// As a query has it: an id, or `none`.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self::Nobody),
            id => id.parse().map(Self::Of).map_err(|_| {
                Error::field(
                    "assignee",
                    format_args!("\"{}\" is neither an id of a person nor none", shorten(id)),
                )
            }),
        }
    }

    pub(super) fn condition(self) -> Condition {
        use conversation::Column::Assignee;
        Condition::all().add(match self {
            Self::Of(person) => Assignee.eq(person),
            Self::Nobody => Assignee.is_null(),
        })
    }
}

impl App {
    /// Gives a conversation to a person, or to nobody. The same again changes nothing and tells nothing.
    pub async fn assign_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
        to: Option<StaffId>,
    ) -> Result<ConversationView> {
        caller.require(Right::AssignConversations)?;
        let tx = self.db.begin().await?;
        let row = lock(&tx, caller.property_id, id).await?;
        if row.assignee == to {
            let view = show_one(&tx, row).await?;
            tx.rollback().await?;
            return Ok(view);
        }
        if let Some(person) = to {
            check(&tx, caller, person).await?;
        }
        let previous = row.assignee;
        let mut row = row.into_active_model();
        row.assignee = Set(to);
        let row = row.update(&tx).await?;
        let scope = Scope { property: caller.property_id, at: self.now() };
        tell(&tx, scope, &row, (previous, Some(name(caller)))).await?;
        let entry = Entry::of(AuditAction::ConversationAssigned, row.id).about(row.guest_id);
        let entry = entry.changed(json!({"assignee": previous}), json!({"assignee": row.assignee}));
        audit::record(&tx, scope, caller, entry).await?;
        let view = show_one(&tx, row).await?;
        tx.commit().await?;
        Ok(view)
    }
}

/// Somebody of the hotel who is not disabled. Not locked: who is disabled a moment later keeps what they have, and
/// so does who was disabled a moment before the commit.
async fn check(tx: &DatabaseTransaction, caller: &Caller, person: StaffId) -> Result<()> {
    let found = staff::Entity::find_by_id(person)
        .filter(staff::Column::PropertyId.eq(caller.property_id))
        .one(tx)
        .await?;
    let wrong = |why: &str| Err(Error::field("staff_member_id", why));
    match found {
        None => wrong("is nobody who works at this hotel"),
        Some(person) if person.disabled_at.is_some() => wrong("is somebody who is disabled"),
        Some(_) => Ok(()),
    }
}

fn name(caller: &Caller) -> String {
    match caller.who {
        Who::Person { staff, .. } => staff.to_string(),
        Who::Program { token, .. } => token.to_string(),
    }
}

/// `by` is an id; `None` when two conversations became one.
pub(crate) async fn tell(
    tx: &DatabaseTransaction,
    scope: Scope,
    row: &conversation::Model,
    (previous, by): (Option<StaffId>, Option<String>),
) -> Result<()> {
    let data = json!({
        "conversation_id": row.id, "guest_id": row.guest_id, "staff_member_id": row.assignee,
        "previous": previous, "assigned_by": by,
    });
    event::record(tx, scope, EventType::ConversationAssigned, data).await
}
