//! Whether a text is one emoji.

/// Longer than any emoji there is: a family with skin tones has ten.
const LONGEST: usize = 16;
const JOINER: char = '\u{200d}';

/// One picture, near enough: letters and digits are none, and what follows the first character must
/// belong to it.
pub(super) fn is_emoji(text: &str) -> bool {
    let points: Vec<char> = text.chars().collect();
    let Some((&first, rest)) = points.split_first() else { return false };
    if points.len() > LONGEST {
        return false;
    }
    if first.is_ascii_digit() || first == '#' || first == '*' {
        return matches!(rest, ['\u{20e3}'] | ['\u{fe0f}', '\u{20e3}']);
    }
    if is_regional(first) {
        return matches!(rest, [second] if is_regional(*second));
    }
    let mut joined = true;
    for &point in &points {
        if joined {
            if !is_picture(point) {
                return false;
            }
            joined = false;
        } else if point == JOINER {
            joined = true;
        } else if !is_modifier(point) {
            return false;
        }
    }
    !joined
}

/// Two of these make a flag.
fn is_regional(point: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&point)
}

fn is_picture(point: char) -> bool {
    let sign = matches!(point, '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}');
    let symbol = ('\u{2190}'..='\u{2bff}').contains(&point) || ('\u{3030}'..='\u{3299}').contains(&point);
    sign || symbol || ('\u{1f000}'..='\u{1faff}').contains(&point)
}

/// Variants, skin tones, and the tags of the flags of regions.
fn is_modifier(point: char) -> bool {
    point == '\u{fe0f}'
        || ('\u{1f3fb}'..='\u{1f3ff}').contains(&point)
        || ('\u{e0020}'..='\u{e007f}').contains(&point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_is_one() {
        for text in ["👍", "❤️", "👍🏽", "👨‍👩‍👧‍👦", "🇮🇱", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏳️‍🌈", "©️", "🫶🏾", "⭐"]
        {
            assert!(is_emoji(text), "{text}");
        }
        for text in ["", "a", "👍👍", "1", "ok", " ", "👍 ", "א", "🇮", "👨‍", ":)"] {
            assert!(!is_emoji(text), "{text:?}");
        }
    }
}
