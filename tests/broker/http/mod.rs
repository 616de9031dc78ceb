//! The HTTP interface, as bytes where bytes are promised.

mod config;
mod debug;
mod errors;
mod operations;
mod publishing;
mod routing;
mod stats;

use crate::support::http::Response;

/// Empty success has no type, and says that it is empty.
#[track_caller]
fn expect_empty(response: &Response) {
    assert_eq!((response.status, response.text().as_str()), (200, ""), "{response:?}");
    assert_eq!(response.header("X-NSQ-Content-Type"), Some("nsq; version=1.0"));
    assert_eq!(response.header("Content-Length"), Some("0"));
    assert_eq!(response.header("Content-Type"), None);
}

#[track_caller]
fn expect_text(response: &Response, text: &str) {
    assert_eq!((response.status, response.text().as_str()), (200, text), "{response:?}");
    assert_eq!(response.header("X-NSQ-Content-Type"), Some("nsq; version=1.0"));
    assert_eq!(response.header("Content-Type"), Some("text/plain; charset=utf-8"));
}

#[track_caller]
pub fn expect_error(response: &Response, status: u16, message: &str) {
    let body = format!("{{\"message\":\"{message}\"}}");
    assert_eq!((response.status, response.text()), (status, body), "{response:?}");
    assert_eq!(response.header("X-NSQ-Content-Type"), Some("nsq; version=1.0"));
    assert_eq!(response.header("Content-Type"), Some("application/json; charset=utf-8"));
}
