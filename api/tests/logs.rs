//! A request leaves one line, without anything that is nobody else's business.
//!
//! In a process of its own: what is logged at all is decided once for all threads.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "api/fake_ports.rs"]
#[expect(dead_code, reason = "made for more tests than this one")]
mod fake_ports;
#[path = "api/fake_provider.rs"]
mod fake_provider;
#[path = "api/support.rs"]
#[expect(dead_code, reason = "made for more tests than this one")]
mod support;

use std::io;
use std::sync::{Arc, Mutex};

use poem::http::Method;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{GUEST, World};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_token_phone_or_text_is_logged() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let subscriber = subscriber.with_ansi(false).with_writer(lines.clone()).finish();
    let world = World::new().await;
    tracing::subscriber::set_global_default(subscriber).unwrap();
    world.guest_writes("a private word").await;
    let body = json!({"guest_phone": GUEST, "message_type": "text", "content": {"text": "another word"}});
    let ask = world.request(Method::POST, "/messages/send").token(&world.staff);
    ask.header("prefer", "wait=5").header("x-request-id", "r1").json(body).send().await.ok(202);
    world.get("/guests?phone=%2B1234567890").await.ok(200);
    world.get("/guests?phone=12").await.error(400, "INVALID_PHONE_NUMBER");
    world.request(Method::GET, "/messages").token("no token of ours").send().await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let line = text.lines().find(|line| line.contains("r1")).unwrap();
    assert!(line.contains("DEBUG") && line.contains("status=202"), "{line}");
    assert!(line.contains("route=\"/api/v1/whatsapp/messages/send\""), "{line}");
    for secret in ["1234567890", "word", "no token of ours", &world.staff, "app secret"] {
        assert!(!text.contains(secret), "{secret}:\n{text}");
    }
}
