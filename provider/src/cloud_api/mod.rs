//! Meta's WhatsApp Cloud API.
//!
//! [`wire`] mirrors Meta's JSON, [`map`] turns our words into it and its answers into ours,
//! [`webhook`] reads what it tells by itself.

mod call;
mod json;
mod map;
mod usage;
mod webhook;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use bellhop_domain::Secret;
use bellhop_domain::answer::Answer;
use bellhop_domain::inbound::{Change, Unreadable};
use bellhop_domain::ports::{Line, NumberInfo, Outbound, Provider, ProviderFailure};
use bellhop_domain::template::TemplateDefinition;
use bellhop_domain::webhook::VerifiedWebhook;

pub use call::http_client;

/// For calls that may simply be made again; a send brings its own deadline.
const QUERY_TIMEOUT: Duration = Duration::from_secs(15);

const TEMPLATE_FIELDS: &str =
    "id,name,language,status,category,parameter_format,components,quality_score,rejected_reason";
/// Meta's page size is undocumented when not asked for.
const TEMPLATE_PAGE: &str = "100";
/// An account has at most 6,000 templates, each in up to some seventy languages.
const TEMPLATE_PAGES_MAX: usize = 5_000;

const NUMBER_FIELDS: &str = "display_phone_number,verified_name,quality_rating,throughput,is_on_biz_app";

/// The adapter. It holds nothing but the HTTP client, whose pool is shared by all lines.
#[derive(Debug, Clone)]
pub struct CloudApi {
    http: reqwest::Client,
}

impl CloudApi {
    /// `http` must neither follow redirects nor repeat requests by itself: [`http_client`] makes
    /// such a one.
    pub fn new(http: reqwest::Client) -> Self {
        Self { http }
    }
}

#[async_trait]
impl Provider for CloudApi {
    async fn send(&self, line: &Line, message: &Outbound) -> Answer {
        let url = match call::url(line, &[&line.phone_number_id, "messages"]) {
            Ok(url) => url,
            Err(reason) => return Answer::NeverSent { reason },
        };
        let request = self
            .http
            .post(url)
            .bearer_auth(line.access_token.expose())
            .timeout(message.deadline)
            .json(&map::request(message));
        match call::exchange(request, call::ANSWER_MAX).await {
            Ok(answer) => map::answer(answer.status, &answer.body).asking_for(answer.retry_after),
            Err(lost) => lost.into(),
        }
    }

    async fn templates(&self, line: &Line) -> Result<Vec<TemplateDefinition>, ProviderFailure> {
        let mut templates = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..TEMPLATE_PAGES_MAX {
            let mut query = vec![("fields", TEMPLATE_FIELDS), ("limit", TEMPLATE_PAGE)];
            query.extend(after.as_deref().map(|cursor| ("after", cursor)));
            let page: wire::TemplatePage =
                self.query(line, &[&line.waba_id, "message_templates"], &query).await?;
            let next = page.next_cursor();
            templates.extend(page.data.into_iter().filter_map(map::template));
            if next.is_none() || next == after {
                return Ok(templates);
            }
            after = next;
        }
        Err(ProviderFailure::Unreadable(format!(
            "the template list has no end after {TEMPLATE_PAGES_MAX} pages"
        )))
    }

    async fn number(&self, line: &Line) -> Result<NumberInfo, ProviderFailure> {
        let number: wire::Number =
            self.query(line, &[&line.phone_number_id], &[("fields", NUMBER_FIELDS)]).await?;
        Ok(number.into())
    }

    async fn register_callback(
        &self,
        line: &Line,
        callback_url: &str,
        verify_token: &Secret,
    ) -> Result<(), ProviderFailure> {
        let url =
            call::url(line, &[&line.waba_id, "subscribed_apps"]).map_err(ProviderFailure::Unreachable)?;
        let body =
            wire::Subscribe { override_callback_uri: callback_url, verify_token: verify_token.expose() };
        let done: wire::Done = self.ask(line, self.http.post(url).json(&body)).await?;
        if done.success {
            Ok(())
        } else {
            Err(ProviderFailure::Unreadable("the answer does not say that the callback was taken".into()))
        }
    }

    fn read_webhook(&self, webhook: &VerifiedWebhook) -> Result<Vec<Change>, Unreadable> {
        webhook::read(webhook.body())
    }
}

impl CloudApi {
    async fn query<T: serde::de::DeserializeOwned>(
        &self,
        line: &Line,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ProviderFailure> {
        let url = call::url(line, path).map_err(ProviderFailure::Unreachable)?;
        self.ask(line, self.http.get(url).query(query)).await
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        line: &Line,
        request: reqwest::RequestBuilder,
    ) -> Result<T, ProviderFailure> {
        let request = request.bearer_auth(line.access_token.expose()).timeout(QUERY_TIMEOUT);
        let answer = call::exchange(request, call::PAGE_MAX).await?;
        map::query_answer(answer.status, &answer.body)
    }
}
