//! What is asked of Meta for each kind of content.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod common;

use bellhop_domain::Content;
use bellhop_domain::answer::Answer;
use bellhop_domain::guest::Recipient;
use bellhop_domain::ports::{Outbound, Provider, ProviderFailure, ProviderMedia, ReadMark};
use bellhop_domain::provider_error::ErrorClass;
use bellhop_provider::CloudApi;
use common::server::{Server, Step};
use common::{client, json_body, json_file, line, outbound, own, parts, shared, stem, text};
use serde_json::{Value, json};

const GOOD: &str = r#"{"messages":[{"id":"wamid.A"}]}"#;

/// Examples of things that we do not send, or not so: catalogues, flows, orders, and a quick reply
/// whose payload is `true`. The last one is no message.
const NOT_OURS: &[&str] = &[
    "send-catalog-message",
    "send-catalog-template-message",
    "send-draft-flow-by-id",
    "send-draft-flow-by-name",
    "send-flow-template-message",
    "send-multi-product-message",
    "send-order-details-message",
    "send-order-status-message",
    "send-published-flow-by-id",
    "send-published-flow-by-name",
    "send-sample-issue-resolution-template",
    "send-single-product-message",
    "send-typing-indicator-and-read-receipt",
];

/// The requests that reach the server, each answered with a wamid.
async fn sent(messages: &[Outbound]) -> Vec<String> {
    let server = Server::start(vec![Step::answer(200, GOOD); messages.len()]).await;
    let api = CloudApi::new(client());
    for message in messages {
        let answer = api.send(&line(&server.base_url), message).await;
        assert!(matches!(answer, Answer::Accepted(_)), "{answer:?}");
    }
    server.requests()
}

fn message(case: &Value) -> Outbound {
    let content: Content = serde_json::from_value(case["content"].clone()).unwrap();
    let media = case.get("media").map(|media| match media["id"].as_str() {
        Some(id) => ProviderMedia::Id(id.to_owned()),
        None => ProviderMedia::Link(serde_json::from_value(media["link"].clone()).unwrap()),
    });
    let reply_to = case["reply_to"].as_str().map(str::to_owned);
    Outbound { media, reply_to, ..outbound(content) }
}

/// `content` is the stored form, `wire` what must leave, without the four fields that every message
/// has; `meta` names the examples of Meta's that say the same.
#[tokio::test]
async fn every_kind_of_content() {
    let cases = own("sends.json");
    let cases = cases.as_array().unwrap();
    let messages: Vec<Outbound> = cases.iter().map(message).collect();
    for ((case, message), request) in cases.iter().zip(&messages).zip(sent(&messages).await) {
        let mut expected = json!({"messaging_product": "whatsapp", "recipient_type": "individual",
            "to": "972540000001", "biz_opaque_callback_data": message.attempt.to_string()});
        expected.as_object_mut().unwrap().extend(case["wire"].as_object().unwrap().clone());
        assert_eq!(json_body(&request), expected, "{case}");
    }
}

#[test]
fn what_leaves_is_what_metas_examples_say() {
    let cases = own("sends.json");
    let cases = cases.as_array().unwrap();
    for path in shared("facebook-openapi-v23/messages/post-request") {
        let name = stem(&path);
        let names = |case: &&Value| case["meta"].as_array().is_some_and(|names| names.contains(&json!(name)));
        match cases.iter().find(names) {
            Some(case) => assert_eq!(case["wire"], normal(json_file(&path)), "{name}"),
            None => assert!(NOT_OURS.contains(&name), "{name}"),
        }
    }
}

/// Meta's example without what differs from call to call, with a `type` where it is left out, and
/// with possible values in place of such as `<http(s)://audio-url>`.
fn normal(mut example: Value) -> Value {
    let fields = example.as_object_mut().unwrap();
    for field in ["messaging_product", "recipient_type", "to"] {
        fields.remove(field);
    }
    let kind = if fields.contains_key("interactive") { "interactive" } else { "text" };
    fields.entry("type").or_insert(json!(kind));
    possible(&mut example);
    example
}

fn possible(value: &mut Value) {
    match value {
        Value::Array(items) => {
            // Both are old, and nothing that we send.
            items.retain(|item| !matches!(item["type"].as_str(), Some("currency" | "date_time")));
            items.iter_mut().for_each(possible);
        }
        Value::Object(fields) => {
            if let Some(link) = fields.get_mut("link") {
                *link = json!("https://h.example/file");
            }
            fields.values_mut().for_each(possible);
        }
        Value::String(text) if text == "template-name" => *text = "template_name".into(),
        Value::String(text) if text == "language-and-locale-code" => *text = "en_US".into(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[tokio::test]
async fn the_address_and_the_token() {
    let request = sent(&[text()]).await.remove(0);
    let (first, headers, _) = parts(&request);
    assert_eq!(first, "POST /v23.0/7001/messages HTTP/1.1");
    assert!(headers.contains("authorization: Bearer the-token"), "{headers}");
    assert!(headers.contains("content-type: application/json"), "{headers}");
}

#[tokio::test]
async fn who_has_no_number_is_a_recipient() {
    let hidden = Outbound { recipient: Recipient::Bsuid("IL.72".into()), ..text() };
    let body = json_body(&sent(&[hidden]).await.remove(0));
    assert_eq!((&body["recipient"], body.get("to")), (&json!("IL.72"), None));
}

/// Nothing leaves, nothing stays in doubt, and nothing is tried again.
#[tokio::test]
async fn what_has_no_form_on_the_wire_is_refused_at_once() {
    let server = Server::start(vec![]).await;
    let api = CloudApi::new(client());
    let header = |content: Value, header: Value| {
        let mut content = content;
        content["header"] = header;
        content
    };
    let buttons = json!({"type": "interactive", "interactive_type": "buttons", "text": "t", "buttons": []});
    let template = json!({"type": "template", "template_name": "t", "language": "en", "parameters": {},
        "named": true, "text": ""});
    let link = "https://h.example/a";
    let mut contents = vec![
        json!({"type": "unsupported", "original_type": "order", "payload": {}}),
        header(buttons.clone(), json!({"type": "location", "latitude": 1.0, "longitude": 1.0})),
    ];
    for kind in ["image", "video", "document"] {
        contents.push(header(buttons.clone(), json!({"type": kind, "link": link})));
        contents.push(header(template.clone(), json!({"type": kind, "link": link})));
    }
    for kind in ["image", "video", "audio", "document", "sticker"] {
        contents.push(json!({"type": kind, "link": link}));
    }
    for content in contents {
        let message = outbound(serde_json::from_value(content.clone()).unwrap());
        // An address that cannot be used must not hide that the content cannot be sent.
        for base_url in [&server.base_url, "no address"] {
            match api.send(&line(base_url), &message).await {
                Answer::Refused(error) => {
                    assert_eq!(error.class(), ErrorClass::Never);
                    assert!(!error.title.is_empty() && error.code < 0);
                }
                other => panic!("{content}: {other:?}"),
            }
        }
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_message_is_marked_as_read() {
    let done = Step::answer(200, r#"{"success":true}"#);
    let refusal = json!({"error": {"message": "(#131009) Parameter value is not valid", "code": 131009}});
    let server = Server::start(vec![done.clone(), done, Step::answer(400, &refusal.to_string())]).await;
    let api = CloudApi::new(client());
    let line = line(&server.base_url);
    let wamid = "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQUYzMjEzNDM2RTZGQ0MzMDJBRgA=";
    let mark = |typing| ReadMark { wamid: wamid.into(), typing };
    api.mark_read(&line, &mark(false)).await.unwrap();
    api.mark_read(&line, &mark(true)).await.unwrap();
    let failure = api.mark_read(&line, &mark(true)).await.unwrap_err();
    assert!(matches!(failure, ProviderFailure::Refused(error) if error.code == 131_009));
    let requests = server.requests();
    assert_eq!(parts(&requests[0]).0, "POST /v23.0/7001/messages HTTP/1.1");
    let mut expected = json!({"messaging_product": "whatsapp", "status": "read", "message_id": wamid});
    assert_eq!(json_body(&requests[0]), expected);
    expected["typing_indicator"] = json!({"type": "text"});
    assert_eq!(json_body(&requests[1]), expected);
    for path in shared("facebook-openapi-v23/messages/post-request") {
        if stem(&path) == "send-typing-indicator-and-read-receipt" {
            assert_eq!(json_file(&path), expected);
        }
    }
}
