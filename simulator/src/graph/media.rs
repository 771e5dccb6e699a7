//! Uploads: a form with a file in it, which goes to disk as it comes.

use std::{io, sync::Arc};

use poem::{
    FromRequest, Request, RequestBody, Response,
    web::{Field, Multipart},
};
use rand::RngExt;
use serde_json::json;
use tokio::io::AsyncReadExt;

use super::{Call, GraphError, error::respond};
use crate::{
    core::Core,
    media::{self, Kind, LARGEST, LIFETIME_MS, Media, Stored, essence, is_animated},
    restore::tag,
};

/// What is read of an upload that was refused already, so that the client gets to hear why.
const DRAINED: u64 = 2 * LARGEST;

/// The parts of an upload; they come in any order.
#[derive(Default)]
struct Parts {
    messaging_product: Option<String>,
    declared: Option<String>,
    ttl_minutes: Option<String>,
    file: Option<FilePart>,
}

struct FilePart {
    id: String,
    mime_type: Option<String>,
    filename: Option<String>,
    stored: Stored,
    core: Arc<Core>,
    /// Otherwise the file goes with this: it was refused, or the client left halfway.
    kept: bool,
}

impl Drop for FilePart {
    fn drop(&mut self) {
        if !self.kept {
            self.core.media.remove(&self.id);
        }
    }
}

pub(super) async fn upload(
    core: &Arc<Core>,
    call: &Call,
    request: &mut Request,
) -> Result<Response, GraphError> {
    let mut body = RequestBody::new(request.take_body());
    let form = Multipart::from_request(request, &mut body).await;
    let form = form.map_err(|_| GraphError::new(100, "The request body must be multipart/form-data"))?;
    // Graph takes every parameter in the query too, and one client sends this one there.
    let in_query = call.query("messaging_product").map(str::to_owned);
    let mut parts = Parts { messaging_product: in_query, ..Parts::default() };
    read_parts(core, form, &mut parts).await?;
    let media = check(core, &parts)?;
    put_media(core, media.clone());
    if let Some(file) = &mut parts.file {
        file.kept = true;
    }
    core.flush().map_err(|_| GraphError::new(131_000, ""))?;
    Ok(respond(200, &json!({"id": media.id})))
}

pub(crate) fn put_media(core: &Core, media: Media) {
    let mut state = core.state();
    core.record(tag::MEDIA, &media);
    state.media.insert(media.id.clone(), media);
}

async fn read_parts(core: &Arc<Core>, mut form: Multipart, parts: &mut Parts) -> Result<(), GraphError> {
    let torn = |_| GraphError::new(100, "The request body could not be read");
    while let Some(field) = form.next_field().await.map_err(torn)? {
        match field.name() {
            Some("file") if parts.file.is_some() => {
                return Err(GraphError::new(100, "Param file must be given once"));
            }
            Some("file") => read_file(core, field, parts).await?,
            Some("messaging_product") => parts.messaging_product = Some(short(field).await?),
            Some("type") => parts.declared = Some(short(field).await?),
            Some("ttl_minutes") => parts.ttl_minutes = Some(short(field).await?),
            // Unknown keys are ignored, as in JSON.
            Some(_) | None => drain(field).await?,
        }
    }
    Ok(())
}

async fn short(field: Field) -> Result<String, GraphError> {
    let mut text = String::new();
    let read = field.into_async_read().take(4_096).read_to_string(&mut text).await;
    read.map_err(|_| GraphError::new(100, "The request body could not be read"))?;
    Ok(text.trim().to_owned())
}

async fn drain(field: Field) -> Result<(), GraphError> {
    let mut rest = Box::pin(field.into_async_read().take(DRAINED));
    let read = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
    read.map(|_| ()).map_err(|_| GraphError::new(100, "The request body could not be read"))
}

async fn read_file(core: &Arc<Core>, field: Field, parts: &mut Parts) -> Result<(), GraphError> {
    let id = fresh_media_id(core);
    let mime_type = field.content_type().map(str::to_owned);
    let filename = field.file_name().map(str::to_owned);
    let failed = |error: io::Error| {
        tracing::warn!(%error, "an upload could not be stored");
        GraphError::new(131_000, "The file could not be stored")
    };
    let path = core.media.file(&id).map_err(failed)?;
    // Known from here on, so that whatever goes wrong takes the file away again.
    let stored = Stored { size: 0, sha256: String::new(), head: Vec::new() };
    let part = FilePart { id, mime_type, filename, stored, core: core.clone(), kept: false };
    let file = parts.file.insert(part);
    let mut from = Box::pin(field.into_async_read());
    file.stored = media::store(&mut from, &path, LARGEST).await.map_err(failed)?;
    tokio::io::copy(&mut from.take(DRAINED), &mut tokio::io::sink()).await.map_err(failed)?;
    Ok(())
}

pub(crate) fn fresh_media_id(core: &Core) -> String {
    loop {
        let id = rand::rng().random_range(1_000_000_000_000_000_u64..9_000_000_000_000_000).to_string();
        if !core.state().media.contains_key(&id) {
            return id;
        }
    }
}

fn check(core: &Core, parts: &Parts) -> Result<Media, GraphError> {
    if parts.messaging_product.as_deref() != Some("whatsapp") {
        return Err(GraphError::new(100, "(#100) The parameter messaging_product is required."));
    }
    let Some(file) = &parts.file else {
        return Err(GraphError::new(100, "(#100) The parameter file is required."));
    };
    let mime_type = mime_type(file, parts.declared.as_deref());
    let lifetime = match &parts.ttl_minutes {
        None => LIFETIME_MS,
        Some(text) => match text.parse::<i64>() {
            Ok(minutes) if minutes > 0 => minutes.saturating_mul(60_000).min(LIFETIME_MS),
            Ok(_) | Err(_) => {
                return Err(GraphError::new(100, "Param ttl_minutes must be a positive number"));
            }
        },
    };
    describe(core, file, mime_type, lifetime)
}

/// The file's own type counts. Where it says nothing, what the client declared does; and where both say
/// the same, the one with its parameters.
fn mime_type<'a>(file: &'a FilePart, declared: Option<&'a str>) -> &'a str {
    let own = file.mime_type.as_deref().filter(|own| *own != "application/octet-stream");
    match (own, declared) {
        (Some(own), Some(declared)) if essence(declared) == own => declared,
        (Some(own), _) => own,
        (None, Some(declared)) => declared,
        (None, None) => "application/octet-stream",
    }
}

fn describe(core: &Core, file: &FilePart, mime_type: &str, lifetime: i64) -> Result<Media, GraphError> {
    let Some(kind) = Kind::of(mime_type) else {
        let types: Vec<&str> = Kind::ALL.iter().flat_map(|kind| kind.mime_types()).copied().collect();
        return Err(GraphError::new(
            100,
            format!(
                "Param file must be a file with one of the following types: {}. Received file of type \
                 '{mime_type}'.",
                types.join(", ")
            ),
        ));
    };
    let limit = kind.limit(is_animated(&file.stored.head));
    if file.stored.size == 0 || file.stored.size > limit {
        let details = format!(
            "Param file of type '{mime_type}' must have 1 to {limit} bytes; it has {}",
            if file.stored.size > limit { format!("more than {limit}") } else { "none".to_owned() }
        );
        return Err(GraphError::new(100, details));
    }
    Ok(Media {
        id: file.id.clone(),
        mime_type: mime_type.to_owned(),
        sha256: file.stored.sha256.clone(),
        file_size: file.stored.size,
        filename: file.filename.clone(),
        expires_at: core.clock.now_ms().saturating_add(lifetime),
        deleted: false,
        from_guest: false,
    })
}
