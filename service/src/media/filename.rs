//! The name under which a file was handed in.

/// As long as the name of a document may be that a guest sees.
const MAX: usize = 240;

/// What is left of a name when it can be nothing but one. `None` when nothing is.
pub(super) fn plain(given: &str) -> Option<String> {
    // Some senders give the whole path.
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control() && !turns_text(*c)).collect();
    let clean = clean.trim();
    if clean.chars().all(|c| c == '.') {
        return None;
    }
    Some(shorten(clean))
}

/// Marks that show `exe.jpg` where the name is `gpj.exe`. Those that Hebrew and Arabic names need (U+200E, U+200F)
/// turn nothing around.
const fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Keeps the extension, by which the guest's phone chooses what opens the file.
fn shorten(name: &str) -> String {
    let over = name.chars().count().saturating_sub(MAX);
    if over == 0 {
        return name.to_owned();
    }
    match name.rsplit_once('.') {
        Some((stem, end)) if end.chars().count() < 16 => {
            let stem: String = stem.chars().take(stem.chars().count().saturating_sub(over)).collect();
            format!("{stem}.{end}")
        }
        Some(_) | None => name.chars().take(MAX).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names() {
        for (given, plainly) in [
            ("room_key.jpg", "room_key.jpg"),
            ("חשבון מלון.pdf", "חשבון מלון.pdf"),
            ("C:\\Users\\dana\\a.pdf", "a.pdf"),
            ("../../etc/passwd", "passwd"),
            (" a\r\nb\0\".pdf ", "ab\".pdf"),
            ("\u{202e}gpj.exe", "gpj.exe"),
        ] {
            assert_eq!(plain(given).as_deref(), Some(plainly));
        }
        for nothing in ["", " ", ".", "..", "a/", "\n"] {
            assert_eq!(plain(nothing), None, "{nothing:?}");
        }
        let long = plain(&format!("{}.docx", "é".repeat(300))).unwrap();
        assert!(long.chars().count() == MAX && long.ends_with("é.docx"));
        assert_eq!(plain(&"x".repeat(300)).unwrap().len(), MAX);
    }
}
