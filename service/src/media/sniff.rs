//! What a file is, by its bytes. A client's word is not asked for: it would become the content type under which
//! a file is served again.

/// How much of the beginning is looked at.
pub(super) const HEAD: usize = 8 << 10;

/// What a file was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub mime: &'static str,
    /// Of WebP only: whether it moves.
    pub animated: bool,
}

const UNKNOWN: &str = "application/octet-stream";
const WORD: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const SHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const SLIDES: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";

/// `is_text` is said of the whole file. The name decides only between formats that share a container.
pub(super) fn sniff(head: &[u8], is_text: bool, filename: Option<&str>) -> Found {
    let extension = filename.and_then(|name| name.rsplit_once('.')).map(|(_, end)| end.to_ascii_lowercase());
    let extension = extension.as_deref().unwrap_or_default();
    let mime = match is_text {
        true => text(head),
        false => binary(head, extension),
    };
    Found { mime, animated: mime == "image/webp" && moves(head) }
}

/// Some formats are texts. What else begins like a picture or a program (`BM`, `MZ`) and goes on as a text is one.
fn text(head: &[u8]) -> &'static str {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if head.starts_with(b"%PDF-") {
        return "application/pdf";
    }
    let begins = head.trim_ascii_start();
    if begins.starts_with(b"<") && contains(&head.to_ascii_lowercase(), b"<svg") {
        return "image/svg+xml";
    }
    match infer::get(head).map(|kind| kind.mime_type()) {
        Some(mime @ ("text/html" | "text/xml" | "text/x-shellscript")) => mime,
        Some(mime @ ("application/rtf" | "application/postscript" | "application/x-x509-ca-cert")) => mime,
        // It knows `<!DOCTYPE html>` by a space in its middle only.
        Some(_) | None if begins.len() > 9 && begins[..9].eq_ignore_ascii_case(b"<!doctype") => "text/html",
        Some(_) | None => "text/plain",
    }
}

fn binary(head: &[u8], extension: &str) -> &'static str {
    match head {
        [b'%', b'P', b'D', b'F', b'-', ..] => "application/pdf",
        [b'P', b'K', 3, 4, ..] => match extension {
            "docx" => WORD,
            "xlsx" => SHEET,
            "pptx" => SLIDES,
            _ => infer::get(head).map_or("application/zip", |kind| kind.mime_type()),
        },
        [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, ..] => match extension {
            "doc" => "application/msword",
            "xls" => "application/vnd.ms-excel",
            "ppt" => "application/vnd.ms-powerpoint",
            _ => "application/x-ole-storage",
        },
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => boxed(head, extension),
        [b'O', b'g', b'g', b'S', ..] => match head.get(28..36) {
            Some(b"OpusHead") => "audio/ogg",
            // Vorbis, Theora …: WhatsApp takes nothing but OPUS in it.
            Some(_) | None => "application/ogg",
        },
        [b'#', b'!', b'A', b'M', b'R', ..] => "audio/amr",
        [0xFF, second, ..] if second & 0xF6 == 0xF0 => "audio/aac",
        // Layer III of any version.
        [0xFF, second, ..] if second & 0xE6 == 0xE2 => "audio/mpeg",
        _ => infer::get(head).map_or(UNKNOWN, |kind| kind.mime_type()),
    }
}

/// The family of MP4, by the brands in its first box. Source: ISO/IEC 14496-12, `ftyp`.
fn boxed(head: &[u8], extension: &str) -> &'static str {
    let brand = head.get(8..12).unwrap_or_default();
    match brand {
        [b'M', b'4', b'A' | b'B' | b'P', _] => return "audio/mp4",
        [b'3', b'g', b'p' | b'r' | b's' | b'e' | b'g', _] => return "video/3gpp",
        [b'q', b't', ..] => return "video/quicktime",
        _ => {}
    }
    let length = head.first_chunk().map_or(0, |length| u32::from_be_bytes(*length)) as usize;
    let brands = head.get(8..length.min(head.len())).unwrap_or(brand);
    let is_mp4 = |brand: &[u8]| {
        [&b"isom"[..], b"mp4", b"iso", b"avc", b"mmp4", b"M4V", b"MSNV", b"dash", b"F4V"]
            .iter()
            .any(|known| brand.starts_with(known))
    };
    match infer::get(head).map(|kind| kind.mime_type()) {
        Some(mime) if mime.starts_with("image/") => mime,
        Some(_) | None if brands.chunks(4).any(is_mp4) => match extension {
            // Recorders write their sound under the brand of films.
            "m4a" => "audio/mp4",
            _ => "video/mp4",
        },
        Some(mime) => mime,
        None => UNKNOWN,
    }
}

/// The animation flag of the extended format. Source: the WebP container specification, "Extended File Format".
fn moves(webp: &[u8]) -> bool {
    webp.get(12..16) == Some(b"VP8X") && webp.get(20).is_some_and(|flags| flags & 0b10 != 0)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mp4(brand: &str, others: &str) -> Vec<u8> {
        let mut head = u32::try_from(16 + others.len()).unwrap().to_be_bytes().to_vec();
        head.extend_from_slice(format!("ftyp{brand}\0\0\0\0{others}").as_bytes());
        head.extend_from_slice(&[0; 64]);
        head
    }

    fn ogg(codec: &[u8]) -> Vec<u8> {
        [&b"OggS"[..], &[0; 24], codec, &[0; 40]].concat()
    }

    #[test]
    fn bytes_decide() {
        let old: &[u8] = &[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, 0, 0];
        let ooxml = b"PK\x03\x04\x14\0\x06\0[Content_Types].xml".as_slice();
        for (head, name, mime) in [
            (&[0xFF, 0xD8, 0xFF, 0xE0][..], "a.png", "image/jpeg"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.jpg", "image/png"),
            (b"GIF89a\x01\0", "a.jpg", "image/gif"),
            (b"RIFF\x24\0\0\0WEBPVP8 ", "a.webp", "image/webp"),
            (b"%PDF-1.7\n\xE2\xE3", "a.txt", "application/pdf"),
            (b"MZ\x90\0\x03\0\0\0", "a.jpg", "application/vnd.microsoft.portable-executable"),
            (&[&b"\x7FELF\x02\x01\x01\0"[..], &[0; 64]].concat(), "a.pdf", "application/x-executable"),
            (ooxml, "a.docx", WORD),
            (ooxml, "a.XLSX", SHEET),
            (ooxml, "a.b.pptx", SLIDES),
            (b"PK\x03\x04\x14\0\0\0\x08\0hello", "a.zip", "application/zip"),
            (old, "a.doc", "application/msword"),
            (old, "a.xls", "application/vnd.ms-excel"),
            (old, "a.ppt", "application/vnd.ms-powerpoint"),
            (old, "a.msi", "application/x-ole-storage"),
            (&mp4("isom", "isomiso2avc1mp41"), "a.mp4", "video/mp4"),
            (&mp4("mp42", "mp42isom"), "a.m4a", "audio/mp4"),
            (&mp4("XAVC", "XAVCmp42"), "a.mp4", "video/mp4"),
            (&mp4("M4A ", "M4A mp42"), "a.mp4", "audio/mp4"),
            (&mp4("M4V ", "M4V mp42"), "a.m4v", "video/mp4"),
            (&mp4("3gp5", "3gp5isom"), "a.mp4", "video/3gpp"),
            (&mp4("qt  ", "qt  "), "a.mp4", "video/quicktime"),
            (&mp4("heic", "mif1heic"), "a.jpg", "image/heif"),
            (&mp4("what", "what"), "a.mp4", UNKNOWN),
            (&ogg(b"OpusHead"), "a.ogg", "audio/ogg"),
            (&ogg(b"\x01vorbis"), "a.ogg", "application/ogg"),
            (b"#!AMR\n\x3c\x91", "a.amr", "audio/amr"),
            (&[0xFF, 0xF1, 0x50, 0x80], "a.aac", "audio/aac"),
            (&[0xFF, 0xFB, 0x90, 0x64], "a.mp3", "audio/mpeg"),
            (&[0xFF, 0xFA, 0x90, 0x64], "a.mp3", "audio/mpeg"),
            (b"ID3\x04\0\0", "a.mp3", "audio/mpeg"),
            (b"\xff\xfeh\0i\0", "a.txt", UNKNOWN),
            (b"\0\x01\x02", "a.txt", UNKNOWN),
        ] {
            assert_eq!(sniff(head, false, Some(name)).mime, mime, "{name} {head:?}");
        }
    }

    #[test]
    fn texts_are_told_from_what_runs_in_a_browser() {
        for (head, mime) in [
            ("Breakfast is from 7 to 10.", "text/plain"),
            ("שלום", "text/plain"),
            ("BM 205", "text/plain"),
            ("MZ", "text/plain"),
            ("ID3", "text/plain"),
            ("a < b", "text/plain"),
            ("<3 our guests", "text/plain"),
            ("\n <html >", "text/html"),
            ("<!DOCTYPE html>\n<p>hi", "text/html"),
            ("\u{feff}<!doctype html>", "text/html"),
            ("<script>alert(1)</script>", "text/html"),
            ("<svg xmlns='x' onload='alert(1)'/>", "image/svg+xml"),
            ("<?xml version='1.0'?>\n<!-- x -->\n<SVG/>", "image/svg+xml"),
            ("<?xml version='1.0'?><a/>", "text/xml"),
            ("#!/bin/sh\necho", "text/x-shellscript"),
            ("%PDF-1.4 only ascii", "application/pdf"),
            ("{\\rtf1 x}", "application/rtf"),
        ] {
            assert_eq!(sniff(head.as_bytes(), true, Some("a.txt")).mime, mime, "{head}");
        }
    }

    #[test]
    fn stickers_that_move_are_known() {
        for (flags, animated) in [(0b10u8, true), (0b0001_0010, true), (0b0001_0000, false)] {
            let head = [&b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0"[..], &[flags, 0, 0, 0]].concat();
            assert_eq!(sniff(&head, false, None), Found { mime: "image/webp", animated });
        }
        assert!(!sniff(b"RIFF\x24\0\0\0WEBPVP8L\x0a\0\0\0\x02", false, None).animated);
    }

    #[test]
    fn nothing_makes_it_panic() {
        for head in
            [&b""[..], b"\xff", b"PK\x03\x04", b"\0\0\0\xffftyp", b"OggS", b"RIFF", b"<!doctype", b"<"]
        {
            for is_text in [true, false] {
                sniff(head, is_text, Some(".docx"));
            }
        }
    }
}
