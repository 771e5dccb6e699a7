//! An archive as a ZIP file that is written while it is read. Nothing is compressed: most of it is pictures.

use std::io::{self, Write};

use bellhop_domain::GuestId;
use bellhop_service::privacy::{Archive, Part};
use bytes::Bytes;
use futures_util::stream;
use poem::http::HeaderValue;
use poem::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Payload;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use tokio::sync::mpsc;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Pieces that wait for a slow reader.
const AHEAD: usize = 8;

/// A guest's archive.
pub struct ZipFile {
    body: Body,
    guest: GuestId,
}

/// Where the file's bytes go.
struct Out(mpsc::Sender<io::Result<Bytes>>);

impl ZipFile {
    pub fn of(guest: GuestId, archive: Archive) -> Self {
        let (sender, pieces) = mpsc::channel(AHEAD);
        // The writer is none for tasks: it waits where it stands.
        tokio::task::spawn_blocking(move || {
            let broken = sender.clone();
            if let Err(error) = write(archive, Out(sender)) {
                // An archive that broke off must not look whole: the answer breaks off too. The reader may be gone.
                broken.blocking_send(Err(error)).ok();
            }
        });
        let bytes =
            stream::unfold(pieces, |mut pieces| async { pieces.recv().await.map(|piece| (piece, pieces)) });
        Self { body: Body::from_bytes_stream(bytes), guest }
    }
}

fn write(mut archive: Archive, out: Out) -> io::Result<()> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut zip = ZipWriter::new_stream(out);
    while let Some(part) = archive.blocking_recv() {
        match part.map_err(|_| io::Error::other("the export broke off"))? {
            Part::File { name } => zip.start_file(name, options)?,
            Part::Bytes(bytes) => zip.write_all(&bytes)?,
        }
    }
    zip.finish()?;
    Ok(())
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Payload for ZipFile {
    const CONTENT_TYPE: &'static str = "application/zip";

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema { format: Some("binary"), ..MetaSchema::new("string") }))
    }
}

impl IntoResponse for ZipFile {
    fn into_response(self) -> Response {
        let name = format!("attachment; filename=\"{}.zip\"", self.guest);
        let mut response = Response::builder()
            .content_type(Self::CONTENT_TYPE)
            .header(CACHE_CONTROL, "no-store")
            .body(self.body);
        if let Ok(name) = HeaderValue::try_from(name) {
            response.headers_mut().insert(CONTENT_DISPOSITION, name);
        }
        response
    }
}

impl ApiResponse for ZipFile {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The archive",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: <Self as Payload>::CONTENT_TYPE,
                    schema: <Self as Payload>::schema_ref(),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}
