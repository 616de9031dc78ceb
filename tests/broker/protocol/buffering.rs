//! The output buffer, whatever a client asks for.

use crate::support::{Client, Frame, Nsqd, commands, ours};

/// Each setting alone and together, at the ends of its range.
const SETTINGS: [&str; 9] = [
    r#""output_buffer_size":-1"#,
    r#""output_buffer_size":64"#,
    r#""output_buffer_size":65536"#,
    r#""output_buffer_timeout":-1"#,
    r#""output_buffer_timeout":25"#,
    r#""output_buffer_timeout":30000"#,
    r#""output_buffer_size":-1,"output_buffer_timeout":-1"#,
    r#""output_buffer_size":64,"output_buffer_timeout":30000"#,
    r#""output_buffer_size":65536,"output_buffer_timeout":-1"#,
];

/// Larger and smaller than any buffer.
fn bodies() -> [String; 4] {
    [1, 64, 20_000, 100_000].map(|length| "x".repeat(length))
}

fn consumer(nsqd: &Nsqd, settings: &str) -> Client {
    let mut consumer = nsqd.client_with(&format!("{{{settings}}}"));
    consumer.subscribe("orders", "audit");
    // With nsqd 1.3 a consumer that has credit left waits for the timeout, or for a heartbeat.
    consumer.ready(if ours() { 100 } else { 1 });
    consumer
}

#[test]
fn messages_come_at_once_and_whole_at_every_setting() {
    for settings in SETTINGS {
        let nsqd = Nsqd::start();
        let mut consumer = consumer(&nsqd, settings);
        let mut publisher = nsqd.client();
        for body in bodies() {
            publisher.publish("orders", body.as_bytes());
            let message = consumer.expect_body(&body);
            consumer.finish(message.id);
        }
        publisher.send(&commands::publish_many("orders", &bodies()));
        publisher.expect_ok();
        assert_eq!(consumer.finish_bodies(4), bodies(), "{settings}");
        nsqd.expect_channel("orders", "audit", &[("in_flight_count", 0), ("depth", 0)]);
    }
}

#[test]
fn one_message_at_a_time_does_not_wait_for_the_buffer() {
    let nsqd = Nsqd::start();
    let mut consumer =
        nsqd.client_with(r#"{"output_buffer_timeout":30000,"output_buffer_size":65536}"#);
    consumer.subscribe("orders", "audit");
    consumer.ready(1);
    let mut publisher = nsqd.client();
    for number in 0..20 {
        let body = number.to_string();
        publisher.publish("orders", body.as_bytes());
        let message = consumer.expect_body(&body);
        consumer.finish(message.id);
    }
}

#[test]
fn what_is_in_effect_is_said() {
    let nsqd = Nsqd::start();
    let expected =
        [(1, 0), (64, 250), (65536, 250), (16384, 0), (16384, 25), (16384, 30000), (1, 0)];
    for (settings, (size, timeout)) in SETTINGS.into_iter().zip(expected) {
        let mut client = nsqd.client();
        client.send(&commands::identify(&format!(r#"{{"feature_negotiation":true,{settings}}}"#)));
        let Frame::Response(json) = client.expect_frame() else { panic!("no response") };
        let said = format!(r#""output_buffer_size":{size},"output_buffer_timeout":{timeout},"#);
        assert!(json.contains(&said), "{settings} is answered with {json}");
    }
}

#[test]
fn limits_of_the_flags_are_the_limits_of_clients() {
    let nsqd = Nsqd::with(&[
        "--output-buffer-timeout=70ms",
        "--min-output-buffer-timeout=50ms",
        "--max-output-buffer-timeout=100ms",
        "--max-output-buffer-size=1000",
    ]);
    for (settings, refusal) in [
        (r#""output_buffer_timeout":49"#, "output buffer timeout (49) is invalid"),
        (r#""output_buffer_timeout":101"#, "output buffer timeout (101) is invalid"),
        (r#""output_buffer_timeout":-2"#, "output buffer timeout (-2) is invalid"),
        (r#""output_buffer_size":1001"#, "output buffer size (1001) is invalid"),
        (r#""output_buffer_size":-2"#, "output buffer size (-2) is invalid"),
    ] {
        let mut client = nsqd.client();
        client.send(&commands::identify(&format!("{{{settings}}}")));
        client.expect_fatal(&format!("E_BAD_BODY IDENTIFY {refusal}"));
    }
    for settings in [
        r#""output_buffer_timeout":50,"output_buffer_size":64"#,
        r#""output_buffer_timeout":100,"output_buffer_size":1000"#,
    ] {
        nsqd.client_with(&format!("{{{settings}}}")).expect_alive();
    }
}
