//! What happens around every request.

use std::{
    fmt::{self, Display, Write as _},
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Instant,
};

use actix_web::{
    Error, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{HeaderMap, HeaderValue, USER_AGENT},
    },
    middleware::Next,
};

use log::Level;

use super::{HttpError, body::KeptBody};
use crate::config::GoDuration;

/// Paths that are asked too often for a line in the log each.
const BUSY_PATHS: [&str; 2] = ["/pub", "/mpub"];
/// What tools ask for over and over while they measure.
const PROFILES: &str = "/debug/pprof/";

/// What an API says of its paths, unescaped as routes see them.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// True if each request leaves a line in the log.
    pub has_line: fn(path: &str) -> bool,
    /// True if the request's body is left to its handler.
    pub keeps_body: fn(method: &Method, path: &str) -> bool,
}

/// Those of nsqd and nsqlookupd.
const OF_BROKER: Habits = Habits { has_line, keeps_body };

/// Serves one request of nsqd or nsqlookupd: its handler may panic, and the log has a line of it.
pub async fn serve<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    serve_by(OF_BROKER, request, next).await
}

/// The same in an API with habits of its own.
pub async fn serve_by<B: MessageBody + 'static>(
    habits: Habits,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    let path = request.match_info().as_str();
    let line = (habits.has_line)(path).then(|| level(request.method(), request.headers()));
    let line = line.filter(|level| log::log_enabled!(*level)).map(|level| (level, Instant::now()));
    let keeps_body = (habits.keeps_body)(request.method(), path);
    let body = KeptBody::of(&mut request);
    if let Some(unwanted) = body.clone().filter(|_| !keeps_body) {
        unwanted.discard().await;
    }
    let mut response = or_internal_error(next.call(request)).await?.map_into_boxed_body();
    if let Some(body) = body {
        response = body.end_connection_if_left(response);
    }
    if let Some((level, started)) = line {
        log_request(level, response.status(), response.request(), started);
    }
    Ok(in_camel_case(response))
}

fn has_line(path: &str) -> bool {
    !BUSY_PATHS.contains(&path) && !path.starts_with(PROFILES)
}

fn keeps_body(method: &Method, path: &str) -> bool {
    let is_setting = || path.starts_with("/config/") || path == "/debug/setblockrate";
    // All that follows a CONNECT would count as its body.
    BUSY_PATHS.contains(&path) || method == Method::CONNECT || method == Method::PUT && is_setting()
}

/// A panic in a handler is that request's failure and nobody else's.
async fn or_internal_error<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut call = pin!(call);
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx)))
            .unwrap_or_else(|_panic| Poll::Ready(Err(HttpError::Internal.into())))
    })
    .await
}

/// Header names as upstream writes them, for readers that look for bytes.
fn in_camel_case(mut response: ServiceResponse) -> ServiceResponse {
    response.response_mut().head_mut().set_camel_case_headers(true);
    response
}

/// An nsqadmin looks at its cluster every other moment, which is no news to anybody.
fn level(method: &Method, headers: &HeaderMap) -> Level {
    let agent = headers.get(USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    match method == Method::GET && agent.starts_with(b"nsqadmin/") {
        true => Level::Debug,
        false => Level::Info,
    }
}

fn log_request(level: Level, status: StatusCode, request: &HttpRequest, started: Instant) {
    let remote = request.peer_addr().map_or_else(|| "@".into(), |peer| peer.to_string());
    let (status, method, uri) = (status.as_u16(), request.method(), OneLine(request.uri()));
    let elapsed = GoDuration::from(started.elapsed());
    log::log!(level, "{status} {method} {uri} ({remote}) {elapsed}");
}

/// What a peer has sent, without what a terminal or a reader of lines would act upon.
struct OneLine<T>(T);

impl<T: Display> Display for OneLine<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(formatter), "{}", self.0)
    }
}

/// Passes text on with its control characters escaped.
struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|ch| match ch {
            ch if ch.is_control() => write!(self.0, "{}", ch.escape_default()),
            ch => self.0.write_char(ch),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishes_and_profiles_leave_no_line() {
        for path in ["/pub", "/mpub", "/debug/pprof/", "/debug/pprof/heap"] {
            assert!(!has_line(path), "{path}");
        }
        for path in ["/ping", "/pub/", "/debug/pprof", "/debug/freememory", "/config/log_level"] {
            assert!(has_line(path), "{path}");
        }
    }

    #[test]
    fn only_looks_of_nsqadmin_are_no_news() {
        let level = |method, agent| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, HeaderValue::from_static(agent));
            level(&method, &headers)
        };
        assert_eq!(level(Method::GET, "nsqadmin/0.1.0"), Level::Debug);
        assert_eq!(level(Method::POST, "nsqadmin/0.1.0"), Level::Info);
        assert_eq!(level(Method::GET, "curl/8"), Level::Info);
        assert_eq!(super::level(&Method::GET, &HeaderMap::new()), Level::Info);
    }

    #[test]
    fn bodies_are_left_to_those_who_read_them() {
        for (method, path) in [
            (Method::POST, "/pub"),
            (Method::POST, "/mpub"),
            (Method::PUT, "/config/log_level"),
            (Method::PUT, "/debug/setblockrate"),
        ] {
            assert!(keeps_body(&method, path), "{method} {path}");
        }
        for (method, path) in [
            (Method::GET, "/config/log_level"),
            (Method::PUT, "/config"),
            (Method::POST, "/topic/create"),
            (Method::POST, "/debug/freememory"),
        ] {
            assert!(!keeps_body(&method, path), "{method} {path}");
        }
    }

    #[test]
    fn what_a_peer_sends_stays_on_its_line() {
        let text = OneLine("/a\n\r\x1b[2J\u{9b}\x7f?b=é").to_string();
        assert_eq!(text, "/a\\n\\r\\u{1b}[2J\\u{9b}\\u{7f}?b=é");
    }
}
