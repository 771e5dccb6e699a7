//! Meta's WhatsApp Cloud API.
//!
//! [`wire`] mirrors Meta's JSON, [`map`] turns our words into it and its answers into ours,
//! [`webhook`] reads what it tells by itself, [`upload`] streams files to it, [`fetch`] those that guests sent from it.

mod call;
mod fetch;
mod json;
mod map;
mod upload;
mod usage;
mod webhook;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use bellhop_domain::Secret;
use bellhop_domain::answer::Answer;
use bellhop_domain::inbound::{Change, Unreadable};
use bellhop_domain::ports::{
    FetchFailure, FetchedFile, Line, MediaFile, NumberInfo, Outbound, Provider, ProviderFailure, ReadMark,
    TemplateDraft, TemplateReceipt, WantedFile,
};
use bellhop_domain::template::{TemplateDefinition, TemplateName};
use bellhop_domain::webhook::VerifiedWebhook;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use call::http_client;
pub use fetch::file_client;

/// For calls that may simply be made again; a send brings its own deadline.
const QUERY_TIMEOUT: Duration = Duration::from_secs(15);

const MESSAGES: &str = "messages";
const TEMPLATES: &str = "message_templates";

const TEMPLATE_FIELDS: &str =
    "id,name,language,status,category,parameter_format,components,quality_score,rejected_reason";
/// Meta's page size is undocumented when not asked for.
const TEMPLATE_PAGE: &str = "100";
/// An account has at most 6,000 templates, each in up to some seventy languages.
const TEMPLATE_PAGES_MAX: usize = 5_000;

const NUMBER_PAGE: &str = "100";
/// An account has a few hundred numbers at most.
const NUMBER_PAGES_MAX: usize = 50;

const NUMBER_FIELDS: &str = "display_phone_number,verified_name,quality_rating,throughput,is_on_biz_app";

/// The adapter. It holds nothing but the HTTP clients, whose pools are shared by all lines.
#[derive(Debug, Clone)]
pub struct CloudApi {
    http: reqwest::Client,
    /// For files that are not on the API's own host.
    files: Option<reqwest::Client>,
}

impl CloudApi {
    /// `http` must neither follow redirects nor repeat requests by itself: [`http_client`] makes
    /// such a one.
    pub fn new(http: reqwest::Client) -> Self {
        Self { http, files: None }
    }

    /// Fetches guests' files from the hosts, too, that the API names, with such a client as [`file_client`]
    /// makes. Without one they are fetched from the API's own host only.
    #[must_use]
    pub fn fetching_with(self, files: reqwest::Client) -> Self {
        Self { files: Some(files), ..self }
    }
}

#[async_trait]
impl Provider for CloudApi {
    async fn send(&self, line: &Line, message: &Outbound) -> Answer {
        let body = match map::send::request(message) {
            Ok(body) => body,
            Err(why) => return Answer::Refused(why.into()),
        };
        let url = match call::url(line, &[&line.phone_number_id, MESSAGES]) {
            Ok(url) => url,
            Err(reason) => return Answer::NeverSent { reason },
        };
        let request =
            self.http.post(url).bearer_auth(line.access_token.expose()).timeout(message.deadline).json(&body);
        match call::exchange(request, call::ANSWER_MAX).await {
            Ok(answer) => map::answer::answer(answer.status, &answer.body).asking_for(answer.retry_after),
            Err(lost) => lost.into(),
        }
    }

    async fn upload(&self, line: &Line, file: MediaFile) -> Result<String, ProviderFailure> {
        let timeout = upload::timeout(file.size);
        let request = self.to(Method::POST, line, &[&line.phone_number_id, "media"])?;
        let done: wire::answer::Uploaded =
            answer(request.timeout(timeout).multipart(upload::form(file)?)).await?;
        map::answer::told(done.id, "id")
    }

    /// In two steps: a session is opened, then the bytes go to the address that it has.
    async fn upload_example(&self, line: &Line, file: MediaFile) -> Result<String, ProviderFailure> {
        let about = [
            ("file_length", &*file.size.to_string()),
            ("file_type", &file.mime),
            ("file_name", &file.filename),
        ];
        // `app` is the app of the token. The client leaves the length of no body out, and there are
        // servers that refuse a POST without one.
        let open = self.to(Method::POST, line, &["app", "uploads"])?.query(&about).header(CONTENT_LENGTH, 0);
        let session: wire::answer::Uploaded = answer(open).await?;
        let url = upload::session_url(line, &map::answer::told(session.id, "id")?)?;
        let bytes = self
            .http
            .post(url)
            .header(AUTHORIZATION, upload::oauth(&line.access_token)?)
            .header(CONTENT_TYPE, &file.mime)
            .header(CONTENT_LENGTH, file.size)
            .header("file_offset", 0)
            .timeout(upload::timeout(file.size))
            .body(upload::body(file));
        let handle: wire::answer::Handle = answer(bytes).await?;
        map::answer::told(handle.h, "handle")
    }

    async fn fetch(&self, line: &Line, wanted: &WantedFile) -> Result<FetchedFile, FetchFailure> {
        let clients = fetch::Clients { own: &self.http, others: self.files.as_ref() };
        if let Some(ready) = fetch::open_ready(&clients, line, wanted).await {
            return fetch::file(ready?, None, wanted);
        }
        // Not with the number's id, which Meta takes of files only that were uploaded on the number.
        let address: wire::answer::FileAddress = self.query(line, &[&wanted.provider_id], &[]).await?;
        let bytes = fetch::open_named(&clients, line, &address, wanted.stall).await?;
        fetch::file(bytes, Some(address), wanted)
    }

    async fn mark_read(&self, line: &Line, mark: &ReadMark) -> Result<(), ProviderFailure> {
        self.post(line, &[&line.phone_number_id, MESSAGES], &map::send::read(mark)).await
    }

    async fn create_template(
        &self,
        line: &Line,
        draft: &TemplateDraft,
    ) -> Result<TemplateReceipt, ProviderFailure> {
        let request = self.to(Method::POST, line, &[&line.waba_id, TEMPLATES])?;
        map::template::receipt(answer(request.json(&map::template::create(draft))).await?)
    }

    async fn edit_template(
        &self,
        line: &Line,
        provider_id: &str,
        draft: &TemplateDraft,
    ) -> Result<(), ProviderFailure> {
        self.post(line, &[provider_id], &map::template::edit(draft)).await
    }

    async fn delete_template(
        &self,
        line: &Line,
        name: &TemplateName,
        provider_id: &str,
    ) -> Result<(), ProviderFailure> {
        let request = self
            .to(Method::DELETE, line, &[&line.waba_id, TEMPLATES])?
            .query(&[("hsm_id", provider_id), ("name", name.as_str())]);
        let answer = call::exchange(request, call::PAGE_MAX).await?;
        map::answer::removed(&line.waba_id, answer.status, &answer.body)
    }

    async fn templates(&self, line: &Line) -> Result<Vec<TemplateDefinition>, ProviderFailure> {
        let mut templates = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..TEMPLATE_PAGES_MAX {
            let mut query = vec![("fields", TEMPLATE_FIELDS), ("limit", TEMPLATE_PAGE)];
            query.extend(after.as_deref().map(|cursor| ("after", cursor)));
            let page: wire::template::TemplatePage =
                self.query(line, &[&line.waba_id, TEMPLATES], &query).await?;
            let next = page.next_cursor();
            templates.extend(page.data.into_iter().filter_map(map::template::template));
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
        let number: wire::account::Number =
            self.query(line, &[&line.phone_number_id], &[("fields", NUMBER_FIELDS)]).await?;
        Ok(number.into())
    }

    async fn account_numbers(&self, line: &Line) -> Result<Vec<String>, ProviderFailure> {
        let mut ids = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..NUMBER_PAGES_MAX {
            let mut query = vec![("fields", "id"), ("limit", NUMBER_PAGE)];
            query.extend(after.as_deref().map(|cursor| ("after", cursor)));
            let page: wire::template::TemplatePage =
                self.query(line, &[&line.waba_id, "phone_numbers"], &query).await?;
            let next = page.next_cursor();
            ids.extend(page.data.into_iter().filter_map(map::answer::id));
            if next.is_none() || next == after {
                return Ok(ids);
            }
            after = next;
        }
        Err(ProviderFailure::Unreadable(format!(
            "the list of numbers has no end after {NUMBER_PAGES_MAX} pages"
        )))
    }

    async fn callback(&self, line: &Line) -> Result<Option<String>, ProviderFailure> {
        let number: wire::account::Callbacks =
            self.query(line, &[&line.phone_number_id], &[("fields", "webhook_configuration")]).await?;
        Ok(number.webhook_configuration.and_then(wire::account::Callback::effective))
    }

    async fn register_callback(
        &self,
        line: &Line,
        callback_url: &str,
        verify_token: &Secret,
    ) -> Result<(), ProviderFailure> {
        let body = wire::account::Subscribe {
            override_callback_uri: callback_url,
            verify_token: verify_token.expose(),
        };
        self.post(line, &[&line.waba_id, "subscribed_apps"], &body).await
    }

    fn read_webhook(&self, webhook: &VerifiedWebhook) -> Result<Vec<Change>, Unreadable> {
        webhook::read(webhook.body())
    }
}

impl CloudApi {
    /// A request with the line's token, for a call that may simply be made again.
    fn to(&self, method: Method, line: &Line, path: &[&str]) -> Result<RequestBuilder, ProviderFailure> {
        let url = call::url(line, path).map_err(ProviderFailure::Unreachable)?;
        let request = self.http.request(method, url);
        Ok(request.bearer_auth(line.access_token.expose()).timeout(QUERY_TIMEOUT))
    }

    async fn query<T: DeserializeOwned>(
        &self,
        line: &Line,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ProviderFailure> {
        answer(self.to(Method::GET, line, path)?.query(query)).await
    }

    /// Where the answer is `success` or an error.
    async fn post(
        &self,
        line: &Line,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<(), ProviderFailure> {
        map::answer::done(&answer(self.to(Method::POST, line, path)?.json(body)).await?)
    }
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, ProviderFailure> {
    let answer = call::exchange(request, call::PAGE_MAX).await?;
    map::answer::query_answer(answer.status, &answer.body)
}
