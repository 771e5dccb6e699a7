//! Every operation that changes something tells of it in the audit trail.

use std::collections::BTreeMap;
use std::time::Duration;

use bellhop_domain::audit::AuditAction as A;
use poem::http::Method;
use serde_json::{Value, json};

use self::Leaves::{Entry, Nothing};
use crate::people::{PASSWORD, add, admin};
use crate::rights::{Operation, nothings, operations, things};
use crate::support::{Answered, GUEST, World};

/// What a call that succeeds leaves in the trail.
enum Leaves {
    Entry(A),
    /// And why.
    Nothing(&'static str),
}

/// Every operation that is no GET.
const DEEDS: &[(&str, Leaves)] = &[
    ("add_staff_member", Entry(A::StaffCreated)),
    ("assign_conversation", Entry(A::ConversationAssigned)),
    ("cancel_batch", Entry(A::BatchCancelled)),
    ("cancel_message", Entry(A::MessageCancelled)),
    ("change_connection", Entry(A::ConnectionChanged)),
    ("change_own_password", Entry(A::PasswordChanged)),
    ("change_staff_member", Entry(A::StaffChanged)),
    ("change_template", Entry(A::TemplateChanged)),
    ("change_webhook", Entry(A::SubscriptionChanged)),
    ("configure_webhook", Entry(A::SubscriptionCreated)),
    ("connect_number", Entry(A::ConnectionAdded)),
    ("delete_template", Entry(A::TemplateDeleted)),
    ("erase_guest", Entry(A::GuestErased)),
    ("import_guests", Entry(A::GuestsImported)),
    ("make_token", Entry(A::TokenCreated)),
    ("mark_conversation_read", Entry(A::ConversationRead)),
    ("pause_batch", Entry(A::BatchPaused)),
    ("preview_template", Nothing("it shows what a send would say")),
    ("put_stay", Entry(A::StayPut)),
    ("receive_webhook", Nothing("WhatsApp does it, not somebody of the hotel")),
    ("redeliver_failed_deliveries", Entry(A::DeliveriesRepeated)),
    ("redeliver_webhook_delivery", Entry(A::DeliveriesRepeated)),
    ("remove_connection", Entry(A::ConnectionRemoved)),
    ("remove_webhook", Entry(A::SubscriptionRemoved)),
    ("replay_webhook_events", Entry(A::EventsReplayed)),
    ("resolve_conversation", Entry(A::ConversationResolved)),
    ("resolve_doubt_of_message", Entry(A::DoubtResolved)),
    ("resume_batch", Entry(A::BatchResumed)),
    ("retry_failed_of_batch", Entry(A::BatchRetried)),
    ("retry_media", Entry(A::MediaRetried)),
    ("retry_message", Entry(A::MessageRetried)),
    ("revoke_token", Entry(A::TokenRevoked)),
    ("rotate_webhook_secret", Entry(A::SubscriptionSecretRotated)),
    ("send_batch", Entry(A::BatchCreated)),
    ("send_contacts", Entry(A::MessageSent)),
    ("send_interactive", Entry(A::MessageSent)),
    ("send_location", Entry(A::MessageSent)),
    ("send_media", Entry(A::MessageSent)),
    ("send_message", Entry(A::MessageSent)),
    ("send_reaction", Entry(A::MessageSent)),
    ("send_template", Entry(A::MessageSent)),
    ("set_consent", Entry(A::ConsentChanged)),
    ("set_password", Entry(A::PasswordSet)),
    ("sign_in", Entry(A::SignedIn)),
    ("sign_out", Entry(A::SignedOut)),
    ("submit_template", Entry(A::TemplateSubmitted)),
    ("sync_templates", Nothing("it reads again what WhatsApp lists")),
    ("test_webhook", Nothing("it is kept nowhere")),
    ("update_guest", Entry(A::GuestChanged)),
    ("update_property", Entry(A::PropertyChanged)),
    ("upload_batch", Entry(A::BatchCreated)),
    ("upload_media", Entry(A::MediaUploaded)),
];

/// Stands in every secret and in everything that is said; nowhere in the trail.
const HUSH: &str = "s3cret";

/// A world in which each operation finds what it needs.
struct Scene {
    world: World,
    things: BTreeMap<&'static str, String>,
    /// Of two people, each for one operation that ends it.
    sessions: [String; 2],
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let mut things = things(&world).await;
        let sessions =
            [add(&world, "walker@h.example", "admin").await, add(&world, "other@h.example", "staff").await];
        let file = json!({"from": "1234567890", "wamid": "in.file", "file": "at whatsapp"});
        world.webhook(file).await.ok(200);
        let message = world.get("/messages?limit=1").await.ok(200)["data"][0].clone();
        things.insert("media_id", message["content"]["media_id"].as_str().unwrap().to_owned());
        let sent = world.post("/messages/send", text("once")).await.ok(202);
        let id = sent["message_id"].as_str().unwrap().to_owned();
        // Until nobody works on it any more: tests put it in the state that they need.
        for _ in 0..400 {
            let message = world.get(&format!("/messages/{id}")).await.ok(200);
            let idle = world.rows("media_fetches WHERE lease_until IS NULL").await == 1;
            if message["status"] == "sent" && idle {
                things.insert("message_id", id);
                return Self { world, things, sessions };
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the message was not sent");
    }

    /// Puts what an operation acts upon in a state that allows it.
    async fn prepare(&self, operation: &str) {
        let said = |status: &str| format!("UPDATE messages SET status = '{status}' WHERE attempt > 0");
        let batch = |status: &str| format!("UPDATE batches SET status = '{status}'");
        let sql = match operation {
            "cancel_message" => said("scheduled"),
            "resolve_doubt_of_message" => said("in_doubt"),
            "retry_message" => said("failed"),
            "cancel_batch" | "pause_batch" => batch("accepted"),
            "resume_batch" => batch("paused"),
            "retry_failed_of_batch" => {
                let failed = "UPDATE messages SET status = 'failed' WHERE batch_id IS NOT NULL";
                format!("{}; {failed}", batch("completed"))
            }
            "replay_webhook_events" => "UPDATE subscriptions SET cursor = 10".to_owned(),
            "redeliver_failed_deliveries" => "UPDATE deliveries SET status = 'failed'".to_owned(),
            _ => return,
        };
        self.world.execute(&sql).await;
    }

    async fn call(&self, operation: &Operation) -> Answered {
        let world = &self.world;
        let file = format!("phone,notes\n{GUEST},{HUSH} from a file\n");
        match &*operation.id {
            "upload_media" => return world.upload_file("a.txt", HUSH.as_bytes(), "document").await,
            "upload_batch" => return world.upload("?template_name=service_followup", "text/csv", file).await,
            "import_guests" => return crate::guest_import::import(world, file).await,
            "receive_webhook" => {
                return world.webhook(json!({"from": "1234567890", "text": "x", "wamid": "in.x"})).await;
            }
            _ => {}
        }
        let path = operation.path(&self.things);
        let ask = world.request(operation.method.clone(), &path);
        let ask = match &*operation.id {
            "sign_in" => ask,
            "change_own_password" => ask.token(&self.sessions[0]),
            "sign_out" => ask.token(&self.sessions[1]),
            _ => ask.token(&world.admin),
        };
        match operation.method {
            Method::DELETE => ask.send().await,
            _ => ask.json(body(&operation.id, &self.things)).send().await,
        }
    }

    async fn entries(&self) -> i64 {
        self.world.rows("audit_entries").await
    }
}

fn text(text: &str) -> Value {
    json!({"guest_phone": GUEST, "message_type": "text", "content": {"text": format!("{HUSH} {text}")}})
}

fn to_guest(more: Value) -> Value {
    let mut body = json!({"guest_phone": GUEST});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// With which an operation succeeds; an empty object where none is asked for.
fn body(operation: &str, things: &BTreeMap<&str, String>) -> Value {
    match operation {
        "send_message" => text("words"),
        "send_media" => {
            to_guest(json!({"media_type": "image", "link": format!("https://h.example/{HUSH}.jpg")}))
        }
        "send_location" => to_guest(json!({"latitude": 1, "longitude": 2, "name": HUSH})),
        "send_contacts" => {
            to_guest(json!({"contacts": [{"name": {"formatted_name": HUSH, "first_name": HUSH},
            "phone": "1234567890"}]}))
        }
        "send_interactive" => to_guest(json!({"interactive_type": "buttons", "content": {"text": HUSH,
            "buttons": [{"id": "yes", "title": "Yes"}]}})),
        "send_reaction" => to_guest(json!({"message_id": things["message_id"], "emoji": "👍"})),
        "send_template" => {
            to_guest(json!({"template_name": "welcome_checkin", "parameters": {"room": HUSH}}))
        }
        "send_batch" => json!({"messages": [{"phone": GUEST, "content": HUSH}]}),
        "preview_template" => json!({"template_name": "service_followup"}),
        "resolve_doubt_of_message" => json!({"action": "mark_failed"}),
        "add_staff_member" => {
            json!({"name": "Noa", "email": "n@h.example", "role": "staff", "password": PASSWORD})
        }
        "change_staff_member" => json!({"departments": ["spa"]}),
        "set_password" => json!({"password": PASSWORD}),
        "change_own_password" => {
            json!({"current_password": PASSWORD, "password": format!("{PASSWORD} {HUSH}")})
        }
        "sign_in" => json!({"email": "other@h.example", "password": PASSWORD}),
        "change_connection" => json!({"access_token": format!("{HUSH}-token"), "verify_token": HUSH}),
        "connect_number" => {
            json!({"waba_id": "22", "phone_number_id": "2", "base_url": "https://graph.example",
            "access_token": format!("{HUSH}-2"), "app_secret": format!("{HUSH}-app"), "verify_token": HUSH})
        }
        "set_consent" => json!({"kind": "marketing", "state": "opted_in"}),
        "assign_conversation" => json!({"staff_member_id": things["staff_member_id"]}),
        "update_guest" => json!({"notes": "x"}),
        "update_property" => json!({"name": "Seaside"}),
        "put_stay" => {
            json!({"version": 2, "status": "reserved", "arrival": "2030-01-01", "departure": "2030-01-02"})
        }
        "submit_template" => json!({"name": "pool_hours", "category": "UTILITY", "language": "en",
            "components": [{"type": "BODY", "text": "The pool is open."}]}),
        "change_template" => json!({"label": "x"}),
        "make_token" => json!({"name": "PMS", "role": "partner"}),
        "configure_webhook" => {
            json!({"webhook_url": format!("https://p.example/{HUSH}"), "verify_token": HUSH,
            "events": ["inbound_message"]})
        }
        "change_webhook" => json!({"verify_token": format!("{HUSH}2"), "webhook_url": "https://p.example/2"}),
        "redeliver_failed_deliveries" => json!({"since": "2026-01-01T00:00:00Z"}),
        "replay_webhook_events" => json!({"from_sequence": 1}),
        _ => json!({}),
    }
}

/// What takes away what others need comes last, and another number's templates come after all who name one.
fn rank(operation: &Operation) -> u8 {
    match (&*operation.id, &operation.method) {
        ("connect_number", _) => 3,
        ("remove_connection", _) => 2,
        // Nothing is done about a guest who is erased.
        ("erase_guest", _) => 1,
        (_, &Method::DELETE) => 1,
        _ => 0,
    }
}

/// The secret of a webhook that was made by hand is none: it gets one that was configured.
async fn configured(scene: &Scene) -> String {
    let body = body("configure_webhook", &scene.things);
    let made = admin(&scene.world, Method::POST, "/webhooks/configure", body).await.ok(201);
    made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

#[tokio::test]
async fn every_operation_leaves_what_the_table_says() {
    let mut scene = Scene::new().await;
    let by_hand = scene.things["webhook_id"].clone();
    let configured = configured(&scene).await;
    let mut all = operations(&scene.world).await;
    all.retain(|operation| operation.method != Method::GET);
    all.sort_by_key(rank);
    let deeds: BTreeMap<_, _> = DEEDS.iter().map(|(id, leaves)| (*id, leaves)).collect();
    for operation in &all {
        let id = &*operation.id;
        let leaves = deeds.get(id).unwrap_or_else(|| panic!("what does {id} leave in the audit trail?"));
        let needs_delivery = operation.id.contains("deliver");
        let webhook = if needs_delivery { by_hand.clone() } else { configured.clone() };
        scene.things.insert("webhook_id", webhook);
        // What is refused leaves nothing.
        scene.prepare(id).await;
        let before = scene.entries().await;
        operation.ask(&scene.world, Some(&scene.world.admin), &nothings()).await;
        assert_eq!(scene.entries().await, before, "{id} was refused and told of");
        let answer = scene.call(operation).await;
        assert!(answer.status.is_success(), "{id}: {} {}", answer.status, answer.text);
        let new = scene.entries().await - before;
        match leaves {
            Nothing(why) => assert_eq!(new, 0, "{id} is told of, although {why}"),
            Entry(action) => {
                assert_eq!(new, 1, "{id}");
                let path = format!("/audit?limit=1&action={action}");
                let told =
                    scene.world.request(Method::GET, &path).token(&scene.world.admin).send().await.ok(200);
                let told = &told["data"][0];
                assert_eq!(told["action"], action.as_str(), "{id}: {told}");
                assert!(told["actor"]["name"].is_string() && told["subject"].is_string(), "{id}: {told}");
            }
        }
    }
    assert_eq!(all.len(), DEEDS.len(), "the table names operations that are gone");
    let told = scene
        .world
        .select("SELECT COALESCE(\"before\", '') || COALESCE(\"after\", '') AS t FROM audit_entries")
        .await;
    let told: Vec<String> = told.iter().map(|row| row.try_get("", "t").unwrap()).collect();
    assert!(told.iter().any(|text| text.contains("pool_hours")));
    for hushed in [HUSH, PASSWORD, GUEST, "app secret"] {
        assert!(told.iter().all(|text| !text.contains(hushed)), "{hushed} in {told:#?}");
    }
}
