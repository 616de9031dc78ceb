//! From the first byte to the last.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Client, Frame, Nsqd, commands, connect_raw, http};

/// Magic, a publish and a subscription, with all that a client has to send for them.
fn conversation() -> Vec<u8> {
    [
        commands::MAGIC,
        &commands::identify("{}"),
        &commands::publish("orders", b"one"),
        b"PUB orders\r\n\0\0\0\x03two",
        &commands::sub("orders", "audit"),
        commands::NOP,
        &commands::rdy(2),
    ]
    .concat()
}

#[track_caller]
fn expect_conversation(client: &mut Client) {
    for _ in 0..4 {
        client.expect_ok();
    }
    assert_eq!(client.finish_bodies(2), ["one", "two"]);
}

#[test]
fn commands_may_come_byte_by_byte() {
    let nsqd = Nsqd::start();
    let mut client = connect_raw(nsqd.tcp());
    for byte in conversation() {
        client.send(&[byte]);
    }
    expect_conversation(&mut client);
}

#[test]
fn commands_may_come_all_at_once() {
    let nsqd = Nsqd::start();
    let mut client = connect_raw(nsqd.tcp());
    client.send(&conversation());
    expect_conversation(&mut client);
}

#[test]
fn responses_behind_a_half_close_are_delivered() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    client.send(&commands::publish("orders", b"one"));
    client.half_close();
    client.expect_ok();
    client.expect_closed();
}

#[test]
fn subscribers_that_half_close_are_answered_too() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    let unknown = b"FIN 0123456789abcdef\n";
    let commands = [&commands::sub("orders", "audit"), &unknown[..], b"REQ 0123456789abcdef 0\n"];
    client.send(&[&commands.concat()[..], &commands::publish("other", b"one")].concat());
    client.half_close();
    client.expect_ok();
    client.expect_error("E_FIN_FAILED FIN 0123456789abcdef failed ID not in flight");
    client.expect_error("E_REQ_FAILED REQ 0123456789abcdef failed ID not in flight");
    client.expect_ok();
    client.expect_closed();
}

#[test]
fn refusals_come_before_the_error_behind_them() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    client.send(b"TOUCH 0123456789abcdef\nBOGUS\n");
    client.expect_error("E_TOUCH_FAILED TOUCH 0123456789abcdef failed ID not in flight");
    client.expect_fatal("E_INVALID invalid command BOGUS");
}

#[test]
fn identify_is_answered_with_ok_when_nothing_is_negotiated() {
    let nsqd = Nsqd::start();
    for json in ["{}", "null", r#"{"feature_negotiation":false,"snappy":true,"unknown":[1]}"#] {
        let mut client = nsqd.client_with(json);
        client.expect_alive();
    }
}

fn negotiate(nsqd: &Nsqd, json: &str) -> String {
    let mut client = nsqd.client();
    client.send(&commands::identify(json));
    match client.expect_frame() {
        Frame::Response(text) => text,
        other => panic!("IDENTIFY was answered with {other:?}"),
    }
}

fn version(nsqd: &Nsqd) -> String {
    let info = http::request(nsqd.http_address(), "GET", "/info", b"").json();
    info["version"].as_str().unwrap().to_owned()
}

#[test]
fn negotiation_is_answered_with_every_key_in_order() {
    let nsqd = Nsqd::start();
    let expected = format!(
        concat!(
            r#"{{"max_rdy_count":2500,"version":"{}","max_msg_timeout":900000,"msg_timeout":60000,"#,
            r#""tls_v1":false,"deflate":false,"deflate_level":6,"max_deflate_level":6,"snappy":false,"#,
            r#""sample_rate":0,"auth_required":false,"output_buffer_size":16384,"#,
            r#""output_buffer_timeout":250,"topology_region":"","topology_zone":""}}"#
        ),
        version(&nsqd)
    );
    assert_eq!(negotiate(&nsqd, r#"{"feature_negotiation":true,"tls_v1":true}"#), expected);
}

#[test]
fn negotiated_settings_are_echoed() {
    let nsqd = Nsqd::with(&[
        "--max-rdy-count=10",
        "--max-msg-timeout=5m",
        "--topology-region=north",
        "--topology-zone=n1",
    ]);
    let wanted = concat!(
        r#"{"feature_negotiation":true,"msg_timeout":2000,"output_buffer_size":-1,"sample_rate":7,"#,
        r#""output_buffer_timeout":500,"heartbeat_interval":5000,"topology_zone":"mine"}"#
    );
    let answer: Value = serde_json::from_str(&negotiate(&nsqd, wanted)).unwrap();
    for (key, value) in [
        ("max_rdy_count", 10),
        ("max_msg_timeout", 300_000),
        ("msg_timeout", 2000),
        ("output_buffer_size", 1),
        ("output_buffer_timeout", 0),
        ("sample_rate", 7),
    ] {
        assert_eq!(answer[key], value, "{key} in {answer}");
    }
    assert_eq!(
        (&answer["topology_region"], &answer["topology_zone"]),
        (&"north".into(), &"n1".into())
    );
}

#[test]
fn second_identify_counts() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client_with(r#"{"client_id":"first"}"#);
    client.send(&commands::identify(r#"{"client_id":"second","hostname":"h","user_agent":"u/1"}"#));
    client.expect_ok();
    client.subscribe("orders", "audit");
    let clients = nsqd.channel("orders", "audit")["clients"].clone();
    assert_eq!(
        (&clients[0]["client_id"], &clients[0]["hostname"], &clients[0]["user_agent"]),
        (&"second".into(), &"h".into(), &"u/1".into())
    );
}

#[test]
fn nothing_is_said_to_a_good_magic() {
    let nsqd = Nsqd::start();
    let mut client = connect_raw(nsqd.tcp());
    for part in [b"  ", b"V2"] {
        client.send(part);
        client.expect_silence(Duration::from_millis(200));
    }
    client.expect_alive();
}

#[test]
fn who_has_not_introduced_itself_is_known_by_its_address() {
    let nsqd = Nsqd::start();
    let mut unknown = nsqd.client();
    unknown.subscribe("orders", "audit");
    let client = nsqd.channel("orders", "audit")["clients"][0].clone();
    for (key, value) in [
        ("client_id", "127.0.0.1"),
        ("hostname", "127.0.0.1"),
        ("user_agent", ""),
        ("version", "V2"),
        ("remote_address", &unknown.stream().local_addr().unwrap().to_string()),
        ("topology_region", ""),
        ("topology_zone", ""),
    ] {
        assert_eq!(client[key], value, "{key} in {client}");
    }
    for key in ["ready_count", "sample_rate", "in_flight_count"] {
        assert_eq!(client[key], 0, "{key} in {client}");
    }
    // Who introduces itself without names has none.
    let mut nameless = nsqd.client_with("{}");
    nameless.subscribe("orders", "billing");
    let client = nsqd.channel("orders", "billing")["clients"][0].clone();
    assert_eq!((&client["client_id"], &client["hostname"]), (&"".into(), &"".into()));
}

#[test]
fn consumer_that_sends_nothing_more_is_gone() {
    let nsqd = Nsqd::start();
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "audit");
    consumer.half_close();
    consumer.expect_closed();
    nsqd.expect_channel("orders", "audit", &[("client_count", 0)]);
}
