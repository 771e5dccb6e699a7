//! The ledger of accepted sends.

use serde_json::{Value, json};

use super::{Answer, Input, Problem};
use crate::{core::Core, restore::tag, state::Sent};

const LIMIT: usize = 1_000;

pub(super) fn list(core: &Core, input: &Input) -> Answer {
    let since = input.number("since")?;
    let limit = match input.number("limit")? {
        None => LIMIT,
        Some(limit) => usize::try_from(limit).map_err(|_| Problem::bad("limit must not be negative"))?,
    };
    // An unescaped plus arrives as a space.
    let to = input.query("to").map(|to| to.trim().trim_start_matches('+').to_owned());
    let kind = input.query("type");
    let matches = |sent: &&std::sync::Arc<Sent>| {
        to.as_ref().is_none_or(|to| sent.to == *to)
            && kind.is_none_or(|kind| sent.kind == kind)
            && since.is_none_or(|since| sent.accepted_at >= since)
    };
    let found: Vec<_> = core.state().ledger().iter().filter(matches).cloned().collect();
    let number = &core.account.phone_number_id;
    let data: Vec<Value> = found.iter().take(limit).map(|sent| entry(number, sent)).collect();
    Ok(json!({"count": found.len(), "data": data}))
}

fn entry(number: &str, sent: &Sent) -> Value {
    json!({
        "id": sent.id,
        "phone_number_id": number,
        "to": sent.to,
        "type": sent.kind,
        "payload": sent.payload,
        "biz_opaque_callback_data": sent.opaque,
        "accepted_at": sent.accepted_at,
    })
}

/// Empties the ledger. Chats and statuses on their way are not touched.
pub(super) fn clear(core: &Core) -> Answer {
    let cleared = {
        let mut state = core.state();
        let cleared = state.ledger().len();
        state.ledger_start = state.sent.len();
        core.record(tag::CLEARED, &());
        cleared
    };
    core.flush()?;
    Ok(json!({"cleared": cleared}))
}
