//! Tokens for programs.

use poem::http::Method;
use serde_json::{Value, json};

use crate::people::{admin, get};
use crate::support::World;

#[tokio::test]
async fn tokens_are_shown_once_narrowed_and_revoked() {
    let world = World::new().await;
    let about = json!({"name": "Opera", "role": "partner", "scopes": ["media", "stays"]});
    let ask = || {
        let ask = world.request(Method::POST, "/tokens").token(&world.admin).header("idempotency-key", "t");
        ask.json(about.clone())
    };
    let made = ask().send().await.ok(201);
    let (id, token) = (made["token_id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert!(token.starts_with("bhk_") && made["scopes"] == json!(["stays", "media"]));
    let repeat = ask().send().await.ok(201);
    assert_eq!((&repeat["token_id"], &repeat["token"]), (&json!(id), &Value::Null));
    let list = get(&world, &world.admin, "/tokens").await;
    assert!(!list.text.contains(token) && list.text.contains(id));
    // A file of the hotel, which other partners may not read.
    let file = world.upload_file("a.txt", b"hi", "document").await.ok(201);
    let file = format!("/media/{}", file["media_id"].as_str().unwrap());
    assert_eq!(get(&world, token, &file).await.status, 200);
    get(&world, &world.partner, &file).await.error(403, "FORBIDDEN");
    // Its use is written down, beside the request.
    let mut used = Value::Null;
    for _ in 0..100 {
        let list = get(&world, &world.admin, "/tokens").await.ok(200);
        let found = list["data"].as_array().unwrap().iter().find(|token| token["token_id"] == id).unwrap();
        used = found["last_used_at"].clone();
        if used.is_string() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(used.is_string(), "the use was never written down");
    let revoke =
        async || world.request(Method::DELETE, &format!("/tokens/{id}")).token(&world.admin).send().await;
    assert_eq!(revoke().await.status, 204);
    get(&world, token, "/me").await.error(401, "UNAUTHENTICATED");
    revoke().await.error(404, "NOT_FOUND");
    let own = get(&world, &world.admin, "/me").await.ok(200)["token"]["token_id"].clone();
    let own = format!("/tokens/{}", own.as_str().unwrap());
    let ask = world.request(Method::DELETE, &own).token(&world.admin);
    ask.send().await.error(403, "FORBIDDEN");
    for (wrong, field) in [
        (json!({"name": "x", "role": "staff", "scopes": []}), "scopes"),
        (json!({"name": "x", "role": "staff", "scopes": ["stays"]}), "scopes"),
        (json!({"name": " ", "role": "staff"}), "name"),
        (json!({"name": "x", "role": "staff", "expires_at": "2020-01-01T00:00:00Z"}), "expires_at"),
        (json!({"name": "x", "role": "owner"}), "role"),
    ] {
        assert_eq!(admin(&world, Method::POST, "/tokens", wrong).await.wrong_fields(), [field]);
    }
}

#[tokio::test]
async fn tokens_of_the_release_before_go_on() {
    let world = World::new().await;
    world.execute("UPDATE api_tokens SET scopes = NULL, expires_at = NULL, last_used_at = NULL").await;
    let me = get(&world, &world.partner, "/me").await.ok(200);
    let scopes = me["token"]["scopes"].as_array().unwrap();
    assert!(me["role"] == "partner" && scopes.contains(&"stays".into()) && !scopes.contains(&"media".into()));
    get(&world, &world.staff, "/conversations").await.ok(200);
    get(&world, &world.admin, "/connections").await.ok(200);
}
