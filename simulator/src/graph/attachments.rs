//! What is known of an upload, and its bytes.

use std::{io, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use poem::{
    Body, Request, Response,
    http::{Method, StatusCode},
};
use serde_json::json;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::{Call, GraphError, authorise, error::respond, lies, media::put_media, unknown};
use crate::{clock::system_ms, core::Core, faults::MediaFault, media::Media};

/// How long a download's address works, on the machine's clock.
const URL_SECONDS: i64 = 5 * 60;
/// Bytes in memory at a time, for each download.
const PIECE: usize = 64 * 1_024;

/// The upload, when it still lives and is this number's.
fn living(core: &Core, id: &str, call: &Call) -> Result<Media, GraphError> {
    let now = core.clock.now_ms();
    let media = core.state().media.get(id).filter(|media| media.lives(now)).cloned();
    let media = media.ok_or_else(|| unknown(call, id))?;
    match call.query("phone_number_id") {
        // What a guest sent was not uploaded on the number, and Meta refuses the parameter for it.
        Some(number) if media.from_guest || number != core.account.phone_number_id => Err(GraphError::new(
            100,
            "Param phone_number_id is not a valid whatsapp business phone number id ID",
        )),
        Some(_) | None => Ok(media),
    }
}

pub(super) fn show(core: &Core, id: &str, call: &Call) -> Result<Response, GraphError> {
    let media = living(core, id, call)?;
    let until = system_ms().div_euclid(1_000) + URL_SECONDS;
    let url = format!(
        "http://{}/whatsapp_business/attachments/?mid={id}&source=getMedia&ext={until}&hash={}",
        call.host,
        seal(core, id, until)
    );
    let lie = core.state().faults.media.clone().filter(MediaFault::is_on).unwrap_or_default();
    Ok(respond(
        200,
        &json!({
            "messaging_product": "whatsapp",
            "url": url,
            "mime_type": media.mime_type,
            "sha256": lie.sha256.unwrap_or(media.sha256),
            "file_size": lie.file_size.unwrap_or(media.file_size),
            "id": id,
        }),
    ))
}

/// An address proves by itself that it was given out, and until when it works.
fn seal(core: &Core, id: &str, until: i64) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(core.account.app_secret.as_bytes()) else {
        return String::new();
    };
    mac.update(format!("{id}:{until}").as_bytes());
    mac.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn delete(core: &Core, id: &str, call: &Call) -> Result<Response, GraphError> {
    let mut media = living(core, id, call)?;
    media.deleted = true;
    put_media(core, media);
    core.flush().map_err(|_| GraphError::new(131_000, ""))?;
    Ok(respond(200, &json!({"success": true})))
}

/// The bytes behind an address that [`show`] gave out.
pub(crate) async fn download(core: &Arc<Core>, request: &Request) -> Response {
    let query = request.params::<Vec<(String, String)>>().unwrap_or_default();
    let value = |key: &str| query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    if let Err(error) = authorise(core, request, value("access_token")) {
        return error.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into();
    }
    let id = value("mid").unwrap_or_default();
    let until: i64 = value("ext").and_then(|ext| ext.parse().ok()).unwrap_or_default();
    let now = core.clock.now_ms();
    let genuine = value("hash") == Some(seal(core, id, until).as_str()) && system_ms() < until * 1_000;
    let (media, fault) = {
        let mut state = core.state();
        let media = state.media.get(id).filter(|media| genuine && media.lives(now)).cloned();
        // Looking at the headers uses no fault up.
        let counts = media.is_some() && *request.method() == Method::GET;
        (media, if counts { state.faults.take_media() } else { None })
    };
    let Some(media) = media else { return StatusCode::NOT_FOUND.into() };
    let Some(fault) = fault else { return send_file(core, &media, request).await };
    match lies::refusal(&fault) {
        Some(refusal) => refusal,
        None => lies::spoil(send_file(core, &media, request).await, &fault),
    }
}

/// An upload's file, or the part of it that the `Range` header asks for.
pub(crate) async fn send_file(core: &Core, media: &Media, request: &Request) -> Response {
    let range = match request.header("range").map(|range| part(range, media.file_size)) {
        None => None,
        Some(Some(range)) => Some(range),
        Some(None) => {
            let whole = format!("bytes */{}", media.file_size);
            let answer = Response::builder().status(StatusCode::RANGE_NOT_SATISFIABLE);
            return answer.header("content-range", whole).finish();
        }
    };
    let (start, length) = range.unwrap_or((0, media.file_size));
    let answer = Response::builder()
        .content_type(&media.mime_type)
        .header("content-length", length)
        .header("accept-ranges", "bytes")
        .header("cache-control", "private, no-store")
        .header("x-content-type-options", "nosniff");
    let answer = match range {
        None => answer,
        Some(_) => answer.status(StatusCode::PARTIAL_CONTENT).header(
            "content-range",
            format!("bytes {start}-{}/{}", start + length.saturating_sub(1), media.file_size),
        ),
    };
    if *request.method() == Method::HEAD {
        return answer.finish();
    }
    match open_at(core, &media.id, start).await {
        Ok(file) => {
            let pieces = ReaderStream::with_capacity(file.take(length), PIECE);
            answer.body(Body::from_bytes_stream(pieces))
        }
        Err(_) => StatusCode::NOT_FOUND.into(),
    }
}

async fn open_at(core: &Core, id: &str, start: u64) -> io::Result<tokio::fs::File> {
    let mut file = tokio::fs::File::open(core.media.file(id)?).await?;
    file.seek(io::SeekFrom::Start(start)).await?;
    Ok(file)
}

/// Start and length of `bytes=1-2`, `bytes=1-` or `bytes=-2`; None when there is no such part.
fn part(range: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = range.trim().strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (first.trim(), last.trim()) {
        ("", last) => (size.saturating_sub(last.parse().ok()?), size),
        (first, "") => (first.parse().ok()?, size),
        (first, last) => (first.parse().ok()?, last.parse::<u64>().ok()?.saturating_add(1).min(size)),
    };
    (start < end).then(|| (start, end - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_file() {
        for (range, expected) in [
            ("bytes=0-3", Some((0, 4))),
            ("bytes=8-", Some((8, 2))),
            ("bytes=-4", Some((6, 4))),
            ("bytes=-40", Some((0, 10))),
            ("bytes=5-99", Some((5, 5))),
            ("bytes=10-", None),
            ("bytes=3-2", None),
            ("items=0-1", None),
            ("bytes=-0", None),
        ] {
            assert_eq!(part(range, 10), expected, "{range}");
        }
    }
}
