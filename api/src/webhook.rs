//! The one address to which WhatsApp delivers, for all numbers and apps.

use bellhop_domain::problem::Problem;
use bellhop_service::App;
use poem::web::Data;
use poem_openapi::param::{Header, Query};
use poem_openapi::payload::{Json, PlainText};
use poem_openapi::{Object, OpenApi};

use crate::Tag;
use crate::body::RawBody;
use crate::envelope::ApiError;

/// The webhook was taken.
#[derive(Debug, Object)]
struct Received {
    success: bool,
}

pub struct Webhook;

#[OpenApi(tag = "Tag::Webhook")]
impl Webhook {
    /// Meta's check of the address
    ///
    /// Public. Echoes the challenge when the token is one of a connection.
    #[oai(path = "/webhook", method = "get", operation_id = "verify_webhook")]
    async fn verify(
        &self,
        app: Data<&App>,
        #[oai(name = "hub.mode")] mode: Query<String>,
        #[oai(name = "hub.verify_token")] token: Query<String>,
        #[oai(name = "hub.challenge")] challenge: Query<String>,
    ) -> Result<PlainText<String>, ApiError> {
        if mode.0 != "subscribe" {
            return Err(ApiError::field("hub.mode", "must be subscribe"));
        }
        if app.is_verify_token(&token.0).await? {
            Ok(PlainText(challenge.0))
        } else {
            Err(ApiError::of(Problem::VerificationFailed))
        }
    }

    /// Take messages and statuses from Meta
    ///
    /// Public, but the body must be signed with the secret of a known app. 200 only after
    /// everything in it is stored.
    #[oai(path = "/webhook", method = "post", operation_id = "receive_webhook")]
    async fn receive(
        &self,
        app: Data<&App>,
        #[oai(name = "X-Hub-Signature-256")] signature: Header<Option<String>>,
        body: RawBody,
    ) -> Result<Json<Received>, ApiError> {
        app.receive_webhook(body.0, signature.as_deref()).await?;
        Ok(Json(Received { success: true }))
    }
}
