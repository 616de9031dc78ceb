//! `/topic/*` and `/channel/*`.

use super::{expect_empty, expect_error};
use crate::support::Nsqd;

#[test]
fn operations_answer_with_nothing_and_can_be_repeated() {
    let nsqd = Nsqd::start();
    for path in ["/topic/create", "/topic/pause", "/topic/unpause", "/topic/empty"] {
        for _ in 0..2 {
            expect_empty(&nsqd.http("POST", &format!("{path}?topic=orders"), b"ignored"));
        }
    }
    for path in ["/channel/create", "/channel/pause", "/channel/unpause", "/channel/empty"] {
        for _ in 0..2 {
            let path = format!("{path}?topic=orders&channel=audit");
            expect_empty(&nsqd.http("POST", &path, b""));
        }
    }
    expect_empty(&nsqd.http("POST", "/channel/delete?topic=orders&channel=audit", b""));
    expect_empty(&nsqd.http("POST", "/topic/delete?topic=orders", b""));
    assert_eq!(nsqd.stats()["topics"].as_array().map(Vec::len), Some(0));
}

#[test]
fn topic_operations_refuse() {
    let nsqd = Nsqd::start();
    for operation in ["create", "delete", "empty", "pause", "unpause"] {
        let path = format!("/topic/{operation}");
        let ask = |query: &str| nsqd.http("POST", &format!("{path}{query}"), b"");
        expect_error(&ask("?topic=%zz"), 400, "INVALID_REQUEST");
        expect_error(&ask(""), 400, "MISSING_ARG_TOPIC");
        match operation {
            "create" | "empty" => expect_error(&ask("?topic=$"), 400, "INVALID_TOPIC"),
            _ => expect_error(&ask("?topic=$"), 404, "TOPIC_NOT_FOUND"),
        }
        if operation != "create" {
            expect_error(&ask("?topic=none"), 404, "TOPIC_NOT_FOUND");
        }
    }
}

#[test]
fn channel_operations_refuse() {
    let nsqd = Nsqd::start();
    nsqd.post("/topic/create?topic=orders", b"");
    for operation in ["create", "delete", "empty", "pause", "unpause"] {
        for (query, status, message) in [
            ("?topic=%zz", 400, "INVALID_REQUEST"),
            ("", 400, "MISSING_ARG_TOPIC"),
            ("?topic=$&channel=audit", 400, "INVALID_ARG_TOPIC"),
            ("?topic=orders", 400, "MISSING_ARG_CHANNEL"),
            ("?topic=orders&channel=$", 400, "INVALID_ARG_CHANNEL"),
            ("?topic=none&channel=audit", 404, "TOPIC_NOT_FOUND"),
        ] {
            let response = nsqd.http("POST", &format!("/channel/{operation}{query}"), b"");
            expect_error(&response, status, message);
        }
        if operation != "create" {
            let path = format!("/channel/{operation}?topic=orders&channel=none");
            expect_error(&nsqd.http("POST", &path, b""), 404, "CHANNEL_NOT_FOUND");
        }
    }
    assert!(nsqd.topic("none").is_null());
}

#[test]
fn names_are_decoded() {
    let nsqd = Nsqd::start();
    nsqd.post("/topic/create?topic=a.b%2Dc_d%23ephemeral", b"");
    assert!(!nsqd.topic("a.b-c_d#ephemeral").is_null());
}
