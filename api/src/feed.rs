//! Server-sent events. Source: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
//!
//! Not the framework's: what is sent is written once for all streams, and a heartbeat carries the place up to
//! which a filtered stream has looked, so that resuming it does not look at all of that again.

use std::io;
use std::time::Duration;

use bellhop_domain::Secret;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_service::App;
use bellhop_service::event::{Event as View, EventFeed, From};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use poem::http::header::{AUTHORIZATION, CACHE_CONTROL};
use poem::{Body, IntoResponse, Request, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Payload;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::{ToJSON, Type};
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::auth::{Authorized, ReadEvents};
use crate::event::Event;

/// Proxies cut connections that are silent for a minute, some for half of one.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How often a stream asks whether its token still counts.
const CHECK: Duration = Duration::from_secs(30);

/// A stream of events.
pub struct Feed(BoxStream<'static, io::Result<Bytes>>);

/// What a stream needs while it is open.
struct Open {
    events: EventFeed,
    /// Sent before everything else.
    first: Option<Bytes>,
    holder: Holder,
    heartbeat: Interval,
    check: Interval,
}

/// Whose stream it is.
struct Holder {
    app: App,
    token: Secret,
}

impl Feed {
    pub fn of(events: EventFeed, from: From, (auth, request): (Authorized<ReadEvents>, &Request)) -> Self {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.split_once(' ')).map_or("", |(_, token)| token.trim());
        let holder = Holder { app: auth.app, token: Secret::new(token) };
        Self::every(events, from, (holder, CHECK))
    }

    fn every(events: EventFeed, from: From, (holder, check): (Holder, Duration)) -> Self {
        let first = match from {
            From::End => Some(cursor(events.position())),
            // Something at once: who waits for the first byte knows that the stream is there.
            From::After(_) => Some(heartbeat(events.position())),
        };
        // Streams that began together, as after a restart, do not all ask together.
        let check = every(check, check.mul_f64(rand::random()));
        let open = Open { events, first, holder, heartbeat: every(HEARTBEAT, HEARTBEAT), check };
        Self(stream::unfold(open, |mut open| async move { Some((Ok(open.next().await?), open)) }).boxed())
    }
}

impl Open {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            tokio::select! {
                event = self.events.next() => return event.map(|event| event.text(frame)),
                _ = self.heartbeat.tick() => return Some(heartbeat(self.events.position())),
                _ = self.check.tick() => {
                    if !self.holder.still_may().await {
                        return None;
                    }
                }
            }
        }
    }
}

impl Holder {
    /// A database that does not answer takes nobody's right away.
    async fn still_may(&self) -> bool {
        let asked = self.app.authenticate(self.token.expose()).await;
        let refused = asked.and_then(|caller| caller.require(Right::ReadEvents)).err();
        !refused.is_some_and(|error| matches!(error.problem(), Problem::Unauthenticated | Problem::Forbidden))
    }
}

fn every(period: Duration, first: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + first, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn frame(event: &View) -> Bytes {
    let (sequence, name) = (event.sequence, event.event);
    let json = Event::from(event.clone()).to_json_string();
    format!("id: {sequence}\nevent: {name}\ndata: {json}\n\n").into()
}

fn cursor(sequence: i64) -> Bytes {
    let json = json!({"sequence": sequence});
    format!("id: {sequence}\nevent: cursor\ndata: {json}\n\n").into()
}

/// Without data it is no event, but the id counts.
fn heartbeat(sequence: i64) -> Bytes {
    format!(": heartbeat\nid: {sequence}\n\n").into()
}

impl Payload for Feed {
    const CONTENT_TYPE: &'static str = "text/event-stream";

    /// Of one frame, as a client's parser makes it: before OpenAPI 3.2 a document cannot say that many come.
    fn schema_ref() -> MetaSchemaRef {
        let text = |description| {
            let schema = MetaSchema { description: Some(description), ..MetaSchema::new("string") };
            MetaSchemaRef::Inline(Box::new(schema))
        };
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            properties: vec![
                ("id", text("The `sequence`, for `Last-Event-ID`")),
                ("event", text("The type, or `cursor`")),
                ("data", text("JSON: the event as in the list; of `cursor` an object with `sequence`")),
            ],
            required: vec!["id", "event", "data"],
            ..MetaSchema::new("object")
        }))
    }

    fn register(registry: &mut Registry) {
        Event::register(registry);
    }
}

impl IntoResponse for Feed {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type(Self::CONTENT_TYPE)
            .header(CACHE_CONTROL, "no-store")
            // Or nginx collects events until a buffer is full.
            .header("x-accel-buffering", "no")
            .body(Body::from_bytes_stream(self.0))
    }
}

impl ApiResponse for Feed {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The stream",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: <Self as Payload>::CONTENT_TYPE,
                    schema: <Self as Payload>::schema_ref(),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }
}
