//! Templates that are submitted, changed and removed.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod common;

use bellhop_domain::ports::{Provider, ProviderFailure, TemplateDraft, TemplateReceipt};
use bellhop_domain::provider_error::{ErrorClass, ProviderError};
use bellhop_domain::template::{ParameterFormat, TemplateName};
use bellhop_provider::CloudApi;
use common::server::{Server, Step};
use common::{client, json_body, json_file, line, parts, shared, stem};
use serde_json::{Value, json};

fn draft() -> TemplateDraft {
    TemplateDraft {
        name: "seasonal_promo".parse().unwrap(),
        language: "en_US".parse().unwrap(),
        category: "MARKETING".into(),
        parameter_format: ParameterFormat::Named,
        components: json!([
            {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::aW1hZ2U=:ARY"]}},
            {"type": "BODY", "text": "Use {{code}} now.",
                "example": {"body_text_named_params": [{"param_name": "code", "example": "A1"}]}},
        ]),
    }
}

fn name() -> TemplateName {
    "seasonal_promo".parse().unwrap()
}

fn refused(failure: ProviderFailure) -> ProviderError {
    match failure {
        ProviderFailure::Refused(error) => error,
        other => panic!("{other}"),
    }
}

async fn created(status: u16, body: &Value) -> (Result<TemplateReceipt, ProviderFailure>, String) {
    let server = Server::start(vec![Step::answer(status, &body.to_string())]).await;
    let receipt = CloudApi::new(client()).create_template(&line(&server.base_url), &draft()).await;
    (receipt, server.requests().remove(0))
}

#[tokio::test]
async fn a_template_is_submitted() {
    let (receipt, request) =
        created(200, &json!({"id": "168", "status": "PENDING", "category": "UTILITY"})).await;
    let expected = TemplateReceipt {
        provider_id: "168".into(),
        status: "PENDING".into(),
        category: Some("UTILITY".into()),
    };
    assert_eq!(receipt.unwrap(), expected);
    let (first, headers, _) = parts(&request);
    assert_eq!(first, "POST /v23.0/700/message_templates HTTP/1.1");
    assert!(headers.contains("authorization: Bearer the-token"), "{headers}");
    assert_eq!(
        json_body(&request),
        json!({"name": "seasonal_promo", "language": "en_US", "category": "MARKETING",
            "parameter_format": "NAMED", "components": draft().components})
    );
    let bare = created(200, &json!({"id": 168})).await.0.unwrap();
    assert_eq!((&*bare.provider_id, &*bare.status, bare.category), ("168", "PENDING", None));
    let without = created(200, &json!({"status": "PENDING"})).await.0.unwrap_err();
    assert!(matches!(without, ProviderFailure::Unreadable(_)), "{without}");
}

#[tokio::test]
async fn metas_own_templates_can_be_submitted() {
    for path in shared("facebook-openapi-v23/message_templates/post-request") {
        let mut example = json_file(&path);
        if example["name"] == "<TEMPLATE_NAME>" {
            example["name"] = json!("template_name");
        }
        let text = |field: &str| example[field].as_str().unwrap();
        let draft = TemplateDraft {
            name: text("name").parse().unwrap(),
            language: text("language").parse().unwrap(),
            category: text("category").into(),
            parameter_format: ParameterFormat::Positional,
            components: example["components"].clone(),
        };
        let server = Server::start(vec![Step::answer(200, r#"{"id":"1"}"#)]).await;
        CloudApi::new(client()).create_template(&line(&server.base_url), &draft).await.unwrap();
        // Its default, which the examples leave out.
        example["parameter_format"] = json!("POSITIONAL");
        assert_eq!(json_body(&server.requests()[0]), example, "{}", stem(&path));
    }
    for path in shared("facebook-openapi-v23/message_templates/post-response-200") {
        let body = json_file(&path);
        let receipt = created(200, &body).await.0.unwrap();
        assert_eq!(
            (receipt.provider_id, receipt.status),
            (body["id"].as_str().unwrap().into(), "PENDING".into())
        );
    }
}

/// `error_data` of such errors names fields only, and its words are Graph's own.
#[tokio::test]
async fn a_refusal_says_what_is_wrong_with_the_template() {
    let user_message = "Variables can't be at the start or end of the template.";
    for (subcode, data) in [
        (2_388_299, json!(null)),
        (2_388_023, json!({"messaging_product": "whatsapp", "details": "exists"})),
        (2_388_072, json!("{\"blame_field_specs\":[[\"components\"]]}")),
    ] {
        let body = json!({"error": {"message": "Invalid parameter", "type": "OAuthException", "code": 100,
            "error_subcode": subcode, "is_transient": false, "error_user_title": "Leading or trailing variable",
            "error_user_msg": user_message, "error_data": data, "fbtrace_id": "A"}});
        let error = refused(created(400, &body).await.0.unwrap_err());
        assert_eq!(
            (error.code, &*error.title, error.details.as_deref()),
            (100, "Invalid parameter", Some(user_message))
        );
        assert_eq!((error.http_status, error.class()), (Some(400), ErrorClass::Never));
    }
}

#[tokio::test]
async fn a_template_is_changed() {
    let server = Server::start(vec![
        Step::answer(200, r#"{"success":true}"#),
        Step::answer(200, r#"{"success":false}"#),
        Step::answer(
            400,
            r#"{"error":{"message":"(#100) Invalid parameter","code":100,"error_user_msg":"Edited today"}}"#,
        ),
    ])
    .await;
    let api = CloudApi::new(client());
    let line = line(&server.base_url);
    api.edit_template(&line, "168", &draft()).await.unwrap();
    let silent = api.edit_template(&line, "168", &draft()).await.unwrap_err();
    assert!(matches!(silent, ProviderFailure::Unreadable(_)), "{silent}");
    let error = refused(api.edit_template(&line, "168", &draft()).await.unwrap_err());
    assert_eq!((&*error.title, error.details.as_deref()), ("Invalid parameter", Some("Edited today")));
    let request = &server.requests()[0];
    assert_eq!(parts(request).0, "POST /v23.0/168 HTTP/1.1");
    assert_eq!(json_body(request), json!({"category": "MARKETING", "components": draft().components}));
}

async fn removed(status: u16, body: &str) -> Result<(), ProviderFailure> {
    let server = Server::start(vec![Step::answer(status, body)]).await;
    let result = CloudApi::new(client()).delete_template(&line(&server.base_url), &name(), "1 68").await;
    let requests = server.requests();
    let (first, headers, _) = parts(&requests[0]);
    assert_eq!(first, "DELETE /v23.0/700/message_templates?hsm_id=1+68&name=seasonal_promo HTTP/1.1");
    assert!(headers.contains("authorization: Bearer the-token"), "{headers}");
    result
}

#[tokio::test]
async fn a_template_that_is_not_there_is_as_good_as_removed() {
    removed(200, r#"{"success":true}"#).await.unwrap();
    let gone = json!({"error": {"message": "(#132001) Template name does not exist in the translation", "code": 132001}});
    removed(404, &gone.to_string()).await.unwrap();
    let unknown = |id: &str| {
        json!({"error": {"code": 100, "error_subcode": 33, "type": "GraphMethodException", "message": format!(
            "Unsupported delete request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation")}})
        .to_string()
    };
    removed(400, &unknown("168")).await.unwrap();
    // Of the account itself it means that nothing was removed.
    assert_eq!(refused(removed(400, &unknown("700")).await.unwrap_err()).code, 100);
}

#[tokio::test]
async fn every_other_answer_to_a_removal_is_a_failure() {
    for path in shared("synthetic/errors-sync") {
        let file = json_file(&path);
        let status = u16::try_from(file["http_status"].as_u64().unwrap()).unwrap();
        let result = removed(status, &file["body"].to_string()).await;
        match stem(&path) {
            "100-33-unknown-object" | "132001-missing" => result.unwrap(),
            name => {
                let error = refused(result.unwrap_err());
                assert_eq!(Some(error.code), file["body"]["error"]["code"].as_i64(), "{name}");
            }
        }
    }
    for (status, body) in [(200, "{}"), (200, r#"{"success":false}"#), (404, "<html>"), (502, "")] {
        let failure = removed(status, body).await.unwrap_err();
        assert!(matches!(failure, ProviderFailure::Unreadable(_)), "{status} {body}: {failure}");
    }
    let other = r#"{"error":{"message":"x","code":100,"error_subcode":2388299}}"#;
    assert_eq!(refused(removed(400, other).await.unwrap_err()).code, 100);
}
