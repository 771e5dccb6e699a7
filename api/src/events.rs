//! The event log, and the log as it goes on.

use bellhop_domain::ConversationId;
use bellhop_service::event::{EventFilter, From};
use bellhop_service::page::PageRequest;
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Query};
use poem_openapi::payload::Json;

use crate::Tag;
use crate::auth::{Authorized, ReadEvents};
use crate::envelope::ApiError;
use crate::event::EventList;
use crate::feed::Feed;
use crate::types::Limit;

pub struct Events;

#[OpenApi(tag = "Tag::Events")]
impl Events {
    /// What happened, from any point on
    ///
    /// Everything that happened in the hotel, in one order that never changes. Remember the `sequence` of the last
    /// event that you have dealt with, and go on from it after any interruption. Events are never removed; what they
    /// say about a guest is, when the guest is erased or after the property's `retention`.
    #[oai(path = "/events", method = "get", operation_id = "list_events")]
    #[expect(clippy::too_many_arguments, reason = "each parameter is an argument")]
    async fn list(
        &self,
        auth: Authorized<ReadEvents>,
        /// The `sequence` after which to begin; absent: at the first event that is kept whole. One that no event of
        /// the property has is refused, and `details.latest_sequence` names the latest. One that is older than the
        /// property's retention is 410 CURSOR_EXPIRED, and `details.oldest_after` names the first that may be given.
        after: Query<Option<i64>>,
        /// Types, separated by commas; absent: all.
        types: Query<Option<String>>,
        /// Only what happened in this conversation.
        conversation_id: Query<Option<ConversationId>>,
        /// The most events in the answer.
        limit: Query<Option<Limit>>,
    ) -> Result<Json<EventList>, ApiError> {
        let filter = EventFilter::parse(types.0.as_deref(), conversation_id.0)?;
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), None)?;
        Ok(Json(auth.app.events(&auth.caller, filter, (after.0, page)).await?.into()))
    }

    /// What happens, as it happens
    ///
    /// Server-sent events: `id` is the `sequence`, `event` the type, `data` the same JSON as in the list. The stream
    /// may end at any time; connect again with `Last-Event-ID`, and nothing is missed or told twice. Without it and
    /// `after` the stream begins now, and the first thing it sends is the event `cursor` with the present
    /// `sequence`. A comment every 15 seconds shows that the connection lives.
    #[oai(path = "/events/stream", method = "get", operation_id = "stream_events")]
    #[expect(clippy::too_many_arguments, reason = "each parameter is an argument")]
    async fn stream(
        &self,
        auth: Authorized<ReadEvents>,
        request: &Request,
        /// The last `id` that was received; goes before `after`.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<i64>>,
        /// The `sequence` after which to begin.
        after: Query<Option<i64>>,
        /// Types, separated by commas; absent: all.
        types: Query<Option<String>>,
        /// Only what happens in this conversation.
        conversation_id: Query<Option<ConversationId>>,
    ) -> Result<Feed, ApiError> {
        let filter = EventFilter::parse(types.0.as_deref(), conversation_id.0)?;
        let from = last_event_id.0.or(after.0).map_or(From::End, From::After);
        let events = auth.app.follow_events(&auth.caller, filter, from).await?;
        Ok(Feed::of(events, from, (auth, request)))
    }
}
