//! nsqds and our nsqlookupd together.

use serde_json::Value;

use crate::support::{Nsqd, Nsqlookupd, eventually, ours};

/// An nsqd of that name that reports to these.
#[track_caller]
fn node(name: &str, lookupds: &[&Nsqlookupd]) -> Nsqd {
    let named = lookupds.iter().map(|lookupd| format!("--lookupd-tcp-address={}", lookupd.tcp()));
    let flags: Vec<_> = named.chain([format!("--broadcast-address={name}")]).collect();
    let nsqd = Nsqd::with(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    for lookupd in lookupds {
        nsqd.expect_line(&format!("LOOKUPD({}): peer info", lookupd.tcp()));
    }
    nsqd
}

fn lookupd() -> Nsqlookupd {
    Nsqlookupd::with(&["--broadcast-address=127.0.0.1", "--enable-experiment=chaos"])
}

fn channels(lookupd: &Nsqlookupd, topic: &str) -> Vec<String> {
    let found = lookupd.get(&format!("/channels?topic={topic}"));
    let names = found["channels"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut names: Vec<_> = names.map(str::to_owned).collect();
    names.sort_unstable();
    names
}

#[test]
fn nodes_are_found_by_what_they_have() {
    let (one, two) = (lookupd(), lookupd());
    let first = node("first", &[&one, &two]);
    let mut second = node("second", &[&one, &two]);
    first.client().subscribe("orders", "archive");
    second.client().publish("orders", b"x");
    second.client().publish("clicks", b"x");
    for lookupd in [&one, &two] {
        lookupd.expect_found("orders", &["first", "second"]);
        lookupd.expect_found("clicks", &["second"]);
        eventually("the channel", || (channels(lookupd, "orders") == ["archive"]).then_some(()));
    }
    let found = one.get("/lookup?topic=clicks");
    let producer = &found["producers"][0];
    assert_eq!(producer["tcp_port"], second.tcp().port());
    assert_eq!(producer["http_port"], second.http_address().port());
    second.kill9();
    for lookupd in [&one, &two] {
        lookupd.expect_found("orders", &["first"]);
        lookupd.expect_found("clicks", &[]);
    }
    second.restart();
    for lookupd in [&one, &two] {
        lookupd.expect_found("orders", &["first", "second"]);
        lookupd.expect_found("clicks", &["second"]);
    }
}

#[test]
fn a_channel_of_one_node_is_there_on_the_next_that_gets_the_topic() {
    let lookupd = lookupd();
    let (first, second) = (node("first", &[&lookupd]), node("second", &[&lookupd]));
    first.client().subscribe("orders", "archive");
    let mut tail = first.client();
    tail.subscribe("orders", "tail#ephemeral");
    eventually("both channels", || (channels(&lookupd, "orders").len() == 2).then_some(()));
    second.client().publish("orders", b"one");
    second.expect_channel("orders", "archive", &[("depth", 1)]);
    assert!(second.channel("orders", "tail#ephemeral").is_null());
    lookupd.expect_found("orders", &["first", "second"]);
}

#[test]
fn a_topic_that_is_made_anew_is_not_hidden_by_the_tombstone_of_the_old_one() {
    let lookupd = lookupd();
    let nsqd = node("node", &[&lookupd]);
    nsqd.post("/topic/create?topic=orders", b"");
    lookupd.expect_found("orders", &["node"]);
    let name = format!("node:{}", nsqd.http_address().port());
    lookupd.post(&format!("/topic/tombstone?topic=orders&node={name}"));
    lookupd.expect_found("orders", &[]);
    nsqd.post("/topic/delete?topic=orders", b"");
    nsqd.post("/topic/create?topic=orders", b"");
    lookupd.expect_found("orders", &["node"]);
}

#[test]
fn a_registry_that_crashes_is_told_everything_anew() {
    if !ours() {
        return; // Upstream comes back with its next PING.
    }
    let lookupd = lookupd();
    let nodes = ["a", "b", "c"].map(|name| node(name, &[&lookupd]));
    for (number, nsqd) in nodes.iter().enumerate() {
        nsqd.client().subscribe("orders", &format!("c{number}"));
    }
    lookupd.expect_found("orders", &["a", "b", "c"]);
    lookupd.post("/debug/crash?actor=registry");
    eventually("links were made anew", || {
        let metrics = nodes[0].http("GET", "/metrics", b"").text();
        let line = format!("nsqd_lookupd_connects_total{{address=\"{}\"}} 2", lookupd.tcp());
        metrics.lines().any(|it| it == line).then_some(())
    });
    lookupd.expect_found("orders", &["a", "b", "c"]);
    assert_eq!(channels(&lookupd, "orders"), ["c0", "c1", "c2"]);
}
