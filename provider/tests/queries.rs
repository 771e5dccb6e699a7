//! Templates, numbers and the callback.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod common;

use bellhop_domain::Secret;
use bellhop_domain::ports::{NumberInfo, Provider, ProviderFailure};
use bellhop_domain::template::ParameterFormat;
use bellhop_provider::CloudApi;
use common::server::{Server, Step};
use common::{client, json_file, line, shared};
use serde_json::{Value, json};

async fn answering(bodies: &[Value]) -> Server {
    Server::start(bodies.iter().map(|body| Step::answer(200, &body.to_string())).collect()).await
}

fn first_lines(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| request.lines().next().unwrap().to_owned()).collect()
}

fn template(id: u32) -> Value {
    json!({"id": id.to_string(), "name": format!("t{id}"), "language": "en", "status": "APPROVED", "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Hi {{1}}"}]})
}

#[tokio::test]
async fn all_pages_are_read_from_our_own_base_url() {
    let elsewhere = "https://elsewhere.invalid/v23.0/700/message_templates?limit=1&after=c%2B2";
    let server = answering(&[
        json!({"data": [template(1), {"id": "9", "name": "Not A Name"}], "paging": {"cursors": {"after": "c 1"}, "next": elsewhere}}),
        json!({"data": [template(2), "broken"], "paging": {"next": elsewhere}}),
        // The last page has cursors too, but no `next`.
        json!({"data": [template(3)], "paging": {"cursors": {"before": "b", "after": "c3"}}}),
    ])
    .await;
    let templates = CloudApi::new(client()).templates(&line(&server.base_url)).await.unwrap();
    assert_eq!(templates.iter().map(|t| t.provider_id.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
    let lines = first_lines(&server);
    assert!(
        lines[0].starts_with("GET /v23.0/700/message_templates?fields=id%2Cname%2Clanguage"),
        "{}",
        lines[0]
    );
    assert!(lines[0].contains("&limit=100 ") && !lines[0].contains("after="), "{}", lines[0]);
    assert!(lines[1].contains("&after=c+1 "), "{}", lines[1]);
    assert!(lines[2].contains("&after=c%2B2 "), "{}", lines[2]);
    assert!(server.requests()[2].contains("authorization: Bearer the-token"));
}

#[tokio::test]
async fn a_cursor_that_stands_still_ends_the_list() {
    let page = json!({"data": [template(1)], "paging": {"cursors": {"after": "c"}, "next": "https://h/x"}});
    let server = answering(&[page.clone(), page]).await;
    assert_eq!(CloudApi::new(client()).templates(&line(&server.base_url)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_parts_of_a_template() {
    let mut full = template(1);
    full["parameter_format"] = json!("named");
    full["quality_score"] = json!({"score": "GREEN", "date": 1});
    full["rejected_reason"] = json!("NONE");
    full["id"] = json!(17);
    let mut rejected = template(2);
    rejected["rejected_reason"] = json!("INVALID_FORMAT");
    let server = answering(&[json!({"data": [full, rejected]})]).await;
    let templates = CloudApi::new(client()).templates(&line(&server.base_url)).await.unwrap();
    let [full, rejected] = &templates[..] else { panic!() };
    assert_eq!((full.provider_id.as_str(), full.parameter_format), ("17", ParameterFormat::Named));
    assert_eq!((full.quality.as_deref(), full.rejection_reason.as_deref()), (Some("GREEN"), None));
    assert_eq!(
        (rejected.parameter_format, rejected.rejection_reason.as_deref()),
        (ParameterFormat::Positional, Some("INVALID_FORMAT"))
    );
    assert_eq!(rejected.components[0]["text"], "Hi {{1}}");
}

#[tokio::test]
async fn metas_own_template_list() {
    for path in shared("facebook-openapi-v23/message_templates/get-response-200") {
        let server = answering(&[json_file(&path)]).await;
        let templates = CloudApi::new(client()).templates(&line(&server.base_url)).await.unwrap();
        let names: Vec<_> = templates.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["hello_world", "2023_april_promo"]);
        assert_eq!(templates[1].parameters(), ["1", "2"]);
    }
}

#[tokio::test]
async fn the_throughput_of_a_number() {
    for (throughput, expected) in [
        (json!({"level": "STANDARD"}), Some(80)),
        (json!({"level": "HIGH"}), Some(1_000)),
        (json!({"level": "NOT_APPLICABLE"}), None),
        (json!({"level": "WARP"}), None),
        (json!(null), None),
        (json!({"level": "HIGH", "shared": true}), Some(20)),
    ] {
        // Used in the Business app as well.
        let shared = throughput["shared"] == true;
        let body = json!({"id": "7001", "display_phone_number": "+1 555-700-0001", "verified_name": "Grand Plaza", "quality_rating": "GREEN",
                          "throughput": throughput, "is_on_biz_app": shared});
        let server = answering(&[body]).await;
        let number = CloudApi::new(client()).number(&line(&server.base_url)).await.unwrap();
        let info = NumberInfo {
            display_phone_number: "+1 555-700-0001".into(),
            verified_name: Some("Grand Plaza".into()),
            throughput: expected,
            quality_rating: Some("GREEN".into()),
        };
        assert_eq!(number, info);
        assert!(first_lines(&server)[0].starts_with(
            "GET /v23.0/7001?fields=display_phone_number%2Cverified_name%2Cquality_rating%2Cthroughput%2Cis_on_biz_app "
        ));
    }
}

#[tokio::test]
async fn the_numbers_of_an_account_and_the_callback_that_counts() {
    let server = answering(&[
        json!({"data": [{"id": "7001"}, "broken"], "paging": {"cursors": {"after": "c1"}, "next": "https://h/x"}}),
        json!({"data": [{"id": 7002}]}),
        json!({"id": "7001", "webhook_configuration": {"application": "https://a", "whatsapp_business_account": "https://w"}}),
        json!({"id": "7001", "webhook_configuration": {"phone_number": "https://p", "whatsapp_business_account": "https://w"}}),
        json!({"id": "7001"}),
    ])
    .await;
    let (api, line) = (CloudApi::new(client()), line(&server.base_url));
    assert_eq!(api.account_numbers(&line).await.unwrap(), ["7001", "7002"]);
    let mut callbacks = Vec::new();
    for _ in 0..3 {
        callbacks.push(api.callback(&line).await.unwrap());
    }
    assert_eq!(callbacks, [Some("https://w".to_owned()), Some("https://p".to_owned()), None]);
    let lines = first_lines(&server);
    assert!(lines[0].starts_with("GET /v23.0/700/phone_numbers?fields=id&limit=100 "), "{}", lines[0]);
    assert!(lines[1].contains("&after=c1 "), "{}", lines[1]);
    assert!(lines[2].starts_with("GET /v23.0/7001?fields=webhook_configuration "), "{}", lines[2]);
}

#[tokio::test]
async fn a_callback_is_registered() {
    let server = answering(&[json!({"success": true}), json!({"success": false})]).await;
    let api = CloudApi::new(client());
    let token = Secret::new("verify-me");
    api.register_callback(&line(&server.base_url), "https://hotel.example/webhook", &token).await.unwrap();
    let request = server.requests().remove(0);
    assert!(request.starts_with("POST /v23.0/700/subscribed_apps HTTP/1.1\r\n"), "{request}");
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(
        body,
        json!({"override_callback_uri": "https://hotel.example/webhook", "verify_token": "verify-me"})
    );
    let failure = api
        .register_callback(&line(&server.base_url), "https://hotel.example/webhook", &token)
        .await
        .unwrap_err();
    assert!(matches!(failure, ProviderFailure::Unreadable(_)), "{failure}");
}

#[tokio::test]
async fn the_ways_to_fail() {
    let refusal =
        json!({"error": {"message": "Invalid OAuth access token", "type": "OAuthException", "code": 190}})
            .to_string();
    let server = Server::start(vec![
        Step::answer(401, &refusal),
        Step::answer(502, "<html>"),
        Step::answer(200, "<html>"),
        Step::WriteAndClose(String::new()),
    ])
    .await;
    let api = CloudApi::new(client());
    let mut failures = Vec::new();
    for _ in 0..4 {
        failures.push(api.number(&line(&server.base_url)).await.unwrap_err());
    }
    assert!(
        matches!(&failures[0], ProviderFailure::Refused(error) if error.code == 190 && error.http_status == Some(401))
    );
    assert!(matches!(failures[1], ProviderFailure::Unreadable(_)));
    assert!(matches!(failures[2], ProviderFailure::Unreadable(_)));
    assert!(matches!(failures[3], ProviderFailure::Unreachable(_)));
    for failure in failures {
        assert!(!failure.to_string().contains("the-token"), "{failure}");
    }
}
