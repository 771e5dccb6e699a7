//! In front of the API: where a request comes from, and how often strangers may ask.

use std::net::IpAddr;
use std::sync::Arc;

use bellhop_service::{Address, App};
use poem::http::StatusCode;
use poem::http::header::HeaderName;
use poem::{Endpoint, IntoResponse, Request, Response};

use crate::BASE_PATH;
use crate::envelope::ApiError;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where the request comes from, for those who count by it.
#[derive(Debug, Clone, Copy)]
pub struct From(pub Option<Address>);

/// Refuses an address that came too often without a valid token, before anything is looked up for it.
pub async fn door<E: Endpoint>(
    endpoint: Arc<E>,
    mut request: Request,
    (app, proxies): (App, usize),
) -> poem::Result<Response> {
    let from = address(&request, proxies).map(Address::from);
    request.set_data(From(from));
    let Some(from) = from.filter(|_| is_guarded(request.uri().path())) else {
        return endpoint.call(request).await.map(IntoResponse::into_response);
    };
    app.may_knock(from).map_err(ApiError::from)?;
    let answer = endpoint.call(request).await.map(IntoResponse::into_response);
    let status = answer.as_ref().map_or_else(poem::Error::status, Response::status);
    if status == StatusCode::UNAUTHORIZED {
        app.knocked(from);
    }
    answer
}

/// What asks for a token. All of WhatsApp's webhooks come from few addresses, and one hotel's wrong secret must
/// not shut out the others.
fn is_guarded(path: &str) -> bool {
    path.strip_prefix(BASE_PATH).is_some_and(|rest| rest != "/webhook")
}

/// The socket's address; behind proxies that are trusted, what the outermost of them saw. Each adds at the end of
/// the header whom it was asked by, so what stands before that is the caller's own tale.
fn address(request: &Request, proxies: usize) -> Option<IpAddr> {
    let socket = request.remote_addr().as_socket_addr().map(std::net::SocketAddr::ip);
    let Some(back) = proxies.checked_sub(1) else { return socket };
    let headers = request.headers().get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let told: Vec<&str> = headers.flat_map(|value| value.split(',')).map(str::trim).collect();
    let told = told.iter().rev().nth(back).and_then(|text| read(text));
    told.or(socket)
}

/// An address, with or without a port.
fn read(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(inner, _)| inner);
    bare.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(header: &str, proxies: usize) -> Option<String> {
        let request = Request::builder().header("x-forwarded-for", header).finish();
        address(&request, proxies).map(|ip| ip.to_string())
    }

    #[test]
    fn only_what_trusted_proxies_say_is_believed() {
        let told = "203.0.113.9, 198.51.100.7, 192.0.2.1";
        assert_eq!(from(told, 0), None, "there is no socket, and nobody else is asked");
        assert_eq!(from(told, 1).as_deref(), Some("192.0.2.1"));
        assert_eq!(from(told, 2).as_deref(), Some("198.51.100.7"));
        assert_eq!(from(told, 4), None);
        assert_eq!(from("unknown", 1), None);
        assert_eq!(from("192.0.2.1:4711", 1).as_deref(), Some("192.0.2.1"));
        assert_eq!(from("[2001:db8::1]:4711", 1).as_deref(), Some("2001:db8::1"));
        assert_eq!(from("2001:db8::1", 1).as_deref(), Some("2001:db8::1"));
    }

    #[test]
    fn what_needs_no_token_is_left_alone() {
        assert!(is_guarded("/api/v1/whatsapp/messages/send") && is_guarded("/api/v1/whatsapp/sessions"));
        assert!(!is_guarded("/api/v1/whatsapp/webhook") && !is_guarded("/readyz"));
    }
}
