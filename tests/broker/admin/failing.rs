//! Nodes that fail, each in its way: what the others say is shown, and who has failed is named.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::scripted::{lookupd_flag, registry, server};
use crate::{
    auth::server::{AuthServer as HttpServer, Reply},
    support::{Nsqadmin, free_address},
};

const GOOD: &str = r#"{"version":"1.3.0","topics":[{"topic_name":"orders","depth":7,"channels":[{"channel_name":"archive","depth":5}]}]}"#;
const QUICK: [&str; 2] =
    ["--http-client-connect-timeout=1s", "--http-client-request-timeout=2s"];

/// What is shown of `orders` if one of two nodes is this one, and how long that has taken.
#[track_caller]
fn shown_beside(bad: &str) -> (Value, Duration) {
    let good = server(&[("/stats", GOOD)]);
    let lookupd = registry(&[&good.address(), bad]);
    let admin = Nsqadmin::with(&[&[lookupd_flag(&lookupd).as_str()], &QUICK[..]].concat());
    let begun = Instant::now();
    let topic = admin.get("/api/topics/orders");
    let took = begun.elapsed();
    assert_eq!((&topic["depth"], topic["nodes"].as_array().unwrap().len()), (&7.into(), 1));
    for path in ["/api/topics/orders/archive", "/api/counter", "/api/nodes"] {
        let shown = admin.get(path);
        assert_eq!(shown["failures"].as_array().unwrap().len(), usize::from(path != "/api/nodes"));
    }
    let node = admin.http("GET", &format!("/api/nodes/{bad}"), "");
    assert_eq!(node.status, 502, "nothing else is shown of a node: {}", node.text());
    (topic, took)
}

#[track_caller]
fn fails_with(bad: &str, status: Option<u16>, text: &str) -> Duration {
    let (topic, took) = shown_beside(bad);
    let [failure] = &topic["failures"].as_array().unwrap()[..] else { panic!("{topic}") };
    assert_eq!((&failure["address"], &failure["stage"]), (&bad.into(), &"stats".into()));
    assert_eq!(failure["status"], json!(status));
    let said = failure["text"].as_str().unwrap();
    assert!(said.contains(text), "{said}");
    assert_eq!(topic["message"], format!("WARNING: {bad}: {said}"));
    took
}

#[test]
fn a_node_that_is_gone() {
    fails_with(&free_address().to_string(), None, "Connection refused");
}

#[test]
fn a_node_that_never_answers_keeps_others_waiting_no_longer_than_the_timeout() {
    let silent = HttpServer::always(Reply::Nothing);
    let took = fails_with(&silent.address(), None, "i/o timeout");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_node_that_fails_itself() {
    let broken = HttpServer::always(Reply::status("500 Internal Server Error"));
    fails_with(&broken.address(), Some(500), r#"got response 500 Internal Server Error "no""#);
}

#[test]
fn a_node_that_is_none() {
    let page = HttpServer::always(Reply::ok(b"<html>hello</html>"));
    fails_with(&page.address(), None, "no answer that can be read");
    let names = r#"{"topics":[{"topic_name":"<script>"}]}"#;
    let names = HttpServer::always(Reply::ok(names.as_bytes()));
    fails_with(&names.address(), None, "no answer that can be read");
    let closes = HttpServer::always(Reply::Close);
    fails_with(&closes.address(), None, "");
}

#[test]
fn a_node_that_says_too_much() {
    let large = HttpServer::always(Reply::ok(&vec![b' '; 100 << 20]));
    let (topic, _) = shown_beside_large(&large.address());
    let text = topic["failures"][0]["text"].as_str().unwrap();
    assert!(text.contains("answer of more than 67108864 bytes"), "{text}");
}

/// With more time, as 100 MB take some on a busy machine.
#[track_caller]
fn shown_beside_large(bad: &str) -> (Value, Duration) {
    let good = server(&[("/stats", GOOD)]);
    let lookupd = registry(&[&good.address(), bad]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd), "--http-client-request-timeout=50s"]);
    let begun = Instant::now();
    let topic = admin.get("/api/topics/orders");
    assert_eq!(topic["depth"], 7);
    (topic, begun.elapsed())
}

#[test]
fn when_all_have_failed_nothing_is_shown_and_all_are_named() {
    let gone = free_address().to_string();
    let lookupd = registry(&[&gone]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
    for path in ["/api/topics/orders", "/api/topics/orders/archive", "/api/counter"] {
        let refused = admin.http("GET", path, "");
        let said = refused.json();
        let message = said["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("UPSTREAM_ERROR: failed to query any nsqd: {gone}: ")));
        assert_eq!((refused.status, &said["failures"][0]["address"]), (502, &gone.as_str().into()));
    }
    let alone = Nsqadmin::alone(&[]);
    for path in ["/api/topics", "/api/topics?inactive=true", "/api/topics/orders", "/api/nodes", "/api/nodes/h:1", "/api/counter"] {
        let refused = alone.http("GET", path, "");
        let said = refused.json();
        let message = said["message"].as_str().unwrap();
        assert!(message.starts_with("UPSTREAM_ERROR: failed to query any nsqlookupd: "), "{message}");
        assert_eq!((refused.status, said["failures"].as_array().unwrap().len()), (502, 1));
    }
}

#[test]
fn a_registry_that_is_gone_is_named_and_what_the_other_knows_is_shown() {
    let nsqd = server(&[("/stats", GOOD)]);
    let lookupd = registry(&[&nsqd.address()]);
    let gone = free_address().to_string();
    let dead = format!("--lookupd-http-address={gone}");
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd), &dead]);
    for (path, stages) in [
        ("/api/topics", &["topics"][..]),
        ("/api/topics?inactive=true", &["topics", "nodes"]),
        ("/api/topics/orders", &["lookup"]),
        ("/api/nodes", &["nodes"]),
        ("/api/counter", &["nodes"]),
    ] {
        let shown = admin.get(path);
        let failures = shown["failures"].as_array().unwrap();
        let of: Vec<_> = failures.iter().map(|failure| failure["stage"].as_str().unwrap()).collect();
        assert_eq!(of, stages, "{path}");
        assert!(failures.iter().all(|failure| failure["address"] == gone.as_str()));
        let message = shown["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("WARNING: {gone}: ")), "{message}");
        assert_eq!(message.matches("; ").count(), stages.len() - 1, "{message}");
    }
}

#[test]
fn what_those_do_not_know_who_answer_may_still_be_there() {
    let unknown = server(&[("/lookup_of_nobody", "")]);
    let gone = free_address().to_string();
    let dead = format!("--lookupd-http-address={gone}");
    let admin = Nsqadmin::with(&[&lookupd_flag(&unknown), &dead]);
    for (method, body) in [("GET", ""), ("DELETE", ""), ("POST", r#"{"action":"empty"}"#)] {
        let refused = admin.http(method, "/api/topics/orders", body);
        assert_eq!((refused.status, &refused.json()["failures"][0]["address"]), (502, &gone.as_str().into()));
    }
}
