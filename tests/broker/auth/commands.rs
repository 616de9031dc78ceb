//! AUTH itself, and commands that come without it.

use serde_json::Value;

use super::{
    GRANTED, auth, authed, expect_logged,
    server::{AuthServer, Reply},
    turned_away,
};
use crate::support::{Client, Frame, Nsqd, commands, ours};

/// Every command that needs permission.
fn commands_on(topic: &str) -> [(&'static str, Vec<u8>); 4] {
    [
        ("PUB", commands::publish(topic, b"body")),
        ("MPUB", commands::publish_many(topic, &["a", "b"])),
        ("DPUB", commands::publish_deferred(topic, 10, b"body")),
        ("SUB", commands::sub(topic, "audit")),
    ]
}

#[track_caller]
fn refused(mut client: Client, bytes: &[u8], text: &str) {
    client.send(bytes);
    client.expect_fatal(text);
}

#[test]
fn a_good_secret_is_answered_with_who_that_is() {
    let server = AuthServer::always(Reply::everything());
    let nsqd = Nsqd::with(&[&server.flag()]);
    let mut client = nsqd.client();
    client.send(&auth("s3cret"));
    client.expect_response(GRANTED);
    client.publish("orders", b"one");
}

#[test]
fn auth_may_come_before_or_after_identify_which_says_that_it_must() {
    let server = AuthServer::always(Reply::everything());
    let nsqd = Nsqd::with(&[&server.flag()]);
    let negotiate = commands::identify(r#"{"feature_negotiation":true}"#);
    for [first, second] in [[&negotiate, &auth("s")], [&auth("s"), &negotiate]] {
        let mut client = nsqd.client();
        client.send(first);
        client.expect_frame();
        client.send(second);
        client.expect_frame();
        client.publish("orders", b"one");
    }
    let mut client = nsqd.client();
    client.send(&negotiate);
    let Frame::Response(answer) = client.expect_frame() else { panic!("no response") };
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["auth_required"], true);
}

#[test]
fn auth_is_checked_in_order() {
    let server = AuthServer::always(Reply::everything());
    let nsqd = Nsqd::with(&[&server.flag(), "--max-body-size=100"]);
    let subscribed = || {
        let mut client = authed(&nsqd, "s");
        client.subscribe("orders", "audit");
        client
    };
    let parameters = "E_INVALID AUTH invalid number of parameters";
    for (client, bytes, text) in [
        (subscribed(), commands::sized("AUTH x", b"s"), "E_INVALID cannot AUTH in current state"),
        (nsqd.client(), commands::announced("AUTH x", 101), parameters),
        (nsqd.client(), commands::announced("AUTH ", 101), parameters),
        (
            authed(&nsqd, "s"),
            commands::announced("AUTH", 101),
            "E_BAD_BODY AUTH body too big 101 > 100",
        ),
        (nsqd.client(), commands::announced("AUTH", 0), "E_BAD_BODY AUTH invalid body size 0"),
        (nsqd.client(), commands::announced("AUTH", -1), "E_BAD_BODY AUTH invalid body size -1"),
        (authed(&nsqd, "s"), auth("s"), "E_INVALID AUTH already set"),
    ] {
        refused(client, &bytes, text);
    }
    for (bytes, text) in [
        (b"AUTH\n\0\0".to_vec(), "E_BAD_BODY AUTH failed to read body size"),
        (b"AUTH\n\0\0\0\x05abc".to_vec(), "E_BAD_BODY AUTH failed to read body"),
    ] {
        let mut client = nsqd.client();
        client.send(&bytes);
        client.half_close();
        client.expect_fatal(text);
    }
}

#[test]
fn without_an_auth_server_auth_is_disabled() {
    let nsqd = Nsqd::start();
    turned_away(&nsqd, "s", "E_AUTH_DISABLED AUTH disabled");
    nsqd.client().publish("orders", b"free for all");
}

#[test]
fn whoever_has_shown_nothing_must_first() {
    let server = AuthServer::always(Reply::everything());
    let nsqd = Nsqd::with(&[&server.flag()]);
    for (name, bytes) in commands_on("orders") {
        refused(nsqd.client(), &bytes, &format!("E_AUTH_FIRST AUTH required before {name}"));
    }
    assert_eq!(nsqd.topic("orders"), Value::Null, "and no topic is made");
    assert!(server.requests().is_empty());
}

#[test]
fn names_are_checked_before_permissions() {
    let server = AuthServer::always(Reply::everything());
    let nsqd = Nsqd::with(&[&server.flag()]);
    for (bytes, text) in [
        (commands::publish("$", b"x"), r#"E_BAD_TOPIC PUB topic name "$" is not valid"#),
        (commands::sub("orders", "$"), r#"E_BAD_CHANNEL SUB channel name "$" is not valid"#),
        (commands::sized("PUB orders", b""), "E_BAD_MESSAGE PUB invalid message body size 0"),
    ] {
        refused(nsqd.client(), &bytes, text);
    }
}

#[test]
fn what_is_not_allowed_names_command_topic_and_channel() {
    let entry = r#"{"topic":"^other$","channels":[".*"],"permissions":["subscribe","publish"]}"#;
    let server = AuthServer::always(Reply::grant(3600, entry));
    let nsqd = Nsqd::with(&[&server.flag()]);
    for (name, bytes) in commands_on("orders") {
        let channel = if name == "SUB" { "audit" } else { "" };
        let text = format!(r#"E_UNAUTHORIZED AUTH failed for {name} on "orders" "{channel}""#);
        refused(authed(&nsqd, "s"), &bytes, &text);
    }
    assert_eq!(nsqd.topic("orders"), Value::Null, "and no topic is made");
    expect_logged(&nsqd, &["WARNING", "client=127.0.0.1:", "E_UNAUTHORIZED AUTH failed for PUB"]);
}

#[test]
fn an_mpub_is_refused_once_it_is_complete() {
    let server = AuthServer::always(Reply::everything());
    let nsqd = Nsqd::with(&[&server.flag()]);
    let whole = commands::publish_many("orders", &["a", "b"]);
    let (head, rest) = whole.split_at(20);
    let mut client = nsqd.client();
    client.send(head);
    if ours() {
        client.expect_silence(std::time::Duration::from_millis(50));
        client.send(rest);
    }
    client.expect_fatal("E_AUTH_FIRST AUTH required before MPUB");
}

#[test]
fn answers_keep_the_order_of_their_commands() {
    let server = AuthServer::always(Reply::everything());
    let nsqd = Nsqd::with(&[&server.flag()]);
    let mut client = nsqd.client();
    let all = [auth("s"), commands::publish("orders", b"one"), commands::sub("orders", "audit")];
    client.send(&all.concat());
    client.expect_response(GRANTED);
    client.expect_ok();
    client.expect_ok();
    client.ready(1);
    client.expect_body("one");
}

#[test]
fn stats_show_who_has_authenticated() {
    let server = AuthServer::always(Reply::everything());
    let nsqd = Nsqd::with(&[&server.flag()]);
    let mut producer = authed(&nsqd, "s");
    producer.publish("orders", b"one");
    let mut consumer = authed(&nsqd, "s");
    consumer.subscribe("orders", "audit");
    let stats = nsqd.stats();
    for client in [&stats["producers"][0], &nsqd.channel("orders", "audit")["clients"][0]] {
        assert_eq!(client["authed"], true, "{client}");
        assert_eq!(client["auth_identity"], "joe");
        assert_eq!(client["auth_identity_url"], "http://x/joe");
    }
}
