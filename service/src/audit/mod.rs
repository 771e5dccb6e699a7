//! The audit trail: who changed or sent what, written in the transaction of the change ([`record`]).
//!
//! An entry is a fact about somebody's deed, not about what came of it: that is the event log's. It never holds
//! a secret, nor what a message says.

mod actor;
mod entry;
mod list;

use bellhop_domain::audit::ActorId;
use bellhop_domain::rights::Role;
use bellhop_domain::{AuditEntryId, GuestId};
use bellhop_entity::audit_entry;
use sea_orm::sea_query::{Condition, Expr, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};

pub(crate) use actor::Actor;
pub(crate) use entry::Entry;
pub use list::{ActorView, AuditFilter, AuditView};

use crate::error::Result;
use crate::event::Scope;

/// Entries that one erasure overwrites at a time, so that its transaction stays short.
const FORGOTTEN_AT_ONCE: u64 = 500;

/// Writes an entry in the transaction of the change it tells of; nothing where nothing was changed.
pub(crate) async fn record(
    tx: &DatabaseTransaction,
    scope: Scope,
    actor: impl Into<Actor>,
    entry: impl Into<Option<Entry>>,
) -> Result<()> {
    use audit_entry::Column;
    let Some(entry) = entry.into() else { return Ok(()) };
    let actor: Actor = actor.into();
    let row = [
        (Column::Id, Expr::value(AuditEntryId::new())),
        (Column::PropertyId, Expr::value(scope.property)),
        (Column::At, Expr::value(scope.at)),
        (Column::ActorKind, Expr::value(actor.kind().as_str())),
        (Column::ActorId, Expr::value(actor.id().map(ActorId::uuid))),
        (Column::ActorName, actor.name()),
        (Column::Role, Expr::value(actor.role().map(Role::as_str))),
        (Column::Action, Expr::value(entry.action.as_str())),
        (Column::Subject, Expr::value(entry.subject)),
        (Column::GuestId, Expr::value(entry.guest)),
        (Column::Before, Expr::value(entry.before.map(|before| before.to_string()))),
        (Column::After, Expr::value(entry.after.map(|after| after.to_string()))),
    ];
    let (columns, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
    let insert =
        Query::insert().into_table(audit_entry::Entity).columns(columns).values_panic(values).to_owned();
    tx.execute(&insert).await?;
    Ok(())
}

/// Takes `before` and `after` away from a guest's entries, at most some hundred at a time. How many it were: call
/// it until nothing is left. A guest who was merged into this one has entries of their own.
pub(crate) async fn forget(tx: &DatabaseTransaction, scope: Scope, guest: GuestId) -> Result<u64> {
    use audit_entry::Column;
    let told = Condition::any().add(Column::Before.is_not_null()).add(Column::After.is_not_null());
    let some: Vec<AuditEntryId> = audit_entry::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::PropertyId.eq(scope.property))
        .filter(Column::GuestId.eq(guest))
        .filter(told)
        .limit(FORGOTTEN_AT_ONCE)
        .into_tuple()
        .all(tx)
        .await?;
    let forgotten = audit_entry::Entity::update_many()
        .col_expr(Column::Before, Expr::value(None::<String>))
        .col_expr(Column::After, Expr::value(None::<String>))
        .col_expr(Column::ErasedAt, Expr::value(scope.at))
        .filter(Column::Id.is_in(some))
        .exec(tx)
        .await?;
    Ok(forgotten.rows_affected)
}
