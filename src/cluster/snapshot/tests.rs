use serde_json::json;

use super::*;
use crate::cluster::scripted::{Script, channel_of, stats, stats_of, with};

fn rates(script: &Script) -> (Rates, Rates) {
    let node = script.picture.node("a:1").unwrap();
    let topic = node.snapshot.as_ref().unwrap().topic("t").unwrap();
    (topic.rates, topic.channel("c").unwrap().rates)
}

#[test]
fn rates_are_differences_of_counters() {
    let mut script = Script::direct(&["a:1"]);
    script.says("a:1", stats(100, 10)).poll();
    assert_eq!(rates(&script), (Rates::UNKNOWN, Rates::UNKNOWN), "one answer tells none");
    let channel = with(channel_of(120, 6), json!({"requeue_count": 4, "timeout_count": 2}));
    script.says("a:1", stats_of(120, &channel)).poll();
    let (topic, channel) = rates(&script);
    assert_eq!((topic.input, channel.input), (Rate::new(10.0), Rate::new(10.0)));
    assert_eq!(channel.output, Rate::new(12.0), "20 have come and 4 fewer wait");
    assert_eq!((channel.requeues, channel.timeouts), (Rate::new(2.0), Rate::new(1.0)));
}

#[test]
fn a_restart_makes_rates_unknown_and_never_negative() {
    for (name, after) in [
        ("counters went back", stats(5, 0)),
        ("it says so", with(stats(300, 0), json!({"start_time": 1_795_367_501}))),
    ] {
        let mut script = Script::direct(&["a:1"]);
        script.says("a:1", stats(100, 0)).poll().says("a:1", stats(120, 0)).poll();
        script.says("a:1", after.clone()).poll();
        let (topic, channel) = rates(&script);
        assert_eq!((topic.input, channel.input, channel.output), Default::default(), "{name}");
        let later = with(after, json!({}));
        script.says("a:1", later).poll();
        assert_eq!(rates(&script).0.input, Rate::ZERO, "{name}: known again");
    }
}

#[test]
fn what_is_new_on_a_node_that_is_known_began_at_nothing() {
    let mut script = Script::direct(&["a:1"]);
    script.says("a:1", json!({"topics": []})).poll().says(
        "a:1",
        json!({
            "topics": [{"topic_name": "t", "message_count": 8, "channels": [channel_of(8, 2)]}]
        }),
    );
    script.poll();
    let (topic, channel) = rates(&script);
    assert_eq!((topic.input, channel.output), (Rate::new(4.0), Rate::new(3.0)));
}

#[test]
fn gauges_that_were_read_while_messages_passed_make_no_negative_rate() {
    let mut script = Script::direct(&["a:1"]);
    script.says("a:1", stats(100, 0)).poll().says("a:1", stats(100, 1)).poll();
    assert_eq!(rates(&script).1.output, Rate::ZERO);
}

fn clients(script: &Script) -> &[Client] {
    let node = script.picture.node("a:1").unwrap();
    let snapshot = node.snapshot.as_ref().unwrap();
    snapshot.topic("t").unwrap().channel("c").unwrap().clients
}

fn with_client(client: serde_json::Value) -> serde_json::Value {
    let client =
        with(json!({"client_id": "w", "remote_address": "10.0.0.9:5", "connect_ts": 7}), client);
    stats_of(10, &with(channel_of(10, 5), json!({ "clients": [client] })))
}

#[test]
fn a_client_that_holds_messages_is_busy_since_it_last_finished_one() {
    let mut script = Script::direct(&["a:1"]);
    let busy = || with_client(json!({"in_flight_count": 2, "ready_count": 2, "finish_count": 4}));
    let began = script.now;
    script.polls(5, |script, _| {
        script.says("a:1", busy());
    });
    let client = &clients(&script)[0];
    assert_eq!((client.busy_since, client.closed_since), (Some(began), None));
    assert_eq!(client.finish_rate, Rate::ZERO);
    let finished = script.now;
    let next = json!({"in_flight_count": 2, "ready_count": 2, "finish_count": 8});
    script.says("a:1", with_client(next)).poll();
    let client = &clients(&script)[0];
    assert_eq!((client.busy_since, client.finish_rate), (Some(finished), Rate::new(2.0)));
}

#[test]
fn an_address_that_is_used_again_is_another_client() {
    let mut script = Script::direct(&["a:1"]);
    script.says("a:1", with_client(json!({"in_flight_count": 1, "finish_count": 9}))).poll();
    let other = script.now;
    let client = json!({"in_flight_count": 1, "finish_count": 9, "connect_ts": 8});
    script.says("a:1", with_client(client)).poll();
    let client = &clients(&script)[0];
    assert_eq!((client.busy_since, client.finish_rate), (Some(other), Rate::UNKNOWN));
}

#[test]
fn topics_and_channels_keep_apart_though_they_lie_side_by_side() {
    let channel = |name: &str, client: &str, value: u32| {
        json!({"channel_name": name, "clients": [{"client_id": client}],
            "e2e_processing_latency": {"count": 1, "percentiles": [{"quantile": 0.5, "value": value}]}})
    };
    let stats = json!({"topics": [
        {"topic_name": "t", "depth": 1, "channels": [channel("b", "tb", 3), channel("a", "ta", 2)]},
        {"topic_name": "none", "depth": 2},
        {"topic_name": "s", "depth": 3, "channels": [channel("b", "sb", 1), channel("b", "again", 9)]}]});
    let room = Room { entries: 9, clients: 9 };
    let stats = serde_json::from_value(stats).unwrap();
    let snapshot = NodeSnapshot::read(stats, Moment::default(), &mut Names::default(), room);
    let topics: Vec<_> =
        snapshot.topics().map(|topic| (&**topic.name, topic.gauges.depth)).collect();
    assert_eq!(topics, [("none", 2), ("s", 3), ("t", 1)]);
    let channels = |topic| {
        let channels = snapshot.topic(topic).unwrap().channels();
        let told = channels.map(|channel| {
            let there = snapshot.channel_at(channel.at).unwrap();
            assert_eq!((there.name, there.latency), (channel.name, channel.latency));
            let value = channel.latency.unwrap().percentiles[0].value_ns;
            (channel.name.to_string(), channel.clients[0].client_id.to_string(), value)
        });
        told.collect::<Vec<_>>()
    };
    let told = |name: &str, client: &str, value| (name.to_owned(), client.to_owned(), value);
    assert_eq!(channels("t"), [told("a", "ta", 2.0), told("b", "tb", 3.0)]);
    assert_eq!(channels("s"), [told("b", "sb", 1.0)], "the first of two with the same name");
    assert_eq!(channels("none"), []);
    assert_eq!(snapshot.topic("t").unwrap().latency, None);
}

#[test]
fn what_does_not_fit_is_counted() {
    let topics: Vec<_> = (0..10)
        .map(|number| {
            json!({"topic_name": format!("t{number}"), "channels": [
            {"channel_name": "c", "clients": [{}, {}]}]})
        })
        .collect();
    let read = |entries, clients| {
        let stats = serde_json::from_value(json!({ "topics": topics })).unwrap();
        let room = Room { entries, clients };
        NodeSnapshot::read(stats, Moment::default(), &mut Names::default(), room)
    };
    let all = read(20, 20);
    assert_eq!((all.left_out, all.holds()), (0, Room { entries: 20, clients: 20 }));
    let some = read(7, 5);
    assert_eq!(some.holds(), Room { entries: 7, clients: 5 });
    assert_eq!(
        some.left_out,
        6 + 1 + 1,
        "six topics, a channel, and a client of the third channel"
    );
}
