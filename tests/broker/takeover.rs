//! The start on a data path of upstream's nsqd.

use std::{fs, path::Path};

use crate::support::{Ended, NsqMessage, Nsqd, command, ours, run_to_end};

/// A data path as upstream leaves it; `src/storage/upstream/fixtures.rs` says what is in it.
fn put(fixture: &str, data_path: &Path) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/upstream");
    for entry in fs::read_dir(fixtures.join(fixture)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), data_path.join(entry.file_name())).unwrap();
    }
}

/// A broker that has started on such a data path.
fn started_on(fixture: &str) -> Nsqd {
    let mut nsqd = Nsqd::start();
    nsqd.terminate();
    fs::remove_dir_all(nsqd.data_path()).unwrap();
    fs::create_dir(nsqd.data_path()).unwrap();
    put(fixture, nsqd.data_path());
    nsqd.restart();
    nsqd
}

/// Consumes all that a channel has and no more, with the number of the id and the attempts.
#[track_caller]
fn consume(nsqd: &Nsqd, topic: &str, channel: &str, expected: &[(u64, u16, &str)]) {
    let mut consumer = nsqd.client();
    consumer.subscribe(topic, channel);
    consumer.ready(100);
    let mut came = Vec::new();
    for _ in expected {
        let message = consumer.expect_message();
        consumer.finish(message.id);
        came.push((number_of(&message), message.attempts, message.text()));
    }
    let expected: Vec<_> = expected.iter().map(|&(n, a, body)| (n, a, body.to_owned())).collect();
    assert_eq!(came, expected);
    nsqd.expect_channel(topic, channel, &[("depth", 0), ("in_flight_count", 0)]);
}

fn number_of(message: &NsqMessage) -> u64 {
    let number = u64::from_str_radix(&message.id.to_string(), 16).unwrap() - 0x18a6_d4ec_39a6_9000;
    assert_eq!(message.timestamp_nanos as u64, 1_795_367_506_000_000_000 + number);
    number
}

#[test]
fn everything_that_a_stopped_nsqd_had_is_there_and_comes_once() {
    if !ours() {
        return;
    }
    let mut nsqd = started_on("stopped");
    nsqd.expect_logged(&["took over the data path of upstream's nsqd: 4 topics, 14 messages"]);
    for (topic, channel, paused, depth) in [
        ("orders", "audit", false, 6),
        ("orders", "billing", true, 3),
        ("held", "c", false, 1),
        ("idle.topic", ".dot", false, 0),
    ] {
        let found = nsqd.channel(topic, channel);
        assert_eq!((&found["paused"], &found["depth"]), (&paused.into(), &depth.into()), "{found}");
    }
    for (topic, paused, depth) in
        [("orders", false, 0), ("waiting", false, 3), ("held", true, 2), ("idle.topic", false, 0)]
    {
        let found = nsqd.topic(topic);
        assert_eq!((&found["paused"], &found["depth"]), (&paused.into(), &depth.into()), "{found}");
    }
    let audit = [
        (2, 1, "m2"),
        (3, 1, "m3"),
        (4, 3, "m4"),
        (5, 2, "m5"),
        (6, 0, ""), // the counter of attempts wraps, as upstream's does
        (7, 1, "m7"),
    ];
    consume(&nsqd, "orders", "audit", &audit);
    nsqd.post("/channel/unpause?topic=orders&channel=billing", b"");
    consume(&nsqd, "orders", "billing", &[(3, 1, "m3"), (4, 1, "m4"), (7, 1, "m7")]);
    consume(&nsqd, "waiting", "first", &[(1, 1, "m1"), (2, 1, "m2"), (3, 1, "m3")]);
    consume(&nsqd, "held", "c", &[(1, 1, "m1")]);
    nsqd.post("/topic/unpause?topic=held", b"");
    consume(&nsqd, "held", "c", &[(2, 1, "m2"), (3, 1, "m3")]);
    nsqd.terminate();
    nsqd.restart();
    consume(&nsqd, "orders", "audit", &[]);
    nsqd.post("/pub?topic=orders", b"new");
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "billing");
    consumer.ready(1);
    let id = consumer.expect_body("new").id.to_string();
    assert!(id.as_str() > "18a6d4ec39a69007", "{id} does not rise above what was imported");
}

#[test]
fn what_was_imported_outlives_a_kill() {
    if !ours() {
        return;
    }
    let mut nsqd = started_on("killed");
    nsqd.kill9();
    nsqd.restart();
    consume(&nsqd, "t", "old", &[(2, 1, "m2"), (3, 1, "m3"), (4, 1, "m4")]);
    consume(&nsqd, "t", "new", &[(1, 1, "m1"), (2, 1, "m2")]);
    consume(&nsqd, "t", "garbage", &[(1, 1, "m1"), (2, 1, "m2")]);
    consume(&nsqd, "t", "emptied", &[(1, 1, "m1"), (2, 1, "m2"), (3, 1, "m3")]);
    consume(&nsqd, "t", "torn", &[(1, 1, "m1"), (2, 1, "m2"), (4, 1, "m4")]);
    consume(&nsqd, "t", "bad", &[(1, 1, "m1"), (4, 1, "m4")]);
    assert!(nsqd.data_path().join("gone.diskqueue.000000.dat").exists());
    assert!(!nsqd.data_path().join("nsqd.dat").exists());
}

#[test]
fn a_file_of_topics_that_cannot_be_parsed_starts_nothing() {
    let data = tempfile::tempdir().unwrap();
    put("stopped", data.path());
    fs::write(data.path().join("nsqd.dat"), "").unwrap();
    let flags = ["tcp", "http", "https"].map(|name| format!("--{name}-address=127.0.0.1:0"));
    let data_path = format!("--data-path={}", data.path().display());
    let arguments = flags.iter().chain([&data_path]).map(String::as_str);
    let Ended { code, err, .. } = run_to_end(command(), arguments);
    assert_eq!(code, Some(1), "{err}");
    let text = format!(
        "FATAL: failed to load metadata - failed to parse metadata in {}/nsqd.dat - \
         unexpected end of JSON input\n",
        data.path().display()
    );
    assert!(err.contains(&text), "{err}");
}

#[test]
fn a_large_queue_is_imported_in_little_memory() {
    if !ours() {
        return;
    }
    const MESSAGES: u64 = 60_000;
    let mut nsqd = Nsqd::start();
    nsqd.terminate();
    let topology = r#"{"topics":[{"name":"t","channels":[{"name":"c"}]}]}"#;
    fs::write(nsqd.data_path().join("nsqd.dat"), topology).unwrap();
    let mut queue = Vec::new();
    for number in 0..MESSAGES {
        queue.extend_from_slice(&(26_u32 + 1000).to_be_bytes());
        queue.extend_from_slice(&(1_795_367_506_000_000_000 + number).to_be_bytes());
        queue.extend_from_slice(&[0; 2]);
        queue.extend_from_slice(format!("{:016x}", 0x18a6_d4ec_39a6_9000 + number).as_bytes());
        queue.extend_from_slice(&[b'x'; 1000]);
    }
    fs::write(nsqd.data_path().join("t:c.diskqueue.000000.dat"), queue).unwrap();
    nsqd.restart();
    nsqd.expect_channel("t", "c", &[("depth", MESSAGES)]);
    let peak = nsqd.peak_bytes();
    assert!(peak < 48 << 20, "{peak} bytes of memory for {} bytes of messages", MESSAGES * 1000);
}
