//! The Cloud API at any `/vNN.N/`.

mod accept;
mod catalog;
mod error;
mod messages;
mod subscription;

use std::sync::Arc;

use poem::{Request, Response, http::Method, web::RemoteAddr};
use serde_json::{Map, Value};

use crate::core::Core;

pub(crate) use error::{GraphError, error_text};

/// One call, taken apart.
struct Call {
    method: Method,
    /// As the client wrote it, for links to further pages.
    version: String,
    /// The first part of the path after it.
    object: String,
    host: String,
    query: Vec<(String, String)>,
    body: Vec<u8>,
    client: RemoteAddr,
}

impl Call {
    fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The body as an object; no body is an empty one.
    fn object(&self) -> Result<Map<String, Value>, GraphError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(GraphError::new(100, "The request body must be a JSON object")),
            Err(error) => Err(GraphError::new(100, format!("The request body is not valid JSON: {error}"))),
        }
    }
}

/// Whether the first part of a path makes it a call of the Cloud API.
pub(crate) fn is_version(part: &str) -> bool {
    let Some((major, minor)) = part.strip_prefix('v').and_then(|rest| rest.split_once('.')) else {
        return false;
    };
    [major, minor].iter().all(|n| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Answers a call. `path` is what follows the version, without empty parts: a slash at the end, which
/// some clients send, changes nothing.
pub(crate) async fn answer(core: &Arc<Core>, version: &str, path: &[&str], mut request: Request) -> Response {
    let body = match request.take_body().into_bytes_limit(crate::BODY_LIMIT).await {
        Ok(body) => body.to_vec(),
        Err(_) => return GraphError::new(100, "The request body could not be read").into_response(),
    };
    let call = Call {
        method: request.method().clone(),
        version: version.to_owned(),
        object: path.first().copied().unwrap_or_default().to_owned(),
        host: request.header("host").unwrap_or("localhost").to_owned(),
        query: request.params::<Vec<(String, String)>>().unwrap_or_default(),
        body,
        client: request.remote_addr().clone(),
    };
    let result = match authorise(core, &request, &call) {
        Ok(()) => route(core, path, &call).await,
        Err(error) => Err(error),
    };
    result.unwrap_or_else(GraphError::into_response)
}

/// Graph takes the token in the header, and in the query too.
fn authorise(core: &Core, request: &Request, call: &Call) -> Result<(), GraphError> {
    let header = request.header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth")).then(|| token.trim())
    });
    match header.or_else(|| call.query("access_token")) {
        Some(token) if token == core.account.access_token => Ok(()),
        Some(_) | None => Err(GraphError::new(190, "")),
    }
}

async fn route(core: &Arc<Core>, path: &[&str], call: &Call) -> Result<Response, GraphError> {
    let account = &core.account;
    let unknown = |id: &str| Err(GraphError::unknown_object(call.method.as_str(), id));
    match (call.method.as_str(), path) {
        ("POST", [id, "messages"]) if *id == account.phone_number_id => messages::post(core, call).await,
        ("GET", [id]) if *id == account.phone_number_id => Ok(catalog::number(core, call)),
        ("GET", [id]) if *id == account.waba_id => Ok(catalog::waba(core, call)),
        ("GET", [id, "phone_numbers"]) if *id == account.waba_id => Ok(catalog::numbers(core, call)),
        ("GET", [id, "message_templates"]) if *id == account.waba_id => catalog::templates(core, call),
        ("GET", [id, "subscribed_apps"]) if *id == account.waba_id => Ok(subscription::list(core)),
        ("POST", [id, "subscribed_apps"]) if *id == account.waba_id => {
            subscription::register(core, call).await
        }
        ("DELETE", [id, "subscribed_apps"]) if *id == account.waba_id => subscription::remove(core),
        (_, [id]) => unknown(id),
        (_, [id, edge]) if known_edge(edge) => unknown(id),
        (_, rest) => Err(GraphError::unknown_path(&format!("/{}", rest.join("/")))),
    }
}

/// Edges that exist at Meta: a call to one of them with a wrong id or method is about the object.
fn known_edge(edge: &str) -> bool {
    matches!(edge, "messages" | "message_templates" | "subscribed_apps" | "phone_numbers" | "media")
}

/// The fields of an object that the call asks for, `id` always among them.
fn selected(call: &Call, all: &Map<String, Value>, default: &[&str]) -> Value {
    let asked: Vec<&str> = match call.query("fields") {
        Some(fields) => {
            fields.split(',').map(|field| field.split(['{', '.']).next().unwrap_or(field).trim()).collect()
        }
        None => default.to_vec(),
    };
    let wanted = |key: &str| key == "id" || asked.contains(&key);
    all.iter().filter(|(key, _)| wanted(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}
