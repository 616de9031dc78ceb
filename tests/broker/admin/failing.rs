//! Nodes that fail, each in its way: what the others say is shown, and who has failed is named.

use std::time::Instant;

use serde_json::{Value, json};

use super::scripted::{lookupd_flag, registry, server};
use crate::{
    auth::server::{AuthServer as HttpServer, Reply},
    support::{Nsqadmin, free_address},
};

const GOOD: &str = r#"{"version":"1.3.0","topics":[{"topic_name":"orders","depth":7,"channels":[{"channel_name":"archive","depth":5}]}]}"#;
/// Enough for anybody who answers at all, however busy the machine is.
const PATIENT: &str = "--http-client-request-timeout=50s";

/// A cluster of a node that has `orders`, and of one that fails.
struct Beside {
    admin: Nsqadmin,
    _good: HttpServer,
    _lookupd: HttpServer,
}

impl Beside {
    #[track_caller]
    fn start(bad: &str, flag: &str) -> Self {
        let good = server(&[("/stats", GOOD)]);
        let lookupd = registry(&[&good.address(), bad]);
        let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd), flag]);
        Self { admin, _good: good, _lookupd: lookupd }
    }

    /// The failure that stands beside what the good node says.
    #[track_caller]
    fn failure(&self, bad: &str) -> Value {
        let topic = self.admin.get("/api/topics/orders");
        assert_eq!((&topic["depth"], topic["nodes"].as_array().unwrap().len()), (&7.into(), 1));
        let [failure] = &topic["failures"].as_array().unwrap()[..] else { panic!("{topic}") };
        assert_eq!((&failure["address"], &failure["stage"]), (&bad.into(), &"stats".into()));
        let text = failure["text"].as_str().unwrap();
        assert_eq!(topic["message"], format!("WARNING: {bad}: {text}"));
        failure.clone()
    }
}

#[track_caller]
fn fails_with(bad: &str, status: Option<u16>, text: &str) {
    let beside = Beside::start(bad, PATIENT);
    let failure = beside.failure(bad);
    assert_eq!(failure["status"], json!(status));
    let said = failure["text"].as_str().unwrap();
    assert!(said.contains(text), "{said}");
    for path in ["/api/topics/orders/archive", "/api/counter"] {
        let shown = beside.admin.get(path);
        assert_eq!(shown["failures"].as_array().unwrap().len(), 1, "{path}");
    }
    assert_eq!(beside.admin.get("/api/nodes")["failures"], json!([]));
    let node = beside.admin.http("GET", &format!("/api/nodes/{bad}"), "");
    assert_eq!(node.status, 502, "nothing else is shown of a node: {}", node.text());
}

#[test]
fn a_node_that_is_gone() {
    fails_with(&free_address().to_string(), None, "Connection refused");
}

#[test]
fn a_node_that_never_answers_keeps_others_waiting_no_longer_than_the_timeout() {
    let silent = HttpServer::always(Reply::Nothing);
    let beside = Beside::start(&silent.address(), "--http-client-request-timeout=5s");
    let begun = Instant::now();
    assert_eq!(beside.failure(&silent.address())["text"], "i/o timeout");
    let took = begun.elapsed();
    assert!((5..30).contains(&took.as_secs()), "{took:?}");
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
    let failure = Beside::start(&large.address(), PATIENT).failure(&large.address());
    let text = failure["text"].as_str().unwrap();
    assert!(text.contains("answer of more than 67108864 bytes"), "{text}");
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
        assert!(
            message.starts_with(&format!("UPSTREAM_ERROR: failed to query any nsqd: {gone}: "))
        );
        assert_eq!((refused.status, &said["failures"][0]["address"]), (502, &gone.as_str().into()));
    }
    let alone = Nsqadmin::alone(&[]);
    for path in [
        "/api/topics",
        "/api/topics?inactive=true",
        "/api/topics/orders",
        "/api/nodes",
        "/api/nodes/h:1",
        "/api/counter",
    ] {
        let refused = alone.http("GET", path, "");
        let said = refused.json();
        let message = said["message"].as_str().unwrap();
        assert!(
            message.starts_with("UPSTREAM_ERROR: failed to query any nsqlookupd: "),
            "{message}"
        );
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
        let of: Vec<_> =
            failures.iter().map(|failure| failure["stage"].as_str().unwrap()).collect();
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
        assert_eq!(
            (refused.status, &refused.json()["failures"][0]["address"]),
            (502, &gone.as_str().into())
        );
    }
}
