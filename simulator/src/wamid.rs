//! Message ids in Meta's layout.

use base64::{Engine, engine::general_purpose::STANDARD};
use rand::RngExt;

/// Who wrote the message the id is for: the two layouts differ in the bytes before the random part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    Business,
    Guest,
}

/// `1C 18 <len> <ascii> 15 02 00` + (`11 18 12 <18 hex>` | `12 18 14 <20 hex>`) + `00`, in base64.
/// `peer` is the guest's number, or the BSUID of a guest whose number nobody knows.
pub(crate) fn mint(author: Author, peer: &str) -> String {
    let (mark, digits) = match author {
        Author::Business => (0x11, 18),
        Author::Guest => (0x12, 20),
    };
    let peer = &peer.as_bytes()[..peer.len().min(255)];
    let mut bytes = vec![0x1C, 0x18, u8::try_from(peer.len()).unwrap_or(u8::MAX)];
    bytes.extend_from_slice(peer);
    bytes.extend_from_slice(&[0x15, 0x02, 0x00, mark, 0x18, digits]);
    let mut random = rand::rng();
    bytes.extend((0..digits).map(|_| b"0123456789ABCDEF"[random.random_range(0..16)]));
    bytes.push(0);
    format!("wamid.{}", STANDARD.encode(bytes))
}

/// Whether a client could have got this id from WhatsApp at all.
pub(crate) fn is_wamid(id: &str) -> bool {
    id.strip_prefix("wamid.").is_some_and(|rest| !rest.is_empty() && STANDARD.decode(rest).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(id: &str) -> Vec<u8> {
        STANDARD.decode(id.strip_prefix("wamid.").unwrap()).unwrap()
    }

    #[test]
    fn business_layout() {
        let bytes = decode(&mint(Author::Business, "16505551234"));
        assert_eq!(bytes[..3], [0x1C, 0x18, 11]);
        assert_eq!(&bytes[3..14], b"16505551234");
        assert_eq!(bytes[14..20], [0x15, 0x02, 0x00, 0x11, 0x18, 0x12]);
        assert!(bytes[20..38].iter().all(u8::is_ascii_hexdigit));
        assert_eq!(bytes[38..], [0]);
    }

    #[test]
    fn guest_layout() {
        let bytes = decode(&mint(Author::Guest, "US.1349"));
        assert_eq!(bytes[2], 7);
        assert_eq!(bytes[10..16], [0x15, 0x02, 0x00, 0x12, 0x18, 0x14]);
        assert_eq!(bytes.len(), 16 + 20 + 1);
    }

    #[test]
    fn ids_differ_and_are_recognised() {
        let (a, b) = (mint(Author::Guest, "1"), mint(Author::Guest, "1"));
        assert_ne!(a, b);
        assert!(is_wamid(&a));
        assert!(!is_wamid("wamid.") && !is_wamid("wamid.§") && !is_wamid("m_1"));
    }
}
