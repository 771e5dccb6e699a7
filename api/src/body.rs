//! JSON bodies: read once, kept as they came for the idempotency hash, and refused by the name of
//! every field that is wrong.

use std::collections::HashMap;
use std::sync::LazyLock;

use bellhop_domain::content::Wrong;
use bellhop_service::idempotency::IdempotencyKey;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::payload::{Json, ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, impl_apirequest_for_payload};
use serde_json::{Value, json};

use crate::content;
use crate::deadline::Progress;
use crate::envelope::ApiError;
use crate::openapi;

/// A body that was read as `T`.
#[derive(Debug)]
pub struct JsonBody<T> {
    pub value: T,
    raw: Vec<u8>,
    path: String,
    /// By which a request that works for long says so.
    pub progress: Option<Progress>,
}

impl<T> JsonBody<T> {
    /// The key of the request, for this path and these bytes.
    pub fn idempotency_key(&self, header: Option<&str>) -> Result<Option<IdempotencyKey>, ApiError> {
        let key = header.map(|key| IdempotencyKey::parse(key, &self.path, &self.raw));
        key.transpose().map_err(ApiError::from)
    }
}

impl<T: ParseFromJSON> Payload for JsonBody<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        Json::<T>::check_content_type(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ParseFromJSON> ParsePayload for JsonBody<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        check_key_header(request)?;
        let raw = <Vec<u8> as FromRequest>::from_request(request, body).await?;
        let value = parse(&raw)?;
        let path = request.original_uri().path().to_owned();
        Ok(Self { value, raw, path, progress: request.data::<Progress>().cloned() })
    }
}

impl_apirequest_for_payload!(JsonBody<T>, T: ParseFromJSON);

/// The framework passes over a header that is not ASCII, and would send twice what the caller meant
/// to send once.
pub fn check_key_header(request: &Request) -> Result<(), ApiError> {
    match request.headers().get("idempotency-key") {
        Some(key) if key.to_str().is_err() => {
            Err(ApiError::field("Idempotency-Key", "must have printable ASCII characters"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The exact bytes of a body, whatever its content type says: a signature vouches for them.
pub struct RawBody(pub Vec<u8>);

impl<'a> ApiExtractor<'a> for RawBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("object")));
        let content = vec![MetaMediaType { content_type: "application/json", schema }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self(<Vec<u8> as FromRequest>::from_request(request, body).await?))
    }
}

fn parse<T: ParseFromJSON>(raw: &[u8]) -> Result<T, ApiError> {
    let json: Value = serde_json::from_slice(raw)
        .map_err(|error| ApiError::field("body", format_args!("is not JSON: {error}")))?;
    let fields = &openapi::document()["components"]["schemas"][T::name().as_ref()]["properties"];
    let known = json.as_object().into_iter().flatten().filter(|(name, _)| fields.get(name).is_some());
    if let Some(field) = known.into_iter().find_map(|(name, value)| nul_below(name, value)) {
        // PostgreSQL stores no NUL in texts; better refused here, by name, than there.
        return Err(ApiError::field(&field, "must not contain the character U+0000"));
    }
    check(json).map_err(|wrong| content::refuse("", wrong))
}

/// Reads a value by the document's own schema of `T`. The field that is the value itself has no name.
pub fn check<T: ParseFromJSON>(json: Value) -> Result<T, Vec<Wrong>> {
    if let Some(validator) = VALIDATORS.get(T::name().as_ref()) {
        let errors = validator.iter_errors(&json).filter(|error| !is_by_type(error));
        let wrong: Vec<Wrong> =
            errors.flat_map(|error| explain(&error)).map(|(field, reason)| Wrong { field, reason }).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
    }
    T::parse_from_json(Some(json)).map_err(|error| vec![Wrong::new("", plain_reason(&error.into_message()))])
}

/// The content of a message of any kind: whoever knows its kind checks it, by the schema of that.
fn is_by_type(error: &ValidationError) -> bool {
    matches!(error.kind(), ValidationErrorKind::AnyOf { .. }) && error.instance_path().as_str() == "/content"
}

/// The framework's reasons begin and end with the name of a type, which says nothing to a caller.
pub fn plain_reason(reason: &str) -> &str {
    let reason = reason.split(" (occurred while parsing").next().unwrap_or(reason);
    let named = reason.strip_prefix("failed to parse \"").and_then(|rest| rest.split_once("\": "));
    named.map_or(reason, |(_, rest)| rest)
}

/// The fields that an error means, each with what is wrong with it.
fn explain(error: &ValidationError) -> Vec<(String, String)> {
    let ValidationErrorKind::AnyOf { context } = error.kind() else { return vec![explain_one(error)] };
    // One that is no other kind of thing altogether is what was meant: of an object or null, the object.
    let other = |inner: &ValidationError| {
        matches!(inner.kind(), ValidationErrorKind::Type { .. })
            && inner.instance_path() == error.instance_path()
    };
    if let Some(meant) = context.iter().find(|branch| !branch.iter().any(other)) {
        return meant.iter().flat_map(explain).collect();
    }
    let reasons: Vec<_> = context.iter().flatten().map(|inner| explain_one(inner).1).collect();
    vec![(explain_one(error).0, reasons.join(" or "))]
}

/// The field in the notation of the documentation, and what is wrong with it.
fn explain_one(error: &ValidationError) -> (String, String) {
    let mut path = dotted(error.instance_path().as_str());
    let reason = match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            "is required".to_owned()
        }
        // Masked: the value may be as long as the whole body.
        _ => {
            let reason = error.masked_with("the value").to_string();
            reason.strip_prefix("the value is not ").map_or(reason.clone(), |rest| format!("must be {rest}"))
        }
    };
    (path, reason)
}

/// A JSON pointer as `content.text`.
fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/").replace("~0", "~")
}

/// Where in a field the first text with a NUL stands.
pub fn nul_below(name: &str, value: &Value) -> Option<String> {
    let name = name.replace('\0', "\\u0000");
    with_nul(value).map(|rest| if rest.is_empty() { name } else { format!("{name}.{rest}") })
}

fn with_nul(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(list) => list.iter().enumerate().find_map(|(i, value)| nul_below(&i.to_string(), value)),
        Value::Object(map) => map.iter().find_map(|(name, value)| {
            if name.contains('\0') { Some(name.replace('\0', "\\u0000")) } else { nul_below(name, value) }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The framework stops at the first error and does not name a missing field; the document's own
/// schemas find all of them.
static VALIDATORS: LazyLock<HashMap<String, Validator>> = LazyLock::new(|| {
    let document = openapi::document();
    let compile = |name: String| {
        let schema = json!({
            "$ref": format!("#/components/schemas/{name}"),
            "components": document["components"],
        });
        let validator =
            jsonschema::draft202012::options().should_validate_formats(true).build(&schema).ok()?;
        Some((name, validator))
    };
    openapi::within_requests(document).into_iter().filter_map(compile).collect()
});

/// Compiles the validators now instead of in the first request.
pub fn prepare() {
    LazyLock::force(&VALIDATORS);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_body_has_a_validator() {
        for name in openapi::request_schemas(openapi::document()) {
            assert!(VALIDATORS.contains_key(&name), "{name}");
        }
    }

    #[test]
    fn reasons_are_sentences_without_types() {
        for (given, plain) in [
            ("failed to parse \"limit\": must be 1", "must be 1"),
            ("must be 1 (occurred while parsing \"Send\")", "must be 1"),
            ("must be 1", "must be 1"),
        ] {
            assert_eq!(plain_reason(given), plain);
        }
        let wrong = json!({"message_type": 5, "content": {}});
        let reasons: Vec<_> = VALIDATORS["SendMessage"]
            .iter_errors(&wrong)
            .flat_map(|error| explain(&error))
            .map(|wrong| wrong.1)
            .collect();
        assert!(reasons.contains(&"must be of type \"string\"".to_owned()), "{reasons:?}");
        assert!(reasons.iter().any(|reason| reason.starts_with("must be one of \"text\"")), "{reasons:?}");
    }

    #[test]
    fn nul_is_found_and_named() {
        let body = json!({"content": {"text": ["a", "b\0"]}, "other": "x"});
        assert_eq!(with_nul(&body).as_deref(), Some("content.text.1"));
        assert_eq!(with_nul(&json!({"a": "b"})), None);
    }
}
