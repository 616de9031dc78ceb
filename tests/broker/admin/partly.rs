//! Orders to clusters of which a part is away or does what it should not.

use serde_json::{Value, json};

use super::scripted::{lookupd_flag, posts, registry, server};
use crate::{
    auth::server::{AuthServer as HttpServer, Reply},
    support::{Nsqadmin, free_address},
};

fn act(admin: &Nsqadmin, order: &Value) -> Value {
    admin.http("POST", "/api/v1/actions", &order.to_string()).json()
}

#[test]
fn a_redirect_is_no_success() {
    let login = HttpServer::always(Reply::ok(b"<html>Who are you?</html>"));
    let location = format!("http://{}/login", login.address());
    for status in ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect"]
    {
        let headers = vec![("Location", location.clone())];
        let proxy = HttpServer::always(Reply::Answer(status, headers, Vec::new()));
        let lookupd = registry(&[&proxy.address()]);
        let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
        let order = json!({ "action": "delete_topic", "topic": "orders", "confirm": "orders" });
        let report = act(&admin, &order);
        let result = &report["results"][1];
        let expected: u16 = status[..3].parse().unwrap();
        assert_eq!((&report["ok"], &result["ok"]), (&false.into(), &false.into()), "{status}");
        assert_eq!(result["status"], expected);
        let message = json!({ "body": "one", "encoding": "text", "node": proxy.address() });
        let path = "/api/v1/topics/orders/publish";
        let published = admin.http("POST", path, &message.to_string()).json();
        assert_eq!(
            (&published["ok"], &published["results"][0]["status"]),
            (&false.into(), &expected.into())
        );
        assert_eq!(posts(&proxy).len(), 2);
    }
    assert!(login.requests().is_empty());
}

#[test]
fn a_new_channel_is_made_while_a_registry_is_away() {
    let lookupd = server(&[("/topic/create", ""), ("/channel/create", "")]);
    let gone = free_address().to_string();
    let admin =
        Nsqadmin::with(&[&lookupd_flag(&lookupd), &format!("--lookupd-http-address={gone}")]);
    let made = admin.http("POST", "/api/topics", r#"{"topic":"new","channel":"c"}"#);
    assert_eq!(made.status, 200, "{}", made.text());
    let made = made.json();
    let failures = made["failures"].as_array().unwrap();
    let failed: Vec<_> = failures.iter().map(|of| (&of["address"], &of["stage"])).collect();
    let gone = Value::from(gone);
    assert_eq!(failed, [(&gone, &"lookup".into()), (&gone, &"nsqlookupd".into())]);
    let query = "?topic=new&channel=c";
    assert_eq!(
        posts(&lookupd),
        ["/topic/create", "/channel/create"].map(|of| format!("{of}{query}"))
    );
    let paused = admin.http("POST", "/api/topics/new", r#"{"action":"pause"}"#);
    assert_eq!(paused.status, 502, "who is away may know it");
}

#[test]
fn a_channel_of_null_is_none() {
    let lookupd = registry(&[]);
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
    let made = admin.http("POST", "/api/topics", r#"{"topic":"new","channel":null}"#);
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(posts(&lookupd), ["/topic/create?topic=new"]);
}

#[test]
fn a_retry_goes_to_nobody_whom_the_order_does_not_concern() {
    let (nsqd, other) = (server(&[("/topic/delete", "")]), server(&[("/topic/delete", "")]));
    let (node, lookupd) = (nsqd.address(), registry(&[&nsqd.address(), &other.address()]));
    let admin = Nsqadmin::with(&[&lookupd_flag(&lookupd)]);
    let tombstone = |only: Value| {
        let order = json!({
            "action": "tombstone_topic_producer", "topic": "orders", "node": node, "confirm": node,
            "only": only,
        });
        act(&admin, &order)
    };
    let refused = json!({ "message": "INVALID_NODE" });
    assert_eq!(tombstone(json!([other.address()])), refused);
    assert_eq!(tombstone(json!([node, other.address()])), refused);
    let pause = json!({ "action": "pause_topic", "topic": "orders", "only": [lookupd.address()] });
    assert_eq!(act(&admin, &pause), refused);
    assert!(posts(&nsqd).is_empty() && posts(&other).is_empty() && posts(&lookupd).is_empty());
    assert_eq!(tombstone(json!([node, lookupd.address()]))["ok"], true);
    assert_eq!([&nsqd, &other, &lookupd].map(|of| posts(of).len()), [1, 0, 1]);
}

#[test]
fn a_retry_that_finds_all_its_nodes_is_fine_though_a_registry_is_away() {
    let nsqd = server(&[("/topic/pause", "")]);
    let lookupd = registry(&[&nsqd.address()]);
    let admin = Nsqadmin::with(&[
        &lookupd_flag(&lookupd),
        &format!("--lookupd-http-address={}", free_address()),
    ]);
    let mut pause = json!({ "action": "pause_topic", "topic": "orders" });
    assert_eq!(act(&admin, &pause)["ok"], false, "some nodes may have been missed");
    pause["only"] = json!([nsqd.address()]);
    let again = act(&admin, &pause);
    assert_eq!((&again["ok"], &again["failures"]), (&true.into(), &json!([])));
    pause["only"] = json!([nsqd.address(), "127.0.0.1:1"]);
    assert!(act(&admin, &pause)["message"].as_str().unwrap().starts_with("UPSTREAM_ERROR"));
}
