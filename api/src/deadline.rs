//! The longest that an answer may take. A database that keeps its connections open and says nothing would
//! otherwise hold a request for as long as it likes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bellhop_domain::problem::Problem;
use futures_util::StreamExt;
use poem::http::header::HeaderName;
use poem::{Body, Endpoint, IntoResponse, Request, Response};
use serde_json::json;
use tokio::time::Instant;

use crate::envelope::ApiError;
use crate::prefer;

/// Longer than the wait for a connection to the database, shorter than the patience of front ends.
const DEADLINE: Duration = Duration::from_secs(13);

/// By which an endpoint says that it is getting on. One piece of a body may hold work for longer than the
/// limit.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Mutex<Instant>>);

impl Progress {
    pub fn made(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// Gives up on an endpoint in time; its transaction, if it has one, ends without a commit.
pub async fn deadline<E: Endpoint>(endpoint: Arc<E>, request: Request) -> poem::Result<Response> {
    let granted = request.header(HeaderName::from_static("prefer")).and_then(prefer::wait).unwrap_or(0);
    within(DEADLINE + Duration::from_secs(granted), endpoint, request).await
}

/// A body that is still coming in, however slowly, is no reason to give up: each piece of it counts anew.
async fn within<E: Endpoint>(
    limit: Duration,
    endpoint: Arc<E>,
    mut request: Request,
) -> poem::Result<Response> {
    let moved = Arc::new(Mutex::new(Instant::now()));
    request.set_data(Progress(Arc::clone(&moved)));
    let body = request.take_body();
    if body.is_empty() {
        request.set_body(body);
    } else {
        let moved = Arc::clone(&moved);
        let chunks = body.into_bytes_stream().inspect(move |_| {
            *moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        });
        request.set_body(Body::from_bytes_stream(chunks));
    }
    let mut call = std::pin::pin!(endpoint.call(request));
    loop {
        let until = *moved.lock().unwrap_or_else(PoisonError::into_inner) + limit;
        if until <= Instant::now() {
            tracing::warn!(seconds = limit.as_secs(), "a request was given up");
            let message = "It took too long. Whether it was carried out is not known.";
            return Err(ApiError::new(Problem::Unavailable, message, json!({})).into());
        }
        if let Ok(answer) = tokio::time::timeout_at(until, &mut call).await {
            return answer.map(IntoResponse::into_response);
        }
    }
}

#[cfg(test)]
mod tests {
    use poem::http::StatusCode;
    use poem::test::TestClient;
    use poem::{EndpointExt, Route, handler, post};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(400);

    #[handler]
    async fn hangs() {
        std::future::pending::<()>().await;
    }

    #[handler]
    async fn reads(body: Body) -> poem::Result<String> {
        Ok(body.into_string().await?)
    }

    fn client() -> TestClient<impl Endpoint> {
        let routes = Route::new().at("/hangs", post(hangs)).at("/reads", post(reads));
        TestClient::new(routes.around(|endpoint, request| within(LIMIT, endpoint, request)))
    }

    #[tokio::test]
    async fn what_hangs_is_answered() {
        let asked = Instant::now();
        let response = client().post("/hangs").body("x").send().await;
        response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
        assert!(asked.elapsed() >= LIMIT);
    }

    #[tokio::test]
    async fn a_slow_body_is_waited_for() {
        let chunks = futures_util::stream::unfold(0, |n| async move {
            tokio::time::sleep(LIMIT / 2).await;
            (n < 4).then_some((Ok::<_, std::io::Error>("x"), n + 1))
        });
        let response = client().post("/reads").body(Body::from_bytes_stream(Box::pin(chunks))).send().await;
        response.assert_status_is_ok();
        response.assert_text("xxxx").await;
    }
}
