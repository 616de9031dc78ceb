use serde_json::json;

use super::*;
use crate::{
    cluster::{
        picture::{Share, differences::DifferenceKind},
        scripted::{POLL, Script, stats},
    },
    protocol::{ChannelName, TopicName},
};

fn addresses(script: &Script) -> Vec<&str> {
    script.picture.nodes.iter().map(|node| &*node.address).collect()
}

#[test]
fn nodes_are_those_that_registries_know() {
    let mut script = Script::lookup(&["l:1", "m:1"]);
    script.registers("l:1", &[("b:1", &["t"])]).registers("m:1", &[("a:1", &[]), ("b:1", &["t"])]);
    script.poll();
    assert_eq!(addresses(&script), ["a:1", "b:1"]);
    assert_eq!(script.picture.node("b:1").unwrap().identity.hostname, "b".into());
    let ask = script.roster.to_ask(script.now);
    assert!(ask.iter().all(|ask| ask.with_clients && !ask.is_doubtful));
}

#[test]
fn a_registry_that_fails_keeps_its_nodes() {
    let mut script = Script::lookup(&["l:1"]);
    script.registers("l:1", &[("a:1", &["t"])]).poll();
    script.registry_fails("l:1").poll();
    assert_eq!(addresses(&script), ["a:1"]);
    let [failure] = &script.picture.failures[..] else { panic!("{:?}", script.picture.failures) };
    assert_eq!((&*failure.address, &*failure.text), ("l:1", "connection refused"));
    let since = failure.since;
    script.polls(3, |script, _| {
        script.registry_fails("l:1");
    });
    assert_eq!(script.picture.failures[0].since, since, "since the first time");
}

#[test]
fn a_node_that_died_stays_for_a_while_though_no_registry_knows_it() {
    let mut script = Script::lookup(&["l:1"]);
    script.registers("l:1", &[("a:1", &["t"])]).says("a:1", stats(10, 5)).poll();
    script.registers("l:1", &[]).fails("a:1").poll();
    let node = script.picture.node("a:1").unwrap();
    assert!(!node.is_listed && node.failure.is_some());
    assert_eq!(script.topic("t").counts.gauges.depth, 5, "with its last data");
    let polls = FORGOTTEN_AFTER.as_secs() / POLL.as_secs() + 1;
    script.polls(polls, |script, _| {
        script.fails("a:1");
    });
    assert_eq!(addresses(&script), [] as [&str; 0]);
    assert_eq!(script.roster.held, Room::default());
}

#[test]
fn a_node_of_which_nothing_was_ever_heard_goes_with_its_registration() {
    let mut script = Script::lookup(&["l:1"]);
    script.registers("l:1", &[("a:1", &["t"])]).fails("a:1").poll();
    assert_eq!(addresses(&script), ["a:1"]);
    script.registers("l:1", &[]).poll();
    assert_eq!(addresses(&script), [] as [&str; 0]);
}

#[test]
fn a_node_that_answers_stays_though_no_registry_knows_it() {
    let mut script = Script::lookup(&["l:1"]);
    script.registers("l:1", &[("a:1", &["t"])]).says("a:1", stats(1, 0)).poll();
    script.registers("l:1", &[]).poll();
    script.polls(400, |script, at| {
        script.says("a:1", stats(at, 0));
    });
    assert_eq!(addresses(&script), ["a:1"]);
    assert_eq!(script.picture.differences[0].kind, DifferenceKind::NodeNowhere);
}

#[test]
fn addresses_that_change_at_run_time_are_followed() {
    let mut script = Script::lookup(&["l:1", "m:1"]);
    script.registers("l:1", &[("a:1", &[])]).registers("m:1", &[("b:1", &[])]).poll();
    script.roster.follow(&["m:1".into()], &[]);
    script.poll();
    assert_eq!(addresses(&script), ["b:1"]);
    assert_eq!(script.picture.registries.len(), 1);
    script.roster.follow(&[], &["c:1".into()]);
    script.poll();
    assert_eq!((addresses(&script), script.picture.mode), (vec![], Mode::Direct));
    assert_eq!(script.roster.to_identify(), [("c:1".into(), false)]);
}

#[test]
fn a_configured_nsqd_that_does_not_answer_is_shown_at_its_address() {
    let mut script = Script::direct(&[]);
    script.roster.follow(&[], &["c:1".into()]);
    let error = super::super::AskError {
        address: "c:1".into(),
        stage: super::super::Stage::Info,
        status: None,
        text: "refused".into(),
    };
    script.roster.not_identified(&"c:1".into(), &error, script.now);
    script.poll();
    let node = script.picture.node("c:1").unwrap();
    assert!(node.failure.is_some() && node.is_listed);
    assert_eq!(script.roster.to_identify(), [("c:1".into(), true)]);
    let found = crate::cluster::Node {
        address: "host:1".into(),
        broadcast_address: "host".into(),
        http_port: 1,
        tcp_port: 2,
        ..crate::cluster::Node::default()
    };
    script.roster.identified(&"c:1".into(), &found);
    script.poll();
    assert_eq!(addresses(&script), ["host:1"], "and then by its name for itself");
    let node = script.picture.node("host:1").unwrap();
    assert_eq!(node.reach().otherwise.as_deref(), Some("c:1"));
    assert_eq!(node.tcp_addresses(), ["host:2", "c:2"]);
}

#[test]
fn consumers_of_large_nodes_are_asked_for_now_and_then_and_kept_in_between() {
    let channel = |clients: bool| {
        let clients = if clients { json!([{"client_id": "w"}]) } else { json!(null) };
        json!({"channel_name": "c", "client_count": 1, "clients": clients})
    };
    let large = |clients: bool| {
        let topics: Vec<_> = (0..SMALL_NODE)
            .map(|number| json!({"topic_name": format!("t{number}"), "channels": [channel(clients)]}))
            .collect();
        json!({ "topics": topics })
    };
    let mut script = Script::direct(&["a:1"]);
    let mut asked = 0;
    for _ in 0..30 {
        let with_clients = script.roster.to_ask(script.now)[0].with_clients;
        asked += u32::from(with_clients);
        script.says("a:1", large(with_clients)).poll();
        let topic = script.topic("t5");
        let (_, entry) = script.picture.channel_entries(&topic.channels[0]).next().unwrap();
        assert_eq!(entry.clients.len(), 1);
    }
    assert!((4..=6).contains(&asked), "{asked} times in a minute");
}

#[test]
fn all_nodes_share_the_room() {
    let mut script = Script::direct(&["a:1"]);
    script.roster.held.entries = ENTRIES_MAX - 1;
    script.says("a:1", stats(1, 0)).poll();
    let snapshot = script.picture.node("a:1").unwrap().snapshot.clone().unwrap();
    assert_eq!((snapshot.topics().count(), snapshot.left_out), (1, 1), "no room for its channel");
    assert_eq!(script.roster.held.entries, ENTRIES_MAX);
}

#[test]
fn registries_are_compared_and_times_are_kept() {
    let mut script = Script::lookup(&["l:1", "m:1"]);
    let (both, hidden): (&[&str], &[&str]) = (&["t", "u"], &["t!"]);
    let began = script.now;
    let differ = |script: &mut Script| {
        script.registers("l:1", &[("a:1", both), ("b:1", &[])]);
        script.registers("m:1", &[("a:1", hidden)]).poll();
    };
    differ(&mut script);
    differ(&mut script);
    let found: Vec<_> = script.picture.differences.iter().collect();
    let kinds: Vec<_> = found.iter().map(|of| (of.kind, &*of.registries[0])).collect();
    use DifferenceKind::{NodeMissing, TombstoneMissing, TopicMissing};
    assert_eq!(kinds, [(TombstoneMissing, "l:1"), (TopicMissing, "m:1"), (NodeMissing, "m:1")]);
    assert!(found.iter().all(|difference| difference.since == began));
    assert!(script.picture.is_tombstoned("a:1", &"t".into()));
    script.registry_fails("m:1").poll();
    assert!(script.picture.differences.is_empty(), "who does not answer is not compared");
}

#[test]
fn a_share_is_known_or_not_or_kept() {
    let mut script = Script::direct(&["a:1"]);
    script.poll();
    let share = |script: &Script| script.picture.node("a:1").unwrap().share(script.now);
    assert_eq!(share(&script), Share::Unknown);
    script.says("a:1", stats(1, 0)).poll();
    assert_eq!(share(&script), Share::Known);
    script.fails("a:1").poll();
    assert_eq!(share(&script), Share::Unknown);
    script.polls(31, |script, _| {
        script.fails("a:1");
    });
    assert_eq!(share(&script), Share::Kept);
}

#[test]
fn topics_that_only_registries_know_are_inactive() {
    let mut script = Script::lookup(&["l:1"]);
    script.registers("l:1", &[("a:1", &["t", "old"]), ("b:1", &["gone!"])]);
    script.says("a:1", stats(1, 0)).poll();
    let inactive: Vec<_> =
        script.picture.inactive.iter().map(|topic| (&*topic.name, topic.is_tombstoned)).collect();
    assert_eq!(inactive, [("gone", true), ("old", false)]);
}

#[test]
fn nodes_beyond_the_limit_are_counted_once_however_many_know_them() {
    let mut script = Script::lookup(&["l:1", "m:1"]);
    let addresses: Vec<_> = (0..NODES_MAX + 3).map(|number| format!("n{number}:1")).collect();
    let nodes: Vec<(&str, &[&str])> = addresses.iter().map(|of| (of.as_str(), &[][..])).collect();
    script.registers("l:1", &nodes).registers("m:1", &nodes).poll();
    assert_eq!((script.picture.nodes.len(), script.roster.left_out), (NODES_MAX, 3));
    script.registers("l:1", &nodes[..1]).registers("m:1", &nodes[..2]).poll();
    assert_eq!((script.picture.nodes.len(), script.roster.left_out), (2, 0));
}

#[test]
fn channels_of_an_inactive_topic_are_known_when_all_who_know_the_topic_have_said_them() {
    let mut script = Script::lookup(&["l:1", "m:1", "n:1"]);
    script.registers("l:1", &[("a:1", &["old"])]).registers("m:1", &[("a:1", &["old"])]);
    script.registers("n:1", &[("a:1", &[])]);
    script.says("a:1", json!({}));
    let says = |script: &mut Script, registry: &str, channels: &[&str]| {
        let channels = channels.iter().map(|channel| ChannelName::parse(*channel).unwrap());
        let channels = [(TopicName::parse("old").unwrap(), channels.collect())].into();
        let extras = RegistryExtras { channels, ..RegistryExtras::default() };
        script.roster.registry_said_more(&registry.into(), extras);
    };
    let known = |script: &mut Script| {
        script.poll();
        let channels = script.picture.inactive_topic("old").unwrap().channels.clone();
        channels.map(|channels| channels.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(known(&mut script), None, "nobody was asked");
    says(&mut script, "l:1", &[]);
    assert_eq!(known(&mut script), None, "the other one may know some");
    says(&mut script, "m:1", &[]);
    assert_eq!(known(&mut script), Some(Vec::new()));
    says(&mut script, "m:1", &["c"]);
    assert_eq!(known(&mut script), Some(vec!["c".to_owned()]));
    script.roster.registry_said_more(&"l:1".into(), RegistryExtras::default());
    assert_eq!(known(&mut script), Some(vec!["c".to_owned()]), "what is known is shown");
}
