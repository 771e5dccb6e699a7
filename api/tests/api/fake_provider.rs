//! A provider that does what a test tells it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bellhop_domain::Secret;
use bellhop_domain::answer::{Accepted, Answer};
use bellhop_domain::content::{Content, Text, Unsupported};
use bellhop_domain::inbound::{Change, InboundKind, InboundMessage, Item, Sender, StatusUpdate, Unreadable};
use bellhop_domain::ports::{
    Line, MediaFile, NumberInfo, Outbound, Provider, ProviderFailure, ReadMark, TemplateDraft,
    TemplateReceipt,
};
use bellhop_domain::template::{ParameterFormat, TemplateDefinition, TemplateName};
use bellhop_domain::webhook::VerifiedWebhook;
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
}

/// A file as the provider got it: type, name, stated size, and bytes that came.
pub type Uploaded = (String, String, u64, u64);

#[async_trait]
impl Provider for FakeProvider {
    async fn send(&self, _: &Line, message: &Outbound) -> Answer {
        self.sends.fetch_add(1, Ordering::SeqCst);
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

    async fn number(&self, _: &Line) -> Result<NumberInfo, ProviderFailure> {
        Ok(NumberInfo { display_phone_number: "+15550000001".into(), throughput: None, quality_rating: None })
    }

    async fn register_callback(&self, _: &Line, _: &str, _: &Secret) -> Result<(), ProviderFailure> {
        Ok(())
    }

    fn read_webhook(&self, webhook: &VerifiedWebhook) -> Result<Vec<Change>, Unreadable> {
        let no = |why: &str| Unreadable { what: "webhook".into(), why: why.into() };
        let raw: Value = serde_json::from_slice(webhook.body()).map_err(|_| no("is not JSON"))?;
        let text = |key: &str| raw[key].as_str().map(str::to_owned);
        let wamid = text("wamid").ok_or_else(|| no("no wamid"))?;
        let timestamp = Utc::now().trunc_subsecs(3);
        let item = match text("status") {
            Some(status) => Item::Status(StatusUpdate {
                wamid,
                status: status.parse().map_err(|_| no("status"))?,
                timestamp,
                attempt: None,
                wa_id: None,
                bsuid: None,
                error: None,
            }),
            None => Item::Message(InboundMessage {
                wamid,
                from: Sender { wa_id: text("from"), bsuid: text("bsuid"), ..Default::default() },
                timestamp,
                kind: InboundKind::Message,
                content: match text("text") {
                    Some(text) => Content::Text(Text::new(text)),
                    None => Content::Unsupported(Unsupported {
                        original_type: "order".into(),
                        payload: raw.clone(),
                    }),
                },
                reply_to: None,
            }),
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
