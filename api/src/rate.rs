//! How often the caller may ask, on every answer to somebody who is known.
//!
//! The fields are those of draft-ietf-httpapi-ratelimit-headers-10: structured fields, whose items are named after
//! the limits.

use std::sync::{Arc, OnceLock};

use bellhop_domain::ports::RequestRate;
use bellhop_service::request_limit::{Counted, CountedLimit};
use bellhop_service::{App, Caller};
use poem::Request;
use poem::http::{HeaderMap, HeaderName, HeaderValue};

use crate::envelope::ApiError;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// A place in the request where it is written down what it was counted for: the answer is made elsewhere, also
/// that of a refusal.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<OnceLock<Counted>>);

impl Told {
    pub fn leave(request: &mut Request) -> Self {
        let told = Self::default();
        request.set_data(told.clone());
        told
    }

    pub fn apply(&self, headers: &mut HeaderMap) {
        let Some(counted) = self.0.get() else { return };
        for (name, text) in [(POLICY, Some(policy(counted))), (STANDING, standing(counted))] {
            if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
                headers.insert(name, value);
            }
        }
    }
}

/// Counts a request; 429 when it came too fast.
pub async fn count(app: &App, caller: &Caller, request: &Request) -> Result<(), ApiError> {
    let Some(counted) = app.count_request(caller).await else { return Ok(()) };
    let outcome = counted.check();
    if let Some(Told(told)) = request.data() {
        // Once for each request: whoever is first has asked.
        told.set(counted).ok();
    }
    outcome.map_err(ApiError::from)
}

/// What each limit is; the same on every answer.
fn policy(counted: &Counted) -> String {
    let seconds = RequestRate::WINDOW.as_secs();
    let item =
        |limit: &CountedLimit| format!("\"{}\";q={};w={seconds}", limit.limit.name(), limit.rate.quota());
    counted.limits().iter().map(item).collect::<Vec<_>>().join(", ")
}

/// How the closest limit stands.
fn standing(counted: &Counted) -> Option<String> {
    let limit = counted.closest()?;
    Some(format!("\"{}\";r={};t={}", limit.limit.name(), limit.standing.left, limit.reset()))
}
