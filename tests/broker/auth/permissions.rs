//! Who may do what.

use super::{
    authed,
    server::{AuthServer, Reply},
};
use crate::support::{Client, Frame, Nsqd, commands};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Allowed,
    Forbidden,
}
use Outcome::{Allowed, Forbidden};

#[track_caller]
fn attempt(mut client: Client, bytes: &[u8]) -> Outcome {
    client.send(bytes);
    match client.expect_frame() {
        Frame::Response(text) if text == "OK" => Allowed,
        Frame::Error(text) if text.starts_with("E_UNAUTHORIZED AUTH failed for ") => Forbidden,
        other => panic!("neither allowed nor forbidden: {other:?}"),
    }
}

#[test]
fn permission_topic_and_channel_decide() {
    // The secret is a name for the grant.
    const GRANTS: [(&str, &str); 6] = [
        ("both", r#"{"topic":"^orders$","channels":[".*"],"permissions":["subscribe","publish"]}"#),
        ("publisher", r#"{"topic":"^orders$","channels":[".*"],"permissions":["publish"]}"#),
        ("subscriber", r#"{"topic":"^orders$","channels":[".*"],"permissions":["subscribe"]}"#),
        (
            "auditor",
            r#"{"topic":".*","channels":["^audit$"],"permissions":["subscribe","publish"]}"#,
        ),
        (
            "unanchored",
            r#"{"topic":"rder","channels":["udi|^$"],"permissions":["subscribe","publish"]}"#,
        ),
        ("nowhere", r#"{"topic":"orders","channels":[],"permissions":["subscribe","publish"]}"#),
    ];
    let server = AuthServer::scripted(|request, _| {
        let granted = GRANTS.iter().find(|(name, _)| request.has_secret(name));
        granted.map_or(Reply::Close, |(_, entry)| Reply::grant(3600, entry))
    });
    let nsqd = Nsqd::with(&[&server.flag()]);
    for (secret, publishes, audits, bills) in [
        ("both", Allowed, Allowed, Allowed),
        ("publisher", Allowed, Forbidden, Forbidden),
        ("subscriber", Forbidden, Allowed, Allowed),
        ("auditor", Forbidden, Allowed, Forbidden),
        ("unanchored", Allowed, Allowed, Forbidden),
        ("nowhere", Forbidden, Forbidden, Forbidden),
    ] {
        let sub = |channel| commands::sub("orders", channel);
        let publish = commands::publish("orders", b"x");
        assert_eq!(attempt(authed(&nsqd, secret), &publish), publishes, "{secret} publishes");
        let many = commands::publish_many("orders", &["x", "y"]);
        assert_eq!(attempt(authed(&nsqd, secret), &many), publishes, "{secret} publishes many");
        assert_eq!(attempt(authed(&nsqd, secret), &sub("audit")), audits, "{secret} audits");
        assert_eq!(attempt(authed(&nsqd, secret), &sub("billing")), bills, "{secret} bills");
    }
}

#[test]
fn permission_for_one_topic_is_none_for_the_next() {
    let entry = r#"{"topic":"^orders$","channels":[".*"],"permissions":["publish"]}"#;
    let server = AuthServer::always(Reply::grant(3600, entry));
    let nsqd = Nsqd::with(&[&server.flag()]);
    let mut client = authed(&nsqd, "s");
    let publish = |topic| commands::publish(topic, b"x");
    client.send(&[publish("orders"), publish("orders"), publish("other")].concat());
    client.expect_ok();
    client.expect_ok();
    client.expect_fatal(r#"E_UNAUTHORIZED AUTH failed for PUB on "other" """#);
    assert_eq!(nsqd.topic("orders")["message_count"], 2);
}

#[test]
fn a_consumer_is_not_asked_about_its_messages() {
    let entry = r#"{"topic":"^orders$","channels":["^audit$"],"permissions":["subscribe"]}"#;
    let server = AuthServer::scripted(move |request, _| {
        Reply::grant(
            if request.has_secret("once") { 1 } else { 3600 },
            match request.has_secret("once") {
                true => entry,
                false => super::server::EVERYTHING,
            },
        )
    });
    let nsqd = Nsqd::with(&[&server.flag()]);
    let mut consumer = authed(&nsqd, "once");
    consumer.subscribe("orders", "audit");
    let mut producer = authed(&nsqd, "producer");
    let begun = std::time::Instant::now();
    let mut sent = 0;
    // Beyond the consumer's grant, which is for one second.
    while begun.elapsed() < std::time::Duration::from_millis(1500) {
        producer.publish("orders", b"x");
        consumer.ready(1);
        let message = consumer.expect_body("x");
        consumer.send(&commands::touch(message.id));
        consumer.finish(message.id);
        sent += 1;
    }
    nsqd.expect_channel("orders", "audit", &[("message_count", sent), ("in_flight_count", 0)]);
    let about_consumer = server.requests().iter().filter(|one| one.has_secret("once")).count();
    assert_eq!(about_consumer, 1);
}
