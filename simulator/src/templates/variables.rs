//! The places between double braces.

/// A text, taken apart at its variables.
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, tail)) = after.split_once("}}") else { break };
        if !before.is_empty() {
            found.push(Piece::Text(before));
        }
        found.push(Piece::Variable(name));
        rest = tail;
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    found
}

/// The names between double braces, each once, in the order they appear.
pub(crate) fn variables(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for piece in pieces(text) {
        if let Piece::Variable(name) = piece
            && !found.iter().any(|known| known == name)
        {
            found.push(name.to_owned());
        }
    }
    found
}

/// Puts values in, each where its variable stands. A value is never looked at for variables of its own.
pub(crate) fn fill<'a>(text: &str, value: impl Fn(&str) -> Option<&'a str>) -> String {
    pieces(text).into_iter().fold(String::new(), |mut filled, piece| {
        filled.push_str(match piece {
            Piece::Text(text) => text,
            Piece::Variable(name) => value(name).unwrap_or_default(),
        });
        filled
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_appear_once() {
        assert_eq!(variables("{{a}} {{b}} {{a}} {x} {{c"), ["a", "b"]);
    }

    #[test]
    fn values_are_not_filled_again() {
        let filled = fill("{{1}} and {{2}}, {{1}} {{x", |name| match name {
            "1" => Some("{{2}}"),
            _ => Some("b"),
        });
        assert_eq!(filled, "{{2}} and b, {{2}} {{x");
    }
}
