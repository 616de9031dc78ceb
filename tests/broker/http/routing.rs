//! Paths, methods and what is no request at all.

use super::expect_error;
use crate::support::{Nsqd, http::Response};

#[test]
fn ping_is_plain_text() {
    let nsqd = Nsqd::start();
    let response = nsqd.http("GET", "/ping", b"");
    assert_eq!((response.status, response.text().as_str()), (200, "OK"));
    assert_eq!(response.header("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(response.header("X-NSQ-Content-Type"), None);
}

#[test]
fn info_has_its_keys_in_order() {
    let nsqd = Nsqd::with(&[
        "--broadcast-address=here",
        "--topology-zone=n1",
        "--topology-region=north",
        "--max-heartbeat-interval=30s",
    ]);
    let response = nsqd.http("GET", "/info", b"");
    assert_eq!(response.header("X-NSQ-Content-Type"), Some("nsq; version=1.0"));
    assert_eq!(response.header("Content-Type"), Some("application/json; charset=utf-8"));
    let info = response.json();
    let expected = format!(
        concat!(
            r#"{{"version":{},"broadcast_address":"here","hostname":{},"http_port":{},"tcp_port":{},"#,
            r#""start_time":{},"max_heartbeat_interval":30000000000,"max_output_buffer_size":65536,"#,
            r#""max_output_buffer_timeout":30000000000,"max_deflate_level":6,"topology_zone":"n1","#,
            r#""topology_region":"north"}}"#
        ),
        info["version"],
        info["hostname"],
        nsqd.http_address().port(),
        nsqd.tcp().port(),
        info["start_time"],
    );
    assert_eq!(response.text(), expected);
}

#[test]
fn unknown_paths_are_not_found() {
    let nsqd = Nsqd::start();
    for path in
        ["/", "/put?topic=x", "/create_topic", "/topic", "/topic/none", "/stats/x", "/debug"]
    {
        for method in ["GET", "POST"] {
            expect_error(&nsqd.http(method, path, b""), 404, "NOT_FOUND");
        }
    }
}

#[test]
fn wrong_methods_are_told_the_right_ones() {
    let nsqd = Nsqd::start();
    for (method, path, allow) in [
        ("POST", "/ping", "GET, OPTIONS"),
        ("PUT", "/stats", "GET, OPTIONS"),
        ("DELETE", "/info", "GET, OPTIONS"),
        ("GET", "/pub?topic=x", "OPTIONS, POST"),
        ("PUT", "/mpub", "OPTIONS, POST"),
        ("GET", "/topic/create?topic=x", "OPTIONS, POST"),
        ("GET", "/channel/delete", "OPTIONS, POST"),
    ] {
        let response = nsqd.http(method, path, b"");
        expect_error(&response, 405, "METHOD_NOT_ALLOWED");
        assert_eq!(response.header("Allow"), Some(allow), "{method} {path}");
    }
    let head = nsqd.http("HEAD", "/ping", b"");
    assert_eq!((head.status, head.header("Allow")), (405, Some("GET, OPTIONS")));
}

#[test]
fn options_lists_the_methods() {
    let nsqd = Nsqd::start();
    for (path, allow) in [("/ping", "GET, OPTIONS"), ("/pub", "OPTIONS, POST")] {
        let response = nsqd.http("OPTIONS", path, b"");
        assert_eq!((response.status, response.header("Allow")), (200, Some(allow)), "{path}");
        assert_eq!(response.text(), "");
    }
    assert_eq!(nsqd.http("OPTIONS", "*", b"").status, 200);
}

#[track_caller]
fn expect_redirect(response: &Response, status: u16, location: &str) {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(response.header("Location"), Some(location));
}

#[test]
fn paths_that_are_nearly_right_are_corrected() {
    let nsqd = Nsqd::start();
    for (path, location) in [
        ("/ping/", "/ping"),
        ("/PING", "/ping"),
        ("//ping", "/ping"),
        ("/x/../ping", "/ping"),
        ("/stats/?format=json", "/stats?format=json"),
    ] {
        let response = nsqd.http("GET", path, b"");
        expect_redirect(&response, 301, location);
        let text = format!("<a href=\"{location}\">Moved Permanently</a>.\n\n");
        assert_eq!(response.text(), text.replace('&', "&amp;"));
        assert_eq!(response.header("Content-Type"), Some("text/html; charset=utf-8"));
    }
    for (path, location) in
        [("/pub/?topic=a", "/pub?topic=a"), ("/Topic/Create?topic=a", "/topic/create?topic=a")]
    {
        let response = nsqd.http("POST", path, b"x");
        expect_redirect(&response, 307, location);
        assert_eq!(response.text(), "");
    }
    assert!(nsqd.topic("a").is_null());
}

#[test]
fn parameters_in_the_body_do_not_count() {
    let nsqd = Nsqd::start();
    let response = nsqd.http("POST", "/topic/create", b"topic=orders");
    expect_error(&response, 400, "MISSING_ARG_TOPIC");
}
