//! Where webhooks go.

use std::{sync::Arc, time::Duration};

use poem::Response;
use rand::RngExt;
use serde_json::{Value, json};

use super::{Call, GraphError, error::respond};
use crate::{core::Core, restore::tag};

/// How long the callback may take to answer the challenge.
const CHALLENGE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn list(core: &Core) -> Response {
    let data: Vec<Value> = core.state().callback.iter().map(|uri| subscription(core, Some(uri))).collect();
    respond(200, &json!({"data": data}))
}

fn subscription(core: &Core, uri: Option<&str>) -> Value {
    let id = &core.account.app_id;
    let mut entry = json!({"whatsapp_business_api_data": {
        "id": id,
        "name": "Bellhop",
        "link": format!("https://www.facebook.com/games/?app_id={id}"),
    }});
    if let Some(uri) = uri {
        entry["override_callback_uri"] = json!(uri);
    }
    entry
}

/// Registers a callback that proves itself. Without one the call is a plain subscription, and webhooks
/// go on to wherever they went.
pub(super) async fn register(core: &Arc<Core>, call: &Call) -> Result<Response, GraphError> {
    let body = call.object()?;
    let text =
        |key: &str| body.get(key).and_then(Value::as_str).or_else(|| call.query(key)).map(str::to_owned);
    let Some(uri) = text("override_callback_uri") else {
        return Ok(respond(200, &json!({"success": true})));
    };
    let Some(verify_token) = text("verify_token") else {
        return Err(GraphError::new(100, "The parameter verify_token is required."));
    };
    challenge(core, &uri, &verify_token).await?;
    {
        let mut state = core.state();
        state.callback = Some(uri.clone());
        core.record(tag::CALLBACK, &state.callback);
    }
    core.flush().map_err(|_| GraphError::new(1, ""))?;
    core.changed();
    Ok(respond(200, &json!({"success": true, "data": [subscription(core, Some(&uri))]})))
}

pub(super) fn remove(core: &Core) -> Result<Response, GraphError> {
    {
        let mut state = core.state();
        state.callback = None;
        core.record(tag::CALLBACK, &state.callback);
    }
    core.flush().map_err(|_| GraphError::new(1, ""))?;
    core.changed();
    Ok(respond(200, &json!({"success": true})))
}

pub(super) async fn challenge(core: &Core, uri: &str, verify_token: &str) -> Result<(), GraphError> {
    let failed = |why: String| {
        GraphError::new(2_200, format!("Callback verification failed with the following errors: {why}"))
    };
    let url =
        reqwest::Url::parse(uri).map_err(|_| GraphError::new(100, "override_callback_uri is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(GraphError::new(100, "override_callback_uri must be an http or https URL"));
    }
    let challenge = rand::rng().random_range(1_000_000_000_u64..9_999_999_999).to_string();
    let query = [
        ("hub.mode", "subscribe"),
        ("hub.challenge", challenge.as_str()),
        ("hub.verify_token", verify_token),
    ];
    let client = core.http().map_err(|_| GraphError::new(1, ""))?;
    let sent = client.get(url).query(&query).timeout(CHALLENGE_TIMEOUT).send().await;
    let response = sent.map_err(|_| failed("the callback could not be reached".to_owned()))?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(failed(format!("HTTP Status Code = {status}; HTTP Message = not 200")));
    }
    let body = response.text().await.map_err(|_| failed("the answer could not be read".to_owned()))?;
    if body.trim() != challenge {
        return Err(failed("the challenge was not echoed".to_owned()));
    }
    Ok(())
}
