//! The recorder behind the numbers, and how they are shown.

use std::sync::OnceLock;
use std::time::Duration;

use bellhop_service::numbers;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// The recorder is the process's, whatever it consists of.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// What is counted waits in memory to be put into its bucket: by a scrape, or by this.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts counting, once for the process.
pub fn install() {
    RECORDER.get_or_init(|| match recorder() {
        Ok(handle) => {
            numbers::describe();
            Some(handle)
        }
        Err(error) => {
            tracing::error!(%error, "nothing is counted: /metrics stays empty");
            None
        }
    });
}

fn recorder() -> Result<PrometheusHandle, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for (name, ends) in numbers::BUCKETS {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), ends)?;
    }
    builder.install_recorder()
}

/// All numbers in Prometheus's text format.
pub fn render() -> String {
    RECORDER.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default()
}

/// Keeps the memory of a process small that nobody scrapes.
pub async fn upkeep() {
    loop {
        tokio::time::sleep(UPKEEP).await;
        if let Some(Some(recorder)) = RECORDER.get() {
            recorder.run_upkeep();
        }
    }
}
