//! The shapes that upstream's nsqlookupd and nsqd write: lists that are null, fields that are not there.

use serde_json::json;

use super::scripted::{lookupd_flag, registry, server};
use crate::support::{Nsqadmin, Nsqd, tls::Authority};

const STATS: &str = r#"{"version":"1.3.0","health":"OK","start_time":1795367506,"topics":[{"topic_name":"orders","channels":[
    {"channel_name":"archive","depth":3,"backend_depth":1,"in_flight_count":2,"deferred_count":1,"message_count":9,"global_msg_count":4,"requeue_count":1,"timeout_count":0,"client_count":1,"clients":[
    {"client_id":"cons","hostname":"cons.example.com","version":"V2","remote_address":"127.0.0.1:44020","state":3,"ready_count":2,"in_flight_count":2,"message_count":4,"finish_count":1,"requeue_count":1,"connect_ts":1795367506,"sample_rate":0,"deflate":false,"snappy":false,"user_agent":"<script>","tls":false,"tls_cipher_suite":"","tls_version":"","tls_negotiated_protocol":"","tls_negotiated_protocol_is_mutual":false}],
    "paused":false,"e2e_processing_latency":{"count":2,"percentiles":[{"quantile":1,"value":3379059},{"quantile":0.99,"value":3379059.5}]}}],
    "depth":2,"backend_depth":0,"message_count":11,"message_bytes":20,"paused":true,"e2e_processing_latency":{"count":0,"percentiles":null}},
    {"topic_name":"bare","channels":null,"depth":0,"backend_depth":0,"message_count":0,"paused":false,"e2e_processing_latency":{"count":0,"percentiles":null}}],"producers":null}"#;

#[test]
fn upstreams_nodes_are_read() {
    let nsqd = server(&[("/stats", STATS)]);
    let lookupd = registry(&[&nsqd.address()]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
    let topic = admin.get("/api/topics/orders");
    assert_eq!((&topic["message"], &topic["paused"]), (&"".into(), &true.into()));
    assert_eq!(topic["e2e_processing_latency"]["percentiles"], json!(null));
    let channel = &topic["channels"][0];
    assert_eq!((&channel["memory_depth"], &channel["delivery_msg_count"]), (&2.into(), &4.into()));
    let percentiles = &channel["e2e_processing_latency"]["percentiles"];
    assert_eq!(percentiles[0]["quantile"], 1);
    assert_eq!(percentiles[1]["max"], 3_379_059.5);
    let shown = admin.http("GET", "/api/topics/orders/archive", "").text();
    assert!(shown.contains(r#""user_agent":"\u003cscript\u003e""#), "{shown}");
    let node = admin.get(&format!("/api/nodes/{}", nsqd.address()));
    assert_eq!((&node["total_messages"], &node["total_clients"]), (&11.into(), &1.into()));
    assert_eq!(node["topics"][1]["channels"], json!([]));
}

#[test]
fn a_node_is_asked_only_for_what_is_shown() {
    let nsqd = server(&[("/stats", STATS)]);
    let lookupd = registry(&[&nsqd.address()]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
    let asked = |path: &str| {
        let before = nsqd.requests().len();
        admin.get(path);
        let requests = nsqd.requests();
        let lines: Vec<_> = requests[before..]
            .iter()
            .filter(|request| !request.line.contains("include_mem=true"))
            .map(|request| request.line.clone())
            .collect();
        lines
    };
    let stats = |rest: &str| format!("GET /stats?format=json{rest}&include_mem=false HTTP/1.1");
    let topic = stats("&topic=orders&include_clients=false");
    assert!(asked("/api/topics/orders").contains(&topic));
    let channel = stats("&topic=orders&channel=archive&include_clients=true");
    assert!(asked("/api/topics/orders/archive").contains(&channel));
    assert!(asked("/api/counter").contains(&stats("&include_clients=false")));
    let accepted = |request: &crate::auth::server::Request| {
        request.header("accept") == "application/vnd.nsq; version=1.0"
            && request.header("user-agent").starts_with("nsqadmin/")
    };
    assert!(nsqd.requests().iter().chain(&lookupd.requests()).all(accepted));
}

#[test]
fn empty_answers_may_be_null() {
    let lookupd = server(&[
        ("/topics", r#"{"topics":null}"#),
        ("/channels", r#"{"channels":null}"#),
        ("/nodes", r#"{"producers":null}"#),
        ("/lookup", r#"{"channels":null,"producers":null}"#),
    ]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
    assert_eq!(admin.get("/api/topics")["topics"], json!([]));
    assert_eq!(admin.get("/api/topics?inactive=true")["topics"], json!({}));
    assert_eq!(admin.get("/api/nodes")["nodes"], json!([]));
    assert_eq!(admin.get("/api/counter")["stats"], json!({}));
    assert_eq!(admin.get("/api/topics/orders")["nodes"], json!([]));
    let unknown = server(&[
        ("/stats", r#"{"version":"1.3.0","topics":null,"producers":null}"#),
        ("/info", r#"{"version":"1.3.0"}"#),
    ]);
    let admin = Nsqadmin::with(&[&format!("--nsqd-http-address={}", unknown.address())]);
    assert_eq!(admin.get("/api/topics")["topics"], json!([]));
    assert_eq!(admin.http("GET", "/api/topics/orders", "").status, 404);
    let node = &admin.get("/api/nodes")["nodes"][0];
    assert_eq!((&node["broadcast_address"], &node["topics"]), (&"127.0.0.1".into(), &json!([])));
}

#[test]
fn registries_that_know_different_things_are_merged() {
    let node = |rest: &str| {
        format!(
            r#"{{"producers":[{{"remote_address":"10.0.0.5:1","hostname":"h","broadcast_address":"a","tcp_port":1,"http_port":2,{rest}}}]}}"#
        )
    };
    let one = server(&[(
        "/nodes",
        &node(r#""version":"1.2.0","tombstones":[false,false],"topics":["x","y"]"#),
    )]);
    let other =
        server(&[("/nodes", &node(r#""version":"1.2.0","tombstones":[true],"topics":["x"]"#))]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&one), &lookupd_flag(&other)]);
    let nodes = admin.get("/api/nodes");
    let expected = json!([{"topic": "x", "tombstoned": true}, {"topic": "y", "tombstoned": false}]);
    assert_eq!(nodes["nodes"][0]["topics"], expected);
    let seen = nodes["nodes"][0]["remote_addresses"].as_array().unwrap();
    assert_eq!((nodes["nodes"].as_array().unwrap().len(), seen.len()), (1, 2));
}

#[test]
fn who_wants_tls_is_asked_over_tls() {
    let authority = Authority::new();
    let own = authority.server("node").flags();
    let flags = own.iter().map(String::as_str);
    let nsqd = Nsqd::with(
        &flags.chain(["--tls-required", "--broadcast-address=127.0.0.1"]).collect::<Vec<_>>(),
    );
    let address = nsqd.http_address().to_string();
    let trusted = format!("--http-client-tls-root-ca-file={}", authority.file().display());
    let admin = Nsqadmin::of_nsqds(&[&nsqd], &[&trusted]);
    let created = admin.http("POST", "/api/topics", r#"{"topic":"orders","channel":"c"}"#);
    assert_eq!(created.status, 200, "{}", created.text());
    let topic = admin.get("/api/topics/orders");
    let shown = (&topic["message"], &topic["nodes"][0]["node"], &topic["channels"][0]["depth"]);
    assert_eq!(shown, (&"".into(), &address.as_str().into(), &0.into()));
    let stranger = Nsqadmin::of_nsqds(&[&nsqd], &[]);
    let refused = stranger.http("GET", "/api/topics/orders", "");
    assert_eq!(refused.status, 502, "a certificate of nobody known is not trusted");
    assert_eq!(refused.json()["failures"][0]["address"], address.as_str());
}
