//! The document says what the server does.

use std::collections::BTreeSet;

use bellhop_api::Options;
use poem::http::Method;
use serde_json::Value;

use crate::support::{BASE, World};

fn document() -> Value {
    serde_json::from_str(&bellhop_api::openapi_json()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, operation)| (path.clone(), method.clone(), operation))
    });
    all.collect()
}

fn visit<'a>(value: &'a Value, see: &mut impl FnMut(&'a Value)) {
    see(value);
    match value {
        Value::Array(list) => list.iter().for_each(|value| visit(value, see)),
        Value::Object(map) => map.values().for_each(|value| visit(value, see)),
        _ => {}
    }
}

#[test]
fn operations_have_their_own_names_under_the_base_path() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut seen = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        assert!(path.starts_with(BASE), "{path}");
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path}"));
        assert!(id.contains('_') && seen.insert(id), "{id}");
        assert!(operation["summary"].is_string() && operation["tags"][0].is_string(), "{id}");
        let public = ["/webhook", "/errors", "/sessions"].iter().any(|end| path.ends_with(end));
        assert_eq!(operation["security"].is_null(), public, "{id}");
        assert_eq!(operation["responses"]["401"].is_null(), path.ends_with("/errors"), "{id}");
    }
    assert_eq!(seen.len(), 94);
}

#[test]
fn references_resolve_and_nothing_of_3_0_is_left() {
    let document = document();
    visit(&document, &mut |value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
        }
        assert!(value.get("nullable").is_none_or(|key| !key.is_boolean()));
        assert!(value.get("exclusiveMinimum").is_none_or(|key| !key.is_boolean()));
        assert!(value.get("application/json; charset=utf-8").is_none());
    });
}

#[test]
fn keys_that_guides_read_are_required_and_nullable() {
    let document = document();
    let schema = |name: &str| document["components"]["schemas"][name].clone();
    for (name, key) in [
        ("DeliveryStatus", "sent_at"),
        ("DeliveryStatus", "delivered_at"),
        ("DeliveryStatus", "read_at"),
        ("WindowInfo", "window_expires_at"),
        ("ConversationWithMessages", "messages_next_cursor"),
    ] {
        let schema = schema(name);
        assert!(schema["required"].as_array().unwrap().contains(&key.into()), "{name}.{key}");
        assert_eq!(schema["properties"][key]["type"], serde_json::json!(["string", "null"]), "{name}.{key}");
    }
    let status = schema("DeliveryStatus");
    assert!(status["required"].as_array().unwrap().contains(&"failure_reason".into()));
    let either = &status["properties"]["failure_reason"]["anyOf"];
    let reference = serde_json::json!({"$ref": "#/components/schemas/FailureReason"});
    assert_eq!(*either, serde_json::json!([reference, {"type": "null"}]));
    let message = schema("Message");
    assert!(!message["required"].as_array().unwrap().contains(&"reply_to".into()));
    assert_eq!(message["properties"]["reply_to"]["type"], "string");
}

#[test]
fn files_are_described_as_files() {
    let document = document();
    let binary = serde_json::json!({"type": "string", "format": "binary"});
    let upload = &document["paths"][format!("{BASE}/media/upload")]["post"];
    let form = &upload["requestBody"]["content"]["multipart/form-data"]["schema"];
    assert_eq!(form["properties"]["media"], binary);
    assert_eq!(form["properties"]["media_type"]["enum"].as_array().unwrap().len(), 5);
    assert_eq!(form["required"], serde_json::json!(["media", "media_type"]));
    let failures = ["400", "409", "413", "415", "422", "503"];
    assert!(failures.iter().all(|status| !upload["responses"][status].is_null()));
    let read = &document["paths"][format!("{BASE}/media/{{media_id}}")]["get"];
    for status in ["200", "206"] {
        assert_eq!(read["responses"][status]["content"]["*/*"]["schema"], binary);
        assert!(!read["responses"][status]["headers"]["Content-Disposition"].is_null());
    }
}

#[tokio::test]
async fn answers_fit_their_schemas() {
    let world = World::new().await;
    let conversation = world.guest_writes("hi").await;
    let send = serde_json::json!({"guest_phone": "+1234567940", "template_name": "service_followup"});
    let sent = world.post("/templates/send", send).await;
    let message = sent.json()["message_id"].as_str().unwrap().to_owned();
    fits("/templates/send", "post", &sent.ok(202));
    let file = format!("phone\n{}\n", crate::support::GUEST);
    let batch = world.upload("?template_name=service_followup", "text/csv", file).await.ok(202);
    fits("/batches/upload", "post", &batch);
    let file = world.upload_file("a.txt", b"hi", "document").await.ok(201);
    fits("/media/upload", "post", &file);
    let batch = batch["batch_id"].as_str().unwrap().to_owned();
    for (pattern, path) in [
        ("/batches", "/batches".to_owned()),
        ("/batches/{batch_id}", format!("/batches/{batch}")),
        ("/batches/{batch_id}/recipients", format!("/batches/{batch}/recipients")),
        ("/batches/{batch_id}/refusals", format!("/batches/{batch}/refusals")),
        ("/conversations", "/conversations".to_owned()),
        ("/conversations/{conversation_id}", format!("/conversations/{conversation}")),
        (
            "/conversations/{conversation_id}/window-status",
            format!("/conversations/{conversation}/window-status"),
        ),
        ("/messages", "/messages".to_owned()),
        ("/messages/{message_id}", format!("/messages/{message}")),
        ("/messages/{message_id}/status", format!("/messages/{message}/status")),
        ("/templates", "/templates".to_owned()),
        ("/templates/{name}", "/templates/welcome_checkin".to_owned()),
        ("/guests", "/guests?phone=%2B1234567940".to_owned()),
        ("/property", "/property".to_owned()),
        ("/errors", "/errors".to_owned()),
    ] {
        fits(pattern, "get", &world.get(&path).await.ok(200));
    }
}

fn fits(pattern: &str, method: &str, answer: &Value) {
    let document = document();
    let responses = &document["paths"][format!("{BASE}{pattern}")][method]["responses"];
    let status = ["202", "201", "200"].into_iter().find(|status| !responses[*status].is_null());
    let status = status.unwrap_or_else(|| panic!("{pattern} is not in the document"));
    let mut schema = responses[status]["content"]["application/json"]["schema"].clone();
    schema["components"] = document["components"].clone();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let wrong: Vec<_> =
        validator.iter_errors(answer).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(wrong.is_empty(), "{pattern}: {wrong:#?}");
}

#[tokio::test]
async fn the_document_and_its_reader_are_served() {
    let world = World::new().await;
    let at = async |path: &str| world.request(Method::GET, path).send().await;
    let yaml = at("~/openapi.yaml").await;
    assert_eq!(yaml.text, bellhop_api::openapi_yaml());
    assert_eq!(at("~/openapi.json").await.json(), document());
    let options = Options { public_url: "https://bellhop.example".into(), ..Options::default() };
    let deployed = World::with(options).await.request(Method::GET, "~/openapi.json").send().await.json();
    assert_eq!(deployed["servers"][0]["url"], "/");
    assert_eq!(deployed["servers"][1]["url"], "https://bellhop.example");
    let docs = at("~/docs").await;
    assert!(docs.header("content-type").unwrap().starts_with("text/html"));
    assert!(docs.text.contains("url: '/openapi.json'") && docs.text.contains("SwaggerUIBundle"));
    // Everything is inside: no script or style is fetched from anywhere.
    assert!(!docs.text.contains("<script src") && !docs.text.contains("<link "));
}
