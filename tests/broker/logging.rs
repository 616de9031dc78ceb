//! The lines of the log that operators and their tools look for.

use crate::support::{Client, Nsqd, ours};

#[test]
fn lines_have_a_prefix_a_time_and_a_level() {
    let nsqd = Nsqd::with(&["--log-prefix=[broker 1] ", "--node-id=617"]);
    let line = nsqd.expect_line("ID: 617");
    let rest = line.strip_prefix("[broker 1] ").unwrap();
    let (time, text) = rest.split_at("2026/11/22 17:17:26.016990".len());
    let shape: String = time.chars().map(|ch| if ch.is_ascii_digit() { '0' } else { ch }).collect();
    assert_eq!((shape.as_str(), text), ("0000/00/00 00:00:00.000000", " INFO: ID: 617"));
    let version = nsqd.expect_line("INFO: nsqd v");
    assert!(version.contains(" (built w/"), "{version}");
}

#[test]
fn what_comes_and_goes_is_told_in_upstreams_words() {
    let mut nsqd = Nsqd::start();
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    nsqd.expect_line("INFO: TCP: new client(127.0.0.1:");
    nsqd.expect_line("INFO: TOPIC(orders): created");
    nsqd.expect_line("INFO: TOPIC(orders): new channel(audit)");
    nsqd.post("/topic/pause?topic=orders", b"");
    let metadata =
        format!("INFO: NSQ: persisting topic/channel metadata to {}/", nsqd.data_path().display());
    nsqd.expect_line(&metadata);
    nsqd.post("/channel/delete?topic=orders&channel=audit", b"");
    nsqd.expect_line("INFO: TOPIC(orders): deleting channel audit");
    nsqd.post("/topic/delete?topic=orders", b"");
    nsqd.expect_line("INFO: TOPIC(orders): deleting");
    nsqd.terminate();
    let lines = nsqd.lines_to_the_end();
    assert!(lines.last().unwrap().ends_with(" INFO: NSQ: bye"), "{lines:?}");
}

#[test]
fn requests_are_logged_but_for_publishes_and_profiles() {
    let mut nsqd = Nsqd::start();
    nsqd.post("/pub?topic=orders", b"secret body");
    nsqd.post("/mpub?topic=orders", b"secret body");
    nsqd.http("GET", "/debug/pprof/cmdline", b"");
    nsqd.http("GET", "/stats?format=json&topic=a%0ab", b"");
    nsqd.http("POST", "/topic/pause?topic=none", b"secret body");
    let line = nsqd.expect_line("INFO: 200 GET /stats?format=json&topic=a%0ab (127.0.0.1:");
    let duration = line.rsplit(' ').next().unwrap();
    assert!(
        duration.ends_with('s') && duration.starts_with(|ch: char| ch.is_ascii_digit()),
        "{line}"
    );
    nsqd.expect_line("INFO: 404 POST /topic/pause?topic=none (127.0.0.1:");
    nsqd.terminate();
    let log = nsqd.lines_to_the_end().join("\n");
    for absent in ["/pub?", "/mpub?", "/debug/pprof/", "secret body"] {
        assert!(!log.contains(absent), "{absent} in {log}");
    }
}

#[test]
fn nothing_is_said_below_the_level() {
    let mut nsqd = Nsqd::with(&["--log-level=debug"]);
    nsqd.http("PUT", "/config/log_level", b"error");
    nsqd.http("GET", "/ping?late", b"");
    nsqd.post("/topic/create?topic=late", b"");
    nsqd.terminate();
    let log = nsqd.lines_to_the_end().join("\n");
    assert!(!log.contains("late"), "{log}");
    assert!(!log.contains("NSQ: bye"), "{log}");
}

#[test]
fn no_message_leaves_a_line_even_at_debug_level() {
    if !ours() {
        return; // Upstream logs each message with its body.
    }
    let mut nsqd = Nsqd::with(&["--log-level=debug"]);
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    publish_and_consume(&nsqd, &mut client, 1);
    let before = nsqd.line_count();
    publish_and_consume(&nsqd, &mut client, 100);
    nsqd.http("GET", "/ping?done", b"");
    nsqd.expect_line("/ping?done");
    let more = nsqd.line_count() - before;
    nsqd.terminate();
    let log = nsqd.lines_to_the_end().join("\n");
    assert!(!log.contains("secret"), "{log}");
    assert!(more < 50, "{more} lines for 100 messages: {log}");
}

fn publish_and_consume(nsqd: &Nsqd, client: &mut Client, count: usize) {
    for _ in 0..count {
        nsqd.post("/pub?topic=orders", b"secret");
    }
    client.ready(count);
    for _ in 0..count {
        let message = client.expect_body("secret");
        client.finish(message.id);
    }
}
