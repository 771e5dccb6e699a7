//! Which web pages may call the API.
//!
//! The framework's middleware refuses a request with another `Origin`, and browsers send that
//! header to their own origin too: the reference at /docs could then send nothing. CORS is the
//! browser's business; here only headers are added.

use poem::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use poem::http::{HeaderMap, HeaderValue, Method, StatusCode};
use poem::{Request, Response};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, Prefer, Last-Event-ID, x-request-id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-request-id, Retry-After, RateLimit, RateLimit-Policy, Preference-Applied, Location, Allow, \
     Content-Disposition, Content-Range, ETag",
);

/// The origins of the settings.
#[derive(Debug)]
pub struct Cors {
    origins: Vec<String>,
}

/// What one request's origin may see.
pub struct Grant {
    origin: Option<HeaderValue>,
    preflight: bool,
}

impl Cors {
    pub fn new(origins: Vec<String>) -> Self {
        Self { origins: origins.into_iter().map(|origin| origin.trim_end_matches('/').to_owned()).collect() }
    }

    /// `None` when no origin is configured: then nothing about CORS is said at all.
    pub fn grant(&self, request: &Request) -> Option<Grant> {
        if self.origins.is_empty() {
            return None;
        }
        let knows =
            |origin: &HeaderValue| self.origins.iter().any(|known| known.as_bytes() == origin.as_bytes());
        let origin = request.headers().get(ORIGIN).filter(|origin| knows(origin)).cloned();
        let preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
            && origin.is_some();
        Some(Grant { origin, preflight })
    }
}

impl Grant {
    /// The answer to a preflight request of an origin that may call.
    pub fn preflight(&self) -> Option<Response> {
        self.preflight.then(|| {
            let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
            response
        })
    }

    pub fn apply(self, headers: &mut HeaderMap) {
        // Caches must keep the answers to different origins apart, also those without a grant.
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}
