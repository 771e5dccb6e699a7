//! What the test binaries share.
#![allow(dead_code, reason = "each binary uses a part")]

pub mod server;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use bellhop_domain::content::Text;
use bellhop_domain::guest::Recipient;
use bellhop_domain::inbound::{Change, InboundMessage, Item, StatusUpdate, Unreadable};
use bellhop_domain::ports::{Line, Outbound, Provider};
use bellhop_domain::webhook::VerifiedWebhook;
use bellhop_domain::{AttemptRef, Content, MessageId, Secret};
use bellhop_provider::CloudApi;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// There is no other way to a `VerifiedWebhook` than a true signature.
pub fn signed(body: &[u8]) -> VerifiedWebhook {
    let secret = Secret::new("test_app_secret");
    let mac =
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).unwrap().chain_update(body).finalize();
    let hex: String = mac.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    VerifiedWebhook::verify(body.to_vec(), Some(&format!("sha256={hex}")), [&secret]).unwrap()
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

pub fn read(body: &[u8]) -> Result<Vec<Change>, Unreadable> {
    // A client costs milliseconds to make, the parsing microseconds.
    static API: LazyLock<CloudApi> = LazyLock::new(|| CloudApi::new(client()));
    API.read_webhook(&signed(body))
}

pub fn read_json(body: &Value) -> Vec<Change> {
    read(body.to_string().as_bytes()).unwrap()
}

/// Every item of every change; panics on one that could not be read.
pub fn items(changes: Vec<Change>) -> Vec<Item> {
    changes.into_iter().flat_map(|change| change.items).map(Result::unwrap).collect()
}

pub fn message(item: Item) -> InboundMessage {
    match item {
        Item::Message(message) => *message,
        other => panic!("not a message: {other:?}"),
    }
}

pub fn status(item: Item) -> StatusUpdate {
    match item {
        Item::Status(status) => status,
        other => panic!("not a status: {other:?}"),
    }
}

pub fn line(base_url: &str) -> Line {
    Line {
        base_url: base_url.into(),
        api_version: "v23.0".into(),
        phone_number_id: "7001".into(),
        waba_id: "700".into(),
        access_token: Secret::new("the-token"),
    }
}

pub fn outbound(content: Content) -> Outbound {
    Outbound {
        recipient: Recipient::Number("972540000001".into()),
        content,
        media: None,
        reply_to: None,
        attempt: attempt(),
        deadline: Duration::from_secs(5),
    }
}

pub fn text() -> Outbound {
    outbound(Content::Text(Text::new("שלום")))
}

pub fn attempt() -> AttemptRef {
    AttemptRef { message: MessageId::new(), number: 1 }
}

pub fn own(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    json_file(&path)
}

/// The line, the headers and the body of a request.
pub fn parts(request: &str) -> (&str, &str, &str) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let (line, headers) = head.split_once("\r\n").unwrap();
    (line, headers, body)
}

pub fn json_body(request: &str) -> Value {
    serde_json::from_str(parts(request).2).unwrap()
}

pub fn json_file(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The files of a folder of the fixtures that lie beside the repository; none, said aloud, where
/// that folder does not exist.
pub fn shared(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures").join(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is absent", folder.display());
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

pub fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}
