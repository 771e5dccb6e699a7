//! Batches as files: too large to be read whole, so their lines go in as they come.

mod csv;
mod file;
pub mod guests;
mod ndjson;
mod options;
mod records;
mod table;

use std::pin::Pin;
use std::time::Duration;

use bellhop_domain::problem::Problem;
use bellhop_service::App;
use bellhop_service::auth::Caller;
use bellhop_service::batch::{BatchOptions, BatchView, Line, Opened, PART, Reception, RefusalView};
use bellhop_service::idempotency::{BodyHash, IdempotencyKey};
use futures_util::{Stream, StreamExt};
use poem::http::header::CONTENT_ENCODING;
use poem::{Body, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::body::check_key_header;
use crate::deadline::Progress;
use crate::envelope::ApiError;
use crate::request_id;
use file::{Defaults, File, Kind};
pub use options::UploadQuery;

/// What is read at a time between two looks at how many lines there are.
const PIECE: usize = 64 << 10;

/// After so long the lines that there are go in, even if they fill no part: a batch that nobody
/// hears of for 30 s is swept away.
const WORD: Duration = Duration::from_secs(10);

type Pieces = Pin<Box<dyn Stream<Item = std::io::Result<Vec<u8>>> + Send>>;

/// A body that is a file, not read yet.
pub struct UploadBody {
    kind: Kind,
    body: Body,
    path: String,
    query: String,
    progress: Option<Progress>,
}

impl<'a> ApiExtractor<'a> for UploadBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let content = ["text/csv", "application/x-ndjson", "application/jsonl"].map(|content_type| {
            let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
            MetaMediaType { content_type, schema }
        });
        Some(MetaRequest { description: None, content: content.into(), required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        check_key_header(request)?;
        Ok(Self {
            kind: kind_of(request)?,
            // An upload without a body is an empty file, and refused as one.
            body: body.take().unwrap_or_else(|_| Body::empty()),
            path: request.original_uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            progress: request.data().cloned(),
        })
    }
}

/// What a file is, by its content type; its name decides nothing.
fn kind_of(request: &Request) -> Result<Kind, ApiError> {
    let no = |message: &str| ApiError::because(Problem::UnsupportedMediaType, message);
    if request.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(no("A compressed file is not taken; send it as it is."));
    }
    let given = request.content_type().unwrap_or_default().to_ascii_lowercase();
    let mut parts = given.split(';').map(str::trim);
    let kind = match parts.next().unwrap_or_default() {
        "text/csv" => Kind::Csv,
        "application/x-ndjson" | "application/jsonl" => Kind::Ndjson,
        _ => return Err(no("The content type must be text/csv, application/x-ndjson or application/jsonl.")),
    };
    let charset = parts.find_map(|part| part.strip_prefix("charset=")).map(|name| name.trim_matches('"'));
    match charset {
        None | Some("utf-8" | "utf8" | "us-ascii") => Ok(kind),
        Some(_) => Err(no("The file must be UTF-8.")),
    }
}

/// An upload that is being handed in.
struct Upload {
    app: App,
    caller: Caller,
    options: BatchOptions,
    defaults: Defaults,
    body: UploadBody,
    /// The request is not answered any more.
    gone: CancellationToken,
}

/// Hands a file in; nothing of it is kept when it cannot be read to its end.
///
/// In a task of its own: the request's is dropped where it stands when its sender goes away, and what has been
/// handed in by then would lie about until it is swept.
pub async fn hand_in(
    app: &App,
    caller: &Caller,
    key: Option<&str>,
    query: UploadQuery,
    body: UploadBody,
) -> Result<(BatchView, Vec<RefusalView>), ApiError> {
    let (options, defaults) = query.read()?;
    let idempotency_key = key.map(|key| body.idempotency_key(key)).transpose()?;
    let options = BatchOptions { idempotency_key, ..options };
    let gone = CancellationToken::new();
    let _guard = gone.clone().drop_guard();
    let upload = Upload { app: app.clone(), caller: *caller, options, defaults, body, gone };
    let task = tokio::spawn(request_id::scope(request_id::current(), upload.run()));
    task.await.unwrap_or_else(|error| {
        tracing::error!(request_id = request_id::current(), %error, "an upload broke down");
        Err(ApiError::of(Problem::Internal))
    })
}

impl UploadBody {
    /// The key stands for the address, the options and the kind of file; for the file itself as
    /// soon as it is known, which is at its end.
    fn idempotency_key(&self, header: &str) -> Result<IdempotencyKey, ApiError> {
        let opening = format!("{:?} {}", self.kind, self.query);
        IdempotencyKey::parse(header, &self.path, opening.as_bytes()).map_err(ApiError::from)
    }
}

impl Upload {
    async fn run(self) -> Result<(BatchView, Vec<RefusalView>), ApiError> {
        let Self { app, caller, options, defaults, body, gone } = self;
        let key = options.idempotency_key.clone();
        let opened = app.open_batch(&caller, options).await.map_err(options::in_query)?;
        let pieces = body.body.into_bytes_stream().map(|piece| piece.map(|bytes| bytes.to_vec()));
        let pieces: Pieces = Box::pin(pieces);
        let mut reception = match opened {
            Opened::New(reception) => reception,
            Opened::Made(view) => {
                let content = hash_of(pieces, &gone).await?;
                if let Some(key) = key {
                    app.check_content(&caller, &key, &content).await?;
                }
                return Ok((view, Vec::new()));
            }
        };
        let file = File::new(body.kind, defaults);
        let hash = key.is_some().then(BodyHash::default);
        let (progress, lines, handed) = (body.progress, Vec::new(), Instant::now());
        let mut feed = Feed { pieces, hash, gone, progress, lines, handed };
        match feed.run(&mut reception, file).await {
            Ok(()) => {
                if let Some(hash) = feed.hash {
                    reception.content_is(hash);
                }
                Ok(reception.finish().await?)
            }
            Err(error) => {
                if let Err(error) = reception.discard().await {
                    tracing::warn!(%error, "an upload could not be taken back, and will be swept away");
                }
                Err(error)
            }
        }
    }
}

/// The lines of a file on their way into a batch.
struct Feed {
    pieces: Pieces,
    /// Of the file, where a key wants to know it.
    hash: Option<BodyHash>,
    gone: CancellationToken,
    progress: Option<Progress>,
    lines: Vec<Line>,
    /// When lines went in last.
    handed: Instant,
}

impl Feed {
    async fn run(&mut self, reception: &mut Reception, mut file: File) -> Result<(), ApiError> {
        loop {
            match timeout(WORD, next(&mut self.pieces, &self.gone)).await {
                Ok(Ok(Some(bytes))) => self.read(reception, &mut file, &bytes).await?,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(error),
                // Slow, not dead: how long it may be silent is decided for all requests alike.
                Err(_) => {}
            }
            if self.handed.elapsed() >= WORD {
                self.hand_over(reception).await?;
            }
        }
        file.finish(&mut self.lines)?;
        while !self.lines.is_empty() {
            self.hand_over(reception).await?;
        }
        // The end of the body may be that of its connection.
        if self.gone.is_cancelled() { Err(broken_off()) } else { Ok(()) }
    }

    async fn read(
        &mut self,
        reception: &mut Reception,
        file: &mut File,
        bytes: &[u8],
    ) -> Result<(), ApiError> {
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        for piece in bytes.chunks(PIECE) {
            file.push(piece, &mut self.lines)?;
            while self.lines.len() >= PART {
                self.hand_over(reception).await?;
            }
        }
        Ok(())
    }

    /// Hands over what there is, at most a part. Even nothing tells the batch that we live.
    async fn hand_over(&mut self, reception: &mut Reception) -> Result<(), ApiError> {
        let rest = self.lines.split_off(self.lines.len().min(PART));
        reception.take(std::mem::replace(&mut self.lines, rest)).await?;
        self.handed = Instant::now();
        if let Some(progress) = &self.progress {
            progress.made();
        }
        Ok(())
    }
}

/// The next piece of a body; `None` at its end.
async fn next(pieces: &mut Pieces, gone: &CancellationToken) -> Result<Option<Vec<u8>>, ApiError> {
    tokio::select! {
        biased;
        () = gone.cancelled() => Err(broken_off()),
        piece = pieces.next() => piece.transpose().map_err(|_| broken_off()),
    }
}

fn broken_off() -> ApiError {
    ApiError::field("body", "broke off before its end; nothing of it was kept")
}

/// Reads a body to its end and keeps nothing but what tells it from another.
async fn hash_of(mut pieces: Pieces, gone: &CancellationToken) -> Result<BodyHash, ApiError> {
    let mut hash = BodyHash::default();
    while let Some(piece) = next(&mut pieces, gone).await? {
        hash.update(&piece);
    }
    Ok(hash)
}
