//! Whatever goes wrong is answered in the envelope.

use bellhop_api::Options;
use bellhop_domain::rights::Role;
use futures_util::stream;
use poem::Body;
use poem::http::Method;
use serde_json::json;

use crate::support::{World, hotel};

#[tokio::test]
async fn bodies_that_are_wrong_name_every_field() {
    let world = World::new().await;
    let post = async |body: &str| {
        let ask = world.request(Method::POST, "/messages/send").token(&world.staff);
        ask.header("content-type", "application/json").body(body.to_owned()).send().await
    };
    for (body, fields) in [
        ("", &["body"][..]),
        ("{", &["body"]),
        ("[]", &["body"]),
        ("{}", &["content", "message_type"]),
        (r#"{"message_type": "fax", "content": {}}"#, &["message_type"]),
        (r#"{"message_type": "text", "content": {}}"#, &["content.text"]),
        (r#"{"message_type": "text", "content": "hi"}"#, &["content"]),
        (r#"{"message_type": "image", "content": {}}"#, &["content.media_id"]),
        (
            r#"{"message_type": "image", "content": {"link": 5, "caption": []}}"#,
            &["content.caption", "content.link"],
        ),
        (
            r#"{"message_type": "location", "content": {"latitude": "north"}}"#,
            &["content.latitude", "content.longitude"],
        ),
        (r#"{"message_type": "interactive", "content": {"interactive_type": "list"}}"#, &["content.text"]),
        (
            r#"{"message_type": "contacts", "content": {"contacts": [{"name": {}}]}}"#,
            &["content.contacts.0.name.formatted_name"],
        ),
        (r#"{"message_type": "text", "content": {"text": 5}, "metadata": []}"#, &["metadata"]),
        (r#"{"message_type": "text", "content": {"text": "a\u0000b"}}"#, &["content.text"]),
        (
            r#"{"guest_phone": "+1234567890", "message_type": "text", "content": {"text": " "}}"#,
            &["content.text"],
        ),
        (r#"{"guest_phone": 5, "message_type": "text", "content": {"text": "a"}}"#, &["guest_phone"]),
    ] {
        let mut wrong = post(body).await.wrong_fields();
        wrong.sort();
        assert_eq!(wrong, fields, "{body}");
    }
    let long = json!({"message_type": "text", "content": {"text": "a"}, "staff_member_id": "x".repeat(65)});
    assert_eq!(post(&long.to_string()).await.wrong_fields(), ["staff_member_id"]);
    let nul =
        r#"{"conversation_id": "x", "message_type": "text", "content": {"text": "a"}, "new": "\u0000"}"#;
    post(nul).await.error(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_body_of_another_kind_is_415() {
    let world = World::new().await;
    let ask = || world.request(Method::POST, "/messages/send").token(&world.staff).body("{}");
    ask().send().await.error(415, "UNSUPPORTED_MEDIA_TYPE");
    ask().header("content-type", "text/plain").send().await.error(415, "UNSUPPORTED_MEDIA_TYPE");
    let charset = ask().header("content-type", "application/json; charset=UTF-8").send().await;
    assert_eq!(charset.status.as_u16(), 400, "taken, and read");
}

#[tokio::test]
async fn rights_come_before_the_body() {
    let world = World::new().await;
    let ask = || {
        let ask = world.request(Method::POST, "/messages/send");
        ask.header("content-type", "application/json").body("{ this is no JSON")
    };
    let nobody = ask().send().await;
    nobody.error(401, "UNAUTHENTICATED");
    assert!(nobody.header("www-authenticate").unwrap().starts_with("Bearer"));
    ask().token("wrong").send().await.error(401, "UNAUTHENTICATED");
    ask().header("authorization", "Basic abc").send().await.error(401, "UNAUTHENTICATED");
    let partner = ask().token(&world.partner).send().await.error(403, "FORBIDDEN");
    assert_eq!(partner["details"]["role"], "partner");
    ask().token(&world.staff).send().await.error(400, "VALIDATION_FAILED");
}

#[tokio::test]
async fn addresses_and_methods_that_do_not_exist() {
    let world = World::new().await;
    let at = async |method: Method, path: &str| world.request(method, path).send().await;
    for path in ["/nothing", "/messages/a/b/c", "~/nothing", "~/api/v1", "/messages/%00"] {
        at(Method::GET, path).await.error(404, "NOT_FOUND");
    }
    for (method, path, allow) in [
        (Method::GET, "/messages/send", "POST"),
        (Method::DELETE, "/messages", "GET, HEAD"),
        (Method::POST, "/property", "GET, HEAD, PATCH"),
        (Method::PUT, "/messages/msg_1/status", "GET, HEAD"),
        (Method::POST, "~/healthz", "GET, HEAD"),
        (Method::OPTIONS, "/webhook", "GET, HEAD, POST"),
    ] {
        let refused = at(method, path).await;
        refused.error(405, "METHOD_NOT_ALLOWED");
        assert_eq!(refused.header("allow"), Some(allow), "{path}");
    }
    let head = at(Method::HEAD, "/errors").await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn ids_that_do_not_parse_are_not_there() {
    let world = World::new().await;
    let guest = "guest_01h455vb4pex5vsknk084sn02q";
    for path in [
        "/messages/msg_123456",
        "/messages/msg_123456/status",
        "/conversations/conv_abc123",
        "/conversations/conv_abc123/window-status",
        "/guests/%ff",
        "/messages?conversation_id=conv_abc123",
        "/messages?guest_id=5",
        "/conversations/conv_01h455vb4pex5vsknk084sn02q",
        &format!("/guests/{guest}"),
        &format!("/messages/{guest}"),
    ] {
        world.get(path).await.error(404, "NOT_FOUND");
    }
    world.post("/conversations/conv_abc123/resolve", json!({})).await.error(404, "NOT_FOUND");
    world.post("/messages/msg_1/resolve-doubt", json!({"action": "resend"})).await.error(404, "NOT_FOUND");
}

#[tokio::test]
async fn queries_that_are_wrong_name_the_parameter() {
    let world = World::new().await;
    for (path, field) in [
        ("/messages?limit=0", "limit"),
        ("/messages?limit=101", "limit"),
        ("/messages?limit=ten", "limit"),
        ("/messages?cursor=nonsense", "cursor"),
        ("/messages?status=lost", "status"),
        ("/conversations?status=open", "status"),
        ("/templates?cursor=!", "cursor"),
        ("/guests?limit=0", "limit"),
        ("/guests?language=!", "language"),
        ("/stays?date=2026-02-30", "date"),
        ("/conversations?stay_status=here", "stay_status"),
        ("/guests?phone=1%002", "query"),
    ] {
        assert_eq!(world.get(path).await.wrong_fields(), [field], "{path}");
    }
    world.get("/guests?phone=abc").await.error(400, "INVALID_PHONE_NUMBER");
}

#[tokio::test]
async fn another_hotels_objects_are_not_there() {
    let world = World::new().await;
    let conversation = world.guest_writes("hi").await;
    let other = hotel(&world.app, "Other", "2").await;
    let token = world.app.issue_token(other, Role::Admin, "test").await.unwrap();
    let message = world.get("/messages").await.ok(200)["data"][0]["message_id"].clone();
    let guest = world.get("/guests?phone=%2B1234567890").await.ok(200)["data"][0]["guest_id"].clone();
    let path = |kind: &str, id: &serde_json::Value| format!("/{kind}/{}", id.as_str().unwrap());
    for path in [
        format!("/conversations/{conversation}"),
        format!("/conversations/{conversation}/window-status"),
        path("messages", &message),
        path("guests", &guest),
    ] {
        let theirs = world.request(Method::GET, &path).token(token.expose()).send().await;
        theirs.error(404, "NOT_FOUND");
        world.get(&path).await.ok(200);
    }
    for list in ["/conversations", "/messages", "/guests?phone=%2B1234567890"] {
        let theirs = world.request(Method::GET, list).token(token.expose()).send().await.ok(200);
        assert_eq!(theirs["data"], json!([]), "{list}");
    }
    let body = json!({"conversation_id": conversation, "message_type": "text", "content": {"text": "a"}});
    let ask = world.request(Method::POST, "/messages/send").token(token.expose());
    ask.json(body).send().await.error(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_however_it_comes() {
    let world = World::new().await;
    let ask = || {
        let ask = world.request(Method::POST, "/messages/send").token(&world.staff);
        ask.header("content-type", "application/json")
    };
    let chunked = |size: usize| {
        let chunks = (0..size).map(|_| std::io::Result::Ok(vec![b' '; 1 << 20]));
        Body::from_bytes_stream(stream::iter(chunks))
    };
    let error = ask().body(vec![b' '; (5 << 20) + 1]).send().await.error(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(error["details"]["limit_bytes"], 5 << 20);
    ask().body(chunked(20)).send().await.error(413, "PAYLOAD_TOO_LARGE");
    ask().body(chunked(80)).send().await.error(413, "PAYLOAD_TOO_LARGE");
    ask().body(chunked(5)).send().await.error(400, "VALIDATION_FAILED");
    ask().header("content-length", "900000000").body("{}").send().await.error(413, "PAYLOAD_TOO_LARGE");
    let webhook = world.request(Method::POST, "/webhook").body(chunked(6)).send().await;
    webhook.error(413, "PAYLOAD_TOO_LARGE");
    // Rights come first here too.
    let nobody = world.request(Method::POST, "/messages/send").body(chunked(20)).send().await;
    nobody.error(401, "UNAUTHENTICATED");
}

#[tokio::test]
async fn request_ids_are_taken_over_when_they_are_sane() {
    let world = World::new().await;
    let id = async |given: &str| {
        let answer = world.request(Method::GET, "/errors").header("x-request-id", given).send().await;
        answer.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(id("trace-1.a_B").await, "trace-1.a_B");
    for strange in ["", "a b", "<script>", &"x".repeat(65)] {
        assert!(id(strange).await.starts_with("req_"), "{strange}");
    }
}

#[tokio::test]
async fn cors_is_for_the_origins_of_the_settings() {
    let options = Options { cors_origins: vec!["https://desk.example".into()], ..Options::default() };
    let world = World::with(options).await;
    let preflight = async |world: &World, origin: &str| {
        let ask = world.request(Method::OPTIONS, "/messages/send").header("origin", origin);
        ask.header("access-control-request-method", "POST").send().await
    };
    let ours = preflight(&world, "https://desk.example").await;
    assert_eq!(ours.status.as_u16(), 204);
    assert_eq!(ours.header("access-control-allow-origin"), Some("https://desk.example"));
    assert!(ours.header("access-control-allow-headers").unwrap().contains("Idempotency-Key"));
    let theirs = preflight(&world, "https://evil.example").await;
    assert_eq!(theirs.header("access-control-allow-origin"), None);
    // Failures carry the headers too, or a page could not read them.
    let ask = world.request(Method::GET, "/messages").header("origin", "https://desk.example");
    let refused = ask.send().await;
    refused.error(401, "UNAUTHENTICATED");
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://desk.example"));
    assert!(refused.header("access-control-expose-headers").unwrap().contains("Retry-After"));
    // A page of the server itself sends its origin as well and is not refused.
    let own = world.request(Method::GET, "/errors").header("origin", "http://127.0.0.1:8080").send().await;
    own.ok(200);
    assert_eq!(own.header("vary"), Some("Origin"));
    let silent = World::new().await;
    let ask = silent.request(Method::GET, "/errors").header("origin", "https://desk.example").send().await;
    assert!(ask.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
    assert_eq!(ask.header("vary"), None);
}
