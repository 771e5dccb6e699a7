//! A business number as the API shows it, and as admins give it.

use bellhop_domain::ConnectionId;
use bellhop_domain::connection::{CallbackState, ConnectionStatus};
use bellhop_service::connection::{
    Added, ConnectionChange, ConnectionDraft, ConnectionView, Inbound as InboundState, StatusView,
};
use bellhop_service::idempotency::IdempotencyKey;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};

use crate::types::{Nullable, Timestamp};

/// A business number.
#[derive(Debug, Object)]
pub struct Connection {
    connection_id: ConnectionId,
    /// needs_credentials: WhatsApp refuses the access token; what is to be sent waits for another.
    status: ConnectionStatus,
    /// Conversations that the hotel begins go over this number.
    default: bool,
    waba_id: String,
    phone_number_id: String,
    /// As WhatsApp writes it.
    display_phone_number: String,
    /// The name that guests see.
    verified_name: Nullable<String>,
    base_url: String,
    api_version: String,
    /// Its last four characters; no secret is ever shown whole.
    access_token_last4: Nullable<String>,
    /// Of the one in effect; `null` when there is none.
    app_secret_last4: Nullable<String>,
    verify_token_last4: Nullable<String>,
    /// Whether Bellhop asks WhatsApp for this number's webhooks.
    register_callback: bool,
    inbound: Inbound,
    /// Messages per second.
    throughput: Nullable<i32>,
    /// Meta's word: GREEN, YELLOW, RED or UNKNOWN.
    quality_rating: Nullable<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Whether what guests write is taken.
#[derive(Debug, Object)]
pub struct Inbound {
    ready: bool,
    /// Why not, and what to do.
    reason: Nullable<String>,
}

/// A number that was connected.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ConnectedNumber {
    #[oai(flatten)]
    connection: Connection,
    /// One that was made for you, shown this once: Meta's App Dashboard asks for it when you enter the callback
    /// there yourself.
    verify_token: Option<String>,
}

/// A number to connect. WhatsApp is asked whether all of it fits before anything is stored.
#[derive(Debug, Object)]
#[oai(example)]
pub struct ConnectNumber {
    /// Of the WhatsApp Business Account.
    waba_id: String,
    /// Of the number; not the number itself.
    phone_number_id: String,
    access_token: String,
    /// Of the Meta app. Until it is given the number sends, and takes nothing in.
    app_secret: Option<String>,
    /// Made when absent.
    verify_token: Option<String>,
    /// v23.0 when absent.
    api_version: Option<String>,
    /// https://graph.facebook.com when absent; http only on this machine, unless the settings allow more.
    base_url: Option<String>,
    /// Whether conversations that the hotel begins go over this number from now on.
    #[oai(default)]
    default: bool,
    /// Whether WhatsApp is asked to send the webhooks here; `true` when absent.
    register_callback: Option<bool>,
}

impl poem_openapi::types::Example for ConnectNumber {
    fn example() -> Self {
        Self {
            waba_id: "100000000000002".to_owned(),
            phone_number_id: "200000000000002".to_owned(),
            access_token: "simulator-access-token-2".to_owned(),
            app_secret: Some("simulator-app-secret-2".to_owned()),
            verify_token: None,
            api_version: None,
            base_url: Some("http://127.0.0.1:8091".to_owned()),
            default: false,
            register_callback: None,
        }
    }
}

/// What to change. A field that is absent or `null` stays as it is.
#[derive(Debug, Object)]
pub struct ChangeConnection {
    waba_id: Option<String>,
    access_token: Option<String>,
    app_secret: Option<String>,
    verify_token: Option<String>,
    api_version: Option<String>,
    base_url: Option<String>,
    default: Option<bool>,
    register_callback: Option<bool>,
}

/// A number as it is at this moment.
#[derive(Debug, Object)]
pub struct StatusOfConnection {
    connection_id: ConnectionId,
    status: ConnectionStatus,
    live: Live,
    inbound: Inbound,
    callback: Callback,
    /// Messages per second.
    throughput: Nullable<i32>,
    quality_rating: Nullable<String>,
    /// When a webhook last got through.
    last_in_at: Nullable<Timestamp>,
    /// When WhatsApp last took a message, give or take a second.
    last_out_at: Nullable<Timestamp>,
    last_error: Nullable<LastError>,
}

/// What WhatsApp answers now.
#[derive(Debug, Object)]
pub struct Live {
    ok: bool,
    latency_ms: u64,
    checked_at: Timestamp,
    error: Nullable<LiveError>,
}

/// Why WhatsApp does not answer as it should.
#[derive(Debug, Object)]
pub struct LiveError {
    /// WhatsApp's own.
    code: Nullable<i64>,
    message: String,
}

/// Where WhatsApp sends the number's webhooks.
#[derive(Debug, Object)]
pub struct Callback {
    state: CallbackState,
    /// As WhatsApp says.
    url: Nullable<String>,
    /// Where it ought to.
    expected_url: String,
}

/// The latest refusal that is about more than one message.
#[derive(Debug, Object)]
pub struct LastError {
    /// WhatsApp's own; `null` when it did not answer.
    code: Nullable<i64>,
    title: String,
    details: Nullable<String>,
    at: Nullable<Timestamp>,
}

#[derive(ApiResponse)]
pub enum Connected {
    /// The number is connected
    #[oai(status = 201)]
    Created(
        Json<ConnectedNumber>,
        /// Where the connection is
        #[oai(header = "Location")]
        String,
    ),
}

#[derive(ApiResponse)]
pub enum Removed {
    /// The number was taken away
    #[oai(status = 204)]
    Gone,
}

impl ConnectNumber {
    pub fn draft(self, idempotency_key: Option<IdempotencyKey>) -> ConnectionDraft {
        ConnectionDraft {
            waba_id: self.waba_id,
            phone_number_id: self.phone_number_id,
            access_token: self.access_token,
            app_secret: self.app_secret,
            verify_token: self.verify_token,
            api_version: self.api_version,
            base_url: self.base_url,
            is_default: self.default,
            register_callback: self.register_callback.unwrap_or(true),
            idempotency_key,
        }
    }
}

impl From<ChangeConnection> for ConnectionChange {
    fn from(change: ChangeConnection) -> Self {
        Self {
            waba_id: change.waba_id,
            access_token: change.access_token,
            app_secret: change.app_secret,
            verify_token: change.verify_token,
            api_version: change.api_version,
            base_url: change.base_url,
            is_default: change.default,
            register_callback: change.register_callback,
        }
    }
}

impl From<ConnectionView> for Connection {
    fn from(view: ConnectionView) -> Self {
        Self {
            connection_id: view.connection_id,
            status: view.status,
            default: view.is_default,
            waba_id: view.waba_id,
            phone_number_id: view.phone_number_id,
            display_phone_number: view.display_phone_number,
            verified_name: Nullable(view.verified_name),
            base_url: view.base_url,
            api_version: view.api_version,
            access_token_last4: Nullable(view.access_token_end),
            app_secret_last4: Nullable(view.app_secret_end),
            verify_token_last4: Nullable(view.verify_token_end),
            register_callback: view.registers_callback,
            inbound: view.inbound.into(),
            throughput: Nullable(view.throughput),
            quality_rating: Nullable(view.quality_rating),
            created_at: view.created_at.into(),
            updated_at: view.updated_at.into(),
        }
    }
}

impl From<InboundState> for Inbound {
    fn from(state: InboundState) -> Self {
        Self { ready: state == InboundState::Ready, reason: Nullable::from(state.reason()) }
    }
}

impl From<Added> for ConnectedNumber {
    fn from(added: Added) -> Self {
        let verify_token = added.verify_token.map(|token| token.expose().to_owned());
        Self { connection: added.view.into(), verify_token }
    }
}

impl From<StatusView> for StatusOfConnection {
    fn from(view: StatusView) -> Self {
        let error = |(code, message)| LiveError { code: Nullable(code), message };
        let at = view.last_error_at;
        let last_error = view.last_error.map(|error| LastError {
            code: Nullable(error["code"].as_i64()),
            title: error["title"].as_str().unwrap_or_default().to_owned(),
            details: Nullable::from(error["details"].as_str()),
            at: Nullable::from(at),
        });
        Self {
            connection_id: view.connection_id,
            status: view.status,
            live: Live {
                ok: view.live.ok,
                latency_ms: view.live.latency_ms,
                checked_at: view.live.checked_at.into(),
                error: Nullable(view.live.error.map(error)),
            },
            inbound: view.inbound.into(),
            callback: Callback {
                state: view.callback,
                url: Nullable(view.callback_url),
                expected_url: view.expected_callback_url,
            },
            throughput: Nullable(view.throughput),
            quality_rating: Nullable(view.quality_rating),
            last_in_at: Nullable::from(view.last_in_at),
            last_out_at: Nullable::from(view.last_out_at),
            last_error: Nullable(last_error),
        }
    }
}
