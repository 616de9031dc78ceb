//! `/config/:opt`.

use serde_json::{Value, json};

use super::{expect_empty, expect_error, expect_text};
use crate::support::{
    Nsqd,
    http::{Response, exchange, request_bytes},
    ours,
};

#[track_caller]
fn expect_json(response: &Response, text: &str) {
    assert_eq!((response.status, response.text().as_str()), (200, text), "{response:?}");
    assert_eq!(response.header("X-NSQ-Content-Type"), Some("nsq; version=1.0"));
    assert_eq!(response.header("Content-Type"), Some("application/json; charset=utf-8"));
}

#[track_caller]
fn get(nsqd: &Nsqd, key: &str) -> Response {
    nsqd.http("GET", &format!("/config/{key}"), b"")
}

#[track_caller]
fn put(nsqd: &Nsqd, key: &str, value: &[u8]) -> Response {
    nsqd.http("PUT", &format!("/config/{key}"), value)
}

/// Every key but those that depend on the node, and its default as JSON.
const DEFAULTS: &str = r#"{
    "auth_http_addresses": [], "auth_http_request_method": "get",
    "deflate": true, "e2e_processing_latency_percentiles": [],
    "e2e_processing_latency_window_time": 600000000000, "enable_experiment": [],
    "http_client_connect_timeout": 2000000000, "http_client_request_timeout": 5000000000,
    "log_level": 2, "log_prefix": "[nsqd] ",
    "max_body_size": 5242880, "max_bytes_per_file": 104857600, "max_channel_consumers": 0,
    "max_deflate_level": 6, "max_heartbeat_interval": 60000000000, "max_msg_size": 1048576,
    "max_msg_timeout": 900000000000, "max_output_buffer_size": 65536,
    "max_output_buffer_timeout": 30000000000, "max_rdy_count": 2500,
    "max_req_timeout": 3600000000000, "mem_queue_size": 10000,
    "min_output_buffer_timeout": 25000000, "msg_timeout": 60000000000,
    "nsqlookupd_tcp_addresses": [], "output_buffer_timeout": 250000000,
    "queue_scan_selection_count": 20, "queue_scan_worker_pool_max": 4, "snappy": true,
    "statsd_address": "", "statsd_exclude_ephemeral": false, "statsd_interval": 60000000000,
    "statsd_mem_stats": true, "statsd_udp_packet_size": 508, "sync_every": 2500,
    "sync_timeout": 2000000000, "tls_cert": "", "tls_client_auth_policy": "", "tls_key": "",
    "tls_min_version": 769, "tls_required": 0, "tls_root_ca_file": "", "topology_region": "",
    "topology_zone": ""
}"#;

#[test]
fn every_key_is_answered_in_the_form_of_its_type() {
    let nsqd = Nsqd::start();
    let defaults: serde_json::Map<String, Value> = serde_json::from_str(DEFAULTS).unwrap();
    for (key, default) in defaults {
        let response = get(&nsqd, &key);
        match &default {
            Value::String(text) if text.is_empty() => expect_empty(&response),
            Value::String(text) => expect_text(&response, text),
            other => expect_json(&response, &other.to_string()),
        }
    }
}

#[test]
fn values_are_those_of_the_command_line() {
    let nsqd = Nsqd::with(&[
        "--node-id=7",
        "--e2e-processing-latency-percentile=0.5,1.0",
        "--e2e-processing-latency-percentile=0.99",
        "--lookupd-tcp-address=127.0.0.1:1",
        "--lookupd-tcp-address=127.0.0.1:2",
        "--log-level=DEBUG",
        "--log-prefix=x",
        "--sync-every=3",
        "--snappy=false",
    ]);
    expect_json(&get(&nsqd, "id"), "7");
    expect_json(&get(&nsqd, "e2e_processing_latency_percentiles"), "[1,0.99,0.5]");
    expect_json(&get(&nsqd, "nsqlookupd_tcp_addresses"), r#"["127.0.0.1:1","127.0.0.1:2"]"#);
    expect_json(&get(&nsqd, "log_level"), "1");
    expect_text(&get(&nsqd, "log_prefix"), "x");
    expect_json(&get(&nsqd, "sync_every"), "3");
    expect_json(&get(&nsqd, "snappy"), "false");
    for key in ["tcp_address", "http_address", "https_address"] {
        expect_text(&get(&nsqd, key), "127.0.0.1:0");
    }
    expect_text(&get(&nsqd, "data_path"), &nsqd.data_path().display().to_string());
}

#[test]
fn ports_and_prefix_are_those_in_use() {
    let nsqd = Nsqd::with(&["--broadcast-address=host.example.com"]);
    let port = nsqd.http_address().port();
    expect_json(&get(&nsqd, "broadcast_tcp_port"), &nsqd.tcp().port().to_string());
    expect_json(&get(&nsqd, "broadcast_http_port"), &port.to_string());
    expect_text(&get(&nsqd, "statsd_prefix"), &format!("nsq.host_example_com_{port}."));
    let told = Nsqd::with(&["--broadcast-http-port=14151", "--statsd-prefix=%s"]);
    expect_json(&get(&told, "broadcast_http_port"), "14151");
    assert!(get(&told, "statsd_prefix").text().ends_with("_14151."));
}

#[test]
fn unknown_keys_are_refused() {
    let nsqd = Nsqd::start();
    for key in [
        "node_id",
        "lookupd_tcp_address",
        "config",
        "version",
        "verbose",
        "worker_id",
        "ID",
        "x",
        "msg-timeout",
        "%6dsg_timeou",
        "msg_timeout%20",
    ] {
        expect_error(&get(&nsqd, key), 400, "INVALID_OPTION");
        expect_error(&put(&nsqd, key, b"1"), 400, "INVALID_OPTION");
    }
    for path in ["/config", "/config/", "/config/a/b"] {
        expect_error(&nsqd.http("GET", path, b""), 404, "NOT_FOUND");
        expect_error(&nsqd.http("PUT", path, b"1"), 404, "NOT_FOUND");
    }
}

#[test]
fn other_methods_are_told_the_right_ones() {
    let nsqd = Nsqd::start();
    let allow = Some("GET, OPTIONS, PUT");
    for method in ["POST", "DELETE"] {
        let response = nsqd.http(method, "/config/log_level", b"debug");
        expect_error(&response, 405, "METHOD_NOT_ALLOWED");
        assert_eq!(response.header("Allow"), allow);
    }
    let options = nsqd.http("OPTIONS", "/config/log_level", b"");
    assert_eq!((options.status, options.header("Allow")), (200, allow));
    let moved = nsqd.http("GET", "/config/log_level/", b"");
    assert_eq!((moved.status, moved.header("Location")), (301, Some("/config/log_level")));
    let moved = nsqd.http("PUT", "//CONFIG/log_level", b"debug");
    assert_eq!((moved.status, moved.header("Location")), (307, Some("/config/log_level")));
    expect_json(&get(&nsqd, "log_level"), "2");
}

#[test]
fn what_cannot_be_changed_or_is_no_value_is_refused() {
    let nsqd = Nsqd::with(&["--max-msg-size=100"]);
    for (key, value, status, message) in [
        ("log_level", &b""[..], 413, "INVALID_VALUE"),
        ("nsqlookupd_tcp_addresses", b"", 413, "INVALID_VALUE"),
        ("max_msg_size", b"", 413, "INVALID_VALUE"),
        ("log_level", &[b'x'; 101], 413, "INVALID_VALUE"),
        ("nsqlookupd_tcp_addresses", &[b' '; 101], 413, "INVALID_VALUE"),
        ("log_level", b"\"debug\"", 400, "INVALID_VALUE"),
        ("log_level", b"debug\n", 400, "INVALID_VALUE"),
        ("log_level", b"1", 400, "INVALID_VALUE"),
        ("log_level", b"warning", 400, "INVALID_VALUE"),
        ("log_level", b"\xff", 400, "INVALID_VALUE"),
        ("nsqlookupd_tcp_addresses", b"127.0.0.1:4160", 400, "INVALID_VALUE"),
        ("nsqlookupd_tcp_addresses", b"\"127.0.0.1:4160\"", 400, "INVALID_VALUE"),
        ("nsqlookupd_tcp_addresses", b"[1]", 400, "INVALID_VALUE"),
        ("nsqlookupd_tcp_addresses", b"{}", 400, "INVALID_VALUE"),
        ("max_msg_size", b"1000", 400, "INVALID_OPTION"),
        ("msg_timeout", b"1s", 400, "INVALID_OPTION"),
    ] {
        expect_error(&put(&nsqd, key, value), status, message);
    }
    if ours() {
        for value in [&br#"["no-port"]"#[..], br#"["a:0"]"#, br#"["a:1,b:1"]"#, br#"[""]"#] {
            expect_error(&put(&nsqd, "nsqlookupd_tcp_addresses", value), 400, "INVALID_VALUE");
        }
    }
    expect_json(&get(&nsqd, "log_level"), "2");
    expect_json(&get(&nsqd, "nsqlookupd_tcp_addresses"), "[]");
}

#[test]
fn a_body_that_breaks_off_changes_nothing() {
    let nsqd = Nsqd::start();
    let head = "PUT /config/log_level HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n";
    let response = exchange(nsqd.http_address(), format!("{head}5\r\ndebug\r\nzz\r\n").as_bytes());
    expect_error(&response, 500, "INTERNAL_ERROR");
    expect_json(&get(&nsqd, "log_level"), "2");
}

#[test]
fn the_log_level_holds_from_the_next_line_on() {
    let nsqd = Nsqd::start();
    expect_json(&put(&nsqd, "log_level", b"warn"), "3");
    nsqd.http("GET", "/ping?unheard", b"");
    expect_json(&put(&nsqd, "log_level", b"info"), "2");
    nsqd.http("GET", "/ping?heard", b"");
    nsqd.expect_line("INFO: 200 GET /ping?heard");
    for (level, number) in
        [("debug", 1), ("Info", 2), ("WARN", 3), ("error", 4), ("fatal", 5), ("Debug", 1)]
    {
        expect_json(&put(&nsqd, "log_level", level.as_bytes()), &json!(number).to_string());
        expect_json(&get(&nsqd, "log_level"), &json!(number).to_string());
    }
    let mut nsqd = nsqd;
    nsqd.terminate();
    let log = nsqd.lines_to_the_end().join("\n");
    assert!(!log.contains("unheard"), "{log}");
}

#[test]
fn nsqlookupds_are_replaced() {
    let nsqd = Nsqd::with(&["--lookupd-tcp-address=127.0.0.1:1"]);
    let key = "nsqlookupd_tcp_addresses";
    let two = r#"["127.0.0.1:2","127.0.0.1:3"]"#;
    expect_json(&put(&nsqd, key, format!(" {two}\n").as_bytes()), two);
    expect_json(&get(&nsqd, key), two);
    expect_json(&put(&nsqd, key, b"[]"), "[]");
    let none = if ours() { "[]" } else { "null" };
    expect_json(&put(&nsqd, key, b"null"), none);
}

#[test]
fn a_value_may_come_on_a_connection_that_goes_on() {
    let nsqd = Nsqd::start();
    let bytes = request_bytes("PUT", "/config/log_level", b"error");
    let kept = String::from_utf8(bytes).unwrap().replace("Connection: close\r\n", "");
    let mut client = crate::support::connect_raw(nsqd.http_address());
    for _ in 0..2 {
        client.send(kept.as_bytes());
        let response = crate::support::http::read_response(&mut client.stream(), false).unwrap();
        expect_json(&response, "4");
    }
}
