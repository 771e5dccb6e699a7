//! A small HTTP server for processes that serve no API: `/metrics`, `/healthz`, `/readyz`.
//!
//! On hyper alone: three answers without a body to read need no framework.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bellhop_service::{App, numbers};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::metrics;

/// Longer than the database's patience, shorter than a scraper's.
const PATIENCE: Duration = Duration::from_secs(8);

/// Connections at a time. Scrapers and probes are few.
const CONNECTIONS: usize = 32;

/// The pause after a connection that could not be accepted.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

const JSON: &str = "application/json";

/// Answers until the token is cancelled.
pub async fn serve(listener: TcpListener, app: App, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        // None left: closed at once, which a prober understands.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let app = app.clone();
        tokio::spawn(async move {
            connection(socket, app).await;
            drop(place);
        });
    }
}

/// One request a connection: who asks every few seconds needs none kept open.
async fn connection(socket: TcpStream, app: App) {
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(answer(&app, &request).await) }
    });
    let served = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(socket), service);
    match tokio::time::timeout(PATIENCE, served).await {
        Ok(Ok(())) => {}
        // Theirs to notice: they hung up, or wrote no HTTP.
        Ok(Err(error)) => tracing::debug!(%error, "connection ended"),
        Err(_) => tracing::debug!("connection was too slow"),
    }
}

async fn answer(app: &App, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let known = matches!(request.uri().path(), "/metrics" | "/healthz" | "/readyz");
    if known && !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = response(StatusCode::METHOD_NOT_ALLOWED, JSON, status("method_not_allowed"));
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match request.uri().path() {
        "/metrics" => {
            app.read_numbers().await;
            response(StatusCode::OK, numbers::TEXT_FORMAT, metrics::render())
        }
        "/healthz" => response(StatusCode::OK, JSON, status("ok")),
        "/readyz" => match app.check_ready().await {
            Ok(true) => response(StatusCode::OK, JSON, status("ready")),
            Ok(false) => response(StatusCode::SERVICE_UNAVAILABLE, JSON, status("starting")),
            Err(error) => {
                tracing::warn!(%error, "not ready");
                response(StatusCode::SERVICE_UNAVAILABLE, JSON, status("database_away"))
            }
        },
        _ => response(StatusCode::NOT_FOUND, JSON, status("not_found")),
    }
}

fn status(word: &str) -> String {
    format!("{{\"status\":\"{word}\"}}")
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests;
