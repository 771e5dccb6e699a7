//! What staff say about a guest.

use bellhop_domain::GuestId;
use bellhop_domain::audit::AuditAction;
use bellhop_domain::content::Wrong;
use bellhop_domain::profile::{Fact, Profile};
use bellhop_domain::rights::Right;
use bellhop_entity::guest;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Map, Value, json};

use super::{GuestView, facts};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::event::Scope;

/// What to change; `None` takes back what staff said before, so that the next best source shows.
#[derive(Debug, Clone, Default)]
pub struct GuestChange(pub Vec<(Fact, Option<String>)>);

impl GuestChange {
    fn read(self) -> Result<Vec<(Fact, Option<String>)>> {
        let mut wrong = Vec::new();
        let mut read = Vec::with_capacity(self.0.len());
        for (fact, given) in self.0 {
            let Some(text) = given else {
                read.push((fact, None));
                continue;
            };
            match fact.read(&text) {
                Ok(Some(text)) => read.push((fact, Some(text))),
                Ok(None) => wrong.push(Wrong::new(fact.as_str(), "must not be blank; null takes it back")),
                Err(error) => wrong.push(error),
            }
        }
        if wrong.is_empty() { Ok(read) } else { Err(Error::fields(&wrong)) }
    }
}

impl App {
    /// Sets what staff say about a guest, or takes it back.
    pub async fn change_guest(&self, caller: &Caller, id: GuestId, change: GuestChange) -> Result<GuestView> {
        caller.require(Right::ChangeGuests)?;
        let change = change.read()?;
        let scope = Scope { property: caller.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        let row = super::lock(&tx, caller.property_id, id).await?;
        let mut staff = row.staff.unwrap_or_default();
        let before = told(&staff);
        for (fact, value) in change {
            staff.set(fact, value);
        }
        let entry = Entry::of(AuditAction::GuestChanged, row.id).about(row.id).changed(before, told(&staff));
        guest::Entity::update_many()
            .col_expr(guest::Column::Staff, Expr::value(stored(staff)))
            .filter(guest::Column::Id.eq(row.id))
            .exec(&tx)
            .await?;
        facts::refresh(&tx, scope, &[row.id]).await?;
        audit::record(&tx, scope, caller, entry).await?;
        tx.commit().await?;
        self.guest(caller, row.id).await
    }
}

/// What the audit trail tells of what staff say.
fn told(staff: &Profile) -> Value {
    Fact::ALL
        .iter()
        .map(|fact| (fact.as_str().to_owned(), json!(staff.get(*fact))))
        .collect::<Map<_, _>>()
        .into()
}

/// As the column holds it: nothing at all for a source that says nothing.
pub(super) fn stored(profile: Profile) -> Option<Profile> {
    (!profile.is_empty()).then_some(profile)
}
