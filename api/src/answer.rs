//! Around every request: its id, the envelope for what the framework refuses, CORS, the log line.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use bellhop_domain::problem::Problem;
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::header::X_CONTENT_TYPE_OPTIONS;
use poem::http::{HeaderValue, Method, StatusCode};
use poem::{Endpoint, IntoResponse, Request, Response};
use poem_openapi::error as framework;

use crate::body::plain_reason;
use crate::cors::Cors;
use crate::envelope::ApiError;
use crate::rate;
use crate::request_id;
use crate::routes::Route;

/// Answers a request; nothing leaves here as an error.
pub async fn answer<E: Endpoint>(
    endpoint: Arc<E>,
    mut request: Request,
    cors: Arc<Cors>,
) -> poem::Result<Response> {
    let began = Instant::now();
    let id = request_id::of(&request);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let grant = cors.grant(&request);
    let told = rate::Told::leave(&mut request);
    let preflight = grant.as_ref().and_then(crate::cors::Grant::preflight);
    let mut response = match preflight {
        Some(response) => response,
        None => request_id::scope(id.clone(), call(endpoint, request, &path)).await,
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(request_id::HEADER, id);
    }
    told.apply(headers);
    if let Some(grant) = grant {
        grant.apply(headers);
    }
    log(&method, &path, response.status(), began, &id);
    Ok(response)
}

async fn call<E: Endpoint>(endpoint: Arc<E>, request: Request, path: &str) -> Response {
    // PostgreSQL takes no NUL in texts; no path, id or filter has one.
    if request.uri().query().is_some_and(|query| query.contains("%00")) {
        return ApiError::field("query", "must not contain the character U+0000").into_response();
    }
    if path.contains("%00") {
        return ApiError::of(Problem::NotFound).into_response();
    }
    match endpoint.call(request).await {
        Ok(output) => output.into_response(),
        Err(error) => envelope(error, path),
    }
}

/// The path is the route's pattern and the query is left out: addresses carry phone numbers.
fn log(method: &Method, path: &str, status: StatusCode, began: Instant, request_id: &str) {
    let route = Route::find(path).map_or("-", |route| &route.path);
    let ms = began.elapsed().as_millis();
    tracing::debug!(%method, route, status = status.as_u16(), ms, request_id, "request");
}

/// A failure in the one shape.
fn envelope(error: poem::Error, path: &str) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    let status = error.status();
    refusal(&error, path).unwrap_or_else(|| by_status(status, &error)).into_response()
}

/// What the framework refuses by itself.
fn refusal(error: &poem::Error, path: &str) -> Option<ApiError> {
    if error.is::<NotFoundError>() {
        return Some(ApiError::because(Problem::NotFound, "There is nothing under this address."));
    }
    if error.is::<MethodNotAllowedError>() {
        let allow = Route::find(path).map(Route::allow).unwrap_or_default();
        return Some(ApiError::method_not_allowed(allow));
    }
    // Everything that varies in a path names an object; what cannot be a name names none.
    if error.is::<framework::ParsePathError>() || error.is::<poem::error::ParsePathError>() {
        return Some(ApiError::of(Problem::NotFound));
    }
    if let Some(framework::ParseParamError { name, reason }) = error.downcast_ref() {
        return Some(parameter(name, reason));
    }
    if let Some(framework::ParseRequestPayloadError { reason }) = error.downcast_ref() {
        return Some(ApiError::field("body", reason));
    }
    if error.is::<framework::ContentTypeError>() {
        return Some(ApiError::of(Problem::UnsupportedMediaType));
    }
    if error.is::<framework::AuthorizationError>() {
        return Some(ApiError::of(Problem::Unauthenticated));
    }
    None
}

fn parameter(name: &str, reason: &str) -> ApiError {
    // An id that does not parse names an object that does not exist.
    if name.ends_with("_id") {
        let what = name.trim_end_matches("_id");
        return ApiError::because(Problem::NotFound, format!("There is no such {what}."));
    }
    // The framework says "Type … expects an input value." of what is absent.
    let reason = if reason.contains("expects an input value") { "is required" } else { reason };
    ApiError::field(name, plain_reason(reason))
}

fn by_status(status: StatusCode, error: &poem::Error) -> ApiError {
    match status.as_u16() {
        404 => ApiError::of(Problem::NotFound),
        413 => ApiError::of(Problem::PayloadTooLarge),
        415 => ApiError::of(Problem::UnsupportedMediaType),
        400..=499 => ApiError::because(Problem::ValidationFailed, error.to_string()),
        _ => {
            tracing::error!(request_id = request_id::current(), %error, "request failed");
            ApiError::of(Problem::Internal)
        }
    }
}

/// A panic is answered like any other failure of ours. What it says is in the panic's own report.
pub fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!(request_id = request_id::current(), "a request panicked");
    ApiError::of(Problem::Internal).into_response()
}
