//! Batches: many messages that are handed in together.

use bellhop_domain::batch::{BatchStatus, JSON_MAX};
use bellhop_domain::problem::Problem;
use bellhop_domain::settings::InDoubtPolicy;
use bellhop_domain::{BatchId, MessageStatus};
use bellhop_service::App;
use bellhop_service::auth::Caller;
use bellhop_service::batch::{BatchFilter, BatchOptions, BatchView, Line, Opened, PART, RefusalView};
use bellhop_service::page::PageRequest;
use poem::web::Accept;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use serde_json::json;

use crate::auth::{Authorized, ReadConversations, SendMessages};
use crate::batch::{AcceptedBatch, Batch, BatchSend, Recipient, Refusal};
use crate::body::JsonBody;
use crate::deadline::Progress;
use crate::envelope::ApiError;
use crate::export::{self, Format, Listed};
use crate::list::List;
use crate::types::{Limit, Timestamp};
use crate::upload::{self, UploadBody, UploadQuery};
use crate::{BASE_PATH, Tag};

#[derive(ApiResponse)]
pub enum BatchAnswer {
    /// The batch is stored and will be sent at its pace. A repeat with the same Idempotency-Key
    /// answers the same batch with its present status.
    #[oai(status = 202)]
    Accepted(
        Json<AcceptedBatch>,
        /// Where the batch can be read
        #[oai(header = "Location")]
        String,
    ),
}

impl BatchAnswer {
    pub fn of(view: BatchView, refusals: Vec<RefusalView>) -> Self {
        let location = format!("{BASE_PATH}/batches/{}", view.batch_id);
        Self::Accepted(Json(AcceptedBatch::of(view, refusals)), location)
    }
}

#[derive(ApiResponse)]
pub enum RecipientsAnswer {
    /// A page as JSON, or all of them as CSV
    #[oai(status = 200)]
    Recipients(
        Listed<List<Recipient>>,
        /// Names the file, where it is one
        #[oai(header = "Content-Disposition")]
        Option<String>,
    ),
}

/// Hands all lines in; takes everything back when one part cannot be stored.
async fn hand_in(
    app: &App,
    caller: &Caller,
    options: BatchOptions,
    (lines, progress): (Vec<Line>, Option<Progress>),
) -> Result<BatchAnswer, ApiError> {
    let mut reception = match app.open_batch(caller, options).await? {
        Opened::Made(view) => return Ok(BatchAnswer::of(view, Vec::new())),
        Opened::New(reception) => reception,
    };
    let mut lines = lines.into_iter().peekable();
    while lines.peek().is_some() {
        if let Err(error) = reception.take(lines.by_ref().take(PART).collect()).await {
            if let Err(failed) = reception.discard().await {
                // It is swept away.
                tracing::warn!(error = %failed, "a batch was not taken back");
            }
            return Err(error.into());
        }
        if let Some(progress) = &progress {
            progress.made();
        }
    }
    let (view, refusals) = reception.finish().await?;
    Ok(BatchAnswer::of(view, refusals))
}

fn too_many(lines: usize) -> ApiError {
    let message = format!(
        "The request has {lines} recipients; at most {JSON_MAX} are taken at once. \
         POST {BASE_PATH}/batches/upload takes more, as CSV or NDJSON."
    );
    ApiError::new(Problem::PayloadTooLarge, message, json!({"recipients": lines, "limit": JSON_MAX}))
}

pub struct Batches;

#[OpenApi(tag = "Tag::Batches")]
impl Batches {
    /// Send to many
    ///
    /// Either `messages`, each with its own content, or one `template` and its `recipients`. At most
    /// 10,000; `POST batches/upload` takes more. A recipient who cannot be sent to is refused alone,
    /// with its line, and the others go out.
    #[oai(path = "/messages/batch-send", method = "post", operation_id = "send_batch")]
    async fn send(
        &self,
        auth: Authorized<SendMessages>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: JsonBody<BatchSend>,
    ) -> Result<BatchAnswer, ApiError> {
        let idempotency_key = body.idempotency_key(key.as_deref())?;
        let progress = body.progress;
        let (options, lines) = body.value.read()?;
        if lines.len() > JSON_MAX {
            return Err(too_many(lines.len()));
        }
        hand_in(&auth.app, &auth.caller, BatchOptions { idempotency_key, ..options }, (lines, progress)).await
    }

    /// Send to many, as a file
    ///
    /// The body is the file: CSV or NDJSON in UTF-8, up to 64 MB and 100,000 recipients. It is read
    /// as it comes. A line that cannot be sent to is refused alone, with its number, and the others
    /// go out. A file that cannot be read (wrong quotes, another encoding, rows that do not fit the
    /// header …) is refused whole with the line where it fails, and nothing of it is kept.
    ///
    /// CSV (RFC 4180) begins with a header and separates cells by commas, or by semicolons where the
    /// header has no comma. The columns `phone` or `guest_id` name the recipient; `reference` is your
    /// own name for it; `content` is a text; `template_name` and `language` name a template. Every
    /// other column is a parameter of the template, not given where its cell is empty; a row with a
    /// text has no use for them. A row has a text or a template, not both. A cell that begins like a
    /// spreadsheet's formula refuses its row. A row may take 64 kB; lines are
    /// counted from 1, the header.
    ///
    /// NDJSON has an object on each line, up to 64 kB: one of the `messages` of `messages/batch-send`,
    /// or one of its `recipients` where the query has `template_name`. Blank lines are passed over.
    ///
    /// With an Idempotency-Key a repeat must have the same query and the same file. The file is
    /// compared at its end, so a repeat is answered when it has been sent again whole.
    #[oai(path = "/batches/upload", method = "post", operation_id = "upload_batch")]
    #[expect(clippy::too_many_arguments, reason = "each query parameter is an argument")]
    async fn upload(
        &self,
        auth: Authorized<SendMessages>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        /// For people; at most 200 characters
        name: Query<Option<String>>,
        /// When to begin; at once when absent or past
        send_at: Query<Option<Timestamp>>,
        /// For lines that name no template of their own
        template_name: Query<Option<String>>,
        /// Of the template, for lines that name none; the property's default when absent
        language: Query<Option<String>>,
        /// 1 to 1,000; as fast as the number may, when absent
        messages_per_second: Query<Option<i64>>,
        /// How many recipients a worker takes at a time, 1 to 1,000
        batch_size: Query<Option<i64>>,
        /// `false`: one attempt each
        retry_failed: Query<Option<bool>>,
        /// 0 to 20
        max_retries: Query<Option<i64>>,
        /// Between attempts, in milliseconds, instead of growing gaps
        retry_delay: Query<Option<i64>>,
        /// `false`: counts up to `sent`, and no events of single messages
        track_delivery: Query<Option<bool>>,
        /// What becomes of a message whose fate stays unknown
        in_doubt: Query<Option<InDoubtPolicy>>,
        /// Goes to guests whose 24-hour window is closed when a text would leave; one without
        /// parameters
        fallback_template: Query<Option<String>>,
        /// The property's default when absent
        fallback_language: Query<Option<String>>,
        body: UploadBody,
    ) -> Result<BatchAnswer, ApiError> {
        let query = UploadQuery {
            name: name.0,
            send_at: send_at.0,
            template_name: template_name.0,
            language: language.0,
            messages_per_second: messages_per_second.0,
            batch_size: batch_size.0,
            retry_failed: retry_failed.0,
            max_retries: max_retries.0,
            retry_delay: retry_delay.0,
            track_delivery: track_delivery.0,
            in_doubt: in_doubt.0,
            fallback_template: fallback_template.0,
            fallback_language: fallback_language.0,
        };
        let (view, refusals) = upload::hand_in(&auth.app, &auth.caller, key.as_deref(), query, body).await?;
        Ok(BatchAnswer::of(view, refusals))
    }

    /// Batches, newest first
    #[oai(path = "/batches", method = "get", operation_id = "list_batches")]
    async fn list(
        &self,
        auth: Authorized<ReadConversations>,
        status: Query<Option<BatchStatus>>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<Batch>>, ApiError> {
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        let filter = BatchFilter { status: status.0 };
        Ok(Json(auth.app.batches(&auth.caller, filter, page).await?.into()))
    }

    /// A batch
    #[oai(path = "/batches/:batch_id", method = "get", operation_id = "get_batch")]
    async fn get(
        &self,
        auth: Authorized<ReadConversations>,
        batch_id: Path<BatchId>,
    ) -> Result<Json<Batch>, ApiError> {
        Ok(Json(auth.app.batch(&auth.caller, batch_id.0).await?.into()))
    }

    /// Who gets a batch, and what became of each, in the order of the lines
    ///
    /// As CSV, with `format=csv` or `Accept: text/csv`, all recipients come in one file, and `limit`
    /// and `cursor` have no meaning. A text in it that a spreadsheet would read as a formula is
    /// preceded by an apostrophe.
    #[oai(path = "/batches/:batch_id/recipients", method = "get", operation_id = "list_batch_recipients")]
    #[expect(clippy::too_many_arguments, reason = "each query parameter is an argument")]
    async fn recipients(
        &self,
        auth: Authorized<ReadConversations>,
        batch_id: Path<BatchId>,
        status: Query<Option<MessageStatus>>,
        /// Goes before the header `Accept`
        format: Query<Option<Format>>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
        accept: Accept,
    ) -> Result<RecipientsAnswer, ApiError> {
        let (app, caller, id) = (&auth.app, &auth.caller, batch_id.0);
        if Format::choose(format.0, &accept) == Format::Csv {
            let file = export::recipients(app, caller, id, status.0).await?;
            let name = format!("attachment; filename=\"{id}.csv\"");
            return Ok(RecipientsAnswer::Recipients(Listed::Csv(file), Some(name)));
        }
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        let list = app.recipients(caller, id, status.0, page).await?.into();
        Ok(RecipientsAnswer::Recipients(Listed::Json(Json(list)), None))
    }

    /// The lines that made no message, and why
    #[oai(path = "/batches/:batch_id/refusals", method = "get", operation_id = "list_batch_refusals")]
    async fn refusals(
        &self,
        auth: Authorized<ReadConversations>,
        batch_id: Path<BatchId>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<Refusal>>, ApiError> {
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        Ok(Json(auth.app.refusals(&auth.caller, batch_id.0, page).await?.into()))
    }

    /// Let nobody leave until it is resumed
    #[oai(path = "/batches/:batch_id/pause", method = "post", operation_id = "pause_batch")]
    async fn pause(
        &self,
        auth: Authorized<SendMessages>,
        batch_id: Path<BatchId>,
    ) -> Result<Json<Batch>, ApiError> {
        Ok(Json(auth.app.pause_batch(&auth.caller, batch_id.0).await?.into()))
    }

    /// Go on with a batch that was paused, or stopped by WhatsApp
    #[oai(path = "/batches/:batch_id/resume", method = "post", operation_id = "resume_batch")]
    async fn resume(
        &self,
        auth: Authorized<SendMessages>,
        batch_id: Path<BatchId>,
    ) -> Result<Json<Batch>, ApiError> {
        Ok(Json(auth.app.resume_batch(&auth.caller, batch_id.0).await?.into()))
    }

    /// End it: what has not left will not
    #[oai(path = "/batches/:batch_id/cancel", method = "post", operation_id = "cancel_batch")]
    async fn cancel(
        &self,
        auth: Authorized<SendMessages>,
        batch_id: Path<BatchId>,
    ) -> Result<Json<Batch>, ApiError> {
        Ok(Json(auth.app.cancel_batch(&auth.caller, batch_id.0).await?.into()))
    }

    /// Send again to those to whom it failed
    #[oai(path = "/batches/:batch_id/retry-failed", method = "post", operation_id = "retry_failed_of_batch")]
    async fn retry_failed(
        &self,
        auth: Authorized<SendMessages>,
        batch_id: Path<BatchId>,
    ) -> Result<Json<Batch>, ApiError> {
        Ok(Json(auth.app.retry_failed(&auth.caller, batch_id.0).await?.into()))
    }
}
