//! `--durability` of the node and of single topics.

use serde_json::Value;

use crate::{
    http::expect_error,
    support::{Nsqd, commands, ours},
};

#[test]
fn a_topic_is_created_with_a_durability_and_keeps_it() {
    if !ours() {
        return; // only our own broker knows the word
    }
    let mut nsqd = Nsqd::start();
    let durability = |nsqd: &Nsqd, topic: &str| nsqd.topic(topic)["durability"].clone();
    nsqd.post("/topic/create?topic=plain", b"");
    nsqd.post("/topic/create?topic=safe&durability=power", b"");
    nsqd.post("/topic/create?topic=memory%23ephemeral", b"");
    nsqd.post("/pub?topic=safe", b"one");
    for _ in 0..2 {
        assert_eq!(durability(&nsqd, "plain"), "process");
        assert_eq!(durability(&nsqd, "safe"), "power");
        let metrics = nsqd.http("GET", "/metrics", b"").text();
        for series in [r#"{topic="plain"} 0"#, r#"{topic="safe"} 1"#] {
            let series = format!("nsqd_topic_outlives_power_loss{series}\n");
            assert!(metrics.contains(&series), "{metrics}");
        }
        assert_eq!(nsqd.topic("safe")["depth"], 1);
        nsqd.kill9();
        nsqd.restart();
    }
    assert_eq!(durability(&nsqd, "memory#ephemeral"), Value::Null, "it is gone");
    nsqd.post("/topic/create?topic=memory%23ephemeral", b"");
    assert_eq!(durability(&nsqd, "memory#ephemeral"), "none");
    nsqd.post("/topic/create?topic=safe", b"");
    assert_eq!(durability(&nsqd, "safe"), "power", "creating it again without one changes nothing");
    nsqd.post("/topic/create?topic=safe&durability=process", b"");
    assert_eq!(durability(&nsqd, "safe"), "process");
}

#[test]
fn a_durability_that_cannot_be_kept_is_refused_and_creates_nothing() {
    if !ours() {
        return;
    }
    let nsqd = Nsqd::start();
    for query in ["topic=t&durability=", "topic=t&durability=Power", "topic=t&durability=none"] {
        let response = nsqd.http("POST", &format!("/topic/create?{query}"), b"");
        expect_error(&response, 400, "INVALID_DURABILITY");
    }
    let ephemeral = nsqd.http("POST", "/topic/create?topic=t%23ephemeral&durability=power", b"");
    expect_error(&ephemeral, 400, "INVALID_DURABILITY");
    assert_eq!(nsqd.stats()["topics"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_node_with_power_answers_and_delivers_as_any_other() {
    let nsqd = Nsqd::with(&["--durability=power"]);
    let mut client = nsqd.client();
    client.publish("orders", b"one");
    client.send(&commands::publish_many("orders", &["two", "three"]));
    client.expect_ok();
    nsqd.post("/pub?topic=orders", b"four");
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "audit");
    consumer.ready(10);
    for body in ["one", "two", "three", "four"] {
        consumer.expect_body(body);
    }
    if ours() {
        assert_eq!(nsqd.topic("orders")["durability"], "power");
    }
}
