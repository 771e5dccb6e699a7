//! What happened, as lists, streams and webhooks tell of it.

use bellhop_domain::event::EventType;
use bellhop_domain::{EventId, PropertyId};
use bellhop_service::event::{Event as View, EventPage};
use poem_openapi::Object;
use poem_openapi::types::{ParseFromJSON, ToJSON, Type};

use crate::types::{JsonObject, Timestamp};

/// Something that happened, with what this type of event tells of it: `webhooks` has the shapes.
#[derive(Debug, Object)]
pub struct EventOf<T: Type + ParseFromJSON + ToJSON> {
    /// The same wherever the event is told of, and however often.
    id: EventId,
    /// Its place in the property's log: begins at 1, rises by 1 and has no gap.
    sequence: i64,
    event: EventType,
    created_at: Timestamp,
    property_id: PropertyId,
    data: T,
}

pub type Event = EventOf<JsonObject>;

/// A part of the log, in its order.
#[derive(Debug, Object)]
pub struct EventList {
    /// May be empty although there is more: with a filter, a part of the log is looked at each time.
    data: Vec<Event>,
    /// The `after` of the next part. At the end of the log too: ask with it again for what happens then.
    next_after: i64,
    /// There is more to look at now.
    has_more: bool,
}

impl From<View> for Event {
    fn from(view: View) -> Self {
        Self {
            id: view.id,
            sequence: view.sequence,
            event: view.event,
            created_at: view.created_at.into(),
            property_id: view.property_id,
            data: JsonObject::of(view.data),
        }
    }
}

impl From<EventPage> for EventList {
    fn from(page: EventPage) -> Self {
        Self {
            data: page.events.into_iter().map(Event::from).collect(),
            next_after: page.next_after,
            has_more: page.has_more,
        }
    }
}
