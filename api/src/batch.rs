//! Batches, as requests give them and answers show them.

use bellhop_domain::batch::{BatchStatus, RefusalKind};
use bellhop_domain::settings::InDoubtPolicy;
use bellhop_domain::{BatchId, MessageId, MessageStatus};
use bellhop_service::batch::{
    BatchOptions, BatchView, Counts as CountsView, Line, LineContent, LineRecipient, RecipientView,
    RefusalView, Unusable,
};
use bellhop_service::send::TemplateSend;
use poem_openapi::Object;

use crate::content::{self, TemplateFields};
use crate::envelope::ApiError;
use crate::failure::FailureReason;
use crate::line::{BatchContent, read_content, read_line_parameters};
use crate::types::{JsonObject, Nullable, Timestamp};

/// Messages to many guests.
#[derive(Debug, Object)]
#[oai(example)]
pub struct BatchSend {
    /// Each with its own content.
    messages: Option<Vec<BatchMessage>>,
    /// One template for all `recipients`.
    template: Option<TemplateFields>,
    recipients: Option<Vec<BatchRecipient>>,
    rate_limit: Option<RateLimit>,
    delivery_options: Option<DeliveryOptions>,
    /// When to begin; at once when absent or past.
    send_at: Option<Timestamp>,
    /// For people.
    #[oai(validator(max_length = 200))]
    name: Option<String>,
}

impl poem_openapi::types::Example for BatchSend {
    fn example() -> Self {
        let message = |phone: &str, text: &str| BatchMessage {
            phone: Some(phone.to_owned()),
            guest_id: None,
            reference: None,
            content: Some(BatchContent(text.into())),
        };
        Self {
            messages: Some(vec![message("+1234567890", "Message 1"), message("+1234567891", "Message 2")]),
            template: None,
            recipients: None,
            rate_limit: Some(RateLimit { messages_per_second: Some(10), batch_size: Some(100) }),
            delivery_options: Some(DeliveryOptions {
                retry_failed: Some(true),
                track_delivery: Some(true),
                ..DeliveryOptions::default()
            }),
            send_at: None,
            name: None,
        }
    }
}

/// A message to one recipient.
#[derive(Debug, Object)]
struct BatchMessage {
    phone: Option<String>,
    guest_id: Option<String>,
    /// Your own name for this recipient, unique in the batch. Needed for two people on one phone.
    reference: Option<String>,
    content: Option<BatchContent>,
}

#[derive(Debug, Object)]
struct BatchRecipient {
    phone: Option<String>,
    guest_id: Option<String>,
    /// Your own name for this recipient, unique in the batch. Needed for two people on one phone.
    reference: Option<String>,
    parameters: Option<JsonObject>,
}

/// How fast. The number's own limit and each guest's always hold.
#[derive(Debug, Object)]
pub struct RateLimit {
    /// As fast as the number may, when absent.
    pub messages_per_second: Option<i64>,
    /// How many recipients a worker takes at a time, 1 to 1,000.
    pub batch_size: Option<i64>,
}

/// What is done for each recipient. The property's own choices hold where these are absent.
#[derive(Debug, Default, Object)]
pub struct DeliveryOptions {
    /// `false`: one attempt each.
    pub retry_failed: Option<bool>,
    pub max_retries: Option<i64>,
    /// Between attempts, in milliseconds, instead of growing gaps.
    pub retry_delay: Option<i64>,
    /// `false`: counts up to `sent`, and no events of single messages.
    pub track_delivery: Option<bool>,
    /// What becomes of a message whose fate stays unknown.
    pub in_doubt: Option<InDoubtPolicy>,
    /// Goes to guests whose 24-hour window is closed when a text would leave.
    pub fallback_template: Option<TemplateFields>,
}

impl BatchSend {
    /// The options, and the lines in their order.
    pub fn read(self) -> Result<(BatchOptions, Vec<Line>), ApiError> {
        let options = options(self.rate_limit, self.delivery_options)?;
        let options = BatchOptions { name: self.name, send_at: self.send_at.map(|at| at.0), ..options };
        let recipients = match (self.messages, self.template, self.recipients) {
            (Some(messages), None, None) => messages.into_iter().map(BatchMessage::read).collect(),
            (None, Some(template), Some(recipients)) => {
                let template = read_template("template", template)?;
                recipients.into_iter().map(|recipient| recipient.read(&template)).collect()
            }
            (None, None, None) => {
                return Err(ApiError::field("messages", "is required, or template and recipients"));
            }
            (None, Some(_), None) => return Err(ApiError::field("recipients", "is required with template")),
            (None, None, Some(_)) => return Err(ApiError::field("template", "is required with recipients")),
            (Some(_), _, _) => {
                return Err(ApiError::field(
                    "messages",
                    "give messages, or template and recipients, not both",
                ));
            }
        };
        Ok((options, numbered(recipients)))
    }
}

fn numbered(recipients: Vec<Result<LineRecipient, Unusable>>) -> Vec<Line> {
    (1..).zip(recipients).map(|(number, recipient)| Line { number, recipient }).collect()
}

/// The choices of a request, whether they stand in its body or in its query.
pub fn options(
    rate_limit: Option<RateLimit>,
    delivery: Option<DeliveryOptions>,
) -> Result<BatchOptions, ApiError> {
    let delivery = delivery.unwrap_or_default();
    let fallback = delivery.fallback_template;
    let fallback = fallback.map(|template| read_template("delivery_options.fallback_template", template));
    let retries = if delivery.retry_failed == Some(false) { Some(0) } else { delivery.max_retries };
    Ok(BatchOptions {
        messages_per_second: rate_limit.as_ref().and_then(|limit| limit.messages_per_second),
        batch_size: rate_limit.and_then(|limit| limit.batch_size),
        max_attempts: retries.map(|retries| retries.saturating_add(1)),
        retry_delay: delivery.retry_delay,
        quiet: delivery.track_delivery == Some(false),
        in_doubt: delivery.in_doubt,
        fallback: fallback.transpose()?,
        ..BatchOptions::default()
    })
}

/// A template of a batch, wherever in the request it stands.
fn read_template(within: &str, template: TemplateFields) -> Result<TemplateSend, ApiError> {
    template.read().map_err(|wrong| content::refuse(within, vec![wrong]))
}

impl BatchMessage {
    fn read(self) -> Result<LineRecipient, Unusable> {
        let content = match self.content.map(|content| content.0) {
            Some(content) => read_content(content)?,
            None => return Err(Unusable::new("content", "is required")),
        };
        let Self { phone, guest_id, reference, .. } = self;
        Ok(LineRecipient { phone, guest_id, reference, content })
    }
}

impl BatchRecipient {
    fn read(self, template: &TemplateSend) -> Result<LineRecipient, Unusable> {
        let own = read_line_parameters(self.parameters.map(|object| object.0))?;
        let mut template = template.clone();
        template.given.parameters.extend(own);
        let content = LineContent::Template(template);
        let Self { phone, guest_id, reference, .. } = self;
        Ok(LineRecipient { phone, guest_id, reference, content })
    }
}

/// A batch that was taken.
#[derive(Debug, Object)]
pub struct AcceptedBatch {
    batch_id: BatchId,
    status: BatchStatus,
    /// From the present pace and what else waits for the number; `null` when nothing is to be sent.
    estimated_completion: Nullable<Timestamp>,
    /// Messages that were made.
    accepted: u64,
    rejected: u64,
    duplicate: u64,
    opted_out: u64,
    /// The first 100 lines that made no message; `GET batches/{id}/refusals` has all.
    refusals: Vec<Refusal>,
}

impl AcceptedBatch {
    pub fn of(view: BatchView, refusals: Vec<RefusalView>) -> Self {
        Self {
            batch_id: view.batch_id,
            status: view.status,
            estimated_completion: Nullable::from(view.estimated_completion),
            accepted: view.counts.accepted,
            rejected: view.counts.rejected,
            duplicate: view.counts.duplicate,
            opted_out: view.counts.opted_out,
            refusals: refusals.into_iter().map(Refusal::from).collect(),
        }
    }
}

/// A batch and how far it is.
#[derive(Debug, Object)]
pub struct Batch {
    batch_id: BatchId,
    name: Nullable<String>,
    status: BatchStatus,
    counts: Counts,
    /// Messages per second at which it goes, or would go.
    messages_per_second: f64,
    estimated_completion: Nullable<Timestamp>,
    /// Why WhatsApp's answer stopped it.
    stopped_reason: Nullable<String>,
    send_at: Nullable<Timestamp>,
    created_at: Timestamp,
    started_at: Nullable<Timestamp>,
    finished_at: Nullable<Timestamp>,
}

impl From<BatchView> for Batch {
    fn from(view: BatchView) -> Self {
        Self {
            batch_id: view.batch_id,
            name: Nullable(view.name),
            status: view.status,
            counts: Counts::from(&view.counts),
            messages_per_second: view.pace,
            estimated_completion: Nullable::from(view.estimated_completion),
            stopped_reason: Nullable(view.stopped_reason),
            send_at: Nullable::from(view.send_at),
            created_at: view.created_at.into(),
            started_at: Nullable::from(view.started_at),
            finished_at: Nullable::from(view.finished_at),
        }
    }
}

/// How many recipients are where. Those in doubt do not keep a batch open.
#[derive(Debug, Object)]
struct Counts {
    scheduled: u64,
    queued: u64,
    sending: u64,
    in_doubt: u64,
    sent: u64,
    delivered: u64,
    read: u64,
    failed: u64,
    expired: u64,
    cancelled: u64,
    rejected: u64,
    duplicate: u64,
    opted_out: u64,
}

impl From<&CountsView> for Counts {
    fn from(view: &CountsView) -> Self {
        Self {
            scheduled: view.of(MessageStatus::Scheduled),
            queued: view.of(MessageStatus::Queued),
            sending: view.of(MessageStatus::Sending),
            in_doubt: view.of(MessageStatus::InDoubt),
            sent: view.of(MessageStatus::Sent),
            delivered: view.of(MessageStatus::Delivered),
            read: view.of(MessageStatus::Read),
            failed: view.of(MessageStatus::Failed),
            expired: view.of(MessageStatus::Expired),
            cancelled: view.of(MessageStatus::Cancelled),
            rejected: view.rejected,
            duplicate: view.duplicate,
            opted_out: view.opted_out,
        }
    }
}

/// A recipient of a batch.
#[derive(Debug, Object)]
pub struct Recipient {
    line: i32,
    reference: Nullable<String>,
    phone: Nullable<String>,
    guest_id: String,
    message_id: MessageId,
    status: MessageStatus,
    wamid: Nullable<String>,
    attempts: i32,
    sent_at: Nullable<Timestamp>,
    delivered_at: Nullable<Timestamp>,
    read_at: Nullable<Timestamp>,
    failure_reason: Nullable<FailureReason>,
}

impl From<RecipientView> for Recipient {
    fn from(view: RecipientView) -> Self {
        let message = view.message;
        Self {
            line: view.line,
            reference: Nullable(view.reference),
            phone: Nullable(view.phone),
            guest_id: view.guest_id.to_string(),
            message_id: message.message_id,
            status: message.status,
            failure_reason: Nullable::from(message.failure_reason()),
            wamid: Nullable(message.wamid),
            attempts: message.attempts,
            sent_at: Nullable::from(message.sent_at),
            delivered_at: Nullable::from(message.delivered_at),
            read_at: Nullable::from(message.read_at),
        }
    }
}

/// A line that made no message.
#[derive(Debug, Object)]
pub struct Refusal {
    line: i32,
    kind: RefusalKind,
    field: String,
    reason: String,
}

impl From<RefusalView> for Refusal {
    fn from(view: RefusalView) -> Self {
        Self { line: view.line, kind: view.kind, field: view.field, reason: view.reason }
    }
}
