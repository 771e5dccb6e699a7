//! The guests' phones, as plain files.

use poem::{
    Response,
    http::{Method, StatusCode},
};
use serde_json::json;

/// Nothing is loaded from anywhere else, and nothing may be.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data: blob:; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

pub(crate) fn answer(method: &Method, path: &[&str]) -> Response {
    let file = match path {
        [] => ("text/html; charset=utf-8", include_str!("index.html")),
        ["phone.css"] => (CSS, include_str!("phone.css")),
        ["content.css"] => (CSS, include_str!("content.css")),
        ["phone.js"] => (JS, include_str!("phone.js")),
        ["basics.js"] => (JS, include_str!("basics.js")),
        ["chat.js"] => (JS, include_str!("chat.js")),
        ["content.js"] => (JS, include_str!("content.js")),
        ["answers.js"] => (JS, include_str!("answers.js")),
        ["sharing.js"] => (JS, include_str!("sharing.js")),
        ["settings.js"] => (JS, include_str!("settings.js")),
        _ => return problem(StatusCode::NOT_FOUND, "there is nothing here; the guests' phones are at /"),
    };
    if !matches!(*method, Method::GET | Method::HEAD) {
        return problem(StatusCode::METHOD_NOT_ALLOWED, "this page can only be read");
    }
    Response::builder()
        .content_type(file.0)
        .header("cache-control", "no-cache")
        .header("content-security-policy", POLICY)
        .header("x-content-type-options", "nosniff")
        .body(file.1)
}

fn problem(status: StatusCode, sentence: &str) -> Response {
    Response::builder()
        .status(status)
        .content_type("application/json; charset=utf-8")
        .body(json!({"error": sentence}).to_string())
}
