//! Partners' webhooks: where events are delivered to.

use bellhop_domain::SubscriptionId;
use bellhop_service::page::PageRequest;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;

use crate::auth::{Authorized, ManageSubscriptions};
use crate::body::JsonBody;
use crate::envelope::ApiError;
use crate::list::List;
use crate::subscription::{
    ChangeWebhook, ConfigureWebhook, Ended, Made, RotatedSecret, Subscription, TestedWebhook,
};
use crate::types::Limit;
use crate::{BASE_PATH, Tag};

pub struct Subscriptions;

#[OpenApi(tag = "Tag::Webhooks")]
impl Subscriptions {
    /// Configure a webhook
    ///
    /// For admins and partners. The address is asked first: a GET with `hub.mode=subscribe`, `hub.verify_token` and
    /// `hub.challenge`, to be answered with the challenge. Where that GET is answered with 404 or 405, an admin's
    /// webhook proves itself by a signed POST `{event: "webhook_verification", data: {verify_token, challenge}}` that
    /// is answered with 2xx. It begins with what happens from then on; earlier events come by a replay.
    #[oai(path = "/webhooks/configure", method = "post", operation_id = "configure_webhook")]
    async fn configure(
        &self,
        auth: Authorized<ManageSubscriptions>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: JsonBody<ConfigureWebhook>,
    ) -> Result<Made, ApiError> {
        let key = body.idempotency_key(key.as_deref())?;
        let made = auth.app.configure_webhook(&auth.caller, body.value.draft(key)?).await?;
        let location = format!("{BASE_PATH}/webhooks/{}", made.view.id);
        Ok(Made::Created(Json(made.into()), location))
    }

    /// The webhooks, the newest first
    ///
    /// For admins and partners. A partner's token sees those that it made.
    #[oai(path = "/webhooks", method = "get", operation_id = "list_webhooks")]
    async fn list(
        &self,
        auth: Authorized<ManageSubscriptions>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<Subscription>>, ApiError> {
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        Ok(Json(auth.app.subscriptions(&auth.caller, page).await?.into()))
    }

    /// A webhook
    ///
    /// For admins and partners.
    #[oai(path = "/webhooks/:webhook_id", method = "get", operation_id = "get_webhook")]
    async fn get(
        &self,
        auth: Authorized<ManageSubscriptions>,
        webhook_id: Path<SubscriptionId>,
    ) -> Result<Json<Subscription>, ApiError> {
        Ok(Json(auth.app.subscription(&auth.caller, webhook_id.0).await?.into()))
    }

    /// Change, pause or take up a webhook
    ///
    /// For admins and partners. While it does not get its events they wait, and come when it is active again.
    #[oai(path = "/webhooks/:webhook_id", method = "patch", operation_id = "change_webhook")]
    async fn change(
        &self,
        auth: Authorized<ManageSubscriptions>,
        webhook_id: Path<SubscriptionId>,
        body: JsonBody<ChangeWebhook>,
    ) -> Result<Json<Subscription>, ApiError> {
        let change = body.value.change()?;
        Ok(Json(auth.app.change_webhook(&auth.caller, webhook_id.0, change).await?.into()))
    }

    /// Remove a webhook
    ///
    /// For admins and partners.
    #[oai(path = "/webhooks/:webhook_id", method = "delete", operation_id = "remove_webhook")]
    async fn remove(
        &self,
        auth: Authorized<ManageSubscriptions>,
        webhook_id: Path<SubscriptionId>,
    ) -> Result<Ended, ApiError> {
        auth.app.remove_webhook(&auth.caller, webhook_id.0).await?;
        Ok(Ended::Gone)
    }

    /// Make another signing secret
    ///
    /// For admins and partners. For 24 hours everything is signed with both, in one header.
    #[oai(
        path = "/webhooks/:webhook_id/rotate-secret",
        method = "post",
        operation_id = "rotate_webhook_secret"
    )]
    async fn rotate(
        &self,
        auth: Authorized<ManageSubscriptions>,
        webhook_id: Path<SubscriptionId>,
    ) -> Result<Json<RotatedSecret>, ApiError> {
        Ok(Json(auth.app.rotate_webhook_secret(&auth.caller, webhook_id.0).await?.into()))
    }

    /// Send a test event
    ///
    /// For admins and partners. At once, and once: the event `webhook_test`. WEBHOOK_DELIVERY_FAILED unless it is
    /// answered with 2xx within 15 seconds.
    #[oai(path = "/webhooks/:webhook_id/test", method = "post", operation_id = "test_webhook")]
    async fn test(
        &self,
        auth: Authorized<ManageSubscriptions>,
        webhook_id: Path<SubscriptionId>,
    ) -> Result<Json<TestedWebhook>, ApiError> {
        Ok(Json(auth.app.test_webhook(&auth.caller, webhook_id.0).await?.into()))
    }
}
