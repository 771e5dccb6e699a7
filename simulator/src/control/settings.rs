//! The number's limits, faults, the clock, templates, and where webhooks stand.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Input, Problem};
use crate::{
    core::Core,
    faults::{Faults, MediaFault},
    restore::tag,
    webhooks,
};

/// The longest access token.
const TOKEN_LIMIT: usize = 512;
/// Messages a second.
const STANDARD: u32 = 80;
const HIGH: u32 = 1_000;

/// The account with its present access token.
pub(super) fn account(core: &Core) -> Value {
    let mut account = json!(core.account);
    if let Some(token) = core.state().tokens.last() {
        account["access_token"] = json!(token);
    }
    account
}

/// Rotates the access token: the one before is answered 190 from now on.
pub(super) fn set_account(core: &Core, input: &Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        access_token: String,
    }
    let Body { access_token } = input.parse()?;
    let fits = (1..=TOKEN_LIMIT).contains(&access_token.len());
    if !fits || !access_token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::bad(format!(
            "access_token must be 1 to {TOKEN_LIMIT} visible ASCII characters"
        )));
    }
    {
        let mut state = core.state();
        core.record(tag::TOKEN, &access_token);
        state.tokens.push(access_token);
    }
    core.flush()?;
    Ok(account(core))
}

pub(super) fn number(core: &Core, id: &str) -> Answer {
    if id != core.account.phone_number_id {
        return Err(Problem::unknown(format!("this simulator has no number {id}")));
    }
    Ok(json!(core.state().number))
}

/// Sets what the body names; `"throughput": null` is unlimited. From 80 to 1,000 is what WhatsApp calls an
/// upgrade, and a webhook tells of it.
pub(super) fn set_number(core: &Arc<Core>, id: &str, input: &Input) -> Answer {
    number(core, id)?;
    let body: Map<String, Value> = input.parse()?;
    let settings = {
        let mut state = core.state();
        let before = state.number;
        let mut settings = before;
        for (key, value) in &body {
            match (key.as_str(), value) {
                ("throughput", Value::Null) => settings.throughput = None,
                ("throughput", value) => {
                    let limit = value.as_u64().and_then(|limit| u32::try_from(limit).ok());
                    let Some(limit) = limit.filter(|limit| [20, STANDARD, HIGH].contains(limit)) else {
                        return Err(Problem::bad("throughput must be 20, 80, 1000 or null"));
                    };
                    settings.throughput = Some(limit);
                }
                ("pair_limit", Value::Bool(on)) => settings.pair_limit = *on,
                ("pair_limit", _) => return Err(Problem::bad("pair_limit must be true or false")),
                (key, _) => return Err(Problem::bad(format!("unknown field `{key}`"))),
            }
        }
        state.number = settings;
        core.record(tag::NUMBER, &settings);
        if before.throughput == Some(STANDARD) && settings.throughput == Some(HIGH) {
            let (field, value) = webhooks::upgrade(&core.account);
            core.notify(&mut state, field, value);
        }
        settings
    };
    core.flush()?;
    Ok(json!(settings))
}

/// Replaces the faults. They live in memory only: a restart is a way to be rid of them.
pub(super) fn set_faults(core: &Core, faults: Faults) -> Answer {
    if let Some(problem) = faults.media.as_ref().and_then(MediaFault::problem) {
        return Err(Problem::bad(problem));
    }
    core.state().faults = faults.clone();
    core.changed();
    Ok(json!(faults))
}

pub(super) fn clock(core: &Core) -> Value {
    json!({
        "now": core.clock.now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "now_ms": core.clock.now_ms(),
        "offset_seconds": core.clock.offset_ms() as f64 / 1_000.0,
    })
}

pub(super) fn advance_clock(core: &Core, input: &Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        advance_seconds: f64,
    }
    // A hundred years either way: past that, timestamps stop making sense to everybody.
    const LIMIT: f64 = 100.0 * 366.0 * 86_400.0;
    let Body { advance_seconds } = input.parse()?;
    if !(-LIMIT..=LIMIT).contains(&advance_seconds) {
        return Err(Problem::bad("advance_seconds must be within a hundred years"));
    }
    {
        let _ordered = core.state();
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the check above")]
        let offset = core.clock.advance_ms((advance_seconds * 1_000.0).round() as i64);
        core.record(tag::CLOCK, &offset);
    }
    core.flush()?;
    Ok(clock(core))
}

/// Where webhooks go, and how many updates wait for a 200.
pub(super) fn webhooks(core: &Core) -> Value {
    let state = core.state();
    json!({"callback": state.callback, "pending": state.pending()})
}
