//! Whether something may leave for a guest.

use std::collections::{HashMap, HashSet};

use bellhop_domain::consent::{self, ConsentKind, ConsentSource, ConsentState, Consents, Refused};
use bellhop_domain::error_table::OwnReason;
use bellhop_domain::problem::Problem;
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::template::Category;
use bellhop_domain::{Content, GuestId, PropertyId};
use bellhop_entity::{guest_consent, property, template};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect};
use serde_json::json;

use crate::error::{Error, Result};
use crate::event;
use crate::rows::among;

/// What some guests agreed to, and what their hotel asks for.
pub(crate) struct Gate {
    property: PropertyId,
    require_opt_in: bool,
    known: Vec<guest_consent::Model>,
}

/// Why something may not leave for a guest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotWanted {
    guest: GuestId,
    refused: Refused,
    said: Option<(DateTime<Utc>, ConsentSource)>,
}

/// The setting of the property, beside what one guest said of one kind, if anything.
#[derive(FromQueryResult)]
struct Row {
    require_opt_in: bool,
    guest_id: Option<GuestId>,
    kind: Option<ConsentKind>,
    state: Option<ConsentState>,
    source: Option<ConsentSource>,
    at: Option<DateTime<Utc>>,
}

impl Row {
    fn consent(self) -> Option<guest_consent::Model> {
        Some(guest_consent::Model {
            guest_id: self.guest_id?,
            kind: self.kind?,
            state: self.state?,
            source: self.source?,
            at: self.at?,
        })
    }
}

impl Gate {
    /// One statement, however many guests.
    pub async fn read(
        db: &impl ConnectionTrait,
        property: PropertyId,
        guests: impl IntoIterator<Item = GuestId>,
    ) -> Result<Self> {
        use guest_consent::Column;
        let columns = [Column::GuestId, Column::Kind, Column::State, Column::Source, Column::At];
        let select = Query::select()
            .column((property::Entity, property::Column::RequireOptIn))
            .columns(columns.map(|column| (guest_consent::Entity, column)))
            .from(property::Entity)
            .left_join(guest_consent::Entity, among(db, Column::GuestId, guests))
            .and_where(property::Column::Id.eq(property))
            .to_owned();
        let mut gate = Self { property, require_opt_in: false, known: Vec::new() };
        for row in db.query_all(&select).await? {
            let row = Row::from_query_result(&row, "")?;
            gate.require_opt_in = row.require_opt_in;
            gate.known.extend(row.consent());
        }
        Ok(gate)
    }

    /// The same for one guest and what may leave for them: the first reason against any of it.
    pub async fn check(
        db: &impl ConnectionTrait,
        property: PropertyId,
        guest: GuestId,
        contents: &[&Content],
    ) -> Result<Option<NotWanted>> {
        let gate = Self::read(db, property, [guest]).await?;
        let asked: Vec<(GuestId, &Content)> = contents.iter().map(|content| (guest, *content)).collect();
        Ok(gate.check_all(db, &asked).await?.into_iter().flatten().next())
    }

    /// What stands against each. Templates are looked up only where their category matters.
    pub async fn check_all(
        &self,
        db: &impl ConnectionTrait,
        asked: &[(GuestId, &Content)],
    ) -> Result<Vec<Option<NotWanted>>> {
        if self.known.is_empty() && !self.require_opt_in {
            return Ok(vec![None; asked.len()]);
        }
        let consents = by_guest(&self.known);
        let of = |guest: &GuestId| consents.get(guest).copied().unwrap_or(Consents::UNKNOWN);
        let closed =
            |guest| consent::refuses(ConsentKind::Marketing, of(guest), self.require_opt_in).is_some();
        let doubtful = asked.iter().filter(|(guest, _)| closed(guest)).map(|(_, content)| *content);
        let categories = self.categories(db, doubtful).await?;
        let check = |(guest, content): &(GuestId, &Content)| {
            let category = name_of(content).and_then(|name| categories.get(&name)).map(String::as_str);
            let needs = consent::needed(content, category);
            let refused = consent::refuses(needs, of(guest), self.require_opt_in)?;
            Some(self.not_wanted(*guest, refused))
        };
        // A template of whoever wants all of them was not looked up: nothing stands against it.
        Ok(asked.iter().map(|asked| if closed(&asked.0) { check(asked) } else { None }).collect())
    }

    fn not_wanted(&self, guest: GuestId, refused: Refused) -> NotWanted {
        let row = self.known.iter().find(|row| row.guest_id == guest && row.kind == refused.kind);
        NotWanted { guest, refused, said: row.map(|row| (row.at, row.source)) }
    }

    /// The present categories of these templates: the provider files them elsewhere now and then, also after a
    /// message was accepted. Where numbers of one hotel differ, `MARKETING` counts.
    async fn categories<'a>(
        &self,
        db: &impl ConnectionTrait,
        contents: impl Iterator<Item = &'a Content>,
    ) -> Result<HashMap<(String, String), String>> {
        use template::Column;
        let names: HashSet<(String, String)> = contents.filter_map(name_of).collect();
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<(String, String, String)> = template::Entity::find()
            .select_only()
            .columns([Column::Name, Column::Language, Column::Category])
            .filter(Column::PropertyId.eq(self.property))
            .filter(among(db, Column::Name, names.iter().map(|(name, _)| name.clone())))
            .into_tuple()
            .all(db)
            .await?;
        let mut categories = HashMap::new();
        for (name, language, category) in rows {
            let known = categories.entry((name, language)).or_insert_with(|| category.clone());
            if category == Category::Marketing.as_str() {
                *known = category;
            }
        }
        Ok(categories)
    }
}

impl NotWanted {
    /// As the end of a message that was accepted before.
    pub fn failure(&self) -> ProviderError {
        ProviderError { details: Some(self.reason().to_owned()), ..ProviderError::own(OwnReason::OptedOut) }
    }

    /// A sentence for a front-desk person.
    pub fn reason(&self) -> &'static str {
        match (self.refused.kind, self.refused.state) {
            (ConsentKind::Service, _) => "The guest does not want any messages on WhatsApp.",
            (ConsentKind::Marketing, ConsentState::Unknown) => {
                "The guest has not agreed to marketing, and the hotel sends it only to guests who have."
            }
            (ConsentKind::Marketing, ConsentState::OptedIn | ConsentState::OptedOut) => {
                "The guest has stopped marketing messages from the hotel."
            }
        }
    }
}

impl From<NotWanted> for Error {
    fn from(not_wanted: NotWanted) -> Self {
        let NotWanted { guest, refused, said } = not_wanted;
        let details = json!({
            "guest_id": guest, "kind": refused.kind, "state": refused.state,
            "since": said.map(|(at, _)| event::rfc3339(at)), "source": said.map(|(_, source)| source),
        });
        Self::with(Problem::GuestOptedOut, not_wanted.reason(), details)
    }
}

/// Name and language of a template.
fn name_of(content: &Content) -> Option<(String, String)> {
    let Content::Template(template) = content else { return None };
    Some((template.template_name.as_str().to_owned(), template.language.as_str().to_owned()))
}

/// What stands for each of these guests; those of whom nothing is known are left out.
pub(crate) async fn consents_of(
    db: &impl ConnectionTrait,
    guests: impl IntoIterator<Item = GuestId>,
) -> Result<HashMap<GuestId, Consents>> {
    let rows = guest_consent::Entity::find()
        .filter(among(db, guest_consent::Column::GuestId, guests))
        .all(db)
        .await?;
    Ok(by_guest(&rows))
}

fn by_guest(rows: &[guest_consent::Model]) -> HashMap<GuestId, Consents> {
    let mut consents = HashMap::new();
    for row in rows {
        let known = consents.entry(row.guest_id).or_insert(Consents::UNKNOWN);
        *known = known.with(row.kind, row.state);
    }
    consents
}
