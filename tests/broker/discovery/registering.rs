//! What a nsqlookupd is told, byte for byte.

use serde_json::json;

use super::{nsqd_with, registry::Registry};
use crate::support::{eventually, ours};

const FLAGS: [&str; 3] =
    ["--broadcast-address=ba", "--broadcast-tcp-port=14150", "--broadcast-http-port=14151"];
/// Not of every nsqd that others may be compared with.
const PLACE: [&str; 2] = ["--topology-region=rr", "--topology-zone=zz"];

#[test]
fn a_registry_hears_who_the_node_is() {
    let registry = Registry::start();
    let place = if ours() { &PLACE[..] } else { &[] };
    let nsqd = nsqd_with(&[&registry], &[&FLAGS[..], place].concat());
    let identity = eventually("IDENTIFY", || registry.seen().identity());
    assert_eq!(registry.seen().lines()[0], "  V1");
    for (key, value) in [
        ("broadcast_address", json!("ba")),
        ("tcp_port", json!(14150)),
        ("http_port", json!(14151)),
    ] {
        assert_eq!(identity[key], value, "{key}");
    }
    let info: serde_json::Value = nsqd.http("GET", "/info", b"").json();
    assert_eq!(
        (&identity["version"], &identity["hostname"]),
        (&info["version"], &info["hostname"])
    );
    if ours() {
        assert_eq!(identity["topology_region"], "rr");
        assert_eq!(identity["topology_zone"], "zz");
        let line = registry.seen().lines()[1].clone();
        let keys = ["broadcast_address", "hostname", "http_port", "tcp_port"];
        let places: Vec<_> = keys.iter().map(|key| line.find(&format!("\"{key}\":"))).collect();
        assert!(places.is_sorted() && places[0].is_some(), "{line}");
    }
}

#[test]
fn ports_are_those_that_are_listened_on_unless_others_are_given() {
    let registry = Registry::start();
    let nsqd = nsqd_with(&[&registry], &[]);
    let identity = eventually("IDENTIFY", || registry.seen().identity());
    assert_eq!(identity["tcp_port"], nsqd.tcp().port());
    assert_eq!(identity["http_port"], nsqd.http_address().port());
}

#[test]
fn everything_that_is_there_at_the_start_is_registered() {
    let registry = Registry::start();
    let mut nsqd = nsqd_with(&[&registry], &[]);
    nsqd.post("/topic/create?topic=bare", b"");
    for (topic, channel) in [("orders", "archive"), ("orders", "billing"), ("clicks", "archive")] {
        nsqd.post(&format!("/topic/create?topic={topic}"), b"");
        nsqd.post(&format!("/channel/create?topic={topic}&channel={channel}"), b"");
    }
    let all = ["bare", "clicks", "clicks archive", "orders", "orders archive", "orders billing"];
    registry.expect_registered(&all);
    nsqd.terminate();
    registry.expect_left();
    nsqd.restart();
    registry.expect_connections(2);
    registry.expect_registered(&all);
    if !ours() {
        return; // Upstream says some of it twice.
    }
    let seen = registry.seen();
    let changes = seen.lines()[2..].iter().filter(|line| line.as_str() != "PING");
    let mut changes: Vec<_> = changes.cloned().collect();
    changes.sort();
    let expected = [
        "REGISTER bare",
        "REGISTER clicks archive",
        "REGISTER orders archive",
        "REGISTER orders billing",
    ];
    assert_eq!(changes, expected, "a channel brings its topic");
}

#[test]
fn what_comes_and_goes_is_told_at_once() {
    let registry = Registry::start();
    let nsqd = nsqd_with(&[&registry], &[]);
    nsqd.client().publish("orders", b"one");
    registry.expect_line("REGISTER orders");
    nsqd.client().subscribe("orders", "archive");
    registry.expect_line("REGISTER orders archive");
    nsqd.post("/channel/create?topic=orders&channel=billing", b"");
    registry.expect_line("REGISTER orders billing");
    nsqd.post("/channel/delete?topic=orders&channel=billing", b"");
    registry.expect_line("UNREGISTER orders billing");
    registry.expect_registered(&["orders", "orders archive"]);
    nsqd.post("/topic/delete?topic=orders", b"");
    registry.expect_line("UNREGISTER orders");
    registry.expect_registered(&[]);
    nsqd.post("/topic/create?topic=orders", b"");
    registry.expect_registered(&["orders"]);
}

#[test]
fn ephemeral_ones_are_registered_as_long_as_they_live() {
    let registry = Registry::start();
    let nsqd = nsqd_with(&[&registry], &[]);
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "tail#ephemeral");
    registry.expect_registered(&["orders", "orders tail#ephemeral"]);
    let mut other = nsqd.client();
    other.subscribe("live#ephemeral", "tail#ephemeral");
    registry.expect_line("REGISTER live#ephemeral tail#ephemeral");
    drop((consumer, other));
    registry.expect_registered(&["orders"]);
}

#[test]
fn a_thousand_topics_are_registered_without_a_round_trip_each() {
    let registry = Registry::start();
    let mut nsqd = nsqd_with(&[&registry], &[]);
    let topics = if ours() { 1000 } else { 100 };
    let mut client = nsqd.client();
    for number in 0..topics {
        client.publish(&format!("t{number}"), b"x");
    }
    let names: Vec<_> = (0..topics).map(|number| format!("t{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    registry.expect_registered(&names);
    nsqd.terminate();
    nsqd.restart();
    registry.expect_connections(2);
    registry.expect_registered(&names);
    if ours() {
        nsqd.expect_logged(&["LOOKUPD(", "knows of 1000 topics and channels after"]);
    }
}

#[test]
fn log_says_what_upstreams_does() {
    let registry = Registry::start();
    let mut nsqd = nsqd_with(&[&registry], &[]);
    let address = registry.address();
    nsqd.client().subscribe("orders", "archive");
    registry.expect_line("REGISTER orders archive");
    nsqd.expect_line(&format!("LOOKUP({address}): adding peer"));
    nsqd.expect_line(&format!("LOOKUP connecting to {address}"));
    nsqd.expect_line(&format!("LOOKUPD({address}): peer info {{TCPPort:1 HTTPPort:"));
    nsqd.expect_line(&format!("LOOKUPD({address}): topic REGISTER orders"));
    nsqd.expect_line(&format!("LOOKUPD({address}): channel REGISTER orders archive"));
    nsqd.terminate();
    assert!(nsqd.lines_to_the_end().iter().any(|line| line.contains("LOOKUP: closing")));
}

#[test]
fn stats_and_metrics_show_each_registry() {
    if !ours() {
        return;
    }
    let registry = Registry::start();
    let nsqd = nsqd_with(&[&registry], &["--lookupd-tcp-address=127.0.0.1:1"]);
    nsqd.client().subscribe("orders", "archive");
    let address = registry.address().to_string();
    eventually("both are shown", || {
        let stats = nsqd.stats();
        let peers = stats["nsqlookupds"].as_array()?;
        let of = |address: &str| peers.iter().find(|peer| peer["address"] == address);
        let (up, down) = (of(&address)?, of("127.0.0.1:1")?);
        let is_up = up["connected"] == true && up["registration_count"] == 2;
        let is_down = down["connected"] == false && down["error_count"].as_u64() > Some(0);
        (is_up && is_down && down["last_error"].is_string()).then_some(())
    });
    let metrics = nsqd.http("GET", "/metrics", b"").text();
    for line in [
        format!("nsqd_lookupd_connected{{address=\"{address}\"}} 1"),
        format!("nsqd_lookupd_registrations{{address=\"{address}\"}} 2"),
        "nsqd_lookupd_connected{address=\"127.0.0.1:1\"} 0".to_owned(),
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line} is not in {metrics}");
    }
}
