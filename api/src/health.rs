//! Whether the process lives, and whether it can do its work.

use bellhop_domain::problem::Problem;
use bellhop_service::App;
use poem::handler;
use poem::web::{Data, Json};
use serde_json::{Value, json};

use crate::envelope::ApiError;

/// The process answers. It asks nothing of anybody: a database that is away is no reason to
/// restart it.
#[handler]
pub fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Start-up is over and the database answers.
#[handler]
pub async fn ready(Data(app): Data<&App>) -> poem::Result<Json<Value>> {
    let not_yet = |why| ApiError::because(Problem::Unavailable, why);
    match app.check_ready().await {
        Ok(true) => Ok(Json(json!({"status": "ready"}))),
        Ok(false) => Err(not_yet("The service is still starting.").into()),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            Err(not_yet("The database does not answer.").into())
        }
    }
}
