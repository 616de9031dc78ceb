//! What the pages are shown: views of a live cluster, once and as streams.

use serde_json::{Value, json};

use super::{cluster::Cluster, scripted, stream::Stream};
use crate::support::{Nsqadmin, Nsqd, eventually, free_address};

const OFTEN: &str = "--poll-interval=100ms";

/// A view as soon as something holds for it.
#[track_caller]
fn view(admin: &Nsqadmin, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("{name} is as it should be"), || {
        let response = admin.http("GET", &format!("/api/v1/{name}"), "");
        (response.status == 200).then(|| response.json()).filter(|view| holds(view))
    })
}

fn kinds(view: &Value) -> Vec<String> {
    let problems = view["problems"].as_array().unwrap().iter();
    problems.map(|problem| problem["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn all_views_of_a_live_cluster() {
    let cluster = Cluster::start(2, &["127.0.0.1", "localhost"], &[]);
    cluster.create(0, "orders", &["archive"]);
    cluster.create(1, "orders", &["archive", "audit"]);
    let consumer = cluster.nsqds[0].consumer("orders", "archive", 5);
    cluster.nsqds[0].post("/pub?topic=orders", b"one");
    cluster.nsqds[1].post("/pub?topic=orders", b"two");
    let admin = cluster.admin(&[OFTEN]);

    let topic =
        view(&admin, "topics/orders", |view| view["topic"]["counts"]["in_rate"].is_number());
    let counts = &topic["topic"]["counts"];
    assert_eq!((&counts["messages"], &counts["clients"]), (&json!(2), &json!(1)));
    assert_eq!(
        (&counts["in_flight"], &counts["depth"]),
        (&json!(1), &json!(2)),
        "one of archive, one of audit"
    );
    assert_eq!(
        (&topic["topic"]["node_count"], &topic["topic"]["channel_count"]),
        (&json!(2), &json!(2))
    );
    assert_eq!((&topic["topic"]["paused"], &topic["latency"]), (&json!("no"), &Value::Null));
    assert_eq!(topic["nodes"].as_array().unwrap().len(), 2);
    let lines = ["in", "out", "depth", "in_flight", "requeues", "timeouts"];
    let length = |line: &str| topic["series"][line].as_array().unwrap().len();
    assert!(length("in") > 0 && lines.iter().all(|line| length(line) == length("in")));
    assert!(kinds(&topic).contains(&"no_consumers".to_owned()), "audit has none: {topic}");

    let channel = view(&admin, "topics/orders/archive", |view| !view["clients"][0].is_null());
    let client = &channel["clients"][0];
    assert_eq!((&client["in_flight"], &client["ready"]), (&json!(1), &json!(5)));
    assert_eq!((&client["topic"], &client["channel"]), (&json!("orders"), &json!("archive")));
    assert!(client["connected_at"].as_u64().unwrap() > 1_700_000_000_000, "milliseconds");
    assert_eq!((&client["auth"], &client["stuck"]), (&Value::Null, &Value::Null));

    let address = cluster.nsqds[0].http_address().port();
    let node = view(&admin, &format!("nodes/127.0.0.1:{address}"), |_| true);
    assert_eq!((&node["node"]["reachable"], &node["node"]["health"]), (&json!(true), &json!("OK")));
    assert_eq!(node["node"]["registries"].as_array().unwrap().len(), 2);
    assert!(node["node"]["memory_bytes"].as_u64().unwrap() > 0);
    assert_eq!((&node["node"]["restarts"], &node["node"]["error"]), (&json!(0), &Value::Null));
    assert_eq!(node["topics"][0]["channels"][0]["channel"], "archive");
    assert_eq!(view(&admin, "nodes", |_| true)["nodes"].as_array().unwrap().len(), 2);

    let overview = view(&admin, "overview", |view| view["totals"]["in_rate"].is_number());
    assert_eq!((&overview["node_count"], &overview["topic_count"]), (&json!(2), &json!(1)));
    assert_eq!(overview["top_topics"][0]["topic"], "orders");
    assert_eq!(view(&admin, "topics", |_| true)["topics"].as_array().unwrap().len(), 1);
    assert_eq!(view(&admin, "counter", |_| true)["messages"], 2);
    let registries = view(&admin, "registries", |view| {
        view["registries"].as_array().unwrap().iter().all(|of| of["channel_count"] == 2)
            && !view["nodes"][0]["seen"][0]["last_update"].is_null()
    });
    assert_eq!(registries["registries"][0]["node_count"], 2);
    assert_eq!(registries["differences"], json!([]));
    drop(consumer);
}

#[test]
fn what_is_unknown_is_not_found_and_what_is_no_view_neither() {
    let cluster = Cluster::start(1, &["127.0.0.1"], &[]);
    cluster.create(0, "orders", &["archive"]);
    let admin = cluster.admin(&[OFTEN]);
    view(&admin, "topics/orders", |_| true);
    for (path, message) in [
        ("topics/none", "TOPIC_NOT_FOUND"),
        ("topics/none/archive", "TOPIC_NOT_FOUND"),
        ("topics/orders/none", "CHANNEL_NOT_FOUND"),
        ("nodes/none:4151", "NODE_NOT_FOUND"),
        ("events?view=none", "VIEW_NOT_FOUND"),
        ("events?view=topics%2Fa%2Fb%2Fc", "VIEW_NOT_FOUND"),
    ] {
        let response = admin.http("GET", &format!("/api/v1/{path}"), "");
        assert_eq!(
            (response.status, &response.json()["message"]),
            (404, &json!(message)),
            "{path}"
        );
    }
    let response = admin.http("GET", "/api/v1/events", "");
    assert_eq!((response.status, &response.json()["message"]), (400, &json!("MISSING_ARG_VIEW")));
}

#[test]
fn topics_that_only_registries_know_are_inactive_with_their_channels() {
    let cluster = Cluster::start(1, &["127.0.0.1"], &[]);
    cluster.lookupds[0].post("/channel/create?topic=old&channel=archive");
    let admin = cluster.admin(&[OFTEN]);
    let has_channel = |view: &Value| view["topics"][0]["channels"] == json!(["archive"]);
    let lookup = view(&admin, "lookup", has_channel);
    assert_eq!(
        (&lookup["topics"][0]["topic"], &lookup["topics"][0]["reason"]),
        (&json!("old"), &json!("no producer"))
    );
    let topics = view(&admin, "topics", |_| true);
    assert_eq!(
        (&topics["topics"][0]["inactive"], &topics["topics"][0]["counts"]["in_rate"]),
        (&json!(true), &Value::Null)
    );
    let topic = view(&admin, "topics/old", |_| true);
    assert_eq!(topic["nodes"], json!([]));
}

#[test]
fn a_stream_tells_of_a_node_that_dies_and_of_its_return() {
    let cluster = Cluster::start(1, &["127.0.0.1"], &[]);
    cluster.create(0, "orders", &["archive"]);
    let mut other = Nsqd::with(&["--http-address=127.0.0.1:0"]);
    other.post("/topic/create?topic=orders", b"");
    other.post("/channel/create?topic=orders&channel=archive", b"");
    other.post("/pub?topic=orders", b"one");
    let admin = Nsqadmin::of_nsqds(&[&cluster.nsqds[0], &other], &[OFTEN]);
    let mut stream = Stream::open(admin.http_address(), "/api/v1/events?view=topics%2Forders");
    assert_eq!(stream.status, 200);
    let head = stream.head.to_lowercase();
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    assert!(!head.contains("gzip"), "events would wait for each other: {head}");
    let first = stream.expect("view", |view| view["topic"]["node_count"] == 2);
    let second = stream.expect("view", |_| true);
    assert!(second.id > first.id && second.data["poll"].as_u64() == second.id);

    other.kill9();
    let failing = stream.expect("view", |view| !view["failures"][0].is_null());
    let failure = &failing.data["failures"][0];
    assert_eq!((&failure["stage"], &failure["status"]), (&json!("stats"), &Value::Null));
    assert!(failure["text"] == "connection refused", "{failure}");
    assert_eq!(failing.data["topic"]["counts"]["depth"], 1, "its last data stays");
    assert_eq!(failing.data["topic"]["counts"]["in_rate"], Value::Null, "its share is not known");
    let down =
        failing.data["nodes"].as_array().unwrap().iter().find(|node| !node["since"].is_null());
    assert_eq!(down.unwrap()["counts"]["in_rate"], Value::Null);
    let overview = admin.get("/api/v1/overview");
    assert!(kinds(&overview).contains(&"node_unreachable".to_owned()), "{overview}");
}

#[test]
fn a_restart_makes_no_rate_negative() {
    let http = format!("--http-address={}", free_address());
    let mut nsqd = Nsqd::with(&[&http]);
    nsqd.post("/topic/create?topic=orders", b"");
    for _ in 0..20 {
        nsqd.post("/pub?topic=orders", b"x");
    }
    let admin = Nsqadmin::of_nsqds(&[&nsqd], &[OFTEN]);
    let mut stream = Stream::open(admin.http_address(), "/api/v1/events?view=topics%2Forders");
    stream.expect("view", |view| view["topic"]["counts"]["in_rate"].is_number());
    nsqd.kill9();
    stream.expect("view", |view| !view["failures"][0].is_null());
    nsqd.restart();
    let mut rates = Vec::new();
    let back = stream.expect("view", |view| view["failures"] == json!([]));
    rates.push(back.data["topic"]["counts"]["in_rate"].clone());
    for _ in 0..5 {
        rates.push(stream.expect("view", |_| true).data["topic"]["counts"]["in_rate"].clone());
    }
    assert!(rates.iter().all(|rate| rate.as_f64().is_none_or(|rate| rate >= 0.0)), "{rates:?}");
}

#[test]
fn a_stream_says_when_something_is_gone_and_when_it_is_back() {
    let cluster = Cluster::start(1, &["127.0.0.1"], &[]);
    let admin = cluster.admin(&[OFTEN]);
    let mut stream = Stream::open(admin.http_address(), "/api/v1/events?view=topics%2Flater");
    let gone = stream.expect("gone", |_| true);
    assert_eq!(gone.data, json!({"message": "TOPIC_NOT_FOUND"}));
    cluster.create(0, "later", &[]);
    stream.expect("view", |view| view["topic"]["topic"] == "later");
}

#[test]
fn streams_are_bounded_and_free_again() {
    let admin = Nsqadmin::alone(&[OFTEN]);
    let mut streams: Vec<_> = (0..256)
        .map(|_| Stream::open(admin.http_address(), "/api/v1/events?view=overview"))
        .collect();
    assert!(streams.iter().all(|stream| stream.status == 200));
    let refused = Stream::open(admin.http_address(), "/api/v1/events?view=overview");
    assert_eq!(refused.status, 503);
    streams.truncate(255);
    eventually("a seat is free", || {
        let stream = Stream::open(admin.http_address(), "/api/v1/events?view=overview");
        (stream.status == 200).then_some(())
    });
}

#[test]
fn a_browser_that_reads_nothing_holds_up_nobody() {
    let admin = Nsqadmin::alone(&[OFTEN]);
    let mut idle = Stream::open(admin.http_address(), "/api/v1/events?view=overview");
    let mut busy = Stream::open(admin.http_address(), "/api/v1/events?view=overview");
    let first = busy.expect("view", |_| true).id.unwrap();
    busy.expect("view", |view| view["poll"].as_u64() > Some(first + 10));
    assert!(idle.next().is_some());
}

#[test]
fn upstreams_nodes_are_shown_too() {
    let stats = r#"{"version":"1.2.1","health":"NOK - disk full","start_time":1795367506,"topics":[{"topic_name":"orders","depth":0,
        "message_count":9,"channels":[{"channel_name":"archive","depth":3,"backend_depth":1,"message_count":9,"client_count":1,
        "clients":[{"client_id":"w","hostname":"w.example.com","remote_address":"10.0.0.9:5","in_flight_count":2,"ready_count":2}],
        "e2e_processing_latency":{"count":0,"percentiles":[{"quantile":0.99,"value":0}]}}],
        "e2e_processing_latency":{"count":2,"percentiles":[{"quantile":0.99,"value":5000}]}}],"memory":{"heap_in_use_bytes":7},"producers":null}"#;
    let nsqd = scripted::server(&[("/stats", stats)]);
    let registry = scripted::registry(&[&nsqd.address()]);
    let admin = Nsqadmin::with(&[&scripted::lookupd_flag(&registry), OFTEN]);
    let topic = view(&admin, "topics/orders", |_| true);
    assert_eq!(
        topic["latency"],
        json!({"count": 2, "percentiles": [{"quantile": 0.99, "max": 5000.0, "average": 5000.0}]})
    );
    let channel = view(&admin, "topics/orders/archive", |_| true);
    let none =
        json!({"count": 0, "percentiles": [{"quantile": 0.99, "max": null, "average": null}]});
    assert_eq!(channel["latency"], none, "no samples are no zero");
    let counts = &channel["channel"]["counts"];
    assert_eq!((&counts["memory_depth"], &counts["finished"]), (&json!(2), &json!(6)));
    let node = view(&admin, &format!("nodes/{}", nsqd.address()), |_| true);
    assert_eq!(
        (&node["node"]["restarts"], &node["node"]["memory_bytes"]),
        (&Value::Null, &json!(7))
    );
    assert_eq!(kinds(&node), ["unhealthy"]);
}

#[test]
fn registries_are_compared_and_tombstones_have_their_time() {
    let cluster = Cluster::start(2, &["127.0.0.1"], &[]);
    cluster.create(0, "orders", &["archive"]);
    let node = format!("127.0.0.1:{}", cluster.nsqds[0].http_address().port());
    let admin = cluster.admin(&[OFTEN]);
    cluster.lookupds[0].post(&format!("/topic/tombstone?topic=orders&node={node}"));
    let is_told = |view: &Value| {
        let seen = view["nodes"][0]["seen"].as_array().into_iter().flatten();
        let mut tombstones = seen.flat_map(|seen| seen["tombstones"].as_array().unwrap());
        tombstones.any(|tombstone| tombstone["until"].is_number())
            && !view["differences"][0].is_null()
    };
    let registries = view(&admin, "registries", is_told);
    let difference = &registries["differences"][0];
    assert_eq!((&difference["topic"], &difference["node"]), (&json!("orders"), &json!(node)));
    assert_eq!(difference["registries"], json!([cluster.lookupds[1].http_address().to_string()]));
    let topic = view(&admin, "topics/orders", |view| view["nodes"][0]["tombstoned"] == true);
    assert_eq!(topic["nodes"][0]["node"], json!(node));
}
