//! The id under which a request is found in the log and in its answer.

use poem::Request;
use poem::http::HeaderName;
use uuid::Uuid;

pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

// Error answers are made deep inside the framework, where the request is out of reach.
tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that this task answers; empty outside of one.
pub fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Runs `work` as the answer to the request `id`.
pub async fn scope<F: Future>(id: String, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// The caller's own id if it sent a sane one, so that its log and ours can be joined; else a new one.
pub fn of(request: &Request) -> String {
    let sane = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok()).filter(sane);
    given.map_or_else(|| format!("req_{}", Uuid::now_v7().simple()), str::to_owned)
}
