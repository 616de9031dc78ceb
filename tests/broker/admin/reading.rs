//! What upstream's API says, to the byte, of a cluster of ours.

use super::cluster::{Cluster, hostname, port};
use crate::support::{Nsqadmin, Nsqd, eventually};

const HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];
const NOT_MEASURED: &str = r#"{"count":0,"percentiles":null,"topic":"","channel":"","host":""}"#;

fn not_measured(topic: &str, channel: &str) -> String {
    format!(
        r#"{{"count":0,"percentiles":null,"topic":"{topic}","channel":"{channel}","host":"*"}}"#
    )
}

#[track_caller]
fn says(admin: &Nsqadmin, path: &str, status: u16, body: &str) {
    let response = admin.http("GET", path, "");
    assert_eq!((response.status, response.text().as_str()), (status, body), "GET {path}");
    assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(response.header("x-nsq-content-type"), Some("nsq; version=1.0"));
}

/// Two nodes have `orders` with the channel `archive`, one of them with a message in each.
fn orders() -> Cluster {
    let cluster = Cluster::start(2, &HOSTS, &[]);
    cluster.create(0, "orders", &["archive"]);
    cluster.create(1, "orders", &["archive"]);
    cluster.nsqds[0].post("/pub?topic=orders", b"one");
    cluster.nsqds[0].expect_channel("orders", "archive", &[("depth", 1)]);
    cluster.nsqds[0].post("/topic/pause?topic=orders", b"");
    cluster.nsqds[0].post("/pub?topic=orders", b"two");
    cluster
}

#[test]
fn topics_are_listed_once_and_by_name() {
    let cluster = Cluster::start(2, &HOSTS, &[]);
    let admin = cluster.admin(&[]);
    says(&admin, "/api/topics", 200, r#"{"topics":[],"message":"","failures":[]}"#);
    cluster.create(1, "orders", &[]);
    cluster.create(0, "orders", &[]);
    cluster.create(0, "clicks", &[]);
    let all = r#"{"topics":["clicks","orders"],"message":"","failures":[]}"#;
    says(&admin, "/api/topics", 200, all);
    says(&admin, "/api/topics?inactive=1", 200, all);
    cluster.lookupds[1].post("/channel/create?topic=idle&channel=c");
    cluster.lookupds[0].post("/topic/create?topic=bare");
    let idle = r#"{"topics":{"bare":[],"idle":["c"]},"message":"","failures":[]}"#;
    says(&admin, "/api/topics?inactive=true", 200, idle);
    for lookupd in &cluster.lookupds {
        let node = cluster.node(HOSTS[0], 0);
        lookupd.post(&format!("/topic/tombstone?topic=clicks&node={node}"));
        lookupd.expect_found("clicks", &[]);
    }
    says(&admin, "/api/topics?inactive=true", 200, idle); // a hidden node has its topic all the same
}

#[test]
fn a_topic_is_shown_over_all_nodes_and_on_each() {
    let cluster = orders();
    let admin = cluster.admin(&[]);
    let hostname = hostname();
    let channel = |node: &str, hostname: &str, depth: u8, nodes: &str, latency: &str| {
        format!(
            r#"{{"node":"{node}","hostname":"{hostname}","topic_name":"orders","channel_name":"archive","depth":{depth},"memory_depth":{depth},"backend_depth":0,"in_flight_count":0,"deferred_count":0,"requeue_count":0,"timeout_count":0,"message_count":{depth},"client_count":0,"nodes":{nodes},"clients":null,"paused":false,"e2e_processing_latency":{latency}}}"#
        )
    };
    let topic = |node: &str,
                 hostname: &str,
                 numbers: (u8, u8),
                 nodes: &str,
                 channel: &str,
                 paused: bool,
                 latency: &str| {
        let (depth, messages) = numbers;
        format!(
            r#"{{"node":"{node}","hostname":"{hostname}","topic_name":"orders","depth":{depth},"memory_depth":{depth},"backend_depth":0,"message_count":{messages},"delivery_msg_count":0,"nodes":{nodes},"channels":[{channel}],"paused":{paused},"e2e_processing_latency":{latency}"#
        )
    };
    let (one, other) = (cluster.node(HOSTS[0], 0), cluster.node(HOSTS[1], 1));
    let channels = [
        channel(&one, &hostname, 1, "null", NOT_MEASURED),
        channel(&other, &hostname, 0, "null", NOT_MEASURED),
    ];
    let topics = [
        topic(&one, &hostname, (1, 2), "null", &channels[0], true, NOT_MEASURED),
        topic(&other, &hostname, (0, 0), "null", &channels[1], false, NOT_MEASURED),
    ];
    let nodes = format!("[{}}},{}}}]", topics[0], topics[1]);
    let of_channel = format!("[{},{}]", channels[0], channels[1]);
    let all_of_channel = channel("*", "", 1, &of_channel, &not_measured("orders", "archive"));
    let all = topic("*", "", (1, 2), &nodes, &all_of_channel, true, &not_measured("orders", ""));
    let expected = format!(r#"{all},"message":"","failures":[]}}"#);
    says(&admin, "/api/topics/orders", 200, &expected);
}

#[test]
fn a_channel_is_shown_with_its_consumers() {
    let cluster = orders();
    let admin = cluster.admin(&[]);
    let mut consumer = cluster.nsqds[1].client_with(
        r#"{"client_id":"worker1","hostname":"worker1.example.net","user_agent":"tests/1.0","topology_zone":"eu-a"}"#,
    );
    consumer.subscribe("orders", "archive");
    let shown = admin.get("/api/topics/orders/archive");
    let count = |key: &str| shown[key].as_u64().unwrap();
    assert_eq!((count("depth"), count("message_count"), count("client_count")), (1, 1, 1));
    assert_eq!((&shown["node"], &shown["hostname"]), (&"*".into(), &"".into()));
    let nodes = shown["nodes"].as_array().unwrap();
    let clients: Vec<_> =
        nodes.iter().map(|node| node["clients"].as_array().unwrap().len()).collect();
    assert_eq!(clients, [0, 1]);
    let client = &shown["clients"][0];
    assert_eq!(client, &nodes[1]["clients"][0]);
    assert_eq!(client["node"], cluster.node(HOSTS[1], 1));
    for (key, value) in
        [("client_id", "worker1"), ("user_agent", "tests/1.0"), ("topology_zone", "eu-a")]
    {
        assert_eq!(client[key], value);
    }
    assert!(client.get("node_topology_zone").is_none(), "the node has not said where it is");
    let connected = client["connected"].as_i64().unwrap();
    assert!((0..60_000_000_000).contains(&connected) && connected % 1_000_000_000 == 0);
    let text = admin.http("GET", "/api/topics/orders/archive", "").text();
    let keys = r#""client_count":1,"nodes":[{"node":""#;
    assert!(text.contains(keys) && text.ends_with(r#""message":"","failures":[]}"#), "{text}");
}

#[test]
fn latencies_of_nodes_are_merged() {
    let percentiles = ["--e2e-processing-latency-percentile=1.0,0.5"];
    let cluster = Cluster::start(1, &HOSTS, &percentiles);
    let admin = cluster.admin(&[]);
    for (index, nsqd) in cluster.nsqds.iter().enumerate() {
        cluster.create(index, "orders", &["archive"]);
        nsqd.post("/pub?topic=orders", b"one");
        let mut consumer = nsqd.consumer("orders", "archive", 1);
        let message = consumer.expect_body("one");
        consumer.finish(message.id);
    }
    let latency = eventually("both have measured", || {
        let shown = admin.get("/api/topics/orders")["e2e_processing_latency"].take();
        (shown["count"] == 2).then_some(shown)
    });
    assert_eq!((&latency["topic"], &latency["host"]), (&"orders".into(), &"*".into()));
    let values = |percentile: &serde_json::Value| {
        ["min", "average", "max"].map(|key| percentile[key].as_f64().unwrap())
    };
    for percentile in latency["percentiles"].as_array().unwrap() {
        let [min, average, max] = values(percentile);
        assert!(0.0 < min && min <= average && average <= max, "{percentile}");
        assert!(percentile.get("value").is_none());
    }
    let node = &admin.get("/api/topics/orders")["nodes"][0]["e2e_processing_latency"];
    let [min, average, max] = values(&node["percentiles"][0]);
    assert!(min == average && average == max && node["percentiles"][0]["value"] == max);
}

#[test]
fn nodes_are_shown_with_those_who_know_them() {
    let cluster = Cluster::start(2, &HOSTS[..1], &["--topology-zone=eu-a", "--topology-region=eu"]);
    cluster.create(0, "orders", &[]);
    let admin = cluster.admin(&[]);
    let node = cluster.node(HOSTS[0], 0);
    cluster.lookupds[1].post(&format!("/topic/tombstone?topic=orders&node={node}"));
    let nodes = admin.get("/api/nodes");
    let shown = &nodes["nodes"][0];
    let remotes: Vec<_> = shown["remote_addresses"].as_array().unwrap().iter().collect();
    assert_eq!(remotes.len(), 2);
    for (lookupd, remote) in cluster.lookupds.iter().zip(remotes) {
        let from = format!("{}/127.0.0.1:", lookupd.http_address());
        assert!(remote.as_str().unwrap().starts_with(&from), "{remote}");
    }
    let nsqd = &cluster.nsqds[0];
    let rest = format!(
        r#""hostname":"{}","broadcast_address":"127.0.0.1","tcp_port":{},"http_port":{},"version":{},"topology_zone":"eu-a","topology_region":"eu","topics":[{{"topic":"orders","tombstoned":true}}],"out_of_date":false}}],"message":"","failures":[]}}"#,
        hostname(),
        port(nsqd.tcp()),
        port(nsqd.http_address()),
        nsqd.stats()["version"]
    );
    let text = admin.http("GET", "/api/nodes", "").text();
    assert!(
        text.starts_with(r#"{"nodes":[{"remote_addresses":["#) && text.ends_with(&rest),
        "{text}"
    );
}

#[test]
fn a_node_is_shown_with_all_that_it_has() {
    let cluster = orders();
    let admin = cluster.admin(&[]);
    let mut consumer = cluster.nsqds[0].client();
    consumer.subscribe("orders", "archive");
    let node = cluster.node(HOSTS[0], 0);
    let shown = admin.get(&format!("/api/nodes/{}", node.replace(':', "%3A")));
    assert_eq!((&shown["node"], &shown["message"]), (&node.as_str().into(), &"".into()));
    assert_eq!((&shown["total_messages"], &shown["total_clients"]), (&2.into(), &1.into()));
    let topic = &shown["topics"][0];
    assert_eq!((&topic["topic_name"], &topic["node"]), (&"orders".into(), &node.as_str().into()));
    assert_eq!(topic["channels"][0]["clients"].as_array().unwrap().len(), 1);
    let unknown = r#"{"message":"NODE_NOT_FOUND"}"#;
    for other in [HOSTS[0], "127.0.0.1:1", "example.net:4151"] {
        says(&admin, &format!("/api/nodes/{other}"), 404, unknown);
    }
}

#[test]
fn the_counter_counts_each_channel_of_each_node() {
    let cluster = orders();
    let admin = cluster.admin(&[]);
    let mut entries: Vec<_> = [(HOSTS[0], 0, 1), (HOSTS[1], 1, 0)]
        .map(|(host, index, count)| {
            let node = cluster.node(host, index);
            format!(
                r#""orders:archive:{node}":{{"node":"{node}","topic_name":"orders","channel_name":"archive","message_count":{count}}}"#
            )
        })
        .into();
    entries.sort();
    let expected = format!(r#"{{"stats":{{{}}},"message":"","failures":[]}}"#, entries.join(","));
    says(&admin, "/api/counter", 200, &expected);
}

#[test]
fn an_empty_cluster_has_empty_lists() {
    let cluster = Cluster::start(1, &[], &[]);
    let admin = cluster.admin(&[]);
    says(&admin, "/api/nodes", 200, r#"{"nodes":[],"message":"","failures":[]}"#);
    says(&admin, "/api/counter", 200, r#"{"stats":{},"message":"","failures":[]}"#);
    says(&admin, "/api/topics?inactive=true", 200, r#"{"topics":{},"message":"","failures":[]}"#);
}

#[test]
fn a_topic_without_nodes_is_all_zeros_and_one_that_nobody_knows_is_not_found() {
    let cluster = Cluster::start(2, &HOSTS, &[]);
    let admin = cluster.admin(&[]);
    says(&admin, "/api/topics/orders", 404, r#"{"message":"TOPIC_NOT_FOUND"}"#);
    says(&admin, "/api/topics/orders/c", 404, r#"{"message":"TOPIC_NOT_FOUND"}"#);
    cluster.lookupds[1].post("/topic/create?topic=orders"); // the other one answers 404, and has not failed
    let empty = format!(
        r#"{{"node":"*","hostname":"","topic_name":"orders","depth":0,"memory_depth":0,"backend_depth":0,"message_count":0,"delivery_msg_count":0,"nodes":[],"channels":[],"paused":false,"e2e_processing_latency":{},"message":"","failures":[]}}"#,
        not_measured("orders", "")
    );
    says(&admin, "/api/topics/orders", 200, &empty);
    let channel = admin.get("/api/topics/orders/c");
    assert_eq!((&channel["channel_name"], &channel["depth"]), (&"c".into(), &0.into()));
    cluster.create(0, "orders", &["archive"]);
    says(&admin, "/api/topics/orders/c", 404, r#"{"message":"CHANNEL_NOT_FOUND"}"#);
}

#[test]
fn names_are_checked_wherever_they_stand() {
    let admin = Nsqadmin::alone(&[]);
    let refused = |method: &str, path: &str, body: &str, code: &str| {
        let response = admin.http(method, path, body);
        let expected = format!(r#"{{"message":"{code}"}}"#);
        assert_eq!((response.status, response.text()), (400, expected), "{method} {path} {body}");
    };
    for topic in ["a%20b", "%3Cscript%3E", "%23ephemeral", &"x".repeat(65)] {
        for method in ["GET", "DELETE", "POST"] {
            let body = if method == "POST" { r#"{"action":"pause"}"# } else { "" };
            refused(method, &format!("/api/topics/{topic}"), body, "INVALID_TOPIC");
            refused(method, &format!("/api/topics/{topic}/c"), body, "INVALID_TOPIC");
            refused(method, &format!("/api/topics/t/{topic}"), body, "INVALID_CHANNEL");
        }
    }
    refused("POST", "/api/topics", r#"{"topic":"a b"}"#, "INVALID_TOPIC");
    refused("POST", "/api/topics", "{}", "INVALID_TOPIC");
    refused("POST", "/api/topics", r#"{"topic":"a","channel":"b c"}"#, "INVALID_CHANNEL");
    refused("DELETE", "/api/nodes/h:1", r#"{"topic":"a b"}"#, "INVALID_TOPIC");
    refused("DELETE", "/api/nodes/h:1", "no", "INVALID_BODY");
    refused("POST", "/api/topics/t", r#"{"action":"delete"}"#, "INVALID_ACTION");
    refused("POST", "/api/topics/t", "", "EOF");
    refused("POST", "/api/topics/t/c", "{}", "INVALID_ACTION");
    refused("GET", "/api/topics?inactive=%zz", "", "INVALID_REQUEST");
    assert_eq!(admin.http("POST", "/api/topics/t", "{").status, 400);
    let large = format!(r#"{{"action":"{}"}}"#, "x".repeat(300_000));
    assert_eq!(admin.http("POST", "/api/topics/t", &large).status, 413);
}

#[test]
fn without_registries_nodes_are_asked_themselves() {
    let nsqds = [
        Nsqd::with(&["--broadcast-address=127.0.0.1"]),
        Nsqd::with(&["--broadcast-address=localhost"]),
    ];
    let admin = Nsqadmin::of_nsqds(&[&nsqds[0], &nsqds[1]], &[]);
    says(&admin, "/api/topics", 200, r#"{"topics":[],"message":"","failures":[]}"#);
    says(&admin, "/api/topics/orders", 404, r#"{"message":"TOPIC_NOT_FOUND"}"#);
    for nsqd in &nsqds {
        nsqd.post("/topic/create?topic=orders", b"");
        nsqd.post("/pub?topic=orders", b"one");
    }
    nsqds[0].post("/channel/create?topic=orders&channel=c", b"");
    says(&admin, "/api/topics", 200, r#"{"topics":["orders"],"message":"","failures":[]}"#);
    says(&admin, "/api/topics?inactive=true", 200, r#"{"topics":{},"message":"","failures":[]}"#);
    assert_eq!(admin.get("/api/topics/orders")["message_count"], 2);
    assert_eq!(admin.get("/api/topics/orders/c")["nodes"].as_array().unwrap().len(), 1);
    let nodes = admin.get("/api/nodes");
    let hosts: Vec<_> = nodes["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            (node["broadcast_address"].as_str().unwrap(), node["topics"][0]["topic"].as_str())
        })
        .collect();
    assert_eq!(hosts, [("127.0.0.1", Some("orders")), ("localhost", Some("orders"))]);
    assert_eq!(nodes["nodes"][0]["remote_addresses"], serde_json::json!([]));
    let node = format!("localhost:{}", port(nsqds[1].http_address()));
    assert_eq!(admin.get(&format!("/api/nodes/{node}"))["total_messages"], 1);
}

#[test]
fn without_registries_a_node_that_is_named_twice_counts_once() {
    let nsqd = Nsqd::with(&["--broadcast-address=127.0.0.1"]);
    nsqd.post("/pub?topic=orders", b"one");
    let port = port(nsqd.http_address());
    let flags = ["127.0.0.1", "localhost"].map(|host| format!("--nsqd-http-address={host}:{port}"));
    let admin = Nsqadmin::with(&[&flags[0], &flags[1]]);
    assert_eq!(admin.get("/api/topics/orders")["message_count"], 1);
    assert_eq!(admin.get("/api/nodes")["nodes"].as_array().unwrap().len(), 1);
}

#[test]
fn without_registries_a_node_is_reached_where_it_was_said_to_be() {
    let nsqd = Nsqd::with(&["--broadcast-address=127.0.0.9"]); // listens at 127.0.0.1 only
    nsqd.post("/pub?topic=orders", b"one");
    let admin = Nsqadmin::of_nsqds(&[&nsqd], &[]);
    let shown = admin.get("/api/topics/orders");
    assert_eq!((&shown["message"], &shown["message_count"]), (&"".into(), &1.into()));
    let node = format!("127.0.0.9:{}", port(nsqd.http_address()));
    assert_eq!(shown["nodes"][0]["node"], node.as_str());
    let paused = admin.http("POST", "/api/topics/orders", r#"{"action":"pause"}"#);
    assert_eq!((paused.status, paused.text().as_str()), (200, r#"{"message":"","failures":[]}"#));
    assert_eq!(nsqd.topic("orders")["paused"], true);
}
