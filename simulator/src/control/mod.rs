//! The control API under `/simulator`: the world outside of WhatsApp's own API.

mod chat;
mod guests;
mod ledger;
mod media;
mod settings;
mod templates;
mod wishes;
mod writing;

use std::sync::Arc;

use poem::{Request, Response, http::StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::core::Core;

/// Why a control call did not work, in a sentence.
pub(crate) struct Problem {
    status: StatusCode,
    sentence: String,
}

impl Problem {
    fn bad(sentence: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, sentence: sentence.into() }
    }

    fn unknown(sentence: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, sentence: sentence.into() }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        let sentence = format!("the journal could not be written: {error}");
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, sentence }
    }
}

type Answer = Result<Value, Problem>;

/// One call's query and body.
struct Input {
    query: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Input {
    fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn number(&self, key: &str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.query(key) else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| Problem::bad(format!("{key} must be a whole number, not {text:?}")))
    }

    /// The body; serde's message names the key that is wrong, and where.
    fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Problem::bad(format!("the body is not right: {error}")))
    }
}

/// Answers a call. `path` is what follows `/simulator`, without empty parts.
pub(crate) async fn answer(core: &Arc<Core>, path: &[&str], mut request: Request) -> Response {
    match (request.method().as_str(), path) {
        ("GET" | "HEAD", ["media", id]) => return media::send(core, id, &request).await,
        ("POST", ["media"]) => return respond(media::receive(core, request).await),
        _ => {}
    }
    let body = match request.take_body().into_bytes_limit(crate::BODY_LIMIT).await {
        Ok(body) => body.to_vec(),
        Err(error) => return respond(Err(Problem::bad(format!("the body could not be read: {error}")))),
    };
    let query = request.params::<Vec<(String, String)>>().unwrap_or_default();
    respond(route(core, request.method().as_str(), path, &Input { query, body }))
}

fn route(core: &Arc<Core>, method: &str, path: &[&str], input: &Input) -> Answer {
    match (method, path) {
        ("GET", ["account"]) => Ok(settings::account(core)),
        ("PUT", ["account"]) => settings::set_account(core, input),
        ("GET", ["numbers", id]) => settings::number(core, id),
        ("PUT", ["numbers", id]) => settings::set_number(core, id, input),
        ("GET", ["guests"]) => Ok(guests::list(core)),
        ("POST", ["guests"]) => guests::put(core, input),
        ("GET", ["guests", name]) => guests::get(core, &decoded(name)),
        ("GET", ["guests", name, "chat"]) => chat::chat(core, &decoded(name)),
        ("POST", ["guests", name, deed]) => guest_deed(core, &decoded(name), deed, input),
        ("GET", ["messages"]) => ledger::list(core, input),
        ("DELETE", ["messages"]) => ledger::clear(core),
        ("GET", ["faults"]) => Ok(json!(core.state().faults)),
        ("PUT", ["faults"]) => settings::set_faults(core, input.parse()?),
        ("DELETE", ["faults"]) => settings::set_faults(core, crate::faults::Faults::default()),
        ("GET", ["clock"]) => Ok(settings::clock(core)),
        ("POST", ["clock"]) => settings::advance_clock(core, input),
        ("GET", ["templates"]) => Ok(json!({"data": core.state().templates})),
        ("PUT", ["templates"]) => templates::put(core, input),
        ("GET", ["review"]) => Ok(json!(core.state().reviews)),
        ("PUT", ["review"]) => templates::set_reviews(core, input),
        ("GET", ["webhooks"]) => Ok(settings::webhooks(core)),
        (method, path) => Err(no_route(method, path)),
    }
}

/// What a guest does with the phone.
fn guest_deed(core: &Arc<Core>, name: &str, deed: &str, input: &Input) -> Answer {
    match deed {
        "messages" => writing::write(core, name, input),
        "edit" => writing::edit(core, name, input),
        "revoke" => writing::revoke(core, name, input),
        "block" => wishes::block(core, name, input),
        "marketing" => wishes::marketing(core, name, input),
        "number" => wishes::number(core, name, input),
        deed => Err(no_route("POST", &["guests", name, deed])),
    }
}

fn no_route(method: &str, path: &[&str]) -> Problem {
    Problem::unknown(format!("there is no {method} /simulator/{}", path.join("/")))
}

fn respond(answer: Answer) -> Response {
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(problem) => (problem.status, json!({"error": problem.sentence})),
    };
    Response::builder()
        .status(status)
        .content_type("application/json; charset=utf-8")
        .header("cache-control", "no-store")
        .body(body.to_string())
}

/// A part of a path without its percent signs; a `+` in a path stands for itself.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.filter(|_| first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded() {
        assert_eq!(decoded("%2B972541234567"), "+972541234567");
        assert_eq!(decoded("+1"), "+1");
        assert_eq!(decoded("%zz%2"), "%zz%2");
        assert_eq!(decoded("%D7%A9"), "ש");
    }
}
