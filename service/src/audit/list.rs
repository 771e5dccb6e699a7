//! The trail as admins read it.

use bellhop_domain::audit::{ActorId, ActorKind, AuditAction};
use bellhop_domain::rights::{Right, Role};
use bellhop_domain::{AuditEntryId, GuestId, PropertyId};
use bellhop_entity::{audit_entry, guest_merge};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select,
};
use serde_json::Value;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::page::{Page, PageRequest};
use crate::rows::among;

/// Who did it.
#[derive(Debug, Clone)]
pub struct ActorView {
    pub kind: ActorKind,
    /// `None` of a command.
    pub id: Option<ActorId>,
    /// As it was then; a command's own.
    pub name: String,
    pub role: Option<Role>,
}

/// A line of the trail.
#[derive(Debug, Clone)]
pub struct AuditView {
    pub entry_id: AuditEntryId,
    pub at: DateTime<Utc>,
    pub actor: ActorView,
    pub action: AuditAction,
    pub subject: Option<String>,
    pub guest_id: Option<GuestId>,
    /// Objects, as the next: the fields that changed.
    pub before: Option<Value>,
    pub after: Option<Value>,
    /// When the guest was erased, and what stood above with them.
    pub erased_at: Option<DateTime<Utc>>,
}

/// Which entries are wanted; all by default.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub actor: Option<ActorId>,
    pub action: Option<AuditAction>,
    pub subject: Option<String>,
    /// With what was done to guests who became this one.
    pub guest: Option<GuestId>,
    /// Included.
    pub from: Option<DateTime<Utc>>,
    /// Not included.
    pub to: Option<DateTime<Utc>>,
}

/// As the index has it: who asks for anything but sends reads an index without them.
const NO_SEND: &str = "action <> 'message_sent'";

impl From<audit_entry::Model> for AuditView {
    fn from(row: audit_entry::Model) -> Self {
        let read = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            entry_id: row.id,
            at: row.at,
            actor: ActorView {
                kind: row.actor_kind,
                id: ActorId::of(row.actor_kind, row.actor_id),
                name: row.actor_name,
                role: row.role,
            },
            action: row.action,
            subject: row.subject,
            guest_id: row.guest_id,
            before: read(row.before),
            after: read(row.after),
            erased_at: row.erased_at,
        }
    }
}

impl App {
    /// Newest first.
    pub async fn audit(
        &self,
        caller: &Caller,
        filter: AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditView>> {
        caller.require(Right::ReadAudit)?;
        use audit_entry::Column;
        if let (Some(from), Some(to)) = (filter.from, filter.to)
            && from > to
        {
            return Err(Error::field("to", "must not be before from"));
        }
        let db = self.db.reader();
        let mut query = audit_entry::Entity::find().filter(Column::PropertyId.eq(caller.property_id));
        if let Some(guest) = filter.guest {
            let all = with_merged(db, caller.property_id, guest).await?;
            query = query.filter(among(db, Column::GuestId, all));
        }
        query = filter.narrow(query);
        if let Some((at, id)) = page.after::<(DateTime<Utc>, AuditEntryId)>()? {
            let same_time = Condition::all().add(Column::At.eq(at)).add(Column::Id.lt(id));
            let rest = Condition::any().add(Column::At.lt(at)).add(same_time);
            // Says again what the alternatives say, so that an index begins there.
            query = query.filter(Column::At.lte(at)).filter(rest);
        }
        let newest = query.order_by_desc(Column::At).order_by_desc(Column::Id);
        let rows = newest.limit(page.limit() + 1).all(db).await?;
        Ok(Page::cut(rows, &page, |row| (row.at, row.id)).map(Into::into))
    }
}

impl AuditFilter {
    /// All but the guest.
    fn narrow(self, query: Select<audit_entry::Entity>) -> Select<audit_entry::Entity> {
        use audit_entry::Column;
        let by_action = |query: Select<_>, action| match action {
            AuditAction::MessageSent => query.filter(Column::Action.eq(action)),
            _ => query.filter(Column::Action.eq(action)).filter(Expr::cust(NO_SEND)),
        };
        query
            .apply_if(self.actor, |query, actor| query.filter(Column::ActorId.eq(actor.uuid())))
            .apply_if(self.action, by_action)
            .apply_if(self.subject, |query, subject| query.filter(Column::Subject.eq(subject)))
            .apply_if(self.from, |query, from| query.filter(Column::At.gte(from)))
            .apply_if(self.to, |query, to| query.filter(Column::At.lt(to)))
    }
}

/// A guest and all who became this one: entries keep the id that a guest had then. A guest who is nobody any more
/// is found as well: the trail outlives an erasure.
async fn with_merged(
    db: &impl ConnectionTrait,
    property: PropertyId,
    guest: GuestId,
) -> Result<Vec<GuestId>> {
    use guest_merge::Column;
    let mut all = vec![guest];
    let mut last = all.clone();
    while !last.is_empty() {
        last = guest_merge::Entity::find()
            .select_only()
            .column(Column::MergedGuestId)
            .filter(Column::PropertyId.eq(property))
            .filter(among(db, Column::KeptGuestId, last))
            .filter(Column::MergedGuestId.is_not_in(all.iter().copied()))
            .into_tuple()
            .all(db)
            .await?;
        all.extend(&last);
    }
    Ok(all)
}
