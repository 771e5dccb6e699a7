//! `POST /{phone_number_id}/messages`.

use std::{sync::Arc, time::Duration};

use poem::{Body, Response};
use serde_json::{Map, Value, json};

use super::{
    Call, GraphError,
    accept::{Accepted, accept},
    error::respond,
};
use crate::{clock::system_ms, core::Core, restore::tag, state::State, wamid};

/// How long a client that is never answered is kept waiting at most.
const NEVER: Duration = Duration::from_secs(120);
/// How long WhatsApp shows that somebody types, unless a message comes first.
const TYPING_MS: i64 = 25_000;

pub(super) async fn post(core: &Arc<Core>, call: &Call) -> Result<Response, GraphError> {
    let body = call.object()?;
    if body.get("messaging_product").and_then(Value::as_str) != Some("whatsapp") {
        return Err(GraphError::new(
            100,
            "The parameter messaging_product is required and must be 'whatsapp'.",
        ));
    }
    if body.contains_key("status") {
        return mark_read(core, &body);
    }
    let accepted = accept(core, body)?;
    // In the journal before the answer, and before any fault that stands in for the answer.
    core.flush().map_err(|_| GraphError::new(131_000, ""))?;
    if !accepted.latency.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(accepted.latency) => {}
            () = core.shutdown.cancelled() => {}
        }
    }
    if accepted.never_answer {
        tokio::select! {
            () = tokio::time::sleep(NEVER) => {}
            () = core.shutdown.cancelled() => {}
        }
    }
    if accepted.never_answer || accepted.close {
        return Ok(cut(core, call));
    }
    Ok(respond(200, &answer(&accepted)))
}

fn answer(accepted: &Accepted) -> Value {
    let mut contact = json!({"input": accepted.input});
    match &accepted.wa_id {
        Some(wa_id) => contact["wa_id"] = json!(wa_id),
        None => contact["user_id"] = json!(accepted.input),
    }
    let mut message = json!({"id": accepted.id});
    if accepted.template {
        message["message_status"] = json!("accepted");
    }
    json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})
}

/// Nothing of this response leaves. Where the connection is not ours to cut, a body that breaks off is
/// the nearest thing.
fn cut(core: &Core, call: &Call) -> Response {
    if core.connections.cut(&call.client) {
        return Response::builder().finish();
    }
    Response::builder().body(Body::from_async_read(Broken))
}

struct Broken;

impl tokio::io::AsyncRead for Broken {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Err(std::io::Error::other("cut by a fault")))
    }
}

/// Read marks may carry a typing indicator, which the guest's phone shows.
fn mark_read(core: &Core, body: &Map<String, Value>) -> Result<Response, GraphError> {
    if body.get("status").and_then(Value::as_str) != Some("read") {
        return Err(GraphError::new(100, "Param status must be one of {read}"));
    }
    let Some(id) = body.get("message_id").and_then(Value::as_str) else {
        return Err(GraphError::missing("message_id"));
    };
    if !wamid::is_wamid(id) {
        return Err(GraphError::new(131_009, "Parameter 'message_id' is not a message id"));
    }
    let typing = match body.get("typing_indicator").filter(|indicator| !indicator.is_null()) {
        None => false,
        Some(indicator) if indicator.get("type").and_then(Value::as_str) == Some("text") => true,
        Some(_) => return Err(GraphError::new(100, "Param typing_indicator['type'] must be one of {text}")),
    };
    {
        let mut state = core.state();
        if !state.mark_read(id) {
            return Err(GraphError::new(131_009, "The message is not known, or is not one of a user"));
        }
        core.record(tag::READ, &id);
        if typing {
            show_typing(&mut state, id);
        }
    }
    core.flush().map_err(|_| GraphError::new(131_000, ""))?;
    Ok(respond(200, &json!({"success": true})))
}

fn show_typing(state: &mut State, id: &str) {
    let message = state.inbound_ids.get(id).and_then(|place| state.inbound.get(*place));
    let Some(guest) = message.map(|message| state.resolve(message.guest)) else { return };
    if let Some(guest) = state.guests.get_mut(guest) {
        guest.typing_until = Some(system_ms() + TYPING_MS);
    }
}
