//! The HTTP API: extracts, calls a service, maps. No rule lives here.

mod analytics;
mod analytics_numbers;
mod analytics_summary;
mod answer;
mod archive;
mod assignees;
mod attention;
mod audit;
mod auth;
mod batch;
mod batches;
mod body;
mod connection;
mod connections;
mod consent;
mod content;
mod conversations;
mod cors;
mod deadline;
mod deliveries;
mod docs;
mod door;
mod envelope;
mod errors;
mod event;
mod event_data;
mod events;
mod export;
mod failure;
mod feed;
mod guest_import;
mod guests;
mod health;
mod limit;
mod line;
mod list;
mod media;
mod message;
mod messages;
mod numbers;
mod openapi;
mod person;
mod prefer;
mod privacy;
mod property;
mod rate;
mod request_id;
mod revisions;
mod routes;
mod sending;
mod serve;
mod sessions;
mod settle_in;
mod staff;
mod stays;
mod subscription;
mod subscriptions;
mod template;
mod template_forms;
mod templates;
mod tokens;
mod types;
mod upload;
mod webhook;
mod webhooks;
mod yaml;

use std::sync::Arc;

use bellhop_service::App;
use poem::middleware::CatchPanic;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Response, Route, get};
use poem_openapi::{OpenApiService, Tags};

use crate::cors::Cors;

pub use openapi::{openapi_json, openapi_yaml};
pub use serve::serve;
pub use settle_in::settle_in;

/// Under which everything but the health checks and the reference stands.
pub const BASE_PATH: &str = "/api/v1/whatsapp";

/// What a deployment decides about its API.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Web pages that may call the API, such as `https://desk.example`, none by
    /// default.
    pub cors_origins: Vec<String>,
    /// Under which the server is reached; goes into the document that it serves.
    pub public_url: String,
    /// Reverse proxies in front of the API, each of which adds to `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// Writes out what the process has counted; none by default.
    pub metrics: Option<fn() -> String>,
}

#[derive(Tags)]
enum Tag {
    /// Sending, and what became of it
    Messages,
    /// Many messages that are handed in together
    Batches,
    /// Files that messages carry
    Media,
    /// Pre-approved messages, which may be sent at any time
    Templates,
    /// All that was said with one guest
    Conversations,
    /// Who the hotel writes with
    Guests,
    /// How messages go, in numbers
    Analytics,
    /// Who is in which room, and when
    Stays,
    /// The hotel
    Property,
    /// Who works here and how they sign in, and tokens for programs
    People,
    /// Who changed or sent what
    Audit,
    /// The hotel's WhatsApp numbers
    Connections,
    /// What happens in the hotel, as a log and as it goes on
    Events,
    /// Where events are delivered to
    Webhooks,
    /// The way in from WhatsApp
    Webhook,
    /// Every code of the error envelope
    Errors,
}

type People = (staff::Staff, sessions::Sessions, tokens::Tokens, audit::Audit);

/// Sixteen at most: more are nested.
type Resources = (
    sending::Sending,
    messages::Messages,
    batches::Batches,
    media::Media,
    templates::Templates,
    (conversations::Conversations, assignees::Assignees),
    (guests::Guests, guest_import::GuestImport, privacy::Privacy),
    analytics_summary::AnalyticsApi,
    stays::Stays,
    consent::ConsentApi,
    property::PropertyApi,
    People,
    connections::Connections,
    // A tuple has room for sixteen.
    events::Events,
    (subscriptions::Subscriptions, deliveries::Deliveries, webhook::Webhook),
    errors::Errors,
);

fn service() -> OpenApiService<Resources, webhooks::Told> {
    let resources = (
        sending::Sending,
        messages::Messages,
        batches::Batches,
        media::Media,
        templates::Templates,
        (conversations::Conversations, assignees::Assignees),
        (guests::Guests, guest_import::GuestImport, privacy::Privacy),
        analytics_summary::AnalyticsApi,
        stays::Stays,
        consent::ConsentApi,
        property::PropertyApi,
        (staff::Staff, sessions::Sessions, tokens::Tokens, audit::Audit),
        connections::Connections,
        events::Events,
        (subscriptions::Subscriptions, deliveries::Deliveries, webhook::Webhook),
        errors::Errors,
    );
    OpenApiService::new(resources, "Bellhop", env!("CARGO_PKG_VERSION"))
        .webhooks()
        .description(openapi::DESCRIPTION)
        .url_prefix(BASE_PATH)
}

/// The whole HTTP server's endpoint.
pub fn app(app: App, options: Options) -> impl Endpoint<Output = Response> {
    let routes = Route::new()
        .nest(BASE_PATH, service())
        .at("/", get(docs::root))
        .at("/docs", get(docs::docs))
        .at("/openapi.yaml", get(docs::yaml))
        .at("/openapi.json", get(docs::json))
        .at("/healthz", get(health::alive))
        .at("/readyz", get(health::ready))
        .at("/metrics", get(numbers::metrics))
        .data(docs::PublicUrl(options.public_url.clone()))
        .data(numbers::Counted(options.metrics))
        .data(app.clone());
    let door = (app, options.trusted_proxies);
    let guarded = routes.around(move |endpoint, request| door::door(endpoint, request, door.clone()));
    wrap(guarded, options)
}

/// What stands around every route.
fn wrap(routes: impl IntoEndpoint<Endpoint: 'static>, options: Options) -> impl Endpoint<Output = Response> {
    body::prepare();
    let cors = Arc::new(Cors::new(options.cors_origins));
    routes
        .into_endpoint()
        .with(CatchPanic::new().with_handler(answer::panicked))
        .around(deadline::deadline)
        .around(limit::limit)
        .around(move |endpoint, request| answer::answer(endpoint, request, Arc::clone(&cors)))
}

#[cfg(test)]
mod tests {
    use poem::http::StatusCode;
    use poem::test::TestClient;
    use poem::{handler, web::Json};
    use serde_json::Value;

    use super::*;

    #[handler]
    fn panics() -> Json<Value> {
        panic!("a secret")
    }

    #[handler]
    fn fails() -> poem::Result<Json<Value>> {
        Err(poem::Error::from_string("a secret", StatusCode::BAD_GATEWAY))
    }

    #[tokio::test]
    async fn panics_and_surprises_are_answered_without_their_text() {
        let routes = Route::new().at("/panics", get(panics)).at("/fails", get(fails));
        let client = TestClient::new(wrap(routes, Options::default()));
        for path in ["/panics", "/fails"] {
            let response = client.get(path).header("x-request-id", "r1").send().await;
            response.assert_status(StatusCode::INTERNAL_SERVER_ERROR);
            response.assert_header("x-request-id", "r1");
            let body: Value =
                serde_json::from_str(&response.0.into_body().into_string().await.unwrap()).unwrap();
            assert_eq!(body["error"]["code"], "INTERNAL_ERROR");
            assert_eq!(body["error"]["request_id"], "r1");
            assert!(!body.to_string().contains("secret"));
        }
    }
}
