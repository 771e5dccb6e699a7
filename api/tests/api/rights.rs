//! Every operation of the document, asked by everybody there is.

use std::collections::BTreeMap;

use bellhop_domain::rights::{Grant, Lacks, Right, Role, Scope, Scopes, StaffRole};
use bellhop_domain::{
    BatchId, ConnectionId, ConversationId, DeliveryId, GuestId, MediaId, MessageId, StaffId, SubscriptionId,
    TokenId,
};
use chrono::TimeDelta;
use poem::http::Method;
use serde_json::{Value, json};

use crate::people::{PASSWORD, add, token};
use crate::support::{Answered, BASE, World, hotel};

/// What each operation asks for; `None`: nothing, it is public.
const NEEDS: &[(&str, Option<Right>)] = &[
    ("add_staff_member", Some(Right::ManagePeople)),
    ("assign_conversation", Some(Right::AssignConversations)),
    ("cancel_batch", Some(Right::SendMessages)),
    ("cancel_message", Some(Right::SendMessages)),
    ("change_connection", Some(Right::ManageConnections)),
    ("change_own_password", Some(Right::ManageOwnAccount)),
    ("change_staff_member", Some(Right::ManagePeople)),
    ("change_template", Some(Right::ManageTemplates)),
    ("change_webhook", Some(Right::ManageSubscriptions)),
    ("check_connection", Some(Right::ManageConnections)),
    ("configure_webhook", Some(Right::ManageSubscriptions)),
    ("connect_number", Some(Right::ManageConnections)),
    ("delete_template", Some(Right::ManageTemplates)),
    ("erase_guest", Some(Right::EraseGuests)),
    ("export_guest", Some(Right::ExportGuests)),
    ("get_analytics_summary", Some(Right::ReadAnalytics)),
    ("get_batch", Some(Right::ReadConversations)),
    ("get_connection", Some(Right::ManageConnections)),
    ("get_consent", Some(Right::ReadGuests)),
    ("get_conversation", Some(Right::ReadConversations)),
    ("get_conversation_analytics", Some(Right::ReadConversations)),
    ("get_guest", Some(Right::ReadGuests)),
    ("get_guest_erasure", Some(Right::EraseGuests)),
    ("get_me", Some(Right::SeeOneself)),
    ("get_media", Some(Right::ReadMedia)),
    ("get_message", Some(Right::ReadConversations)),
    ("get_message_status", Some(Right::ReadConversations)),
    ("get_property", Some(Right::ReadProperty)),
    ("get_staff_member", Some(Right::ManagePeople)),
    ("get_stay", Some(Right::ReadGuests)),
    ("get_template", Some(Right::ReadTemplates)),
    ("get_template_analytics", Some(Right::ReadAnalytics)),
    ("get_webhook", Some(Right::ManageSubscriptions)),
    ("get_webhook_delivery", Some(Right::ManageSubscriptions)),
    ("get_window_status", Some(Right::ReadConversations)),
    ("import_guests", Some(Right::ImportGuests)),
    ("list_audit", Some(Right::ReadAudit)),
    ("list_batch_recipients", Some(Right::ReadConversations)),
    ("list_batch_refusals", Some(Right::ReadConversations)),
    ("list_batches", Some(Right::ReadConversations)),
    ("list_connections", Some(Right::ManageConnections)),
    ("list_conversations", Some(Right::ReadConversations)),
    ("list_errors", None),
    ("list_events", Some(Right::ReadEvents)),
    ("list_guests", Some(Right::ReadGuests)),
    ("list_messages", Some(Right::ReadConversations)),
    ("list_staff", Some(Right::ManagePeople)),
    ("list_stays", Some(Right::ReadGuests)),
    ("list_template_versions", Some(Right::ReadTemplates)),
    ("list_templates", Some(Right::ReadTemplates)),
    ("list_tokens", Some(Right::ManageTokens)),
    ("list_webhook_deliveries", Some(Right::ManageSubscriptions)),
    ("list_webhook_events", Some(Right::ManageConnections)),
    ("list_webhooks", Some(Right::ManageSubscriptions)),
    ("make_token", Some(Right::ManageTokens)),
    ("mark_conversation_read", Some(Right::SendMessages)),
    ("pause_batch", Some(Right::SendMessages)),
    ("preview_template", Some(Right::ReadTemplates)),
    ("put_stay", Some(Right::ManageStays)),
    ("receive_webhook", None),
    ("redeliver_failed_deliveries", Some(Right::ManageSubscriptions)),
    ("redeliver_webhook_delivery", Some(Right::ManageSubscriptions)),
    ("remove_connection", Some(Right::ManageConnections)),
    ("remove_webhook", Some(Right::ManageSubscriptions)),
    ("replay_webhook_events", Some(Right::ManageSubscriptions)),
    ("resolve_conversation", Some(Right::ResolveConversations)),
    ("resolve_doubt_of_message", Some(Right::SendMessages)),
    ("resume_batch", Some(Right::SendMessages)),
    ("retry_failed_of_batch", Some(Right::SendMessages)),
    ("retry_media", Some(Right::SendMessages)),
    ("retry_message", Some(Right::SendMessages)),
    ("revoke_token", Some(Right::ManageTokens)),
    ("rotate_webhook_secret", Some(Right::ManageSubscriptions)),
    ("send_batch", Some(Right::SendMessages)),
    ("send_contacts", Some(Right::SendMessages)),
    ("send_interactive", Some(Right::SendMessages)),
    ("send_location", Some(Right::SendMessages)),
    ("send_media", Some(Right::SendMessages)),
    ("send_message", Some(Right::SendMessages)),
    ("send_reaction", Some(Right::SendMessages)),
    ("send_template", Some(Right::SendMessages)),
    ("set_consent", Some(Right::ChangeConsent)),
    ("set_password", Some(Right::ManagePeople)),
    ("sign_in", None),
    ("sign_out", Some(Right::ManageOwnAccount)),
    ("stream_events", Some(Right::ReadEvents)),
    ("submit_template", Some(Right::ManageTemplates)),
    ("sync_templates", Some(Right::ManageTemplates)),
    ("test_webhook", Some(Right::ManageSubscriptions)),
    ("update_guest", Some(Right::ChangeGuests)),
    ("update_property", Some(Right::ChangeProperty)),
    ("upload_batch", Some(Right::SendMessages)),
    ("upload_media", Some(Right::SendMessages)),
    ("verify_webhook", None),
];

/// Bodies with which an operation gets as far as to its object; an empty object where there is none.
fn body(operation: &str) -> Value {
    match operation {
        "assign_conversation" => json!({"staff_member_id": null}),
        "set_consent" => json!({"kind": "marketing", "state": "opted_out"}),
        "set_password" => json!({"password": PASSWORD}),
        "resolve_doubt_of_message" => json!({"action": "resend"}),
        "change_template" => json!({"label": "x"}),
        "update_guest" => json!({"notes": "x"}),
        "change_connection" => json!({"default": true}),
        "change_webhook" => json!({"status": "paused"}),
        "redeliver_failed_deliveries" => json!({"since": "2026-01-01T00:00:00Z"}),
        "replay_webhook_events" => json!({"from_sequence": 1}),
        _ => json!({}),
    }
}

pub struct Operation {
    pub id: String,
    pub method: Method,
    /// Under the base path, with `{name}` for what varies.
    path: String,
    needs: Option<Right>,
}

/// The operations of the document that the server itself serves. Whoever ends a session comes last.
pub async fn operations(world: &World) -> Vec<Operation> {
    let document = world.request(Method::GET, "~/openapi.json").send().await.ok(200);
    let needs: BTreeMap<_, _> = NEEDS.iter().copied().collect();
    assert_eq!(needs.len(), NEEDS.len(), "an operation stands twice in the table");
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            let needs = *needs.get(id.as_str()).unwrap_or_else(|| panic!("which right does {id} need?"));
            assert_eq!(operation["security"].is_null(), needs.is_none(), "{id}");
            let method = method.to_uppercase().parse().unwrap();
            let path = path.strip_prefix(BASE).unwrap().to_owned();
            all.push(Operation { id, method, path, needs });
        }
    }
    assert_eq!(all.len(), NEEDS.len(), "the table names operations that are gone");
    all.sort_by_key(|operation| operation.id == "sign_out");
    all
}

impl Operation {
    /// The path with these ids, or with ids that nothing has.
    pub fn path(&self, ids: &BTreeMap<&str, String>) -> String {
        if self.id == "stream_events" {
            // A stream has no end, and one of what there is not has no beginning.
            return format!("{}?types=nothing", self.path);
        }
        self.path
            .split('/')
            .map(|segment| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => ids.get(name).unwrap_or_else(|| panic!("no id for {name}")).clone(),
                None => segment.to_owned(),
            })
            .collect::<Vec<_>>()
            .join("/")
    }

    /// Asks with a body that nobody could read.
    pub async fn ask(&self, world: &World, token: Option<&str>, ids: &BTreeMap<&str, String>) -> Answered {
        let mut ask = world.request(self.method.clone(), &self.path(ids));
        if let Some(token) = token {
            ask = ask.token(token);
        }
        if self.method != Method::GET && self.method != Method::DELETE {
            ask = ask.header("content-type", "application/json").body("{");
        }
        ask.send().await
    }
}

pub fn nothings() -> BTreeMap<&'static str, String> {
    [
        ("batch_id", BatchId::new().to_string()),
        ("connection_id", ConnectionId::new().to_string()),
        ("conversation_id", ConversationId::new().to_string()),
        ("delivery_id", DeliveryId::new().to_string()),
        ("guest_id", GuestId::new().to_string()),
        ("media_id", MediaId::new().to_string()),
        ("message_id", MessageId::new().to_string()),
        ("staff_member_id", StaffId::new().to_string()),
        ("token_id", TokenId::new().to_string()),
        ("webhook_id", SubscriptionId::new().to_string()),
        ("name", "no_such_template".to_owned()),
        ("source", "opera".to_owned()),
        ("reservation_id", "none".to_owned()),
    ]
    .into()
}

fn code(answer: &Answered) -> String {
    serde_json::from_str::<Value>(&answer.text)
        .map_or_else(|_| String::new(), |body| body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn everybody_may_what_the_table_says_and_nothing_else() {
    let world = World::new().await;
    let whole = |role| Grant::Token(role, Scopes::of_role(role));
    let narrow = |role, scope| Grant::Token(role, [scope].into_iter().collect());
    let narrowed =
        async |role: &str, scope: &str| token(&world, json!({"role": role, "scopes": [scope]})).await;
    let callers = [
        ("a staff token", world.staff.clone(), whole(Role::Staff)),
        ("an admin token", world.admin.clone(), whole(Role::Admin)),
        ("a partner token", world.partner.clone(), whole(Role::Partner)),
        ("a partner with media", narrowed("partner", "media").await, narrow(Role::Partner, Scope::Media)),
        ("staff with messages", narrowed("staff", "messages").await, narrow(Role::Staff, Scope::Messages)),
        ("an admin with settings", narrowed("admin", "settings").await, narrow(Role::Admin, Scope::Settings)),
        ("a person of the staff", add(&world, "s@h.example", "staff").await, Grant::Person(StaffRole::Staff)),
        ("an admin", add(&world, "a@h.example", "admin").await, Grant::Person(StaffRole::Admin)),
    ];
    for operation in operations(&world).await {
        for (who, token, grant) in &callers {
            let what = format!("{} by {who}", operation.id);
            let answer = operation.ask(&world, Some(token), &nothings()).await;
            let (status, code) = (answer.status.as_u16(), code(&answer));
            let refused = operation.needs.and_then(|right| grant.check(right).err());
            match refused {
                None => assert!(!["UNAUTHENTICATED", "FORBIDDEN"].contains(&&*code), "{what}: {code}"),
                Some(lacks) => {
                    assert_eq!((status, &*code), (403, "FORBIDDEN"), "{what}");
                    let told = answer.json()["error"]["message"].as_str().unwrap().to_owned();
                    let word = match lacks {
                        Lacks::Role => "role",
                        Lacks::Scope(_) => "scope",
                        Lacks::AllScopes => "without scopes",
                        Lacks::Person => "signed in",
                    };
                    assert!(told.contains(word), "{what}: {told}");
                }
            }
            assert!(status < 500, "{what}: {status}");
        }
    }
}

#[tokio::test]
async fn nobody_may_anything() {
    let world = World::new().await;
    let soon = world.app.now() + TimeDelta::hours(1);
    let expired = token(&world, json!({"role": "admin", "expires_at": soon})).await;
    let revoked = token(&world, json!({"role": "admin"})).await;
    let list = world.request(Method::GET, "/tokens").token(&world.admin).send().await.ok(200);
    let id = list["data"].as_array().unwrap().last().unwrap()["token_id"].as_str().unwrap().to_owned();
    world.request(Method::DELETE, &format!("/tokens/{id}")).token(&world.admin).send().await;
    let disabled = add(&world, "d@h.example", "admin").await;
    let person = crate::people::find(&world, "d@h.example").await;
    let ask = world.request(Method::PATCH, &format!("/staff/{person}")).token(&world.admin);
    ask.json(json!({"disabled": true})).send().await.ok(200);
    let over = add(&world, "o@h.example", "admin").await;
    world.clock.advance(TimeDelta::hours(13));
    let nobody = [
        ("no token", None),
        ("no token of ours", Some("bhk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned())),
        ("no session of ours", Some("bhs_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned())),
        ("an expired token", Some(expired)),
        ("a revoked token", Some(revoked)),
        ("somebody disabled", Some(disabled)),
        ("a session that is over", Some(over)),
    ];
    for operation in operations(&world).await {
        for (who, token) in &nobody {
            let answer = operation.ask(&world, token.as_deref(), &nothings()).await;
            let code = code(&answer);
            match operation.needs {
                Some(_) => {
                    let what = format!("{} by {who}", operation.id);
                    assert_eq!((answer.status.as_u16(), &*code), (401, "UNAUTHENTICATED"), "{what}");
                    assert!(answer.header("www-authenticate").is_some(), "{what}");
                }
                None => assert_ne!(code, "UNAUTHENTICATED", "{} is public", operation.id),
            }
        }
    }
}

/// A partner's webhook with a delivery. Made by hand: here is no partner who would answer.
async fn webhook(world: &World) -> (SubscriptionId, DeliveryId) {
    let (webhook, delivery) = (SubscriptionId::new(), DeliveryId::new());
    let hex = |id: uuid::Uuid| format!("x'{}'", id.simple());
    let (id, of) = (hex(delivery.uuid()), hex(webhook.uuid()));
    let sql = format!(
        "INSERT INTO subscriptions (id, property_id, created_by, url, events, verification, status, ordered, secret, \
         former_secret, verify_token, begins_after, cursor, asked_again, failures, created_at, updated_at) \
         SELECT {of}, property_id, id, 'https://partner.example/', '[]', 'echo', 'paused', 1, x'', x'', x'', id, 0, 0, \
         0, created_at, created_at FROM api_tokens WHERE role = 'admin' LIMIT 1"
    );
    world.select(&sql).await;
    let sql = format!(
        "INSERT INTO deliveries (id, subscription_id, property_id, event_id, event, number, status, attempts, failures, \
         due_at, created_at) SELECT {id}, id, property_id, id, 'inbound_message', 1, 'failed', 1, 1, created_at, created_at \
         FROM subscriptions"
    );
    world.select(&sql).await;
    (webhook, delivery)
}

/// One of each kind of thing, of the world's hotel.
pub async fn things(world: &World) -> BTreeMap<&'static str, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let conversation_id = world.guest_writes("hi").await;
    let message = world.get("/messages").await.ok(200)["data"][0]["message_id"].clone();
    let guest = world.guest(crate::support::GUEST).await["guest_id"].clone();
    let file = format!("phone\n{}\n", crate::support::GUEST);
    let batch = world.upload("?template_name=service_followup", "text/csv", file).await.ok(202);
    let media = world.upload_file("a.txt", b"hi", "document").await.ok(201);
    let admin = async |path: &str| world.request(Method::GET, path).token(&world.admin).send().await.ok(200);
    add(world, "own@h.example", "staff").await;
    let day = |from_now| (world.app.now() + TimeDelta::days(from_now)).format("%F").to_string();
    let stay = json!({"version": 1, "status": "in_house", "arrival": day(-1), "departure": day(1),
        "guests": [{"phone": crate::support::GUEST}]});
    world.put_stay("R-1", stay).await.ok(200);
    let (webhook, delivery) = webhook(world).await;
    [
        ("webhook_id", webhook.to_string()),
        ("delivery_id", delivery.to_string()),
        ("batch_id", text(&batch["batch_id"])),
        ("connection_id", text(&admin("/connections").await["data"][0]["connection_id"])),
        ("conversation_id", conversation_id),
        ("guest_id", text(&guest)),
        ("media_id", text(&media["media_id"])),
        ("message_id", text(&message)),
        ("staff_member_id", text(&admin("/staff").await["data"][0]["staff_member_id"])),
        ("token_id", text(&admin("/tokens").await["data"][0]["token_id"])),
        ("name", "service_followup".to_owned()),
        ("source", "opera".to_owned()),
        ("reservation_id", "R-1".to_owned()),
    ]
    .into()
}

#[tokio::test]
async fn another_hotels_things_are_not_there() {
    let world = World::new().await;
    let things = things(&world).await;
    let other = hotel(&world.app, "Seaside", "2").await;
    let stranger = world.app.issue_token(other, Role::Admin, "test").await.unwrap();
    let before = world.rows("messages").await;
    for operation in operations(&world).await {
        let Some(_) = operation.needs else { continue };
        let path = operation.path(&things);
        let mut ask = world.request(operation.method.clone(), &path).token(stranger.expose());
        if operation.method != Method::GET && operation.method != Method::DELETE {
            ask = ask.json(body(&operation.id));
        }
        if !operation.path.contains('{') {
            // Nothing is named: what is found is their own.
            if operation.method == Method::GET {
                let text = ask.send().await.text;
                let seen: Vec<_> =
                    things.iter().filter(|(name, id)| name.ends_with("_id") && text.contains(*id)).collect();
                assert!(seen.is_empty(), "{} shows {seen:?}", operation.id);
            }
            continue;
        }
        if operation.id == "put_stay" {
            // A reservation's number is the PMS's: theirs is another one.
            continue;
        }
        let answer = ask.send().await;
        assert_eq!(answer.status, 404, "{} of another hotel: {}", operation.id, answer.text);
    }
    assert_eq!(world.rows("messages").await, before);
    // And all of it is there for whoever it belongs to.
    for path in ["/staff/{staff_member_id}", "/connections/{connection_id}", "/media/{media_id}"] {
        let (name, id) = things.iter().find(|(name, _)| path.contains(**name) && **name != "name").unwrap();
        let path = path.replace(&format!("{{{name}}}"), id);
        assert_eq!(world.request(Method::GET, &path).token(&world.admin).send().await.status, 200, "{path}");
    }
}
