//! Logs: on standard error, so that what a command prints stays apart.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use crate::settings::LogFormat;

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("BELLHOP_LOG cannot be used: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("logging was already started: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// What may be logged.
///
/// # Errors
/// When `filter` is none.
pub fn filter(filter: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    // The AMQP client logs a returned message with its body.
    let silenced: Directive = "lapin::returned_messages=off".parse()?;
    Ok(EnvFilter::builder().parse(filter)?.add_directive(silenced))
}

/// Starts logging for the whole process.
///
/// # Errors
/// When the filter is none, or logging was started before.
pub fn init(log: &str, format: LogFormat) -> Result<(), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt;
    let to_stderr = tracing_subscriber::fmt().with_env_filter(filter(log)?).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => to_stderr.with_ansi(std::io::stderr().is_terminal()).finish().try_init()?,
        LogFormat::Json => to_stderr.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returned_messages_are_silenced_whatever_is_asked_for() {
        for asked in ["info", "trace", "lapin::returned_messages=trace", ""] {
            let filter = filter(asked).unwrap().to_string();
            assert!(filter.contains("lapin::returned_messages=off"), "{filter}");
            assert!(!filter.contains("lapin::returned_messages=trace"), "{filter}");
        }
        assert!(filter("bellhop=loud").is_err());
    }
}
