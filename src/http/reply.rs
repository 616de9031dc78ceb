//! The forms that responses have.

use std::io;

use actix_web::{
    HttpResponse,
    body::MessageBody,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web::Bytes,
};
use futures_util::Stream;
use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use super::HttpError;
use crate::config::value::Value;

const NSQ_CONTENT_TYPE: HeaderName = HeaderName::from_static("x-nsq-content-type");
const NSQ_VERSION_1: HeaderValue = HeaderValue::from_static("nsq; version=1.0");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// 200 with text.
pub fn text(body: impl MessageBody + 'static) -> HttpResponse {
    with_nsq_header(plain(StatusCode::OK, body))
}

/// 200 without a body.
pub fn empty() -> HttpResponse {
    with_nsq_header(HttpResponse::Ok().finish())
}

/// 200 with JSON.
pub fn json(value: &impl Serialize) -> Result<HttpResponse, HttpError> {
    to_json(value).map(json_text)
}

/// 200 with what [`to_json`] has written.
pub fn json_text(json: Vec<u8>) -> HttpResponse {
    with_nsq_header(HttpResponse::Ok().content_type(JSON).body(json))
}

/// 200 with JSON that comes in pieces.
pub fn json_pieces<S>(pieces: S) -> HttpResponse
where
    S: Stream<Item = Result<Bytes, HttpError>> + 'static,
{
    with_nsq_header(HttpResponse::Ok().content_type(JSON).streaming(pieces))
}

/// Compact JSON with everything escaped that upstream escapes.
pub fn to_json(value: &impl Serialize) -> Result<Vec<u8>, HttpError> {
    write_json(value).map_err(|error| {
        log::error!("HTTP: answer not rendered: {error}");
        HttpError::Internal
    })
}

/// 200 with a value: text as it is, all else as JSON.
pub fn value(value: &Value) -> Result<HttpResponse, HttpError> {
    match value {
        Value::Text(text) if text.is_empty() => Ok(empty()),
        Value::Text(text) => Ok(self::text(text.clone())),
        other => json(other),
    }
}

/// An error with its message.
pub fn error(status: StatusCode, message: &str) -> HttpResponse {
    #[derive(Serialize)]
    struct ErrorBody<'a> {
        message: &'a str,
    }
    json_error(status, &ErrorBody { message })
}

/// An error that says more than its message.
pub fn json_error(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    let body = to_json(body).unwrap_or_default(); // texts and numbers cannot fail
    let mut response = HttpResponse::build(status);
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        response.reason("Request Entity Too Large"); // as Go calls it
    }
    with_nsq_header(response.content_type(JSON).body(body))
}

/// The answer to everything where only TLS will do, with the port to try: the one JSON with spaces in it.
pub fn tls_required(https_port: i32) -> HttpResponse {
    let body = format!("{{\"message\": \"TLS_REQUIRED\", \"https_port\": {https_port}}}");
    with_nsq_header(HttpResponse::Forbidden().content_type(JSON).body(body))
}

/// Text without NSQ's header, as of `/ping`.
pub fn plain(status: StatusCode, body: impl MessageBody + 'static) -> HttpResponse {
    HttpResponse::build(status).content_type(TEXT).body(body)
}

/// The answer to `OPTIONS`.
pub fn options(allow: &str) -> HttpResponse {
    let mut response = HttpResponse::Ok().finish();
    if !allow.is_empty() {
        set_allow(&mut response, allow);
    }
    response
}

/// Sends a client elsewhere: with a page to read for GET, so that it comes by GET again.
pub fn redirect(is_get: bool, location: &str) -> HttpResponse {
    let location = escape_location(location);
    let location = location.as_str();
    if !is_get {
        let mut response = HttpResponse::TemporaryRedirect();
        return response.insert_header((header::LOCATION, location)).finish();
    }
    let body = format!("<a href=\"{}\">Moved Permanently</a>.\n\n", escape_html(location));
    let mut response = HttpResponse::MovedPermanently();
    response.insert_header((header::LOCATION, location)).content_type(HTML).body(body)
}

/// Says which methods a path knows.
pub fn set_allow(response: &mut HttpResponse, allow: &str) {
    if let Ok(value) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, value);
    }
}

fn with_nsq_header(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(NSQ_CONTENT_TYPE, NSQ_VERSION_1);
    response
}

/// What a header may hold: a peer's own path and query, in ASCII.
fn escape_location(location: &str) -> String {
    let mut escaped = String::with_capacity(location.len());
    for byte in location.bytes() {
        match byte {
            b'!'..=b'~' => escaped.push(char::from(byte)),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

fn escape_html(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&#34;").replace('\'', "&#39;")
}

fn write_json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut json, EscapeHtml))?;
    Ok(json)
}

/// Escapes what could end a script in a page, and the two line ends that JavaScript knows besides.
struct EscapeHtml;

impl Formatter for EscapeHtml {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        let special = |ch: char| matches!(ch, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        let mut rest = fragment;
        while let Some(at) = rest.find(special) {
            let (plain, from) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = from.chars();
            if let Some(ch) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(ch))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_escapes_what_upstream_escapes() {
        let json = to_json(&["<a&b>\"\u{2028}\n/é", "plain"]).unwrap();
        let expected = r#"["\u003ca\u0026b\u003e\"\u2028\n/é","plain"]"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }

    #[test]
    fn empty_answers_have_no_content_type() {
        let response = empty();
        assert!(response.headers().get(header::CONTENT_TYPE).is_none());
        assert_eq!(response.headers().get(NSQ_CONTENT_TYPE), Some(&NSQ_VERSION_1));
    }

    #[test]
    fn redirects_keep_the_method() {
        let (get, post) = (redirect(true, "/stats?a=1&b"), redirect(false, "/pub"));
        assert_eq!((get.status().as_u16(), post.status().as_u16()), (301, 307));
        assert_eq!(get.headers().get(header::LOCATION).unwrap(), "/stats?a=1&b");
        assert!(post.headers().get(header::CONTENT_TYPE).is_none());
    }

    #[test]
    fn locations_are_ascii() {
        let response = redirect(true, "/config/é\n?ü=1%20");
        let location = response.headers().get(header::LOCATION).unwrap();
        assert_eq!(location, "/config/%C3%A9%0A?%C3%BC=1%20");
    }
}
