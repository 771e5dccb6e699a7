//! The list of error codes.

use bellhop_domain::problem::Problem;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::Tag;
use crate::list::List;

/// An error code.
#[derive(Debug, Object)]
struct ErrorCode {
    code: String,
    http_status: u16,
    meaning: String,
    recovery_options: Vec<String>,
}

impl From<Problem> for ErrorCode {
    fn from(problem: Problem) -> Self {
        let row = problem.row();
        Self {
            code: row.code.to_owned(),
            http_status: row.http_status,
            meaning: row.meaning.to_owned(),
            recovery_options: row.recovery_options.iter().map(|&option| option.to_owned()).collect(),
        }
    }
}

pub struct Errors;

#[OpenApi(tag = "Tag::Errors")]
impl Errors {
    /// Every error code, its meaning and what to do
    ///
    /// Public. All codes are on one page.
    #[oai(path = "/errors", method = "get", operation_id = "list_errors")]
    async fn list(&self) -> Json<List<ErrorCode>> {
        Json(Problem::ALL.to_vec().into())
    }
}
