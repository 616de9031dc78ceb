//! What is done through upstream's API, and to whom.

use std::{
    fs,
    sync::{Mutex, mpsc},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    cluster::Cluster,
    scripted::{lookupd_flag, not_found, path, posts, registry, server},
};
use crate::{
    auth::server::{AuthServer as HttpServer, Reply},
    support::{Client, Nsqadmin, Nsqd, connect_raw, eventually, free_address, http},
};

const HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];
const DONE: &str = r#"{"message":"","failures":[]}"#;

#[track_caller]
fn done(admin: &Nsqadmin, method: &str, path: &str, body: &str) {
    let response = admin.http(method, path, body);
    assert_eq!((response.status, response.text().as_str()), (200, DONE), "{method} {path} {body}");
}

/// Two nodes have `orders` with the channel `archive` and three messages, two of them at the topic.
fn orders() -> (Cluster, Nsqadmin) {
    let cluster = Cluster::start(2, &HOSTS, &[]);
    for (index, nsqd) in cluster.nsqds.iter().enumerate() {
        cluster.create(index, "orders", &["archive"]);
        nsqd.post("/pub?topic=orders", b"one");
        nsqd.expect_channel("orders", "archive", &[("depth", 1)]);
        nsqd.post("/topic/pause?topic=orders", b"");
        nsqd.post("/mpub?topic=orders", b"two\nthree");
    }
    let admin = cluster.admin(&[]);
    (cluster, admin)
}

#[track_caller]
fn everywhere(cluster: &Cluster, what: impl Fn(&Nsqd) -> Value, expected: impl Into<Value>) {
    let expected = expected.into();
    for nsqd in &cluster.nsqds {
        assert_eq!(what(nsqd), expected);
    }
}

#[test]
fn topics_and_channels_are_paused_and_unpaused_on_all_nodes() {
    let (cluster, admin) = orders();
    let (topic, channel) = ("/api/topics/orders", "/api/topics/orders/archive");
    for (action, paused) in [("pause", true), ("unpause", false), ("pause", true)] {
        let body = json!({ "action": action }).to_string();
        done(&admin, "POST", topic, &body);
        everywhere(&cluster, |nsqd| nsqd.topic("orders")["paused"].take(), paused);
        done(&admin, "POST", channel, &body);
        everywhere(&cluster, |nsqd| nsqd.channel("orders", "archive")["paused"].take(), paused);
    }
}

#[test]
fn a_topic_is_emptied_without_its_channels_and_a_channel_without_its_topic() {
    let (cluster, admin) = orders();
    let depths = |nsqd: &Nsqd| {
        json!([nsqd.topic("orders")["depth"], nsqd.channel("orders", "archive")["depth"]])
    };
    everywhere(&cluster, depths, json!([2, 1]));
    done(&admin, "POST", "/api/topics/orders", r#"{"action":"empty"}"#);
    everywhere(&cluster, depths, json!([0, 1]));
    done(&admin, "POST", "/api/topics/orders/archive", r#"{"action":"empty"}"#);
    everywhere(&cluster, depths, json!([0, 0]));
}

#[test]
fn what_is_deleted_is_gone_from_nodes_and_registries() {
    let (cluster, admin) = orders();
    done(&admin, "DELETE", "/api/topics/orders/archive", "");
    everywhere(&cluster, |nsqd| nsqd.topic("orders")["channels"].take(), json!([]));
    for lookupd in &cluster.lookupds {
        assert_eq!(lookupd.get("/channels?topic=orders")["channels"], json!([]));
    }
    done(&admin, "DELETE", "/api/topics/orders", "");
    everywhere(&cluster, |nsqd| nsqd.stats()["topics"].take(), json!([]));
    for lookupd in &cluster.lookupds {
        assert_eq!(lookupd.get("/topics")["topics"], json!([]));
    }
    for path in ["/api/topics/orders", "/api/topics/orders/archive"] {
        let again = admin.http("DELETE", path, "");
        let expected = (404, r#"{"message":"TOPIC_NOT_FOUND"}"#.to_owned());
        assert_eq!((again.status, again.text()), expected);
    }
}

#[test]
fn what_only_a_registry_knows_can_be_deleted() {
    let cluster = Cluster::start(2, &[], &[]);
    let admin = cluster.admin(&[]);
    cluster.lookupds[1].post("/channel/create?topic=idle&channel=c");
    let impact = admin.get("/api/v1/impact?action=delete_channel&topic=idle&channel=c");
    assert_eq!((&impact["confirm"], &impact["nodes"]), (&"idle/c".into(), &json!([])));
    assert_eq!(impact["lookupds"].as_array().unwrap().len(), 2);
    done(&admin, "DELETE", "/api/topics/idle/c", "");
    assert_eq!(cluster.lookupds[1].get("/channels?topic=idle")["channels"], json!([]));
    done(&admin, "DELETE", "/api/topics/idle", "");
    assert_eq!(cluster.lookupds[1].get("/topics")["topics"], json!([]));
}

#[test]
fn what_is_made_is_known_to_registries_and_to_nodes_that_have_the_topic() {
    let (cluster, admin) = orders();
    done(&admin, "POST", "/api/topics", r#"{"topic":"new"}"#);
    done(&admin, "POST", "/api/topics", r#"{"topic":"newer","channel":"c#ephemeral"}"#);
    done(&admin, "POST", "/api/topics", r#"{"topic":"orders","channel":"audit"}"#);
    for lookupd in &cluster.lookupds {
        assert_eq!(lookupd.get("/topics")["topics"], json!(["new", "newer", "orders"]));
        assert_eq!(lookupd.get("/channels?topic=newer")["channels"], json!(["c#ephemeral"]));
    }
    let count = |nsqd: &Nsqd| json!(nsqd.topic("orders")["channels"].as_array().unwrap().len());
    everywhere(&cluster, count, 2);
    everywhere(&cluster, |nsqd| json!(nsqd.stats()["topics"].as_array().unwrap().len()), 1);
}

#[test]
fn without_registries_topics_and_channels_are_made_on_the_nodes() {
    let nsqds = [Nsqd::start(), Nsqd::start()];
    let flags: Vec<_> =
        nsqds.iter().map(|nsqd| format!("--nsqd-http-address={}", nsqd.http_address())).collect();
    let admin = Nsqadmin::with(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    done(&admin, "POST", "/api/topics", r#"{"topic":"new"}"#);
    done(&admin, "POST", "/api/topics", r#"{"topic":"newer","channel":"c"}"#);
    for nsqd in &nsqds {
        assert_eq!(nsqd.topic("new")["channels"], json!([]));
        assert_eq!(nsqd.channel("newer", "c")["depth"], 0);
    }
    done(&admin, "DELETE", "/api/topics/newer/c", "");
    assert_eq!(nsqds[1].topic("newer")["channels"], json!([]));
}

#[test]
fn a_node_is_hidden_for_a_topic_and_loses_it() {
    let (cluster, admin) = orders();
    let node = cluster.node(HOSTS[1], 1);
    done(
        &admin,
        "DELETE",
        &format!("/api/nodes/{}", node.replace(':', "%3A")),
        r#"{"topic":"orders"}"#,
    );
    assert_eq!(cluster.nsqds[1].stats()["topics"], json!([]));
    assert_eq!(cluster.nsqds[0].topic("orders")["depth"], 2);
    for lookupd in &cluster.lookupds {
        lookupd.expect_found("orders", &[HOSTS[0]]);
    }
}

#[test]
fn only_nodes_of_the_cluster_are_spoken_to() {
    let stranger = server(&[("/info", "{}"), ("/topic/delete", "")]);
    let nsqd = server(&[("/topic/delete", "")]);
    let lookupd = registry(&[&nsqd.address()]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
    let delete =
        |node: &str| admin.http("DELETE", &format!("/api/nodes/{node}"), r#"{"topic":"orders"}"#);
    let refused = delete(&stranger.address());
    assert_eq!(
        (refused.status, refused.text()),
        (404, r#"{"message":"NODE_NOT_FOUND"}"#.to_owned())
    );
    assert!(stranger.requests().is_empty() && posts(&lookupd).is_empty());
    assert_eq!(delete(&nsqd.address()).text(), DONE);
    let tombstone =
        format!("/topic/tombstone?topic=orders&node={}", nsqd.address().replace(':', "%3A"));
    assert_eq!(posts(&lookupd), [tombstone]);
    assert_eq!(posts(&nsqd).len(), 1);
}

/// An nsqd that answers everything with this status.
fn answering(status: &'static str) -> HttpServer {
    HttpServer::always(Reply::status(status))
}

#[test]
fn an_action_that_fails_somewhere_is_a_warning_and_one_that_fails_everywhere_an_error() {
    let (good, bad) = (server(&[("/topic/pause", "")]), answering("500 Internal Server Error"));
    let lookupd = registry(&[&good.address(), &bad.address()]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
    let partly = admin.http("POST", "/api/topics/orders", r#"{"action":"pause"}"#);
    let failure = json!({
        "address": bad.address(), "stage": "nsqd", "status": 500,
        "text": "got response 500 Internal Server Error \"no\"",
    });
    let message = format!("WARNING: {}: {}", bad.address(), failure["text"].as_str().unwrap());
    let expected = json!({ "message": message, "failures": [failure] });
    assert_eq!((partly.status, partly.json()), (200, expected));
    let worse = registry(&[&bad.address(), &free_address().to_string()]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&worse)]);
    let failed = admin.http("DELETE", "/api/topics/orders", "");
    assert_eq!((failed.status, failed.json()["failures"].as_array().unwrap().len()), (502, 2));
    let message = failed.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("UPSTREAM_ERROR: failed to query any nsqd: "), "{message}");
    assert_eq!(posts(&worse), ["/topic/delete?topic=orders"], "registries forget first");
}

#[test]
fn not_to_have_what_is_to_go_is_no_failure_unless_nobody_has_it() {
    let has = server(&[("/channel/delete", "")]);
    let lacks = HttpServer::scripted(|_, _| not_found("CHANNEL_NOT_FOUND"));
    let lookupd = registry(&[&has.address(), &lacks.address()]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
    done(&admin, "DELETE", "/api/topics/orders/archive", "");
    let nobody = registry(&[&lacks.address()]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&nobody)]);
    let paused = admin.http("POST", "/api/topics/orders/archive", r#"{"action":"pause"}"#);
    let expected = (404, r#"{"message":"CHANNEL_NOT_FOUND"}"#.to_owned());
    assert_eq!((paused.status, paused.text()), expected);
}

#[test]
fn results_are_given_node_by_node_and_can_be_tried_again_where_they_failed() {
    let good = server(&[("/topic/delete", "")]);
    let heals = HttpServer::scripted(|request, _| match path(request) {
        "/topic/delete" if request.line.contains("orders") => {
            Reply::status("503 Service Unavailable")
        }
        _ => Reply::ok(b""),
    });
    let lookupd = registry(&[&good.address(), &heals.address()]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
    let act = |body: Value| admin.http("POST", "/api/v1/actions", &body.to_string());
    let order = json!({ "action": "delete_topic", "topic": "orders", "confirm": "orders" });
    let first = act(order.clone());
    let report = first.json();
    assert_eq!(
        (first.status, &report["ok"], &report["failures"]),
        (200, &false.into(), &json!([]))
    );
    let results = report["results"].as_array().unwrap();
    let seen: Vec<_> = results
        .iter()
        .map(|result| {
            (
                result["address"].as_str().unwrap(),
                result["stage"].as_str().unwrap(),
                result["ok"].as_bool().unwrap(),
                result["status"].as_u64(),
            )
        })
        .collect();
    let (at, bad) = (good.address(), heals.address());
    let registry = lookupd.address();
    assert_eq!(seen[0], (registry.as_str(), "nsqlookupd", true, Some(200)));
    assert!(seen.contains(&(at.as_str(), "nsqd", true, Some(200))));
    assert!(seen.contains(&(bad.as_str(), "nsqd", false, Some(503))));
    assert!(results.iter().all(|result| result["ms"].is_u64()));
    let (before, told) = (posts(&good).len(), posts(&lookupd).len());
    let mut again = order.clone();
    again["only"] = json!([bad]);
    let second = act(again.clone()).json();
    assert_eq!(second["results"].as_array().unwrap().len(), 1);
    assert_eq!(
        (posts(&good).len(), posts(&lookupd).len()),
        (before, told),
        "others are left alone"
    );
    again["only"] = json!([bad, "127.0.0.1:1"]);
    let refused = act(again);
    assert_eq!(
        (refused.status, refused.text()),
        (404, r#"{"message":"NODE_NOT_FOUND"}"#.to_owned())
    );
}

#[test]
fn what_destroys_has_to_be_confirmed() {
    let (cluster, admin) = orders();
    let act = |body: Value| {
        let response = admin.http("POST", "/api/v1/actions", &body.to_string());
        (response.status, response.json())
    };
    let refused = (400, json!({ "message": "CONFIRM" }));
    let node = cluster.node(HOSTS[0], 0);
    for order in [
        json!({ "action": "delete_topic", "topic": "orders" }),
        json!({ "action": "empty_topic", "topic": "orders", "confirm": "Orders" }),
        json!({ "action": "delete_channel", "topic": "orders", "channel": "archive", "confirm": "archive" }),
        json!({ "action": "empty_channel", "topic": "orders", "channel": "archive", "confirm": "orders" }),
        json!({ "action": "tombstone_topic_producer", "topic": "orders", "node": node, "confirm": "orders" }),
    ] {
        assert_eq!(act(order), refused);
    }
    let unknown = json!({ "action": "drop", "topic": "orders" });
    assert_eq!(act(unknown), (400, json!({ "message": "INVALID_ACTION" })));
    everywhere(&cluster, |nsqd| nsqd.topic("orders")["depth"].take(), 2);
    let empty = json!({ "action": "empty_channel", "topic": "orders", "channel": "archive", "confirm": "orders/archive" });
    assert_eq!(act(empty).1["ok"], true);
    let pause = json!({ "action": "unpause_topic", "topic": "orders" });
    assert_eq!(act(pause).1["results"].as_array().unwrap().len(), 2);
}

#[test]
fn the_impact_is_told_before() {
    let (cluster, admin) = orders();
    let mut consumer = cluster.nsqds[0].client();
    consumer.subscribe("orders", "archive");
    let impact = |query: &str| admin.get(&format!("/api/v1/impact?{query}"));
    let delete = impact("action=delete_topic&topic=orders");
    let numbers =
        ["messages", "in_flight", "clients", "channels"].map(|key| delete[key].as_i64().unwrap());
    assert_eq!((&delete["confirm"], numbers), (&"orders".into(), [6, 0, 1, 1]));
    assert_eq!(delete["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(delete["lookupds"].as_array().unwrap().len(), 2);
    let warnings = [
        "1 channel and all messages in them are deleted, too.",
        "1 consumer will be disconnected.",
    ];
    assert_eq!(delete["warnings"], json!(warnings));
    let pause = impact("action=pause_channel&topic=orders&channel=archive");
    assert_eq!((&pause["confirm"], &pause["messages"]), (&Value::Null, &2.into()));
    assert_eq!((&pause["lookupds"], &pause["failures"]), (&json!([]), &json!([])));
    let node = cluster.node(HOSTS[1], 1);
    let tombstone = impact(&format!("action=tombstone_topic_producer&topic=orders&node={node}"));
    assert_eq!((&tombstone["confirm"], &tombstone["messages"]), (&node.as_str().into(), &3.into()));
    for (query, status, code) in [
        ("action=delete_topic&topic=other", 404, "TOPIC_NOT_FOUND"),
        ("action=empty_channel&topic=orders&channel=other", 404, "CHANNEL_NOT_FOUND"),
        ("action=tombstone_topic_producer&topic=orders&node=h:1", 404, "NODE_NOT_FOUND"),
        ("action=&topic=orders", 400, "INVALID_ACTION"),
        ("action=delete_topic&topic=%3Cb%3E", 400, "INVALID_TOPIC"),
    ] {
        let refused = admin.http("GET", &format!("/api/v1/impact?{query}"), "");
        assert_eq!(
            (refused.status, refused.json()),
            (status, json!({ "message": code })),
            "{query}"
        );
    }
}

#[test]
fn who_cannot_be_asked_does_not_count_and_is_named() {
    let nsqd = server(&[("/stats", r#"{"topics":[{"topic_name":"orders","depth":3}]}"#)]);
    let gone = free_address().to_string();
    let lookupd = registry(&[&nsqd.address(), &gone]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
    let impact = admin.get("/api/v1/impact?action=empty_topic&topic=orders");
    assert_eq!(
        (&impact["messages"], &impact["failures"][0]["address"]),
        (&3.into(), &gone.as_str().into())
    );
    let warning = "1 address did not answer: what is there is not counted.";
    assert_eq!(impact["warnings"], json!([warning]));
}

#[test]
fn every_action_is_written_down() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("audit.log");
    let flag = format!("--audit-log={}", file.display());
    let (good, bad) = (server(&[("/topic/pause", "")]), answering("500 Internal Server Error"));
    let lookupd = registry(&[&good.address(), &bad.address()]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd), &flag, "--admin-user=carol"]);
    let carol = ["X-Forwarded-User: carol", "X-Forwarded-For: 192.0.2.7"];
    let pause = r#"{"action":"pause"}"#;
    assert_eq!(admin.http("POST", "/api/topics/orders", pause).status, 403);
    assert_eq!(admin.http_with("POST", "/api/topics/orders", &carol, pause).status, 200);
    let create = r#"{"action":"create_channel","topic":"orders","channel":"c"}"#;
    assert_eq!(admin.http_with("POST", "/api/v1/actions", &carol, create).status, 200);
    let gone = admin.http_with("DELETE", "/api/nodes/h:1", &carol, r#"{"topic":"orders"}"#);
    assert_eq!(gone.status, 404);
    let audit = admin.get("/api/v1/audit");
    let entries = audit["entries"].as_array().unwrap();
    let said: Vec<_> = entries
        .iter()
        .map(|entry| (entry["action"].as_str().unwrap(), entry["ok"].as_bool().unwrap()))
        .collect();
    let expected =
        [("tombstone_topic_producer", false), ("create_channel", false), ("pause_topic", false)];
    assert_eq!((said, &audit["file_error"]), (expected.to_vec(), &Value::Null));
    let pause = &entries[2];
    assert_eq!(
        (&pause["user"], &pause["topic"], &pause["channel"]),
        (&"carol".into(), &"orders".into(), &Value::Null)
    );
    assert!(pause["remote_ip"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(pause["forwarded_for"], "192.0.2.7");
    assert!(pause["at"].as_u64().unwrap() > 1_700_000_000_000);
    assert_eq!(pause["results"].as_array().unwrap().len(), 2);
    assert!(pause["text"].as_str().unwrap().contains("got response 500"));
    assert_eq!(
        (&entries[0]["node"], &entries[0]["text"]),
        (&"h:1".into(), &"node not found".into())
    );
    let lines = fs::read_to_string(file).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let newest_first: Vec<_> = lines.iter().rev().collect();
    assert_eq!(newest_first, entries.iter().collect::<Vec<_>>());
    admin.log().expect(&["AUDIT {", r#""user":"carol""#, r#""action":"pause_topic""#]);
}

#[test]
fn an_audit_log_that_cannot_be_written_stops_nothing_and_is_said() {
    let nsqd = server(&[("/topic/pause", "")]);
    let lookupd = registry(&[&nsqd.address()]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd), "--audit-log=/nowhere/audit.log"]);
    done(&admin, "POST", "/api/topics/orders", r#"{"action":"pause"}"#);
    let audit = admin.get("/api/v1/audit");
    assert_eq!(audit["entries"].as_array().unwrap().len(), 1);
    assert!(audit["file_error"].as_str().unwrap().starts_with("/nowhere/audit.log: No such file"));
    admin
        .log()
        .expect(&["AUDIT: /nowhere/audit.log: the last entry could not be written: No such file"]);
}

#[test]
fn others_are_told_of_actions_in_upstreams_words() {
    let told = HttpServer::always(Reply::ok(b""));
    let nsqd = server(&[("/channel/create", ""), ("/topic/pause", "")]);
    let lookupd = registry(&[&nsqd.address()]);
    let endpoint = format!("--notification-http-endpoint=http://{}/told", told.address());
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd), &endpoint]);
    done(&admin, "POST", "/api/topics", r#"{"topic":"orders","channel":"c"}"#);
    done(&admin, "POST", "/api/topics/orders", r#"{"action":"pause"}"#);
    assert_eq!(admin.http("DELETE", "/api/nodes/h:1", r#"{"topic":"orders"}"#).status, 404);
    assert_eq!(admin.http("POST", "/api/topics/orders", r#"{"action":"empty"}"#).status, 404);
    let told = eventually("four notifications", || {
        let requests = told.requests();
        (requests.len() >= 4).then_some(requests)
    });
    let said: Vec<Value> =
        told.iter().map(|request| serde_json::from_str(&request.body).unwrap()).collect();
    let actions: Vec<_> = said.iter().map(|of| of["action"].as_str().unwrap()).collect();
    let expected = ["create_topic", "create_channel", "pause_topic", "empty_topic"];
    assert_eq!(actions, expected, "a tombstone that could not begin is not told of");
    assert_eq!((said[0].get("channel"), &said[1]["channel"]), (None, &"c".into()));
    let url = "http://broker/api/topics";
    assert_eq!((&said[1]["url"], &said[1]["topic"]), (&url.into(), &"orders".into()));
    assert!(said[1]["timestamp"].as_u64().unwrap() > 1_700_000_000);
}

/// Sends a request whose answer nobody waits for.
fn sent(admin: &Nsqadmin, method: &str, path: &str, body: &str) -> Client {
    let mut client = connect_raw(admin.http_address());
    client.send(&http::request_bytes(method, path, body.as_bytes()));
    client
}

/// A node that answers `held` when it is told to, and all else at once.
fn holding(held: &'static str) -> (HttpServer, mpsc::Sender<()>) {
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let server = HttpServer::scripted(move |request, _| {
        if path(request) == held {
            let _released_or_test_over = released.lock().unwrap().recv();
        }
        Reply::ok(b"{}")
    });
    (server, release)
}

#[track_caller]
fn is_asked(node: &HttpServer, held: &str) {
    eventually("the node is asked", || {
        node.requests().iter().any(|request| path(request) == held).then_some(())
    });
}

#[test]
fn what_was_begun_reaches_its_end_though_nobody_waits_for_it() {
    for (held, request, body, action) in [
        ("/topic/pause", "/api/topics/orders", r#"{"action":"pause"}"#, "pause_topic"),
        ("/pub", "/api/v1/topics/orders/publish", r#"{"body":"hello"}"#, "publish"),
    ] {
        let (node, release) = holding(held);
        let lookupd = registry(&[&node.address()]);
        let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
        let client = sent(&admin, "POST", request, body);
        is_asked(&node, held);
        client.reset();
        admin.http("GET", "/ping", "");
        release.send(()).unwrap();
        let entry = eventually("it was written down", || {
            admin.get("/api/v1/audit")["entries"].as_array()?.first().cloned()
        });
        assert_eq!((&entry["ok"], &entry["action"]), (&true.into(), &action.into()));
    }
}

#[test]
fn a_stop_waits_until_what_was_begun_is_written_down() {
    for (held, method, request, body, action) in [
        ("/topic/delete", "DELETE", "/api/topics/orders", "", "delete_topic"),
        ("/pub", "POST", "/api/v1/topics/orders/publish", r#"{"body":"hello"}"#, "publish"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("audit.log");
        let flag = format!("--audit-log={}", file.display());
        let (node, _never_released) = holding(held);
        let lookupd = registry(&[&node.address()]);
        let patience = "--http-client-request-timeout=1s";
        let mut admin = Nsqadmin::with(&[&lookupd_flag(&lookupd), &flag, patience]);
        let _client = sent(&admin, method, request, body);
        is_asked(&node, held);
        admin.signal(Signal::TERM);
        assert_eq!(admin.expect_exit().code(), Some(0));
        let line = fs::read_to_string(file).unwrap();
        let entry: Value = serde_json::from_str(line.trim_end()).unwrap();
        assert_eq!((&entry["action"], &entry["ok"]), (&action.into(), &false.into()));
        let failed = entry["results"].as_array().unwrap().iter().find(|of| of["ok"] == false);
        assert_eq!(failed.unwrap()["address"], node.address());
        let log = admin.log().lines_to_the_end();
        assert!(log.iter().any(|line| line.contains("AUDIT {")), "{log:?}");
    }
}

#[test]
fn a_second_signal_waits_for_nothing_and_a_stop_lets_nothing_begin() {
    let (node, _never_released) = holding("/topic/delete");
    let lookupd = registry(&[&node.address()]);
    let flag = "--http-client-request-timeout=1h";
    let mut admin = Nsqadmin::with(&[&lookupd_flag(&lookupd), flag]);
    let _client = sent(&admin, "DELETE", "/api/topics/orders", "");
    is_asked(&node, "/topic/delete");
    admin.signal(Signal::TERM);
    admin.log().expect(&["HTTP: closing"]);
    eventually("nothing begins", || {
        let refused = admin.http("POST", "/api/topics/orders", r#"{"action":"pause"}"#);
        (refused.status == 503).then(|| assert!(refused.text().contains("EXITING")))
    });
    admin.signal(Signal::TERM);
    assert_eq!(admin.expect_exit().code(), Some(0));
    let log = admin.log().lines_to_the_end();
    assert!(log.iter().any(|line| line.contains("second signal, exiting at once")), "{log:?}");
}
