//! The Cloud API at any `/vNN.N/`.

mod accept;
mod account;
mod attachments;
mod blocking;
mod content;
mod error;
mod lies;
mod media;
mod messages;
mod profile;
mod registration;
mod subscription;
mod template_list;
mod templates;
mod uploads;

use std::sync::Arc;

use poem::{Request, Response, http::Method, web::RemoteAddr};
use serde_json::{Map, Value};

use crate::core::Core;

pub(crate) use attachments::{download, send_file};
pub(crate) use content::{At, Scene, check_location, check_media};
pub(crate) use error::{GraphError, error_text};
pub(crate) use media::{fresh_media_id, put_media};

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
    let mut call = Call {
        method: request.method().clone(),
        version: version.to_owned(),
        object: path.first().copied().unwrap_or_default().to_owned(),
        host: request.header("host").unwrap_or("localhost").to_owned(),
        query: request.params::<Vec<(String, String)>>().unwrap_or_default(),
        body: Vec::new(),
        client: request.remote_addr().clone(),
    };
    if let Err(error) = authorise(core, &request, call.query("access_token")) {
        return error.into_response();
    }
    if let Some(result) = answer_stream(core, path, &call, &mut request).await {
        return result.unwrap_or_else(GraphError::into_response);
    }
    match request.take_body().into_bytes_limit(crate::BODY_LIMIT).await {
        Ok(body) => call.body = body.to_vec(),
        Err(_) => return GraphError::new(100, "The request body could not be read").into_response(),
    }
    route(core, path, &call).await.unwrap_or_else(GraphError::into_response)
}

/// Calls whose body is a file, which never stands in memory as a whole.
async fn answer_stream(
    core: &Arc<Core>,
    path: &[&str],
    call: &Call,
    request: &mut Request,
) -> Option<Result<Response, GraphError>> {
    match (call.method.as_str(), path) {
        ("POST", [id, "media"]) if *id == core.account.phone_number_id => {
            Some(media::upload(core, call, request).await)
        }
        ("POST", [id]) if id.starts_with(uploads::PREFIX) => Some(uploads::receive(core, id, request).await),
        _ => None,
    }
}

/// Graph takes the token in the header, and in the query too.
fn authorise(core: &Core, request: &Request, in_query: Option<&str>) -> Result<(), GraphError> {
    let header = request.header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth")).then(|| token.trim())
    });
    let state = core.state();
    let present = state.tokens.last().unwrap_or(&core.account.access_token);
    match header.or(in_query) {
        Some(token) if token == present => Ok(()),
        Some(token) if token == core.account.access_token || state.tokens.iter().any(|one| one == token) => {
            Err(GraphError::token_replaced())
        }
        Some(_) | None => Err(GraphError::new(190, "")),
    }
}

async fn route(core: &Arc<Core>, path: &[&str], call: &Call) -> Result<Response, GraphError> {
    match path {
        [id] if *id == core.account.phone_number_id => profile::number(core, call).await,
        [id] if *id == core.account.waba_id && call.method == Method::GET => Ok(account::waba(core, call)),
        ["app"] if call.method == Method::GET => Ok(account::app(core, call)),
        [id] if *id == core.account.app_id && call.method == Method::GET => Ok(account::app(core, call)),
        [id] => object(core, id, call),
        [id, edge] if *id == core.account.phone_number_id => number_edge(core, edge, call).await,
        [id, edge] if *id == core.account.waba_id => account_edge(core, edge, call).await,
        [id, "uploads"] if *id == "app" || *id == core.account.app_id => uploads::start(core, call),
        [id, edge] if known_edge(edge) => Err(unknown(call, id)),
        rest => Err(GraphError::unknown_path(&format!("/{}", rest.join("/")))),
    }
}

fn unknown(call: &Call, id: &str) -> GraphError {
    GraphError::unknown_object(call.method.as_str(), id)
}

/// What is known by its id alone: media, templates, resumable uploads.
fn object(core: &Arc<Core>, id: &str, call: &Call) -> Result<Response, GraphError> {
    if id.starts_with(uploads::PREFIX) {
        return uploads::show(core, id, call);
    }
    let (is_media, is_template) = {
        let state = core.state();
        (state.media.contains_key(id), state.templates.iter().any(|template| template.id == id))
    };
    match call.method.as_str() {
        "GET" if is_media => attachments::show(core, id, call),
        "DELETE" if is_media => attachments::delete(core, id, call),
        "GET" if is_template => template_list::show(core, id, call),
        "POST" if is_template => templates::edit(core, id, call),
        _ => Err(unknown(call, id)),
    }
}

async fn number_edge(core: &Arc<Core>, edge: &str, call: &Call) -> Result<Response, GraphError> {
    let number = &core.account.phone_number_id;
    match (call.method.as_str(), edge) {
        ("POST", "messages") => messages::post(core, call).await,
        ("GET", "whatsapp_business_profile") => Ok(profile::show(core, call)),
        ("POST", "whatsapp_business_profile") => profile::change(core, call),
        ("POST", "register") => registration::register(core, call),
        ("POST", "deregister") => registration::deregister(core),
        ("POST", "request_code") => registration::request_code(core, call),
        ("POST", "verify_code") => registration::verify_code(core, call),
        (_, "block_users") => blocking::block_users(core, call),
        (_, edge) if known_edge(edge) => Err(unknown(call, number)),
        (_, edge) => Err(GraphError::unknown_path(&format!("/{number}/{edge}"))),
    }
}

async fn account_edge(core: &Arc<Core>, edge: &str, call: &Call) -> Result<Response, GraphError> {
    let account = &core.account.waba_id;
    match (call.method.as_str(), edge) {
        ("GET", "phone_numbers") => Ok(account::numbers(core, call)),
        ("GET", "message_templates") => template_list::list(core, call),
        ("POST", "message_templates") => templates::create(core, call),
        ("DELETE", "message_templates") => templates::delete(core, call),
        ("GET", "subscribed_apps") => Ok(subscription::list(core)),
        ("POST", "subscribed_apps") => subscription::register(core, call).await,
        ("DELETE", "subscribed_apps") => subscription::remove(core),
        (_, edge) if known_edge(edge) => Err(unknown(call, account)),
        (_, edge) => Err(GraphError::unknown_path(&format!("/{account}/{edge}"))),
    }
}

/// Edges that exist at Meta: a call to one of them with a wrong id or method is about the object.
fn known_edge(edge: &str) -> bool {
    matches!(
        edge,
        "messages"
            | "message_templates"
            | "subscribed_apps"
            | "phone_numbers"
            | "media"
            | "uploads"
            | "whatsapp_business_profile"
            | "register"
            | "deregister"
            | "request_code"
            | "verify_code"
            | "block_users"
    )
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
