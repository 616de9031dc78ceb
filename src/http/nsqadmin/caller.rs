//! Who has asked for something, as far as a request tells.

use std::{
    future::{Ready, ready},
    net::SocketAddr,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{AUTHORIZATION, HOST, HeaderMap, USER_AGENT},
};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::State;
use crate::http::HttpError;

/// Longest text that is taken over from a header.
const TEXT_BYTES_MAX: usize = 1024;

/// The origin of an action, for the audit log and the notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whom the proxy in front of us names, else whom the request itself names (HTTP Basic); nobody has checked the latter.
    pub user: Option<String>,
    /// The peer, `ip:port`; `@` behind a unix socket.
    pub remote_ip: String,
    /// On whose behalf, as the proxy in front of us has it in `X-Forwarded-For`: the peers before it, the nearest last. Nobody
    /// has checked what the first one says.
    pub forwarded_for: Option<String>,
    /// What the peer calls itself; may be empty.
    pub user_agent: String,
    /// The URL that was asked for, as the peer sees it.
    pub url: String,
}

impl FromRequest for Caller {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers();
        let by_proxy = request.app_data::<State>().and_then(|admin| admin.access.user(headers));
        let user = by_proxy.map(str::to_owned).or_else(|| basic_user(headers));
        ready(Ok(Self {
            user: user.map(bounded),
            remote_ip: request
                .peer_addr()
                .as_ref()
                .map_or_else(|| "@".into(), SocketAddr::to_string),
            forwarded_for: forwarded_for(headers),
            user_agent: bounded(text(headers, USER_AGENT.as_str()).to_owned()),
            url: url(headers, &request.uri().to_string()),
        }))
    }
}

/// The URL as the peer has it, with the scheme that a proxy says it was asked by.
fn url(headers: &HeaderMap, path_and_query: &str) -> String {
    let by = ["x-scheme", "x-forwarded-proto"].map(|name| text(headers, name));
    let scheme = if by.contains(&"https") { "https" } else { "http" };
    bounded(format!("{scheme}://{}{path_and_query}", text(headers, HOST.as_str())))
}

/// All of the header's lines as one list, cut off at its beginning: what the nearest proxies have added stands at the end.
fn forwarded_for(headers: &HeaderMap) -> Option<String> {
    let lines =
        headers.get_all("x-forwarded-for").map(|line| String::from_utf8_lossy(line.as_bytes()));
    let mut list = lines.collect::<Vec<_>>().join(", ");
    let excess = list.len().saturating_sub(TEXT_BYTES_MAX);
    list.drain(..list.ceil_char_boundary(excess));
    (!list.is_empty()).then_some(list)
}

/// The user of HTTP Basic authentication.
fn basic_user(headers: &HeaderMap) -> Option<String> {
    let (scheme, encoded) = text(headers, AUTHORIZATION.as_str()).split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, _password) = decoded.split_once(':')?;
    Some(user.to_owned()).filter(|user| !user.is_empty())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The beginning of a text that a peer may make as long as it likes.
pub(super) fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::nsqadmin::testing::headers;

    #[test]
    fn the_user_of_basic_authentication_is_read() {
        let user = |value| basic_user(&headers(&[("authorization", value)]));
        assert_eq!(user("Basic Y2Fyb2w6c2VjcmV0OjE="), Some("carol".to_owned())); // carol:secret:1
        assert_eq!(user("basic Y2Fyb2w6"), Some("carol".to_owned()));
        for other in ["Basic", "Basic !", "Basic Y2Fyb2w=", "Basic OnNlY3JldA==", "Bearer Y2Fyb2w6"]
        {
            assert_eq!(user(other), None, "{other}");
        }
        assert_eq!(basic_user(&HeaderMap::new()), None);
    }

    #[test]
    fn the_url_is_the_one_that_the_peer_has_asked_for() {
        let url = |pairs: &[_]| url(&headers(pairs), "/api/topics?a=b");
        assert_eq!(url(&[("host", "admin:4171")]), "http://admin:4171/api/topics?a=b");
        for proxied in [("x-scheme", "https"), ("x-forwarded-proto", "https")] {
            assert_eq!(url(&[("host", "a"), proxied]), "https://a/api/topics?a=b");
        }
    }

    #[test]
    fn all_that_have_forwarded_a_request_are_named_and_the_nearest_in_any_case() {
        let list = |pairs: &[_]| forwarded_for(&headers(pairs));
        let name = "x-forwarded-for";
        assert_eq!(list(&[]), None);
        assert_eq!(list(&[(name, "10.0.0.1"), (name, "::1")]).unwrap(), "10.0.0.1, ::1");
        let long = "x".repeat(TEXT_BYTES_MAX).leak();
        let cut = list(&[(name, long), (name, "10.0.0.1")]).unwrap();
        assert_eq!(cut.len(), TEXT_BYTES_MAX);
        assert!(cut.ends_with("x, 10.0.0.1"), "{cut}");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = format!("x{}", "é".repeat(TEXT_BYTES_MAX));
        assert_eq!(bounded(long).len(), TEXT_BYTES_MAX - 1);
    }
}
