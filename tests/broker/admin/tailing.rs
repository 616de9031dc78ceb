//! Looking at messages as they come, and publishing one.

use serde_json::{Value, json};

use super::{cluster::Cluster, stream::Stream};
use crate::support::{Nsqadmin, Nsqd, eventually};

const OFTEN: &str = "--poll-interval=100ms";
const HERE: &[&str] = &["--broadcast-address=127.0.0.1"];

/// An nsqd with a topic that has a channel, and an nsqadmin that has seen it.
fn one() -> (Nsqd, Nsqadmin) {
    let nsqd = Nsqd::with(HERE);
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=archive", b"");
    let admin = Nsqadmin::of_nsqds(&[&nsqd], &[OFTEN]);
    seen(&admin, "orders");
    (nsqd, admin)
}

#[track_caller]
fn seen(admin: &Nsqadmin, topic: &str) {
    eventually(&format!("{topic} is seen"), || {
        (admin.http("GET", &format!("/api/v1/topics/{topic}"), "").status == 200).then_some(())
    });
}

/// An open tail whose channel is there.
#[track_caller]
fn tail(admin: &Nsqadmin, nsqd: &Nsqd, query: &str) -> Stream {
    let mut tail = Stream::open(admin.http_address(), &format!("/api/v1/tail?topic=orders{query}"));
    assert_eq!(tail.status, 200, "{}", tail.head);
    let started = tail.next().unwrap();
    assert_eq!(started.name, "started");
    let channel = started.data["channel"].as_str().unwrap().to_owned();
    assert!(channel.ends_with("#ephemeral"), "{channel}");
    eventually("it has subscribed", || {
        (nsqd.channel("orders", &channel)["client_count"] == 1).then_some(())
    });
    tail
}

fn audited(admin: &Nsqadmin) -> Value {
    admin.get("/api/v1/audit")["entries"][0].clone()
}

#[test]
fn a_tail_shows_what_comes_and_leaves_nothing_behind() {
    let (nsqd, admin) = one();
    nsqd.post("/pub?topic=orders", b"before");
    let mut tail = tail(&admin, &nsqd, "");
    nsqd.post("/pub?topic=orders", "grün".as_bytes());
    nsqd.post("/pub?topic=orders", &[0xff, 0x00]);
    let text = tail.expect("message", |_| true).data;
    assert_eq!(
        (&text["text"], &text["base64"], &text["size"]),
        (&json!("grün"), &Value::Null, &json!(5))
    );
    assert_eq!((&text["attempts"], &text["truncated"]), (&json!(1), &json!(false)));
    assert_eq!(text["node"], json!(nsqd.http_address().to_string()));
    assert!(
        text["timestamp"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000_000_000_000
    );
    assert_eq!(text["id"].as_str().unwrap().len(), 16);
    let binary = tail.expect("message", |_| true).data;
    assert_eq!((&binary["text"], &binary["base64"]), (&Value::Null, &json!("/wA=")));
    tail.expect("stats", |counts| *counts == json!({"received": 2, "matched": 2, "dropped": 0}));
    let entry = audited(&admin);
    assert_eq!(
        (&entry["action"], &entry["topic"], &entry["ok"]),
        (&json!("tail"), &json!("orders"), &json!(true))
    );
    drop(tail);
    eventually("the channel is gone", || {
        let channels = nsqd.topic("orders")["channels"].as_array().unwrap().len();
        (channels == 1).then_some(())
    });
    assert_eq!(nsqd.channel("orders", "archive")["depth"], 3, "others have lost nothing");
}

#[test]
fn a_peek_ends_after_its_messages_and_a_filter_is_kept() {
    let (nsqd, admin) = one();
    let mut tail = tail(&admin, &nsqd, "&limit=2&filter=red");
    for body in ["red one", "blue", "a red two", "red three"] {
        nsqd.post("/pub?topic=orders", body.as_bytes());
    }
    assert_eq!(tail.expect("message", |_| true).data["text"], "red one");
    assert_eq!(tail.expect("message", |_| true).data["text"], "a red two");
    assert_eq!(tail.expect("end", |_| true).data, json!({"reason": "limit"}));
    assert_eq!(tail.next(), None);
}

#[test]
fn long_bodies_are_cut() {
    let (nsqd, admin) = one();
    let mut tail = tail(&admin, &nsqd, "&limit=1");
    nsqd.post("/pub?topic=orders", &vec![b'x'; 100_000]);
    let message = tail.expect("message", |_| true).data;
    assert_eq!((&message["size"], &message["truncated"]), (&json!(100_000), &json!(true)));
    assert_eq!(message["text"].as_str().unwrap().len(), 65_536);
}

#[test]
fn a_flood_is_shown_in_part_and_counted_whole() {
    let (nsqd, admin) = one();
    let mut tail = tail(&admin, &nsqd, "");
    let batch = vec!["x"; 1000].join("\n");
    nsqd.post("/mpub?topic=orders", batch.as_bytes());
    let counts = tail.expect("stats", |counts| counts["received"] == 1000).data;
    assert_eq!(counts["matched"], 1000);
    assert!(counts["dropped"].as_u64().unwrap() > 0, "{counts}");
}

#[test]
fn a_topic_without_channels_is_left_alone() {
    let nsqd = Nsqd::with(HERE);
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/pub?topic=orders", b"precious");
    let admin = Nsqadmin::of_nsqds(&[&nsqd], &[OFTEN]);
    seen(&admin, "orders");
    for query in [String::new(), format!("&node={}", nsqd.http_address())] {
        let response = admin.http("GET", &format!("/api/v1/tail?topic=orders{query}"), "");
        assert_eq!((response.status, &response.json()["message"]), (409, &json!("NO_CHANNELS")));
        assert!(response.json()["text"].as_str().unwrap().contains("no channel there yet"));
    }
    let entry = audited(&admin);
    assert_eq!((&entry["action"], &entry["ok"]), (&json!("tail"), &json!(false)));
    assert_eq!(nsqd.topic("orders")["channels"], json!([]));
    assert_eq!(nsqd.topic("orders")["depth"], 1);
}

#[test]
fn a_channel_that_does_not_last_is_none() {
    let nsqd = Nsqd::with(HERE);
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=live%23ephemeral", b"");
    let admin = Nsqadmin::of_nsqds(&[&nsqd], &[OFTEN]);
    seen(&admin, "orders");
    let response = admin.http("GET", "/api/v1/tail?topic=orders", "");
    assert_eq!((response.status, &response.json()["message"]), (409, &json!("NO_CHANNELS")));
    assert_eq!(nsqd.topic("orders")["channels"].as_array().unwrap().len(), 1);
}

#[test]
fn a_tail_leaves_a_node_whose_last_channel_is_deleted() {
    let (nsqd, admin) = one();
    let mut tail = tail(&admin, &nsqd, "");
    nsqd.post("/channel/delete?topic=orders&channel=archive", b"");
    tail.expect("failure", |failure| {
        failure["text"].as_str().unwrap().contains("no channel there yet that lasts")
    });
    assert_eq!(tail.expect("end", |_| true).data, json!({"reason": "stopped"}));
    eventually("its channel is gone", || {
        nsqd.topic("orders")["channels"].as_array().unwrap().is_empty().then_some(())
    });
    nsqd.post("/pub?topic=orders", b"precious");
    assert_eq!(nsqd.topic("orders")["depth"], 1);
}

#[test]
fn nodes_without_a_channel_are_left_alone_while_others_are_shown() {
    let (nsqd, bare) = (Nsqd::with(HERE), Nsqd::with(HERE));
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=archive", b"");
    bare.post("/pub?topic=orders", b"precious");
    let admin = Nsqadmin::of_nsqds(&[&nsqd, &bare], &[OFTEN]);
    eventually("both are seen", || {
        (admin.get("/api/v1/topics/orders")["topic"]["node_count"] == 2).then_some(())
    });
    let mut tail = tail(&admin, &nsqd, "");
    let failure = tail.expect("failure", |_| true).data;
    assert_eq!(failure["node"], json!(bare.http_address().to_string()));
    assert_eq!(bare.topic("orders")["channels"], json!([]));
    nsqd.post("/pub?topic=orders", b"x");
    tail.expect("message", |message| message["text"] == "x");
}

#[test]
fn a_tail_tells_of_a_node_that_dies_and_ends_with_the_last() {
    let (mut nsqd, admin) = one();
    let mut tail = tail(&admin, &nsqd, "");
    nsqd.kill9();
    tail.expect("failure", |failure| failure["text"] == "the connection has ended");
    assert_eq!(tail.expect("end", |_| true).data, json!({"reason": "stopped"}));
}

#[test]
fn tails_are_for_admins_of_this_site_and_few() {
    let nsqd = Nsqd::with(HERE);
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=archive", b"");
    let admin = Nsqadmin::of_nsqds(&[&nsqd], &[OFTEN, "--admin-user=carol"]);
    seen(&admin, "orders");
    let path = "/api/v1/tail?topic=orders";
    let open = |headers: &str| Stream::open_with(admin.http_address(), path, headers);
    assert_eq!(open("").status, 403);
    let carol = "X-Forwarded-User: carol\r\n";
    assert_eq!(open(&format!("{carol}Sec-Fetch-Site: cross-site\r\n")).status, 403);
    let tails: Vec<_> = (0..16).map(|_| open(carol)).collect();
    assert!(tails.iter().all(|tail| tail.status == 200));
    assert_eq!(open(carol).status, 503);
}

#[test]
fn what_cannot_be_tailed_is_refused() {
    let (_nsqd, admin) = one();
    for (query, status, message) in [
        ("", 400, "MISSING_ARG_TOPIC"),
        ("topic=a+b", 400, "INVALID_TOPIC"),
        ("topic=none", 404, "TOPIC_NOT_FOUND"),
        ("topic=orders&node=none:1", 404, "NODE_NOT_FOUND"),
        ("topic=orders&sample=0", 400, "INVALID_ARG_SAMPLE"),
        ("topic=orders&limit=x", 400, "INVALID_ARG_LIMIT"),
    ] {
        let response = admin.http("GET", &format!("/api/v1/tail?{query}"), "");
        assert_eq!(
            (response.status, &response.json()["message"]),
            (status, &json!(message)),
            "{query}"
        );
    }
}

#[test]
fn a_message_is_published_to_a_node_that_has_the_topic() {
    let cluster = Cluster::start(1, &["127.0.0.1", "localhost"], &[]);
    cluster.create(1, "orders", &["archive"]);
    let admin = cluster.admin(&[OFTEN]);
    seen(&admin, "orders");
    let publish =
        |body: Value| admin.http("POST", "/api/v1/topics/orders/publish", &body.to_string());
    let response =
        publish(json!({"body": "hello", "encoding": "text", "node": null, "defer_ms": 0}));
    assert_eq!(response.status, 200, "{}", response.text());
    let result = response.json();
    assert_eq!(
        (&result["ok"], &result["results"][0]["status"], &result["failures"]),
        (&json!(true), &json!(200), &json!([]))
    );
    let binary = publish(json!({"body": "/wA=", "encoding": "base64", "defer_ms": 60_000}));
    assert_eq!(binary.json()["ok"], true);
    cluster.nsqds[1].expect_channel("orders", "archive", &[("depth", 1), ("deferred_count", 1)]);
    assert_eq!(cluster.nsqds[0].topic("orders"), Value::Null);
    let mut consumer = cluster.nsqds[1].consumer("orders", "archive", 1);
    consumer.expect_body("hello");
    let entry = audited(&admin);
    assert_eq!((&entry["action"], &entry["ok"]), (&json!("publish"), &json!(true)));

    let named = format!("127.0.0.1:{}", cluster.nsqds[0].http_address().port());
    assert_eq!(publish(json!({"body": "there", "node": named})).json()["ok"], true);
    assert_eq!(cluster.nsqds[0].topic("orders")["message_count"], 1);
}

#[test]
fn what_cannot_be_published_is_refused_or_told() {
    let (nsqd, admin) = one();
    let publish = |topic: &str, body: &str| {
        let response = admin.http("POST", &format!("/api/v1/topics/{topic}/publish"), body);
        (response.status, response.json())
    };
    for (topic, body, status, message) in [
        ("none", r#"{"body":"x"}"#, 404, "TOPIC_NOT_FOUND"),
        ("a%20b", r#"{"body":"x"}"#, 400, "INVALID_TOPIC"),
        ("orders", r#"{"body":""}"#, 400, "MSG_EMPTY"),
        ("orders", r#"{"body":"x","encoding":"hex"}"#, 400, "INVALID_ARG_ENCODING"),
        ("orders", r#"{"body":"x","node":"none:1"}"#, 404, "NODE_NOT_FOUND"),
    ] {
        let (got, json) = publish(topic, body);
        assert_eq!((got, &json["message"]), (status, &json!(message)), "{topic} {body}");
    }
    let audit = admin.get("/api/v1/audit");
    let entries = audit["entries"].as_array().unwrap().iter();
    let refused: Vec<_> = entries.map(|entry| (&entry["text"], &entry["node"])).collect();
    let expected =
        [(&json!("NODE_NOT_FOUND"), &json!("none:1")), (&json!("TOPIC_NOT_FOUND"), &Value::Null)];
    assert_eq!(refused, expected, "who tries is written down");
    assert_eq!(publish("orders", "no").0, 400);
    let (status, result) = publish("orders", r#"{"body":"x","defer_ms":99999999999}"#);
    assert_eq!((status, &result["ok"]), (200, &json!(false)));
    let text = result["results"][0]["text"].as_str().unwrap();
    assert!(text.contains("INVALID_DEFER"), "{text}");
    assert_eq!(nsqd.topic("orders")["message_count"], 0);
}
