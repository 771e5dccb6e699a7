//! The demo: one hotel, two tokens, one simulated number, three guests.

use bellhop_domain::ports::Line;
use bellhop_domain::rights::Role;
use bellhop_domain::{PropertyId, Secret};
use bellhop_infra::settings::Settings;
use bellhop_service::App;
use bellhop_service::connection::NewConnection;
use bellhop_service::property::PropertyChange;
use serde_json::{Value, json};

use crate::handoff::Handoff;

/// The guest who has already written.
pub const GUEST_PHONE: &str = "+1234567890";
const HOTEL: &str = "Grand Plaza Hotel";

/// Makes what is missing of the hotel, its tokens and its connection; safe to call at every start. What an
/// admin made of the connection stays: only its address follows the simulator, unless that was changed too.
///
/// # Errors
/// When the database or the data folder fails.
pub async fn ensure(
    app: &App,
    settings: &Settings,
    (public_url, simulator_url): (&str, &str),
) -> anyhow::Result<Handoff> {
    let account = bellhop_simulator::well_known(settings.simulator_account);
    let earlier = Handoff::read(&settings.data_dir);
    let simulator = simulator_url.trim_end_matches('/');
    let property = match app.property_of_number(&account.phone_number_id).await? {
        Some(property) => {
            let from = earlier.as_ref().map(|earlier| earlier.simulator_url.trim_end_matches('/'));
            app.follow_simulator(&account.phone_number_id, from, simulator).await?;
            property
        }
        None => {
            let change = PropertyChange {
                default_country: Some("US".to_owned()),
                default_language: Some("en".to_owned()),
                ..PropertyChange::default()
            };
            let property = app.create_property(HOTEL, change).await?;
            app.connect(property, number(account, simulator)).await?;
            property
        }
    };
    let known = earlier.filter(|known| known.property_id == property.to_string());
    let staff = known.as_ref().map(|known| known.staff_token.as_str());
    let admin = known.as_ref().map(|known| known.admin_token.as_str());
    let handoff = Handoff {
        api_url: format!("{public_url}/api/v1/whatsapp"),
        console_url: None,
        docs_url: format!("{public_url}/docs"),
        simulator_url: simulator_url.to_owned(),
        property_id: property.to_string(),
        staff_token: token(app, property, (Role::Staff, staff)).await?,
        admin_token: token(app, property, (Role::Admin, admin)).await?,
    };
    std::fs::create_dir_all(&settings.data_dir)?;
    handoff.write(&settings.data_dir)?;
    Ok(handoff)
}

/// The simulator's number.
fn number(account: bellhop_simulator::Account, simulator_url: &str) -> NewConnection {
    NewConnection {
        line: Line {
            base_url: simulator_url.to_owned(),
            api_version: "v23.0".to_owned(),
            phone_number_id: account.phone_number_id,
            waba_id: account.waba_id,
            access_token: Secret::new(account.access_token),
        },
        display_phone_number: account.display_phone_number,
        app_secret: Secret::new(account.app_secret),
        // Nobody needs to know it but the simulator, which is told at every start.
        verify_token: bellhop_service::auth::random_token(),
    }
}

/// The token of an earlier start, unless it was revoked.
async fn token(
    app: &App,
    property: PropertyId,
    (role, known): (Role, Option<&str>),
) -> anyhow::Result<String> {
    if let Some(known) = known
        && let Ok(caller) = app.authenticate(known).await
        && caller.property_id == property
        && caller.role() == role
    {
        return Ok(known.to_owned());
    }
    let name = format!("demo {role}");
    Ok(app.issue_token(property, role, &name).await?.expose().to_owned())
}

/// Puts the guides' own category on the templates that they list under it.
///
/// # Errors
/// When the database fails.
pub async fn label_templates(app: &App, simulator_account: u32) -> anyhow::Result<()> {
    let number = bellhop_simulator::well_known(simulator_account).phone_number_id;
    let Some(property) = app.property_of_number(&number).await? else { return Ok(()) };
    for name in ["welcome_checkin", "service_confirmation", "service_followup", "general_inquiry"] {
        app.label_template(property, name, "guest_services").await?;
    }
    Ok(())
}

/// Makes the guests in the simulator, unless they are there. The first one writes, as guests do.
///
/// # Errors
/// When the simulator does not answer as it should.
pub async fn make_guests(simulator_url: &str) -> anyhow::Result<()> {
    let http = reqwest::Client::new();
    let guests = format!("{}/simulator/guests", simulator_url.trim_end_matches('/'));
    let known: Value = http.get(&guests).send().await?.error_for_status()?.json().await?;
    // By what he wrote, the last step of all: a start that died half way is made good by the next.
    let has_written =
        |guest: &Value| guest["phone"] == GUEST_PHONE && !guest["window"]["expires_at"].is_null();
    if known["data"].as_array().is_some_and(|guests| guests.iter().any(has_written)) {
        return Ok(());
    }
    for guest in [
        json!({"phone": "+972541234567", "name": "נועה לוי"}),
        // Named by an id of her own, so that a second try makes no second Maria.
        json!({"bsuid": "US.10000000000000000003", "name": "Maria Silva", "username": "maria.silva", "hidden_number": true}),
        json!({"phone": GUEST_PHONE, "name": "John Smith"}),
    ] {
        http.post(&guests).json(&guest).send().await?.error_for_status()?;
    }
    let hello = json!({"type": "text", "text": {"body": "Hi! We land at noon. Could we check in early?"}});
    let messages = format!("{guests}/{}/messages", GUEST_PHONE.trim_start_matches('+'));
    http.post(messages).json(&hello).send().await?.error_for_status()?;
    Ok(())
}
