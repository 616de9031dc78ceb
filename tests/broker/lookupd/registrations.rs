//! Who has what, and who is told of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Nsqlookupd, commands, eventually};

fn topics_of(lookupd: &Nsqlookupd, name: &str) -> Option<Vec<(String, bool)>> {
    let nodes = lookupd.get("/nodes");
    let mut nodes = nodes["producers"].as_array().unwrap().iter();
    let node = nodes.find(|node| node["broadcast_address"] == name)?;
    let list = |key: &str| node[key].as_array().unwrap().clone();
    let pairs = list("topics").into_iter().zip(list("tombstones"));
    let pairs = pairs
        .map(|(topic, hidden)| (topic.as_str().unwrap().to_owned(), hidden.as_bool().unwrap()));
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    Some(pairs)
}

#[test]
fn lookup_and_nodes_tell_all_that_a_node_has_said() {
    let lookupd = Nsqlookupd::start();
    let mut link = lookupd.link();
    link.send(&commands::identify(
        r#"{"broadcast_address":"<a>","hostname":"h","tcp_port":1,"http_port":-2,"version":"v",
            "topology_zone":"z","topology_region":"r","remote_address":"lie"}"#,
    ));
    link.response();
    link.ask("REGISTER orders audit", "OK");
    let info = format!(
        "\"remote_address\":\"{}\",\"hostname\":\"h\",\"broadcast_address\":\"\\u003ca\\u003e\",\
         \"tcp_port\":1,\"http_port\":-2,\"version\":\"v\",\"topology_zone\":\"z\",\"topology_region\":\"r\"",
        link.address()
    );
    for _ in 0..2 {
        assert_eq!(
            lookupd.http("GET", "/lookup?topic=orders").text(),
            format!("{{\"channels\":[\"audit\"],\"producers\":[{{{info}}}]}}")
        );
    }
    assert_eq!(
        lookupd.http("GET", "/nodes").text(),
        format!("{{\"producers\":[{{{info},\"tombstones\":[false],\"topics\":[\"orders\"]}}]}}")
    );
}

#[test]
fn two_links_of_one_node_are_two_producers() {
    let lookupd = Nsqlookupd::start();
    let _both = [lookupd.node("a", &["t"]), lookupd.node("a", &["t", "t"])];
    assert_eq!(lookupd.found("t"), ["a", "a"]);
}

#[test]
fn keys_outlive_their_producers_but_ephemeral_ones_do_not() {
    let lookupd = Nsqlookupd::start();
    let one = lookupd.node("a", &["t c", "t d#ephemeral", "e#ephemeral c"]);
    let other = lookupd.node("b", &["t d#ephemeral"]);
    assert_eq!(lookupd.get("/topics"), json!({"topics": ["e#ephemeral", "t"]}));
    drop(one);
    lookupd.expect_found("t", &["b"]);
    assert_eq!(lookupd.get("/topics"), json!({"topics": ["t"]}));
    assert_eq!(lookupd.get("/channels?topic=t"), json!({"channels": ["c", "d#ephemeral"]}));
    drop(other);
    lookupd.expect_found("t", &[]);
    assert_eq!(lookupd.get("/channels?topic=t"), json!({"channels": ["c"]}));
    assert_eq!(lookupd.http("GET", "/lookup?topic=e%23ephemeral").status, 404);
}

#[test]
fn unregister_takes_a_channel_or_the_topic_with_all_its_channels() {
    let lookupd = Nsqlookupd::start();
    let mut link = lookupd.node("a", &["t c", "t d", "u"]);
    link.ask("UNREGISTER t c", "OK");
    assert_eq!(lookupd.found("t"), ["a"]);
    link.ask("UNREGISTER t", "OK");
    assert_eq!(lookupd.found("t"), [""; 0]);
    assert_eq!(topics_of(&lookupd, "a").unwrap(), [("u".to_owned(), false)]);
    assert_eq!(
        lookupd.get("/debug").as_object().unwrap().keys().collect::<Vec<_>>(),
        ["client::", "topic:u:"]
    );
    link.ask("UNREGISTER nobody knows", "OK");
}

#[test]
fn silent_producers_are_hidden_until_they_ping() {
    let lookupd = Nsqlookupd::with(&["--inactive-producer-timeout=500ms"]);
    let mut link = lookupd.node("a", &["t"]);
    lookupd.expect_found("t", &[]);
    assert_eq!(topics_of(&lookupd, "a"), None);
    assert!(lookupd.get("/debug")["topic:t:"].is_array());
    link.ask("REGISTER u", "OK");
    assert_eq!(lookupd.found("u"), [""; 0], "REGISTER is no sign of life");
    eventually("a ping is one", || {
        link.ask("PING", "OK");
        (lookupd.found("t") == ["a"]).then_some(())
    });
}

#[test]
fn tombstones_hide_a_node_for_one_topic_and_a_time() {
    let lookupd = Nsqlookupd::with(&["--tombstone-lifetime=3s"]);
    let mut link = lookupd.node("a", &["t", "u"]);
    let _other = lookupd.node("b", &["t"]);
    lookupd.post("/topic/tombstone?topic=t&node=a:4151");
    lookupd.post("/topic/tombstone?topic=t&node=nobody:1");
    link.ask("REGISTER t c", "OK");
    assert_eq!((lookupd.found("t"), lookupd.found("u")), (vec!["b".into()], vec!["a".into()]));
    let hidden = [("t".to_owned(), true), ("u".to_owned(), false)];
    assert_eq!(topics_of(&lookupd, "a").unwrap(), hidden);
    lookupd.expect_found("t", &["a", "b"]);
    assert_eq!(topics_of(&lookupd, "a").unwrap()[0], ("t".to_owned(), false));
    let entries = lookupd.get("/debug")["topic:t:"].clone();
    let entry = |name: &str| -> Value {
        let mut entries = entries.as_array().unwrap().iter();
        entries.find(|entry| entry["broadcast_address"] == name).unwrap().clone()
    };
    assert_eq!(
        (&entry("a")["tombstoned"], &entry("b")["tombstoned"]),
        (&true.into(), &false.into())
    );
}

#[test]
fn tombstones_go_with_their_registration() {
    let lookupd = Nsqlookupd::with(&["--tombstone-lifetime=1h"]);
    let mut link = lookupd.node("fd00::1", &["t"]);
    for node in ["[fd00::1]:4151", "fd00::1:4151"] {
        lookupd.post(&format!("/topic/tombstone?topic=t&node={node}"));
        assert_eq!(lookupd.found("t"), [""; 0], "{node}");
        link.ask("UNREGISTER t", "OK");
        link.ask("REGISTER t", "OK");
        assert_eq!(lookupd.found("t"), ["fd00::1"], "{node}");
    }
}

#[test]
fn dump_has_every_key_with_producers() {
    let lookupd = Nsqlookupd::start();
    assert_eq!(lookupd.http("GET", "/debug").text(), "{}");
    lookupd.post("/channel/create?topic=empty&channel=c");
    let link = lookupd.node("a", &["t c"]);
    let before = unix_nanos();
    let dump = lookupd.get("/debug");
    let keys: Vec<_> = dump.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["channel:t:c", "client::", "topic:t:"]);
    let mut entry = dump["channel:t:c"][0].clone();
    let heard = entry["last_update"].take().as_i64().unwrap();
    assert!(before.abs_diff(heard) < 60_000_000_000, "{heard}");
    let expected = json!({
        "broadcast_address": "a", "hostname": "h", "http_port": 4151, "id": link.address(),
        "last_update": null, "tcp_port": 4150, "tombstoned": false,
        "tombstoned_at": -6_795_364_578_871_345_152_i64, "topology_region": "",
        "topology_zone": "", "version": "1.3.0",
    });
    assert_eq!(entry, expected);
}

fn unix_nanos() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.unwrap_or(Duration::ZERO).as_nanos()).unwrap()
}
