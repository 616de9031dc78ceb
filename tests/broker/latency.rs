//! `e2e_processing_latency`: the time from a message's publish to its FIN.

use serde_json::{Value, json};

use crate::support::{Nsqd, commands, ours};

const MILLISECOND: u64 = 1_000_000;

fn nsqd() -> Nsqd {
    Nsqd::with(&["--e2e-processing-latency-percentile=0.5,1.0,0.99"])
}

fn latency_of(stats: &Value) -> &Value {
    &stats["e2e_processing_latency"]
}

/// The value of each percentile, in the order shown.
fn values(latency: &Value) -> Vec<(f64, u64)> {
    let percentiles = latency["percentiles"].as_array().expect("percentiles");
    let value = |one: &Value| (one["quantile"].as_f64().unwrap(), one["value"].as_u64().unwrap());
    percentiles.iter().map(value).collect()
}

#[test]
fn a_delay_counts_and_only_what_is_finished() {
    if !ours() {
        return; // With nsqd 1.3, delays on new channels take seconds.
    }
    let nsqd = nsqd();
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "archive");
    consumer.ready(2);
    nsqd.post("/pub?topic=orders&defer=100", b"deferred");
    let message = consumer.expect_body("deferred");
    nsqd.expect_channel("orders", "archive", &[("in_flight_count", 1)]);
    let zeros = json!({"count": 0, "percentiles": [
        {"quantile": 1, "value": 0}, {"quantile": 0.99, "value": 0}, {"quantile": 0.5, "value": 0},
    ]});
    assert_eq!(*latency_of(&nsqd.channel("orders", "archive")), zeros);
    consumer.finish(message.id);
    consumer.finish(message.id);
    assert!(matches!(consumer.expect_frame(), crate::support::Frame::Error(_)), "not in flight");
    let channel = nsqd.channel("orders", "archive");
    let latency = latency_of(&channel);
    assert_eq!(latency["count"], 1);
    let [(first, longest), (second, p99), (third, p50)] = values(latency)[..] else {
        panic!("three percentiles: {latency}")
    };
    assert_eq!((first, second, third), (1.0, 0.99, 0.5));
    assert!((100 * MILLISECOND..60_000 * MILLISECOND).contains(&longest), "{longest}");
    assert_eq!((p99, p50), (longest, longest));
}

#[test]
fn a_requeued_message_counts_from_its_publish_also_over_a_restart() {
    if !ours() {
        return; // With nsqd 1.3, it comes at once after a restart.
    }
    let mut nsqd = nsqd();
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "archive");
    nsqd.post("/pub?topic=orders", b"again");
    consumer.ready(1);
    let first = consumer.expect_body("again");
    consumer.send(&commands::requeue(first.id, 100));
    nsqd.expect_channel("orders", "archive", &[("requeue_count", 1)]);
    nsqd.terminate();
    nsqd.restart();
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "archive");
    consumer.ready(1);
    let again = consumer.expect_body("again");
    consumer.finish(again.id);
    nsqd.expect_channel("orders", "archive", &[("in_flight_count", 0), ("depth", 0)]);
    let channel = nsqd.channel("orders", "archive");
    assert_eq!(latency_of(&channel)["count"], 1);
    assert!(values(latency_of(&channel))[0].1 >= 100 * MILLISECOND, "{channel}");
}

#[test]
fn a_topic_has_the_latencies_of_all_its_channels_whichever_is_shown() {
    let nsqd = nsqd();
    let mut consumers = ["fast", "slow"].map(|channel| {
        let mut consumer = nsqd.client();
        consumer.subscribe("orders", channel);
        consumer.ready(1);
        consumer
    });
    nsqd.post("/pub?topic=orders", b"x");
    for consumer in &mut consumers {
        consumer.finish_bodies(1);
    }
    for channel in ["fast", "slow"] {
        nsqd.expect_channel("orders", channel, &[("message_count", 1), ("in_flight_count", 0)]);
    }
    let shown = nsqd.http("GET", "/stats?format=json&topic=orders&channel=slow", b"").json();
    let topic = &shown["topics"][0];
    assert_eq!(latency_of(topic)["count"], 2);
    assert_eq!(latency_of(&topic["channels"][0])["count"], 1);
}

#[test]
fn a_topic_without_channels_has_none() {
    let nsqd = nsqd();
    nsqd.post("/pub?topic=lonely", b"x");
    assert_eq!(*latency_of(&nsqd.topic("lonely")), json!({"count": 0, "percentiles": null}));
}

#[test]
fn the_text_lists_them_in_units_for_the_eye() {
    if !ours() {
        return; // With nsqd 1.3, delays on new channels take seconds.
    }
    let nsqd = nsqd();
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "archive");
    nsqd.post("/topic/create?topic=lonely", b"");
    nsqd.post("/pub?topic=orders&defer=100", b"x");
    consumer.ready(1);
    consumer.finish_bodies(1);
    nsqd.expect_channel("orders", "archive", &[("message_count", 1), ("in_flight_count", 0)]);
    let text = nsqd.http("GET", "/stats", b"").text();
    let lists: Vec<_> =
        text.lines().filter_map(|line| line.split_once("e2e%: ")).map(|(_, list)| list).collect();
    let [lonely, topic, channel] = lists[..] else { panic!("{text}") };
    assert_eq!(lonely, "");
    assert_eq!(topic, channel);
    assert_eq!(topic.split(", ").count(), 3, "{topic}");
    let is_long = |one: &str| one.ends_with('s') && !one.ends_with("us") && !one.ends_with("ns");
    assert!(topic.split(", ").all(is_long), "{topic}");
}
