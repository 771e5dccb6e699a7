//! Media on the guests' phones: what they are shown, and what they send.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use poem::{Request, Response, http::StatusCode};
use serde_json::{Map, Value, json};

use super::{Answer, Problem, respond};
use crate::{
    core::Core,
    graph::{fresh_media_id, put_media, send_file},
    media::{self, GUEST_LIFETIME_MS, Kind, LARGEST, Media, is_animated},
    state::State,
};

/// The bytes of an upload for the page. Only types that WhatsApp takes are here, and none of them can
/// run: `nosniff` keeps it so.
pub(super) async fn send(core: &Arc<Core>, id: &str, request: &Request) -> Response {
    let media = core.state().media.get(id).cloned();
    let Some(media) = media else {
        return respond(Err(Problem::unknown(format!("there is no media {id:?}"))));
    };
    let mut response = send_file(core, &media, request).await;
    if response.status() == StatusCode::NOT_FOUND {
        return respond(Err(Problem::unknown(format!("the file of media {id:?} is gone"))));
    }
    let inline = match Kind::of(&media.mime_type) {
        Some(Kind::Image | Kind::Sticker | Kind::Video | Kind::Audio) => "inline",
        Some(Kind::Document) | None => "attachment",
    };
    if let Ok(value) = inline.parse() {
        response.headers_mut().insert("content-disposition", value);
    }
    if let Ok(value) = "default-src 'none'; sandbox".parse() {
        response.headers_mut().insert("content-security-policy", value);
    }
    response
}

/// A guest's file, to be sent by its id in a message of theirs.
pub(super) async fn receive(core: &Arc<Core>, mut request: Request) -> Answer {
    let mime_type = request.header("content-type").unwrap_or_default().to_owned();
    let Some(kind) = Kind::of(&mime_type) else {
        return Err(Problem::bad(format!("WhatsApp takes no files of type {mime_type:?}")));
    };
    let query = request.params::<Vec<(String, String)>>().unwrap_or_default();
    let filename = query.into_iter().find(|(key, _)| key == "filename").map(|(_, name)| name);
    let id = fresh_media_id(core);
    let body = request.take_body().into_async_read();
    let stored = media::store(body, &core.media.file(&id)?, LARGEST).await;
    let stored = match stored {
        Ok(stored) if stored.size > 0 && stored.size <= kind.limit(is_animated(&stored.head)) => stored,
        other => {
            core.media.remove(&id);
            other?;
            return Err(Problem::bad(format!("the file is empty, or too large for {}", kind.name())));
        }
    };
    let media = Media {
        id,
        mime_type,
        sha256: stored.sha256,
        file_size: stored.size,
        filename,
        expires_at: core.clock.now_ms().saturating_add(GUEST_LIFETIME_MS),
        deleted: false,
        from_guest: true,
    };
    put_media(core, media.clone());
    core.flush()?;
    Ok(json!({
        "id": media.id,
        "mime_type": media.mime_type,
        "sha256": media.sha256,
        "file_size": media.file_size,
        "filename": media.filename,
    }))
}

/// Adds what webhooks carry of media to a message that names only its id.
pub(super) fn complete(state: &State, body: &mut Map<String, Value>) {
    let Some(kind) = body.get("type").and_then(Value::as_str).map(str::to_owned) else { return };
    let Some(content) = body.get_mut(&kind).and_then(Value::as_object_mut) else { return };
    let id = content.get("id").and_then(Value::as_str);
    let Some(media) = id.and_then(|id| state.media.get(id)) else { return };
    content.entry("mime_type").or_insert_with(|| json!(media.mime_type));
    content.entry("sha256").or_insert_with(|| json!(in_base64(&media.sha256)));
    if let (Some(Kind::Document), Some(filename)) = (Kind::of(&media.mime_type), &media.filename) {
        content.entry("filename").or_insert_with(|| json!(filename));
    }
}

/// Webhooks carry hashes in base64, where the media endpoint has hex.
fn in_base64(hex: &str) -> String {
    let byte = |at: usize| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    STANDARD.encode((0..hex.len()).step_by(2).filter_map(byte).collect::<Vec<u8>>())
}
