//! Tests that need a service, where it does not answer.

/// Says that a test is left out. Panics, unless this run was asked to do without the services: a test that
/// quietly did nothing would count as passed.
pub fn left_out(why: &str) {
    let embedded = std::env::var("BELLHOP_TEST_BACKENDS").is_ok_and(|backends| backends == "embedded");
    assert!(embedded, "{why}: make services, or set BELLHOP_TEST_BACKENDS=embedded");
    println!("left out: {why}");
}
