//! The header `Prefer` (RFC 7240), of which `wait` is understood.

/// Longer waits would hold connections for news that comes by status anyway.
const WAIT_MAX: u64 = 30;

/// The seconds that the caller would wait, cut to what is granted; `None` when it says nothing
/// readable, since a preference is never an error.
pub fn wait(header: &str) -> Option<u64> {
    let preferences = header.split([',', ';']);
    let mut waits = preferences.filter_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let seconds = value.trim().trim_matches('"').parse::<u64>().ok()?;
        name.trim().eq_ignore_ascii_case("wait").then_some(seconds.min(WAIT_MAX))
    });
    waits.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_readable_wait_counts() {
        for (header, seconds) in [
            ("wait=5", Some(5)),
            ("Wait = 5", Some(5)),
            ("respond-async, wait=\"10\"", Some(10)),
            ("wait=100", Some(30)),
            ("wait=0", Some(0)),
            ("wait=-1", None),
            ("wait", None),
            ("", None),
            ("return=minimal", None),
        ] {
            assert_eq!(wait(header), seconds, "{header}");
        }
    }
}
