use serde_json::{Value, json};

use super::*;
use crate::cluster::scripted::{Script, channel_of, stats, stats_of, with};

#[track_caller]
fn only(script: &Script, kind: Kind) -> (Severity, String) {
    let found = script.problems(kind);
    let [problem] = &found[..] else { panic!("{kind:?}: {:?}", script.problems.all) };
    (problem.severity, problem.text.clone())
}

fn none(script: &Script, kind: Kind) {
    let found = script.problems(kind);
    assert!(found.is_empty(), "{found:?}");
}

/// A minute of a channel that gets `input` messages per second and finishes `output`, from a backlog.
fn flowing(backlog: u64, input: u64, output: u64) -> Script {
    let mut script = Script::direct(&["a:1"]);
    script.polls(31, |script, at| {
        let (come, done) = (backlog + input * 2 * at, output * 2 * at);
        script.says("a:1", stats(come, come - done));
    });
    script
}

#[test]
fn a_backlog_that_grows_is_told_with_its_rates_and_time() {
    let (severity, text) = only(&flowing(120, 50, 40), Kind::BacklogGrowing);
    assert_eq!(severity, Severity::Warning);
    let (depth, rest) = text.split_once(" more every second ").unwrap();
    let growth = depth.strip_prefix("720 messages wait in channel t/c, and ").unwrap();
    assert!((9.5..10.5).contains(&growth.parse::<f64>().unwrap()), "{text}");
    assert_eq!(
        rest,
        "(50.0 come and 40.0 are finished); if nothing new came, it would take 18 s until it is empty."
    );
    assert_eq!(only(&flowing(10_000, 50, 40), Kind::BacklogGrowing).0, Severity::Critical);
    let (severity, text) = only(&flowing(200, 5, 0), Kind::BacklogGrowing);
    assert_eq!(severity, Severity::Critical);
    assert!(text.ends_with("nothing of it is being finished."), "{text}");
}

#[test]
fn a_backlog_that_stays_small_or_the_same_is_none() {
    for script in [flowing(10, 50, 49), flowing(5000, 50, 50), flowing(5000, 100, 101)] {
        none(&script, Kind::BacklogGrowing);
    }
}

#[test]
fn a_backlog_that_shrinks_slowly_has_a_time() {
    let script = flowing(100_000, 50, 150);
    let (severity, text) = only(&script, Kind::BacklogDraining);
    assert_eq!(severity, Severity::Info);
    let begin = "94,000 messages wait in channel t/c; at the present rate it takes 15 min ";
    assert!(text.starts_with(begin) && text.ends_with(" s until it is empty."), "{text}");
    assert_eq!(only(&flowing(1_000_000, 50, 150), Kind::BacklogDraining).0, Severity::Warning);
    none(&flowing(5_000, 50, 150), Kind::BacklogDraining);
    let trend = Trend::of(&script.history, &"t".into(), &"c".into());
    let drain = trend.drain_s(94_000).unwrap();
    assert!((900.0..1000.0).contains(&drain), "{drain}");
    assert_eq!(trend.drain_s(0), Some(0.0));
}

#[test]
fn a_moment_is_no_trend() {
    let mut script = Script::direct(&["a:1"]);
    script.polls(5, |script, at| {
        script.says("a:1", stats(1000 + at * 1000, 1000 + at * 1000));
    });
    none(&script, Kind::BacklogGrowing);
    assert_eq!(Trend::of(&script.history, &"t".into(), &"c".into()).growth, None);
}

fn channel_says(changes: Value) -> Value {
    stats_of(1000, &with(channel_of(1000, 0), changes))
}

fn said(stats: Value) -> Script {
    let mut script = Script::direct(&["a:1"]);
    script.says("a:1", stats).poll();
    script
}

#[test]
fn messages_without_consumers_are_told() {
    let script = said(channel_says(json!({"client_count": 0, "depth": 5})));
    let (severity, text) = only(&script, Kind::NoConsumers);
    assert_eq!(severity, Severity::Warning);
    assert_eq!(text, "Channel t/c has no consumers; 5 messages wait in it.");
    assert_eq!(script.problems.worst_of_topic(&"t".into()), Some(Severity::Warning));
    assert_eq!(script.problems.worst_of_channel(&"t".into(), &"c".into()), Some(Severity::Warning));
    assert_eq!(script.problems.worst_of_channel(&"t".into(), &"d".into()), None);
    let many = said(channel_says(json!({"client_count": 0, "depth": 10_000})));
    assert_eq!(only(&many, Kind::NoConsumers).0, Severity::Critical);
    none(&said(channel_says(json!({"client_count": 0}))), Kind::NoConsumers);
}

#[test]
fn a_topic_without_channels_is_good_to_know() {
    let script = said(json!({"topics": [{"topic_name": "t", "depth": 1, "message_count": 1}]}));
    let (severity, text) = only(&script, Kind::NoChannels);
    assert_eq!(severity, Severity::Info);
    assert_eq!(text, "Topic t has no channel; 1 message waits for the first one.");
}

#[test]
fn a_node_without_consumers_is_told_while_others_have_some() {
    let mut script = Script::direct(&["a:1", "b:1"]);
    script.says("a:1", channel_says(json!({"client_count": 0, "depth": 1234})));
    script.says("b:1", channel_says(json!({"client_count": 2}))).poll();
    let problem = script.problems(Kind::NoConsumersOnNode)[0].clone();
    assert_eq!(
        problem.text,
        "1,234 messages wait in channel t/c on a:1, where it has no consumer, while it has consumers on 1 other node."
    );
    assert_eq!(problem.node.as_deref(), Some("a:1"));
    none(&script, Kind::NoConsumers);
}

#[test]
fn what_is_paused_is_told_and_matters_if_something_waits() {
    let (severity, text) = only(&said(channel_says(json!({"paused": true}))), Kind::Paused);
    assert_eq!(severity, Severity::Info);
    assert_eq!(text, "Channel t/c is paused; 0 messages wait in it.");
    let mut script = Script::direct(&["a:1", "b:1"]);
    script.says("a:1", channel_says(json!({"paused": true, "depth": 3})));
    script.says("b:1", channel_says(json!({}))).poll();
    let (severity, text) = only(&script, Kind::Paused);
    assert_eq!(severity, Severity::Warning);
    assert_eq!(text, "Channel t/c is paused on 1 of 2 nodes; 3 messages wait in it.");
}

#[test]
fn timeouts_and_requeues_are_told_in_part_of_what_is_delivered() {
    let mut script = Script::direct(&["a:1"]);
    script.polls(31, |script, at| {
        let channel = with(
            channel_of(200 * at, 0),
            json!({"timeout_count": 10 * at, "requeue_count": 100 * at}),
        );
        script.says("a:1", stats_of(200 * at, &channel));
    });
    let (severity, text) = only(&script, Kind::Timeouts);
    assert_eq!(severity, Severity::Warning);
    assert!(
        text.starts_with(
            "5.0 messages per second are not answered in time in channel t/c: 4.8 % of those"
        ),
        "{text}"
    );
    let (severity, text) = only(&script, Kind::Requeues);
    assert_eq!(severity, Severity::Critical);
    assert!(text.contains("33 % of those that are delivered"), "{text}");
}

#[test]
fn timeouts_that_rise_are_told_to_rise() {
    let mut script = Script::direct(&["a:1"]);
    script.polls(600, |script, at| {
        let timeouts = 100 * at.saturating_sub(560);
        let channel = with(channel_of(200 * at, 0), json!({ "timeout_count": timeouts }));
        script.says("a:1", stats_of(200 * at, &channel));
    });
    let (_, text) = only(&script, Kind::Timeouts);
    assert!(text.contains("times as many as over the last hour"), "{text}");
}

#[test]
fn a_client_that_finishes_nothing_is_stuck() {
    let stats = || {
        channel_says(json!({"depth": 7, "clients": [
            {"client_id": "busy", "remote_address": "10.0.0.9:5", "in_flight_count": 2, "ready_count": 2},
            {"client_id": "fine", "remote_address": "10.0.0.9:6", "in_flight_count": 0, "ready_count": 2},
            {"client_id": "shut", "remote_address": "10.0.0.9:7", "in_flight_count": 0, "ready_count": 0}]}))
    };
    let mut script = Script::direct(&["a:1"]);
    script.polls(31, |script, _| {
        script.says("a:1", stats());
    });
    let texts: Vec<_> =
        script.problems(Kind::StuckClient).iter().map(|of| of.text.clone()).collect();
    assert_eq!(
        texts,
        [
            "Client busy (10.0.0.9:5) of channel t/c on a:1 has 2 messages in flight and has finished none for 1 min.",
            "Client shut (10.0.0.9:7) of channel t/c on a:1 has taken nothing for 1 min (RDY 0) while 7 messages wait.",
        ]
    );
    let mut script = Script::direct(&["a:1"]);
    script.polls(10, |script, _| {
        script.says("a:1", stats());
    });
    none(&script, Kind::StuckClient);
}

#[test]
fn a_node_that_does_not_answer_is_the_worst() {
    let mut script = Script::direct(&["a:1"]);
    script.says("a:1", channel_says(json!({"client_count": 0, "depth": 5}))).poll();
    script.polls(3, |script, _| {
        script.fails("a:1");
    });
    let (severity, text) = only(&script, Kind::NodeUnreachable);
    assert_eq!(severity, Severity::Critical);
    assert_eq!(
        text,
        "Node a:1 has not answered for 4 s (connection refused); its numbers are 6 s old."
    );
    assert_eq!(script.problems.all[0].kind, Kind::NodeUnreachable);
    script.says("a:1", stats(1, 0)).poll();
    none(&script, Kind::NodeUnreachable);
}

#[test]
fn registries_that_do_not_answer_are_told() {
    let mut script = Script::lookup(&["l:1", "m:1"]);
    script.registers("l:1", &[]).registry_fails("m:1").poll().registry_fails("m:1").poll();
    let (severity, text) = only(&script, Kind::RegistryUnreachable);
    assert_eq!(severity, Severity::Warning);
    assert_eq!(
        text,
        "nsqlookupd m:1 has not answered for 2 s (connection refused); the others do."
    );
    script.registry_fails("l:1").poll();
    let problems = script.problems(Kind::RegistryUnreachable);
    assert!(problems.len() == 2 && problems.iter().all(|of| of.severity == Severity::Critical));
}

#[test]
fn a_node_that_is_missing_in_a_registry_is_told_after_a_moment() {
    let mut script = Script::lookup(&["l:1", "m:1"]);
    let differ = |script: &mut Script, _: u64| {
        script.registers("l:1", &[("a:1", &["t"])]).registers("m:1", &[]);
    };
    script.polls(7, differ);
    none(&script, Kind::NodeMissing);
    script.polls(2, differ);
    let (severity, text) = only(&script, Kind::NodeMissing);
    assert_eq!(severity, Severity::Warning);
    assert_eq!(text, "Node a:1 is not known to m:1, though others know it.");
}

#[test]
fn nodes_that_are_behind_unwell_or_restarted_are_told() {
    let mut script = Script::direct(&["a:1", "b:1"]);
    let says = |health: &str, version: &str, restarts: u64, start: u64| json!({"version": version, "health": health, "start_time": start, "restarts": {"topic": restarts}});
    script.says("a:1", says("OK", "1.3.0", 2, 5)).says("b:1", says("OK", "1.2.1", 0, 5)).poll();
    none(&script, Kind::ActorRestarts);
    script
        .says("a:1", says("NOK - disk full", "1.3.0", 4, 5))
        .says("b:1", says("OK", "1.2.1", 0, 9));
    script.poll().poll();
    assert_eq!(
        only(&script, Kind::Unhealthy),
        (Severity::Critical, "Node a:1 says that it is not well: NOK - disk full.".to_owned())
    );
    let (severity, text) = only(&script, Kind::ActorRestarts);
    assert_eq!(severity, Severity::Warning);
    assert!(text.starts_with("2 parts of node a:1 failed and were started again since"), "{text}");
    assert_eq!(only(&script, Kind::NodeRestarted).1, "Node b:1 was started again 2 s ago.");
    let (severity, text) = only(&script, Kind::VersionSkew);
    assert_eq!(severity, Severity::Info);
    assert_eq!(
        text,
        "1 of 2 nodes are older than version 1.3.0, which others have: b:1 (version 1.2.1)."
    );
}

#[test]
fn a_node_with_more_than_is_kept_is_told() {
    let mut script = Script::direct(&["a:1"]);
    let topics: Vec<_> = (0..3).map(|number| json!({"topic_name": format!("t{number}")})).collect();
    script.says("a:1", json!({ "topics": topics })).poll();
    none(&script, Kind::StatsCut);
    let node = &mut script.picture.nodes[0];
    std::sync::Arc::make_mut(node.snapshot.as_mut().unwrap()).left_out = 1;
    script.problems = Problems::find(&script.picture, &script.history, script.now);
    let (_, text) = only(&script, Kind::StatsCut);
    assert_eq!(
        text,
        "1 topic, channel or client of node a:1 are not shown: there is more than nsqadmin keeps."
    );
}

#[test]
fn the_worst_come_first_and_of_equals_the_larger() {
    let mut script = Script::direct(&["a:1"]);
    let channel = |name: &str, depth: u64| json!({"channel_name": name, "depth": depth});
    let channels = [channel("a", 5), channel("b", 20_000), channel("c", 50)];
    script.says("a:1", json!({"topics": [{"topic_name": "t", "channels": channels}]})).poll();
    let order: Vec<_> =
        script.problems.all.iter().map(|of| of.channel.as_deref().unwrap()).collect();
    assert_eq!(order, ["b", "c", "a"]);
}
