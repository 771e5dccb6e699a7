//! Variables in a template's words: `{{1}}`, `{{guest_name}}`.

use std::ops::Range;

/// Each `{{…}}` of a text with the byte range that it fills, and what stands between the braces.
pub(super) fn placeholders(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let first = from + text[from..].find("{{")?;
        let close = first + 2 + text[first + 2..].find("}}")?;
        // Of `{{{1}}`, the braces next to the name.
        let open = text[first..close].rfind("{{").map_or(first, |at| first + at);
        from = close + 2;
        Some((open..from, &text[open + 2..close]))
    })
}

/// The variables of a text, each once, in the order of the text.
pub(super) fn variables(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (_, name) in placeholders(text) {
        let name = name.trim();
        if !name.is_empty() && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// Puts values in the places of variables, in one pass: what a value contains is never read as a
/// variable. A variable without a value stays as it is.
pub(super) fn fill_in<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut filled = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for (range, name) in placeholders(text) {
        filled.push_str(&text[from..range.start]);
        filled.push_str(value(name.trim()).unwrap_or(&text[range.clone()]));
        from = range.end;
    }
    filled.push_str(&text[from..]);
    filled
}

/// The text without its variables, cut where they stood.
pub(super) fn between(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for (range, _) in placeholders(text) {
        pieces.push(&text[from..range.start]);
        from = range.end;
    }
    pieces.push(&text[from..]);
    pieces
}

pub(super) fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit())
}

/// Lowercase letters, digits and `_`, starting with a letter. Source: Meta, template parameters; whether it
/// takes digits is unconfirmed.
pub(super) fn is_parameter_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// What WhatsApp refuses in parameters. Source: Meta, error 132018 and 131008.
pub(super) fn has_bad_whitespace(value: &str) -> bool {
    value.contains(['\n', '\r', '\t']) || value.contains("     ")
}
