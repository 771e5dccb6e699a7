//! A provider that does what a test tells it.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bellhop_domain::answer::{Accepted, Answer};
use bellhop_domain::content::{Content, Media, Text, Unsupported};
use bellhop_domain::error_table::OwnReason;
use bellhop_domain::inbound::{
    Change, InboundFile, InboundKind, InboundMessage, Item, Preference, Sender, StatusUpdate, Unreadable,
};
use bellhop_domain::media::{MediaKind, MediaRef};
use bellhop_domain::ports::{
    FetchFailure, FetchedFile, Line, MediaFile, NumberInfo, Outbound, Provider, ProviderFailure, ReadMark,
    TemplateDraft, TemplateReceipt, WantedFile,
};
use bellhop_domain::pricing::Pricing;
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::template::{ParameterFormat, TemplateDefinition, TemplateName};
use bellhop_domain::webhook::VerifiedWebhook;
use bellhop_domain::{MediaId, Secret};
use chrono::{SubsecRound, Utc};
use futures_util::StreamExt;
use serde_json::{Value, json};

/// Takes every message unless told otherwise.
#[derive(Default)]
pub struct FakeProvider {
    pub answer: Mutex<Option<Answer>>,
    pub sends: AtomicUsize,
    /// What the next upload is answered with.
    pub upload_failure: Mutex<Option<ProviderFailure>>,
    pub uploads: Mutex<Vec<Uploaded>>,
    /// What the next fetches bring; none when there is nothing left.
    pub fetches: Mutex<VecDeque<Result<FetchedFile, FetchFailure>>>,
    /// Ids of the files that were asked for.
    pub fetched: Mutex<Vec<String>>,
    /// The only access token that is good; any, when there is none.
    pub token: Mutex<Option<&'static str>>,
    /// What a call of this name is refused with: a code, or none for no answer.
    pub refused: Mutex<HashMap<&'static str, Option<i64>>>,
    /// The numbers of an account, where they are not simply the line's.
    pub numbers: Mutex<Option<Vec<String>>>,
    pub callback: Mutex<Option<String>>,
}

impl FakeProvider {
    fn ask(&self, name: &str, line: &Line) -> Result<(), ProviderFailure> {
        if self.token.lock().unwrap().is_some_and(|good| good != line.access_token.expose()) {
            return Err(ProviderFailure::Refused(refusal(190)));
        }
        match self.refused.lock().unwrap().get(name) {
            Some(Some(code)) => Err(ProviderFailure::Refused(refusal(*code))),
            Some(None) => Err(ProviderFailure::Unreachable("nobody is there".into())),
            None => Ok(()),
        }
    }
}

pub fn refusal(code: i64) -> ProviderError {
    ProviderError {
        code,
        title: "refused".into(),
        details: None,
        http_status: Some(400),
        is_transient: false,
        retry_after: None,
    }
}

/// A file as the provider got it: type, name, stated size, and bytes that came.
pub type Uploaded = (String, String, u64, u64);

#[async_trait]
impl Provider for FakeProvider {
    async fn send(&self, line: &Line, message: &Outbound) -> Answer {
        self.sends.fetch_add(1, Ordering::SeqCst);
        if let Err(ProviderFailure::Refused(error)) = self.ask("send", line) {
            return Answer::Refused(error);
        }
        let wamid = format!("wamid.{}", message.attempt);
        let accepted = Accepted { wamid, wa_id: None, bsuid: None };
        self.answer.lock().unwrap().clone().unwrap_or(Answer::Accepted(accepted))
    }

    async fn upload(&self, _: &Line, file: MediaFile) -> Result<String, ProviderFailure> {
        if let Some(failure) = self.upload_failure.lock().unwrap().take() {
            return Err(failure);
        }
        let came = file.bytes.fold(0, async |came, piece| came + piece.unwrap().len() as u64).await;
        let id = format!("uploaded {}", file.filename);
        self.uploads.lock().unwrap().push((file.mime, file.filename, file.size, came));
        Ok(id)
    }

    async fn fetch(&self, _: &Line, wanted: &WantedFile) -> Result<FetchedFile, FetchFailure> {
        self.fetched.lock().unwrap().push(wanted.provider_id.clone());
        let next = self.fetches.lock().unwrap().pop_front();
        next.unwrap_or_else(|| Err(FetchFailure::Failed("nothing is there".into())))
    }

    async fn upload_example(&self, _: &Line, file: MediaFile) -> Result<String, ProviderFailure> {
        Ok(format!("4::{}", file.filename))
    }

    async fn mark_read(&self, _: &Line, _: &ReadMark) -> Result<(), ProviderFailure> {
        Ok(())
    }

    async fn create_template(&self, _: &Line, _: &TemplateDraft) -> Result<TemplateReceipt, ProviderFailure> {
        Ok(TemplateReceipt { provider_id: "1".into(), status: "PENDING".into(), category: None })
    }

    async fn edit_template(&self, _: &Line, _: &str, _: &TemplateDraft) -> Result<(), ProviderFailure> {
        Ok(())
    }

    async fn delete_template(&self, _: &Line, _: &TemplateName, _: &str) -> Result<(), ProviderFailure> {
        Ok(())
    }

    async fn templates(&self, _: &Line) -> Result<Vec<TemplateDefinition>, ProviderFailure> {
        let template = |name: &str, language: &str, body: Value| TemplateDefinition {
            provider_id: format!("{name}.{language}"),
            name: name.parse().unwrap(),
            language: language.parse().unwrap(),
            category: "UTILITY".into(),
            status: "APPROVED".into(),
            parameter_format: ParameterFormat::Named,
            components: json!([body]),
            quality: None,
            rejection_reason: None,
            parameter_names: Vec::new(),
        };
        let example = json!({"body_text_named_params": [{"param_name": "room", "example": "205"}]});
        let welcome = json!({"type": "BODY", "text": "Welcome to room {{room}}", "example": example});
        Ok(vec![
            template("welcome_checkin", "en", welcome),
            template("welcome_checkin", "he", json!({"type": "BODY", "text": "שלום {{room}}"})),
            template("service_followup", "en", json!({"type": "BODY", "text": "How was it?"})),
        ])
    }

    async fn number(&self, line: &Line) -> Result<NumberInfo, ProviderFailure> {
        self.ask("number", line)?;
        Ok(NumberInfo {
            display_phone_number: "+15550000001".into(),
            verified_name: None,
            throughput: None,
            quality_rating: Some("GREEN".into()),
        })
    }

    async fn account_numbers(&self, line: &Line) -> Result<Vec<String>, ProviderFailure> {
        self.ask("account", line)?;
        Ok(self.numbers.lock().unwrap().clone().unwrap_or_else(|| vec![line.phone_number_id.clone()]))
    }

    async fn callback(&self, line: &Line) -> Result<Option<String>, ProviderFailure> {
        self.ask("callback", line)?;
        Ok(self.callback.lock().unwrap().clone())
    }

    async fn register_callback(&self, line: &Line, url: &str, _: &Secret) -> Result<(), ProviderFailure> {
        self.ask("register", line)?;
        *self.callback.lock().unwrap() = Some(url.to_owned());
        Ok(())
    }

    fn read_webhook(&self, webhook: &VerifiedWebhook) -> Result<Vec<Change>, Unreadable> {
        let no = |why: &str| Unreadable { what: "webhook".into(), why: why.into() };
        let raw: Value = serde_json::from_slice(webhook.body()).map_err(|_| no("is not JSON"))?;
        let text = |key: &str| raw[key].as_str().map(str::to_owned);
        let wamid = text("wamid").ok_or_else(|| no("no wamid"))?;
        let timestamp = match text("at") {
            Some(at) => at.parse().map_err(|_| no("at"))?,
            None => Utc::now().trunc_subsecs(3),
        };
        let from =
            Sender { wa_id: text("from"), bsuid: text("bsuid"), name: text("name"), ..Default::default() };
        let code = raw["code"].as_i64();
        let choice = text("choice").map(|choice| choice.parse().map_err(|_| no("choice"))).transpose()?;
        let file = file_of(&raw);
        let item = match (choice, text("status")) {
            (Some(choice), _) => Item::Preference(Preference { from, choice, timestamp, detail: None }),
            (None, Some(status)) => Item::Status(StatusUpdate {
                wamid,
                status: status.parse().map_err(|_| no("status"))?,
                timestamp,
                attempt: text("echo").and_then(|echo| echo.parse().ok()),
                wa_id: None,
                bsuid: None,
                error: code.map(|code| ProviderError { code, ..ProviderError::own(OwnReason::Other) }),
                pricing: Pricing::of(
                    raw["pricing"]["billable"].as_bool(),
                    None,
                    raw["pricing"]["type"].as_str().map(str::to_owned),
                    raw["pricing"]["category"].as_str().map(str::to_owned),
                ),
            }),
            (None, None) => Item::Message(Box::new(InboundMessage {
                wamid,
                from,
                file: file.clone(),
                timestamp,
                kind: InboundKind::Message,
                content: content_of(&raw, file.as_ref()),
                reply_to: None,
                origin: None,
                moved: None,
            })),
        };
        Ok(vec![Change {
            waba_id: "waba1".into(),
            phone_number_id: Some("1".into()),
            time: None,
            field: "messages".into(),
            raw,
            items: vec![Ok(item)],
        }])
    }
}

/// The file that a message of a test carries.
fn file_of(raw: &Value) -> Option<InboundFile> {
    let text = |key: &str| raw[key].as_str().map(str::to_owned);
    Some(InboundFile {
        media_id: MediaId::new(),
        kind: text("kind").map_or(MediaKind::Image, |kind| kind.parse().unwrap()),
        provider_id: text("file")?,
        mime: text("mime").unwrap_or_else(|| "image/jpeg".into()),
        sha256: text("sha256"),
        filename: text("filename"),
        url: None,
    })
}

fn content_of(raw: &Value, file: Option<&InboundFile>) -> Content {
    let text = |key: &str| raw[key].as_str().map(str::to_owned);
    match (text("text"), file) {
        (Some(text), _) => Content::Text(Text::new(text)),
        (None, Some(file)) => {
            let media = Media::of(MediaRef::MediaId(file.media_id));
            Content::media(file.kind, Media { caption: text("caption"), ..media })
        }
        (None, None) => {
            Content::Unsupported(Unsupported { original_type: "order".into(), payload: raw.clone() })
        }
    }
}
