//! Consumers that are near come first, and messages are counted by where they went.

use serde_json::Value;

use crate::support::{Client, Nsqd, commands, eventually, ours};

const AWARE: &str = "--enable-experiment=topology-aware-consumption";
const KEYS: [&str; 3] = ["zone_local_msg_count", "region_local_msg_count", "global_msg_count"];

/// A consumer with an IDENTIFY that says where it is, or without any.
fn consumer(nsqd: &Nsqd, place: Option<(&str, &str)>, ready: usize) -> Client {
    let mut consumer = match place {
        Some((region, zone)) => nsqd
            .client_with(&format!(r#"{{"topology_region":"{region}","topology_zone":"{zone}"}}"#)),
        None => nsqd.client(),
    };
    consumer.subscribe("orders", "audit");
    consumer.ready(ready);
    consumer
}

/// The channel knows of `total` messages of credit.
#[track_caller]
fn expect_credit(nsqd: &Nsqd, total: u64) {
    eventually("everybody has credit", || {
        let channel = nsqd.channel("orders", "audit");
        let ready = |client: &Value| client["ready_count"].as_u64();
        let clients = channel["clients"].as_array().cloned().unwrap_or_default();
        (clients.iter().filter_map(ready).sum::<u64>() == total).then_some(())
    });
}

#[track_caller]
fn publish(nsqd: &Nsqd, count: usize) {
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_many("orders", &vec!["x"; count]));
    publisher.expect_ok();
}

/// What the channel has counted; a count of nothing is not shown.
#[track_caller]
fn expect_counts(nsqd: &Nsqd, expected: [u64; 3]) {
    let channel = nsqd.channel("orders", "audit");
    for (key, count) in KEYS.into_iter().zip(expected) {
        match count {
            0 => assert!(channel.get(key).is_none(), "{key} in {channel}"),
            _ => assert_eq!(channel[key], count, "{key} in {channel}"),
        }
    }
}

fn expect_messages(client: &mut Client, count: usize) {
    for _ in 0..count {
        client.expect_message();
    }
}

#[test]
fn who_is_nearer_has_all_that_it_takes_and_others_have_the_rest_at_once() {
    if !ours() {
        return; // nsqd 1.3 prefers only who is idle at that very moment.
    }
    let nsqd = Nsqd::with(&[AWARE, "--topology-region=north", "--topology-zone=n1"]);
    let mut silent = consumer(&nsqd, None, 2);
    let mut far = consumer(&nsqd, Some(("south", "s1")), 2);
    let mut in_region = consumer(&nsqd, Some(("north", "n2")), 3);
    let mut in_zone = consumer(&nsqd, Some(("north", "n1")), 5);
    expect_credit(&nsqd, 12);
    publish(&nsqd, 5);
    expect_messages(&mut in_zone, 5);
    expect_counts(&nsqd, [5, 0, 0]);
    publish(&nsqd, 3);
    expect_messages(&mut in_region, 3);
    expect_counts(&nsqd, [5, 3, 0]);
    publish(&nsqd, 4);
    expect_messages(&mut far, 2);
    expect_messages(&mut silent, 2);
    expect_counts(&nsqd, [5, 3, 4]);
}

#[test]
fn without_its_zone_a_node_prefers_its_region() {
    if !ours() {
        return;
    }
    let nsqd = Nsqd::with(&[AWARE, "--topology-region=north"]);
    let mut far = consumer(&nsqd, Some(("south", "s1")), 4);
    let mut in_region = consumer(&nsqd, Some(("north", "n2")), 4);
    expect_credit(&nsqd, 8);
    publish(&nsqd, 6);
    expect_messages(&mut in_region, 4);
    expect_messages(&mut far, 2);
    expect_counts(&nsqd, [0, 4, 2]);
}

#[test]
fn a_message_that_comes_again_is_counted_where_it_goes() {
    let nsqd = Nsqd::with(&[AWARE, "--topology-region=north", "--topology-zone=n1"]);
    let mut in_zone = consumer(&nsqd, Some(("north", "n1")), 1);
    publish(&nsqd, 1);
    let id = in_zone.expect_message().id;
    in_zone.send(&commands::requeue(id, 0));
    assert_eq!(in_zone.expect_message().attempts, 2);
    expect_counts(&nsqd, [2, 0, 0]);
    let mut far = consumer(&nsqd, Some(("south", "s1")), 1);
    in_zone.send(&[&commands::rdy(0)[..], &commands::requeue(id, 0)].concat());
    assert_eq!(far.expect_message().attempts, 3);
    expect_counts(&nsqd, [2, 0, 1]);
}

#[test]
fn without_the_experiment_everything_is_global_and_everybody_has_a_turn() {
    let nsqd = Nsqd::with(&["--topology-region=north", "--topology-zone=n1"]);
    let mut far = consumer(&nsqd, Some(("south", "s1")), 2);
    let mut in_zone = consumer(&nsqd, Some(("north", "n1")), 2);
    expect_credit(&nsqd, 4);
    publish(&nsqd, 4);
    expect_messages(&mut far, 2);
    expect_messages(&mut in_zone, 2);
    expect_counts(&nsqd, [0, 0, 4]);
    let clients = nsqd.channel("orders", "audit")["clients"].clone();
    let places: Vec<_> = clients.as_array().into_iter().flatten().map(place).collect();
    assert!(places.contains(&("south", "s1")) && places.contains(&("north", "n1")), "{clients}");
}

fn place(client: &Value) -> (&str, &str) {
    let text = |key: &str| client[key].as_str().unwrap_or_default();
    (text("topology_region"), text("topology_zone"))
}

#[test]
fn experiments_are_known_by_name() {
    if !ours() {
        return;
    }
    let nsqd = Nsqd::with(&[AWARE, "--enable-experiment=perpetual-motion"]);
    nsqd.expect_logged(&["experiment=perpetual-motion is not known and has no effect"]);
    assert!(!nsqd.logged().contains("experiment=topology-aware-consumption"));
}
