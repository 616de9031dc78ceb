//! `/stats`, as JSON and as text.

use serde_json::Value;

use crate::support::{Client, Nsqd, commands, ours};

const CONSUMER: &str =
    r#"{"client_id":"cons","hostname":"cons.example.com","user_agent":"ca/1.0"}"#;
const PRODUCER: &str =
    r#"{"client_id":"prod","hostname":"prod.example.com","user_agent":"pa/1.0"}"#;

/// A topic with every kind of message, and another one without channels.
struct Scene {
    nsqd: Nsqd,
    producer: Client,
    consumer: Client,
}

impl Scene {
    /// On `orders`: of four messages one is finished, one deferred, two are in flight.
    fn new() -> Self {
        let nsqd = Nsqd::start();
        let mut producer = nsqd.client_with(PRODUCER);
        let mut consumer = nsqd.client_with(CONSUMER);
        consumer.subscribe("orders", "archive");
        for body in ["one..", "two..", "three", "four."] {
            producer.publish("orders", body.as_bytes());
        }
        nsqd.post("/pub?topic=other", b"x");
        consumer.ready(4);
        let ids = [(); 4].map(|()| consumer.expect_message().id);
        consumer.finish(ids[0]);
        consumer.send(&commands::requeue(ids[1], 60_000));
        consumer.ready(2);
        nsqd.expect_channel(
            "orders",
            "archive",
            &[("in_flight_count", 2), ("deferred_count", 1), ("depth", 0)],
        );
        Self { nsqd, producer, consumer }
    }

    fn stats(&self, query: &str) -> Value {
        let response = self.nsqd.http("GET", &format!("/stats?format=json{query}"), b"");
        assert_eq!(response.status, 200);
        assert_eq!(response.header("Content-Type"), Some("application/json; charset=utf-8"));
        response.json()
    }

    fn address(client: &Client) -> String {
        client.stream().local_addr().unwrap().to_string()
    }
}

/// The JSON without what only our own broker tells, at the end of the node and of each topic.
fn without_restarts(text: &str) -> String {
    let text = &text.replace(",\"durability\":\"process\"", "");
    match text.split_once(",\"restarts\":") {
        Some((before, _)) if ours() => format!("{before}}}"),
        _ => text.to_owned(),
    }
}

/// The JSON with what no test can foresee replaced.
fn normal(mut text: String, foreseen: &[(&str, String)]) -> String {
    for key in ["\"start_time\":", "\"connect_ts\":"] {
        let mut from = 0;
        while let Some(found) = text[from..].find(key) {
            let start = from + found + key.len();
            let digits = text[start..].find(|it: char| !it.is_ascii_digit()).unwrap();
            text.replace_range(start..start + digits, "0");
            from = start;
        }
    }
    for (name, value) in foreseen {
        text = text.replace(value.as_str(), name);
    }
    text
}

const CLIENT_TAIL: &str = concat!(
    r#""tls":false,"tls_cipher_suite":"","tls_version":"","tls_negotiated_protocol":"","#,
    r#""tls_negotiated_protocol_is_mutual":false}"#
);

#[test]
fn json_has_every_key_in_order() {
    let scene = Scene::new();
    let response = scene.nsqd.http("GET", "/stats?format=json&include_mem=false", b"");
    assert_eq!(response.header("X-NSQ-Content-Type"), Some("nsq; version=1.0"));
    let version = response.json()["version"].to_string();
    let foreseen = [
        ("CONSUMER", Scene::address(&scene.consumer)),
        ("PRODUCER", Scene::address(&scene.producer)),
        ("\"VERSION\"", version),
    ];
    let expected = [
        r#"{"version":"VERSION","health":"OK","start_time":0,"topics":[{"topic_name":"orders","#,
        r#""channels":[{"channel_name":"archive","depth":0,"backend_depth":0,"in_flight_count":2,"#,
        r#""deferred_count":1,"message_count":4,"global_msg_count":4,"requeue_count":1,"#,
        r#""timeout_count":0,"client_count":1,"clients":[{"client_id":"cons","#,
        r#""hostname":"cons.example.com","version":"V2","remote_address":"CONSUMER","state":3,"#,
        r#""ready_count":2,"in_flight_count":2,"message_count":4,"finish_count":1,"#,
        r#""requeue_count":1,"connect_ts":0,"sample_rate":0,"deflate":false,"snappy":false,"#,
        r#""user_agent":"ca/1.0","topology_zone":"","topology_region":"","#,
        CLIENT_TAIL,
        r#"],"paused":false,"e2e_processing_latency":{"count":0,"percentiles":null}}],"#,
        r#""depth":0,"backend_depth":0,"message_count":4,"message_bytes":20,"paused":false,"#,
        r#""e2e_processing_latency":{"count":0,"percentiles":null}},"#,
        r#"{"topic_name":"other","channels":[],"depth":1,"backend_depth":0,"message_count":1,"#,
        r#""message_bytes":1,"paused":false,"#,
        r#""e2e_processing_latency":{"count":0,"percentiles":null}}],"producers":["#,
        r#"{"client_id":"prod","hostname":"prod.example.com","version":"V2","#,
        r#""remote_address":"PRODUCER","state":0,"ready_count":0,"in_flight_count":0,"#,
        r#""message_count":0,"finish_count":0,"requeue_count":0,"connect_ts":0,"#,
        r#""sample_rate":0,"deflate":false,"snappy":false,"user_agent":"pa/1.0","#,
        r#""topology_zone":"","topology_region":"","pub_counts":[{"topic":"orders","count":4}],"#,
        CLIENT_TAIL,
        "]}",
    ];
    assert_eq!(normal(without_restarts(&response.text()), &foreseen), expected.concat());
}

#[test]
fn empty_broker_has_no_topics_and_no_producers() {
    let nsqd = Nsqd::start();
    let text = nsqd.http("GET", "/stats?format=json&include_mem=false", b"").text();
    let text = without_restarts(&text);
    let (_, rest) = text.split_once("\"start_time\":").unwrap();
    assert!(rest.ends_with(",\"topics\":[],\"producers\":null}"), "{text}");
}

#[test]
fn memory_is_told_unless_it_is_not_wanted() {
    let nsqd = Nsqd::start();
    let keys = [
        "heap_objects",
        "heap_idle_bytes",
        "heap_in_use_bytes",
        "heap_released_bytes",
        "gc_pause_usec_100",
        "gc_pause_usec_99",
        "gc_pause_usec_95",
        "next_gc_bytes",
        "gc_total_runs",
    ];
    for query in ["", "&include_mem=true", "&include_mem=1", "&include_mem=x"] {
        let text = nsqd.http("GET", &format!("/stats?format=json{query}"), b"").text();
        let places = keys.map(|key| text.find(&format!("\"{key}\":")).unwrap());
        assert!(places.is_sorted(), "{text}");
        assert!(
            nsqd.http("GET", "/stats?format=json", b"").json()["memory"]["heap_objects"].is_u64()
        );
    }
    for query in ["false", "0"] {
        let stats =
            nsqd.http("GET", &format!("/stats?format=json&include_mem={query}"), b"").json();
        assert!(stats.get("memory").is_none(), "{stats}");
    }
}

#[test]
fn topics_and_channels_can_be_picked() {
    let scene = Scene::new();
    scene.nsqd.post("/channel/create?topic=orders&channel=audit", b"");
    let names = |stats: &Value| -> Vec<String> {
        let topics = stats["topics"].as_array().expect("topics");
        let channels = |topic: &Value| {
            let channels = topic["channels"].as_array().unwrap();
            let names = channels.iter().map(|channel| channel["channel_name"].as_str().unwrap());
            names.collect::<Vec<_>>().join(",")
        };
        topics
            .iter()
            .map(|it| format!("{}:{}", it["topic_name"].as_str().unwrap(), channels(it)))
            .collect()
    };
    for (query, expected) in [
        ("", &["orders:archive,audit", "other:"][..]),
        ("&topic=orders", &["orders:archive,audit"]),
        ("&topic=orders&channel=audit", &["orders:audit"]),
        ("&channel=archive", &["orders:archive"]),
        ("&channel=none", &[]),
        ("&topic=other&channel=audit", &[]),
    ] {
        assert_eq!(names(&scene.stats(query)), expected, "{query}");
    }
    let unknown = scene.stats("&topic=none");
    assert_eq!((&unknown["topics"], &unknown["producers"]), (&Value::Null, &Value::Null));
    let other = scene.stats("&topic=other");
    assert_eq!(other["producers"][0]["client_id"], "prod");
    assert!(other["producers"][0].get("pub_counts").is_none(), "{other}");
}

#[test]
fn clients_can_be_left_out() {
    let scene = Scene::new();
    for (value, included) in [("false", false), ("0", false), ("true", true), ("x", true)] {
        let stats = scene.stats(&format!("&include_clients={value}"));
        let channel = &stats["topics"][0]["channels"][0];
        assert_eq!(channel["clients"].is_array(), included);
        assert_eq!(stats["producers"].is_array(), included);
        assert_eq!(channel["client_count"], 1);
    }
}

#[test]
fn bad_query_is_refused() {
    let nsqd = Nsqd::start();
    super::expect_error(&nsqd.http("GET", "/stats?format=%zz", b""), 400, "INVALID_REQUEST");
}

#[test]
fn several_published_topics_are_counted() {
    let nsqd = Nsqd::start();
    let mut producer = nsqd.client_with(PRODUCER);
    for topic in ["a", "b", "a"] {
        producer.publish(topic, b"x");
    }
    let counts = |query: &str| {
        let stats = nsqd.http("GET", &format!("/stats?format=json{query}"), b"").json();
        stats["producers"][0]["pub_counts"].to_string()
    };
    assert_eq!(counts("&topic=a"), r#"[{"count":2,"topic":"a"}]"#);
    if ours() {
        let mut all: Vec<Value> = serde_json::from_str(&counts("")).unwrap();
        all.sort_by_key(Value::to_string);
        let expected = serde_json::json!([{"topic":"b","count":1},{"topic":"a","count":2}]);
        assert_eq!(Value::Array(all), expected);
    }
}

#[test]
fn text_is_laid_out_for_the_eye() {
    let mut scene = Scene::new();
    scene.nsqd.post("/channel/create?topic=other&channel=a_very_long_channel_name_over_25", b"");
    scene.nsqd.post("/channel/pause?topic=other&channel=a_very_long_channel_name_over_25", b"");
    scene.nsqd.expect_channel("other", "a_very_long_channel_name_over_25", &[("depth", 1)]);
    scene.nsqd.post("/topic/pause?topic=other", b"");
    scene.producer.publish("orders", b"five.");
    for format in ["", "&format=text", "&format=JSON"] {
        let response = scene.nsqd.http("GET", &format!("/stats?include_mem=false{format}"), b"");
        assert_eq!(response.header("Content-Type"), Some("text/plain; charset=utf-8"));
        let port = |client: &Client| client.stream().local_addr().unwrap().port();
        let consumer = format!("cons.example.com:{} ca/1.0", port(&scene.consumer));
        let producer = format!("prod.example.com:{} pa/1.0", port(&scene.producer));
        let text = response.text();
        let connected = |text: &str| {
            let (before, after) = text.split_once("connected: ").expect("a client");
            let seconds = after.split('\n').next().unwrap();
            assert!(seconds.ends_with('s') && seconds.len() < 4, "{seconds:?}");
            (before.to_owned(), after[seconds.len()..].to_owned())
        };
        let (_, body) = text.split_once("\n\nHealth: OK\n").expect("health");
        let (topics, rest) = connected(body);
        let (others, rest) = connected(&rest);
        assert_eq!(
            topics,
            [
                "\nTopics:",
                "\n   [orders         ] depth: 0     be-depth: 0     msgs: 5        e2e%: \n",
                "      [archive                  ] depth: 1     be-depth: 0     inflt: 2    def: 1    ",
                "re-q: 1     timeout: 0     msgs: 5        e2e%: \n",
                &format!("        [V2 {consumer:<21}] state: 3 inflt: 2    rdy: 2    fin: 1        "),
                "re-q: 1        msgs: 4        ",
            ]
            .concat()
        );
        assert_eq!(
            others,
            [
                "\n\n*P [other          ] depth: 0     be-depth: 0     msgs: 1        e2e%: \n",
                "   *P [a_very_long_channel_name_over_25] depth: 1     be-depth: 0     inflt: 0    ",
                "def: 0    re-q: 0     timeout: 0     msgs: 1        e2e%: \n",
                "\nProducers:\n",
                &format!("   [V2 {producer:<21}] msgs: 5        topics: orders=5 "),
            ]
            .concat()
        );
        assert_eq!(rest, "\n");
    }
}

#[test]
fn text_of_an_empty_broker_is_short() {
    let nsqd = Nsqd::start();
    let text = nsqd.http("GET", "/stats", b"").text();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("nsqd v"), "{text}");
    assert!(lines.next().unwrap().starts_with("start_time 20"), "{text}");
    assert!(lines.next().unwrap().starts_with("uptime "), "{text}");
    assert!(text.contains("\n\nHealth: OK\n\nMemory:\n   heap_objects             \t"), "{text}");
    assert!(text.ends_with("\n\nTopics: None\n\nProducers: None\n"), "{text}");
}
