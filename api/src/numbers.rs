//! The numbers to watch, for Prometheus. Ids and codes only, so nobody is asked who he is.

use bellhop_service::{App, numbers};
use poem::IntoResponse;
use poem::handler;
use poem::web::Data;

/// How the process writes out what it has counted.
#[derive(Clone, Copy)]
pub struct Counted(pub Option<fn() -> String>);

#[handler]
pub async fn metrics(Data(app): Data<&App>, Data(counted): Data<&Counted>) -> impl IntoResponse {
    app.read_numbers().await;
    let text = counted.0.map(|render| render()).unwrap_or_default();
    text.with_content_type(numbers::TEXT_FORMAT)
}
