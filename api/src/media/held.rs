//! How much of a form is in memory.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, ready};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use multer::Field;

/// What the parser gets at a time.
const PIECE: usize = 64 << 10;

/// How much it may hold: the headers of a part and a few pieces.
const HELD_MAX: usize = 256 << 10;

/// How much the form's parser holds. It takes all that it can get, and looks for the end of a part's headers in any
/// amount of it; so it gets one piece at a time, and no more than [`HELD_MAX`] beyond what was taken out.
#[derive(Clone, Default)]
pub struct Held(Arc<AtomicUsize>);

impl Held {
    /// What the parser is to read.
    pub fn watch(
        self,
        chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send {
        let mut chunks: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> = Box::pin(chunks);
        let (mut rest, mut pause) = (Bytes::new(), false);
        stream::poll_fn(move |context| {
            // The parser asks until there is nothing for the moment.
            if std::mem::take(&mut pause) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if rest.is_empty() {
                match ready!(chunks.as_mut().poll_next(context)) {
                    Some(Ok(chunk)) => rest = chunk,
                    end @ (Some(Err(_)) | None) => return Poll::Ready(end),
                }
            }
            let piece = rest.split_to(rest.len().min(PIECE));
            pause = true;
            let held = self.0.fetch_add(piece.len(), Ordering::Relaxed) + piece.len();
            let piece =
                if held > HELD_MAX { Err(io::Error::other("the form is no form")) } else { Ok(piece) };
            Poll::Ready(Some(piece))
        })
    }

    /// The headers of a part were read. What else is held already is a piece at most.
    pub fn let_go(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// What it found in a part.
    pub fn bytes_of(self, field: Field<'static>) -> impl Stream<Item = io::Result<Bytes>> + Send {
        field.map(move |piece| {
            let piece = piece.map_err(io::Error::other)?;
            self.let_go();
            Ok(piece)
        })
    }
}

#[cfg(test)]
mod tests {
    use multer::Multipart;

    use super::*;

    fn parser(form: Vec<u8>) -> (Multipart<'static>, Held) {
        let held = Held::default();
        let chunks = stream::iter([Ok(Bytes::from(form))]);
        (Multipart::new(held.clone().watch(chunks), "x"), held)
    }

    #[tokio::test]
    async fn a_part_without_an_end_of_its_headers_is_given_up() {
        for opening in ["", "--x\r\nContent-Disposition: form-data; name=\"media\"; a="] {
            let (mut parser, _) = parser([opening.as_bytes(), &vec![b'a'; HELD_MAX + 1]].concat());
            let error = parser.next_field().await.err();
            assert!(matches!(error, Some(multer::Error::StreamReadFailed(_))), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_part_of_any_length_passes() {
        let opening = b"--x\r\nContent-Disposition: form-data; name=\"media\"\r\n\r\n";
        let file = vec![b'\r'; 20 * HELD_MAX];
        let (mut parser, held) = parser([&opening[..], &file, b"\r\n--x--\r\n"].concat());
        let field = parser.next_field().await.unwrap().unwrap();
        let pieces: Vec<Bytes> = held.bytes_of(field).map(Result::unwrap).collect().await;
        assert!(pieces.concat() == file);
        assert!(pieces.iter().all(|piece| piece.len() < HELD_MAX));
        assert!(parser.next_field().await.unwrap().is_none());
    }
}
