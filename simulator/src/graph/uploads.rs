//! The Resumable Upload API: `/{app_id}/uploads`, then `/upload:…`.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use poem::{Request, Response, http::Method};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::{Call, GraphError, error::respond, unknown};
use crate::{core::Core, media::LARGEST, uploads::Upload};

pub(super) const PREFIX: &str = "upload:";

/// What samples and profile pictures may be.
const TYPES: [&str; 5] = ["application/pdf", "image/jpeg", "image/jpg", "image/png", "video/mp4"];

/// Values come in the query, or in the body.
pub(super) fn start(core: &Core, call: &Call) -> Result<Response, GraphError> {
    if call.method != Method::POST {
        return Err(unknown(call, &call.object));
    }
    let body = call.object()?;
    let text = |key: &str| {
        let in_body = body.get(key).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        call.query(key).map(str::to_owned).or(in_body)
    };
    let Some(mime_type) = text("file_type").filter(|given| TYPES.contains(&given.as_str())) else {
        let details = format!("Param file_type must be one of {{{}}}", TYPES.join(", "));
        return Err(GraphError::new(100, details));
    };
    let length = text("file_length").and_then(|length| length.parse().ok());
    let Some(length) = length.filter(|length| (1..=LARGEST).contains(length)) else {
        return Err(GraphError::new(100, format!("Param file_length must be from 1 to {LARGEST}")));
    };
    let id = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 18]>()));
    core.state().uploads.insert(id.clone(), Upload { length, mime_type, received: 0 });
    Ok(respond(200, &json!({"id": id})))
}

/// Takes bytes from where the last call ended, which the header `file_offset` has to say.
pub(super) async fn receive(
    core: &Arc<Core>,
    id: &str,
    request: &mut Request,
) -> Result<Response, GraphError> {
    let upload = core.state().uploads.get(id).cloned();
    let upload = upload.ok_or_else(|| GraphError::unknown_object("POST", id))?;
    let offset = request.header("file_offset").map_or(Some(0), |text| text.trim().parse().ok());
    if offset != Some(upload.received) {
        let details = format!("The header file_offset must be {}", upload.received);
        return Err(GraphError::new(100, details));
    }
    let mut from = request.take_body().into_async_read();
    let mut piece = vec![0; 64 * 1_024];
    let mut received = upload.received;
    loop {
        let read = from.read(&mut piece).await;
        let read = read.map_err(|_| GraphError::new(100, "The request body could not be read"))?;
        if read == 0 {
            break;
        }
        received += read as u64;
        if received > upload.length {
            return Err(GraphError::new(100, "The file is longer than file_length says"));
        }
        if let Some(upload) = core.state().uploads.get_mut(id) {
            upload.received = received;
        }
    }
    if received < upload.length {
        return Ok(respond(200, &json!({"id": id, "file_offset": received})));
    }
    core.state().uploads.remove(id);
    Ok(respond(200, &json!({"h": handle(&upload.mime_type)})))
}

pub(super) fn show(core: &Core, id: &str, call: &Call) -> Result<Response, GraphError> {
    let received = core.state().uploads.get(id).map(|upload| upload.received);
    match received {
        Some(received) if call.method == Method::GET => {
            Ok(respond(200, &json!({"id": id, "file_offset": received})))
        }
        Some(_) | None => Err(unknown(call, id)),
    }
}

fn handle(mime_type: &str) -> String {
    let random = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 48]>());
    format!("4::{}:ARY{random}", STANDARD.encode(mime_type))
}
