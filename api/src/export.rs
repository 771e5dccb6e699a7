//! The recipients of a batch as CSV, from the first to the last.

use bellhop_domain::{BatchId, MessageStatus};
use bellhop_service::App;
use bellhop_service::auth::Caller;
use bellhop_service::batch::RecipientView;
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::{Stream, StreamExt, stream};
use poem::http::HeaderValue;
use poem::http::header::CONTENT_TYPE;
use poem::web::Accept;
use poem::{Body, IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::MetaSchemaRef;
use poem_openapi::types::Type;
use poem_openapi::{Enum, ResponseContent};

use crate::envelope::ApiError;

const HEADER: &str = "line,reference,phone,guest_id,message_id,status,wamid,attempts,sent_at,delivered_at,\
                      read_at,failure_reason\r\n";

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Format {
    Json,
    Csv,
}

impl Format {
    /// What the address says; else what the caller's header would rather have.
    pub fn choose(named: Option<Self>, accept: &Accept) -> Self {
        let first = accept.0.iter().find_map(|mime| match mime.essence_str() {
            "text/csv" => Some(Self::Csv),
            "application/json" | "application/*" | "*/*" => Some(Self::Json),
            _ => None,
        });
        named.or(first).unwrap_or(Self::Json)
    }
}

/// What a list of recipients is answered as.
#[derive(ResponseContent)]
pub enum Listed<T: poem_openapi::types::ToJSON + Send> {
    Json(poem_openapi::payload::Json<T>),
    Csv(CsvFile),
}

/// A CSV file that is written while it is read.
pub struct CsvFile(Body);

impl Payload for CsvFile {
    const CONTENT_TYPE: &'static str = "text/csv";

    fn schema_ref() -> MetaSchemaRef {
        String::schema_ref()
    }
}

impl IntoResponse for CsvFile {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

/// Where an export stands.
struct Export {
    app: App,
    caller: Caller,
    batch: BatchId,
    status: Option<MessageStatus>,
    /// Read before the answer began, so that a batch that is not there is 404.
    first: Option<Vec<RecipientView>>,
    after: Option<i32>,
}

/// All recipients of a batch, read by pages while the answer leaves.
pub async fn recipients(
    app: &App,
    caller: &Caller,
    batch: BatchId,
    status: Option<MessageStatus>,
) -> Result<CsvFile, ApiError> {
    let first = app.next_recipients(caller, batch, status, None).await?;
    let export = Export { app: app.clone(), caller: *caller, batch, status, first: Some(first), after: None };
    let header = stream::once(async { Ok(HEADER.to_owned()) });
    Ok(CsvFile(Body::from_bytes_stream(header.chain(pages(export)).boxed())))
}

fn pages(export: Export) -> impl Stream<Item = std::io::Result<String>> + Send {
    stream::try_unfold(export, |mut export| async move {
        let page = match export.first.take() {
            Some(first) => first,
            None => export.next().await?,
        };
        let Some(last) = page.last() else { return Ok(None) };
        export.after = Some(last.line);
        Ok(Some((page.iter().map(row).collect(), export)))
    })
}

impl Export {
    /// An error breaks the answer off in its middle, and the reader sees that it is not whole.
    async fn next(&self) -> std::io::Result<Vec<RecipientView>> {
        let page = self.app.next_recipients(&self.caller, self.batch, self.status, self.after).await;
        page.map_err(|error| {
            tracing::error!(batch = %self.batch, %error, "an export broke off");
            std::io::Error::other("the export broke off")
        })
    }
}

fn row(view: &RecipientView) -> String {
    let message = &view.message;
    let time = |at: Option<DateTime<Utc>>| {
        at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)).unwrap_or_default()
    };
    let cells = [
        view.line.to_string(),
        text(view.reference.as_deref()),
        phone(view.phone.as_deref()),
        view.guest_id.to_string(),
        message.message_id.to_string(),
        message.status.to_string(),
        text(message.wamid.as_deref()),
        message.attempts.to_string(),
        time(message.sent_at),
        time(message.delivered_at),
        time(message.read_at),
        text(message.failure_reason().map(|reason| reason.in_words()).as_deref()),
    ];
    cells.join(",") + "\r\n"
}

/// A text of somebody else's making. A spreadsheet runs a cell that begins like a formula, quoted or not; the
/// apostrophe makes a text of it.
fn text(value: Option<&str>) -> String {
    let value = value.unwrap_or_default();
    let defused = if value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { "'" } else { "" };
    if value.is_empty() { String::new() } else { format!("\"{defused}{}\"", value.replace('"', "\"\"")) }
}

/// Begins like a formula too, and stays: it is a plus and digits, which run nothing, and an apostrophe would
/// have to be taken off again by whoever uploads the file's numbers or looks them up.
fn phone(value: Option<&str>) -> String {
    match value {
        Some(number) if number.bytes().skip(1).all(|byte| byte.is_ascii_digit()) => format!("\"{number}\""),
        other => text(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused_and_quotes_doubled() {
        for (given, written) in [
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("@x", "\"'@x\""),
            ("-1", "\"'-1\""),
            ("+1", "\"'+1\""),
            ("\t=1", "\"'\t=1\""),
        ] {
            assert_eq!(text(Some(given)), written);
        }
        assert_eq!(phone(Some("+972501234567")), "\"+972501234567\"");
        assert_eq!(phone(Some("+1;=1+1")), "\"'+1;=1+1\"");
    }

    #[test]
    fn the_address_goes_before_the_header() {
        let accept = |text: &str| Accept(text.split(',').map(|mime| mime.parse().unwrap()).collect());
        assert_eq!(Format::choose(None, &accept("text/csv")), Format::Csv);
        assert_eq!(Format::choose(Some(Format::Json), &accept("text/csv")), Format::Json);
        assert_eq!(Format::choose(None, &accept("*/*")), Format::Json);
        assert_eq!(Format::choose(None, &accept("application/json,text/csv")), Format::Json);
        assert_eq!(Format::choose(None, &Accept(Vec::new())), Format::Json);
        assert_eq!(Format::choose(Some(Format::Csv), &Accept(Vec::new())), Format::Csv);
    }
}
