//! The event log's reading side: numbered rows only, which are never taken back and have no gap.

use bellhop_domain::event::EventType;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::{ConversationId, EventId, PropertyId};
use bellhop_entity::{event, event_log};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Caller;
use crate::conversation;
use crate::error::{Error, Result, shorten};
use crate::page::PageRequest;
use crate::rows::among;

/// Rows that one reading looks at, so that a filter which fits almost nothing does not read the whole log.
const LOOKED_AT: i64 = 5_000;

/// Both databases write it so. Without an index of its own, which every event would pay for: numbers without a
/// gap bound what is looked at.
const CONVERSATION: &str = "data ->> 'conversation_id'";

/// What happened, at its place in the property's log.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: EventId,
    /// Begins at 1 for each property and has no gap.
    pub sequence: i64,
    pub event: EventType,
    pub created_at: DateTime<Utc>,
    pub property_id: PropertyId,
    pub data: Value,
}

/// Which events are wanted; all by default.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Empty: all.
    pub types: Vec<EventType>,
    /// Only what happened in this conversation.
    pub conversation: Option<ConversationId>,
}

/// A part of the log.
#[derive(Debug, Clone)]
pub struct EventPage {
    pub events: Vec<Event>,
    /// Everything up to this number has been looked at: the next part begins after it.
    pub next_after: i64,
    /// There is more after it.
    pub has_more: bool,
}

impl EventFilter {
    /// `types` as a query has them, separated by commas.
    pub fn parse(types: Option<&str>, conversation: Option<ConversationId>) -> Result<Self> {
        let read = |word: &str| {
            word.trim().parse().map_err(|_| {
                let known: Vec<_> = EventType::ALL.iter().map(|of| of.as_str()).collect();
                let what =
                    format!("there is no type \"{}\"; the types are {}", shorten(word), known.join(", "));
                Error::field("types", what)
            })
        };
        let types = types.map_or(Ok(Vec::new()), |words| words.split(',').map(read).collect())?;
        Ok(Self { types, conversation })
    }

    /// Whether an event is wanted.
    pub fn fits(&self, event: &Event) -> bool {
        let of_type = self.types.is_empty() || self.types.contains(&event.event);
        // Ids are text in data.
        let of_conversation = |wanted: ConversationId| {
            event.data["conversation_id"].as_str().is_some_and(|id| id == wanted.to_string())
        };
        of_type && self.conversation.is_none_or(of_conversation)
    }
}

impl App {
    /// The events after a number, 0 being before the first; without one, the first whose contents are kept.
    pub async fn events(
        &self,
        caller: &Caller,
        mut filter: EventFilter,
        (after, page): (Option<i64>, PageRequest),
    ) -> Result<EventPage> {
        caller.require(Right::ReadEvents)?;
        let property = caller.property_id;
        self.find_conversation(property, &mut filter).await?;
        let after = match after {
            Some(after) => {
                self.check_cursor(property, after).await?;
                after
            }
            None => self.log_of(property).await?.1,
        };
        self.events_after(property, &filter, (after, page.limit())).await
    }

    /// A conversation that was folded into another goes on as that one.
    pub(super) async fn find_conversation(
        &self,
        property: PropertyId,
        filter: &mut EventFilter,
    ) -> Result<()> {
        if let Some(id) = filter.conversation {
            filter.conversation = Some(conversation::find(self.db.reader(), property, id).await?.id);
        }
        Ok(())
    }

    /// The number of the property's latest event; 0 when it has none.
    pub(crate) async fn last_event(&self, property: PropertyId) -> Result<i64> {
        Ok(self.log_of(property).await?.0)
    }

    /// The number of the latest event, and that up to which retention has taken contents away.
    async fn log_of(&self, property: PropertyId) -> Result<(i64, i64)> {
        let log = event_log::Entity::find_by_id(property).one(self.db.reader()).await?;
        Ok(log.map_or((0, 0), |log| (log.last_number, log.overwritten_to)))
    }

    /// Refuses a number behind which contents are not kept any more: whoever goes on from it would take what is
    /// empty for what was said. And one that was never given. An empty answer would be worse: whoever holds one, because a
    /// backup was restored or a test system was mistaken for this, would wait for it and miss all until then.
    pub(crate) async fn check_cursor(&self, property: PropertyId, after: i64) -> Result<()> {
        let (last, overwritten_to) = self.log_of(property).await?;
        if (overwritten_to..=last).contains(&after) {
            return Ok(());
        }
        if (0..overwritten_to).contains(&after) {
            let problem = Problem::CursorExpired;
            let details = json!({"oldest_after": overwritten_to, "latest_sequence": last});
            return Err(Error::with(problem, problem.row().meaning, details));
        }
        let message = format!(
            "after must be the sequence of an event of this property, 0 to {last}. Begin again after one of these."
        );
        Err(Error::with(
            Problem::ValidationFailed,
            message,
            json!({"field": "after", "latest_sequence": last}),
        ))
    }

    /// Refuses a number behind which contents are not kept any more.
    pub(crate) async fn check_kept(&self, property: PropertyId, after: i64) -> Result<()> {
        let (last, _) = self.log_of(property).await?;
        self.check_cursor(property, Ord::min(after, last)).await
    }

    /// As [`events`](Self::events), for readers within Bellhop.
    pub(crate) async fn events_after(
        &self,
        property: PropertyId,
        filter: &EventFilter,
        (after, limit): (i64, u64),
    ) -> Result<EventPage> {
        use event::Column;
        // First: what is numbered meanwhile is the next part's.
        let last = self.last_event(property).await?;
        if after >= last {
            return Ok(EventPage { events: Vec::new(), next_after: after, has_more: false });
        }
        let end = Ord::min(last, after.saturating_add(LOOKED_AT));
        let mut query = event::Entity::find()
            .filter(Column::PropertyId.eq(property))
            .filter(Column::Number.gt(after))
            .filter(Column::Number.lte(end));
        if !filter.types.is_empty() {
            let types = filter.types.iter().map(|of| of.as_str().to_owned());
            query = query.filter(among(self.db.reader(), Column::Event, types));
        }
        if let Some(conversation) = filter.conversation {
            query = query.filter(Expr::cust(CONVERSATION).eq(conversation.to_string()));
        }
        let rows = query.order_by_asc(Column::Number).limit(limit).all(self.db.reader()).await?;
        let events: Vec<Event> = rows.into_iter().map(|row| self.show_event(row)).collect();
        let full = events.len() as u64 == limit;
        let next_after = events.last().filter(|_| full).map_or(end, |event| event.sequence);
        Ok(EventPage { events, next_after, has_more: next_after < last })
    }
}

impl App {
    fn show_event(&self, row: event::Model) -> Event {
        Event {
            id: row.id,
            // The query asks for numbers.
            sequence: row.number.unwrap_or_default(),
            event: row.event,
            created_at: row.created_at,
            property_id: row.property_id,
            data: self.told_now(row.property_id, row.event, row.data),
        }
    }
}
