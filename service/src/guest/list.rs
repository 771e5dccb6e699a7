//! Lists of guests.

use bellhop_domain::profile::Fact;
use bellhop_domain::rights::Right;
use bellhop_domain::{GuestId, PropertyId};
use bellhop_entity::guest;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use super::{GuestView, facts, identity, many, views};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::page::{Page, PageRequest};

/// Guests whose reservations lapse in one round.
const ROUND: u64 = 100;

/// What a guest has to be. All that is given must fit.
#[derive(Debug, Clone, Default)]
pub struct GuestFilter {
    /// As staff write it.
    pub phone: Option<String>,
    /// Of the current stay.
    pub room: Option<String>,
    pub tier: Option<String>,
    pub language: Option<String>,
}

impl App {
    /// Guests, the newest first.
    pub async fn guests(
        &self,
        caller: &Caller,
        filter: GuestFilter,
        page: PageRequest,
    ) -> Result<Page<GuestView>> {
        caller.require(Right::ReadGuests)?;
        use guest::Column;
        let after: Option<GuestId> = page.after()?;
        let mut holder = None;
        if let Some(phone) = &filter.phone {
            let phone = self.read_phone(caller.property_id, "phone", phone).await?;
            let key = phone.match_key();
            holder = identity::holder_of_number(self.db.reader(), caller.property_id, &key).await?;
            if holder.is_none() {
                return Ok(Page { data: Vec::new(), next_cursor: None });
            }
        }
        let rows = guest::Entity::find()
            .filter(Column::PropertyId.eq(caller.property_id))
            .filter(Column::MergedInto.is_null())
            .filter(Column::ErasedAt.is_null())
            .apply_if(holder, |query, id| query.filter(Column::Id.eq(id)))
            .apply_if(filter.room, |query, room| query.filter(Column::Room.eq(room)))
            .apply_if(filter.tier, |query, tier| query.filter(Column::Tier.eq(tier)))
            .apply_if(read_language(filter.language)?, |query, language| {
                query.filter(Column::Language.eq(language))
            })
            .apply_if(after, |query, id| query.filter(Column::Id.lt(id)))
            .order_by_desc(Column::Id)
            .limit(page.limit() + 1)
            .all(self.db.reader())
            .await?;
        let rows = Page::cut(rows, &page, |row| row.id);
        Ok(Page { data: views(self.db.reader(), rows.data).await?, next_cursor: rows.next_cursor })
    }

    /// Shows again what is the current stay of guests who never came, and of whom nobody speaks any more.
    pub(crate) async fn let_reservations_lapse(&self) -> Result<()> {
        for (property, id) in facts::lapsed(self.db.reader(), self.now(), ROUND).await? {
            // One at a time: what fails on one must not keep the others for ever.
            if let Err(error) = self.let_lapse(property, id).await {
                tracing::error!(guest = %id, %error, "a lapsed reservation is still shown");
            }
        }
        Ok(())
    }

    async fn let_lapse(&self, property: PropertyId, id: GuestId) -> Result<()> {
        let scope = Scope { property, at: self.now() };
        let tx = self.db.begin().await?;
        let present: Vec<GuestId> = many::lock(&tx, scope, vec![id]).await?.into_values().collect();
        facts::refresh(&tx, scope, &present).await?;
        Ok(tx.commit().await?)
    }
}

/// A language of a filter, in the form in which it is stored.
pub(crate) fn read_language(given: Option<String>) -> Result<Option<String>> {
    let read = given.map(|text| Fact::Language.read(&text)).transpose();
    read.map(Option::flatten).map_err(|wrong| Error::fields(&[wrong]))
}
