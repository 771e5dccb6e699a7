//! The document. The framework writes a mixture of OpenAPI 3.0 and 3.1 that is valid as neither;
//! this makes it valid 3.1.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::{service, yaml};

pub const DESCRIPTION: &str = "\
Messages between a hotel and its guests on WhatsApp.

Every failure has the same envelope: `error` with `code`, `message`, `details`, `recovery_options` \
and `request_id`; `GET /api/v1/whatsapp/errors` lists the codes. Lists come in pages: `limit` and \
`cursor` in, `data` and `next_cursor` out. Times are RFC 3339 in UTC with milliseconds. Unknown \
fields of a request are ignored.

People sign in with `POST sessions`; programs have API tokens (`POST tokens`). Either token goes into \
`Authorization: Bearer …`. A token has a role: staff, admin or partner, and an API token may be narrowed to \
scopes of it. Operations are for staff and admins unless they say otherwise; `GET me` lists what a token may.

Beside these: `GET /healthz` (the process lives) and `GET /readyz` (it can do its work).";

/// Header names as they are written; the framework shouts them.
const HEADERS: [&str; 8] = [
    "Retry-After",
    "WWW-Authenticate",
    "Allow",
    "Location",
    "Preference-Applied",
    "Content-Disposition",
    "Content-Range",
    "x-request-id",
];

static DOCUMENT: LazyLock<Value> = LazyLock::new(build);

pub fn document() -> &'static Value {
    &DOCUMENT
}

/// The API's description as YAML. Needs neither a server nor a database.
pub fn openapi_yaml() -> String {
    yaml::to_yaml(document())
}

/// The same as JSON.
pub fn openapi_json() -> String {
    document().to_string()
}

/// The document as a deployment serves it. Its public address comes second: the reference must
/// call the server from which it came, under whatever name.
pub fn at(public_url: &str) -> Value {
    let mut document = document().clone();
    if let (Value::Array(servers), false) = (&mut document["servers"], public_url.is_empty()) {
        servers.push(json!({"url": public_url}));
    }
    document
}

fn build() -> Value {
    let mut document: Value = serde_json::from_str(&service().spec()).unwrap_or_default();
    document["openapi"] = "3.1.0".into();
    document["info"]["license"] = json!({"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"});
    document["servers"] = json!([{"url": "/", "description": "This server"}]);
    modernise(&mut document);
    for (method, operation) in operations(&mut document) {
        fit_responses(method, operation);
        name_headers(operation);
    }
    share_failures(&mut document);
    for name in within_requests(&document) {
        accept_null(&mut document["components"]["schemas"][name.as_str()]);
    }
    document
}

/// Each with its method.
fn operations(document: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    paths.flat_map(|(_, path)| path.as_object_mut().into_iter().flatten())
}

/// Turns what 3.0 says otherwise into 3.1, everywhere.
fn modernise(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(modernise),
        Value::Object(map) => {
            map.values_mut().for_each(modernise);
            modernise_object(map);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn modernise_object(map: &mut Map<String, Value>) {
    if let Some(json) = map.remove("application/json; charset=utf-8") {
        map.insert("application/json".to_owned(), json);
    }
    if let Some(text) = map.remove("text/plain; charset=utf-8") {
        map.insert("text/plain".to_owned(), text);
    }
    if let Some(Value::String(text)) = map.get_mut("description") {
        // Line breaks inside a paragraph are those of the source.
        let paragraphs: Vec<String> = text.split("\n\n").map(|p| p.replace('\n', " ")).collect();
        *text = paragraphs.join("\n\n");
    }
    if map.get("deprecated") == Some(&Value::Bool(false)) {
        map.remove("deprecated");
    }
    if map.get("in").is_some_and(Value::is_string) {
        // The defaults are what is meant.
        map.remove("explode");
        map.remove("style");
    }
    if map.remove("nullable") == Some(Value::Bool(true)) {
        add_null(map);
    }
    // A description beside a reference needs no `allOf` in 3.1.
    if let Some(Value::Array(all)) = map.get("allOf")
        && let [reference, Value::Object(extra)] = all.as_slice()
        && reference.get("$ref").is_some()
        && extra.keys().all(|key| key == "description")
    {
        let target = reference["$ref"].clone();
        map.remove("allOf");
        map.insert("$ref".to_owned(), target);
    }
}

/// Lets a schema take `null` too.
fn add_null(schema: &mut Map<String, Value>) {
    if let Some(Value::String(kind)) = schema.get("type") {
        let both = json!([kind, "null"]);
        schema.insert("type".to_owned(), both);
    } else if let Some(reference) = schema.remove("$ref") {
        schema.insert("anyOf".to_owned(), json!([{"$ref": reference}, {"type": "null"}]));
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.push(Value::Null);
    }
}

/// An optional field of a request may also be `null`: front ends write both.
fn accept_null(schema: &mut Value) {
    let required: BTreeSet<String> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
    for (_, field) in fields.filter(|(name, _)| !required.contains(*name)) {
        if let Value::Object(field) = field {
            add_null(field);
        }
    }
}

/// Leaves out the failures that an operation cannot answer with: its own method is always allowed,
/// what has no body has none that is wrong, and who only reads meets no state that is against it.
fn fit_responses(method: &str, operation: &mut Value) {
    let has_body = operation.get("requestBody").is_some();
    let changes = method != "get";
    if let Some(responses) = operation["responses"].as_object_mut() {
        responses.retain(|status, _| match status.as_str() {
            "405" => false,
            "409" | "422" => changes,
            "413" | "415" => has_body,
            _ => true,
        });
    }
}

fn name_headers(operation: &mut Value) {
    let responses = operation["responses"].as_object_mut().into_iter().flatten();
    for (_, response) in responses {
        let id = json!({"description": "The request's id", "required": true, "schema": {"type": "string"}});
        let mut named = Map::from_iter([("x-request-id".to_owned(), id)]);
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let written = HEADERS.iter().find(|written| written.eq_ignore_ascii_case(name));
            named.insert(
                written.map_or_else(|| name.clone(), |written| (*written).to_owned()),
                header.clone(),
            );
        }
        response["headers"] = Value::Object(named);
    }
}

/// Failures are the same everywhere: they stand in the components once.
fn share_failures(document: &mut Value) {
    let mut shared = Map::new();
    for (_, operation) in operations(document) {
        let responses = operation["responses"].as_object_mut().into_iter().flatten();
        for (status, response) in responses.filter(|(status, _)| status.as_str() >= "400") {
            let name = format!("Error{status}");
            let reference = json!({"$ref": format!("#/components/responses/{name}")});
            shared.insert(name, std::mem::replace(response, reference));
        }
    }
    document["components"]["responses"] = Value::Object(shared);
}

/// The names of the schemas of request bodies, and of all that stand inside them.
pub fn within_requests(document: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut open: Vec<_> = request_schemas(document).into_iter().collect();
    while let Some(name) = open.pop() {
        let mut inside = Vec::new();
        references(&document["components"]["schemas"][name.as_str()], &mut inside);
        if names.insert(name) {
            open.extend(inside);
        }
    }
    names
}

/// The names of the schemas to which a schema points.
fn references(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Array(list) => list.iter().for_each(|value| references(value, names)),
        Value::Object(map) => {
            let reference = map.get("$ref").and_then(Value::as_str).and_then(|text| text.rsplit('/').next());
            names.extend(reference.map(str::to_owned));
            map.values().for_each(|value| references(value, names));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The names of the schemas of request bodies.
pub fn request_schemas(document: &Value) -> BTreeSet<String> {
    let operations = document["paths"].as_object().into_iter().flatten();
    let operations = operations.flat_map(|(_, path)| path.as_object().into_iter().flatten());
    let reference = |operation: &Value| {
        let schema = operation.pointer("/requestBody/content/application~1json/schema/$ref")?.as_str()?;
        schema.rsplit('/').next().map(str::to_owned)
    };
    operations.filter_map(|(_, operation)| reference(operation)).collect()
}
