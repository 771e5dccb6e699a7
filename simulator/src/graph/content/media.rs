//! Pictures, films, sounds, documents and stickers: by the id of an upload, or by a link.

use super::{At, Content, Scene};
use crate::{graph::GraphError, media::Kind};

const CAPTION_LIMIT: usize = 1_024;

pub(super) fn parse(scene: &Scene<'_>, at: &At<'_>, kind: Kind) -> Result<Content, GraphError> {
    check(scene, at, kind)?;
    if let Some(voice) = at.get("voice") {
        voice.flag()?;
    }
    // Some clients always send a caption, be it empty.
    let caption = match at.get("caption").filter(|caption| caption.value != "") {
        None => None,
        Some(caption) if kind.has_caption() => Some(caption.text(CAPTION_LIMIT)?),
        Some(_) => return Err(unexpected("caption", kind)),
    };
    let filename = match at.get("filename") {
        None => None,
        Some(filename) if kind == Kind::Document => Some(filename.text(usize::MAX)?),
        Some(_) => return Err(unexpected("filename", kind)),
    };
    let text = caption.or(filename).map_or_else(|| format!("[{}]", kind.name()), str::to_owned);
    Ok(Content::free(kind.name(), text))
}

fn unexpected(key: &str, kind: Kind) -> GraphError {
    GraphError::new(100, format!("Unexpected key \"{key}\" on param \"{}\"", kind.name()))
}

/// Exactly one of `id` and `link`. An id must be an upload that still lives and that fits; a link is not
/// followed.
pub(crate) fn check(scene: &Scene<'_>, at: &At<'_>, kind: Kind) -> Result<(), GraphError> {
    match (at.get("id"), at.get("link")) {
        (Some(id), None) => {
            let text = id.value.as_str().map(str::to_owned);
            let number = id.value.as_u64().map(|number| number.to_string());
            let media = text.or(number).and_then(|id| scene.media(&id));
            let Some(media) = media else {
                return Err(id.refuse("is not a valid whatsapp business account media attachment ID"));
            };
            if kind.takes(&media.mime_type) {
                return Ok(());
            }
            let why = format!(
                "is of type {}, which is none of {{{}}}",
                media.mime_type,
                kind.mime_types().join(", ")
            );
            Err(id.refuse_with(131_053, &why))
        }
        (None, Some(link)) => link.url().map(|_| ()),
        (Some(_), Some(_)) => Err(at.refuse_with(100, "must have one of 'id' and 'link', not both")),
        (None, None) => Err(at.refuse_with(100, "must have one of 'id' and 'link'")),
    }
}
