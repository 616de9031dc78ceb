//! `/metrics`, for Prometheus.

use crate::support::{Nsqd, commands, eventually};

/// The value of a series, 0 if it is not there.
#[track_caller]
fn value(nsqd: &Nsqd, series: &str) -> f64 {
    let response = nsqd.http("GET", "/metrics", b"");
    assert_eq!(response.status, 200);
    let text = response.text();
    let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    lines.find(|(name, _)| *name == series).map_or(0.0, |(_, value)| value.parse().unwrap())
}

#[track_caller]
fn expect(nsqd: &Nsqd, figures: &[(&str, f64)]) {
    for (series, expected) in figures {
        assert_eq!(value(nsqd, series), *expected, "{series}");
    }
}

#[test]
fn figures_follow_what_happens() {
    let nsqd = Nsqd::start();
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "archive");
    for body in ["one..", "two..", "three", "four."] {
        nsqd.client().publish("orders", body.as_bytes());
    }
    consumer.ready(3);
    let ids = [(); 3].map(|()| consumer.expect_message().id);
    consumer.ready(1);
    consumer.finish(ids[0]);
    consumer.send(&commands::requeue(ids[1], 60_000));
    let settled = [("in_flight_count", 1), ("deferred_count", 1), ("depth", 1)];
    nsqd.expect_channel("orders", "archive", &settled);
    expect(
        &nsqd,
        &[
            ("nsqd_healthy", 1.0),
            ("nsqd_topics", 1.0),
            ("nsqd_channels", 1.0),
            ("nsqd_connections_accepted_total", 5.0),
            ("nsqd_log_batches_total", 4.0),
            ("nsqd_log_write_duration_seconds_count", 4.0),
            ("nsqd_topic_messages_total{topic=\"orders\"}", 4.0),
            ("nsqd_topic_message_bytes_total{topic=\"orders\"}", 20.0),
            ("nsqd_topic_log_segments{topic=\"orders\"}", 1.0),
            ("nsqd_channel_messages_total{topic=\"orders\",channel=\"archive\"}", 4.0),
            ("nsqd_channel_delivered_total{topic=\"orders\",channel=\"archive\"}", 3.0),
            ("nsqd_channel_requeued_total{topic=\"orders\",channel=\"archive\"}", 1.0),
            ("nsqd_channel_depth{topic=\"orders\",channel=\"archive\"}", 1.0),
            ("nsqd_channel_in_flight{topic=\"orders\",channel=\"archive\"}", 1.0),
            ("nsqd_channel_deferred{topic=\"orders\",channel=\"archive\"}", 1.0),
            ("nsqd_channel_clients{topic=\"orders\",channel=\"archive\"}", 1.0),
        ],
    );
    for series in [
        "nsqd_log_written_bytes_total",
        "nsqd_topic_log_bytes{topic=\"orders\"}",
        "nsqd_cache_bytes",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        assert!(value(&nsqd, series) > 0.0, "{series}");
    }
}

#[test]
fn the_answer_is_in_a_format_that_prometheus_reads() {
    let nsqd = Nsqd::start();
    nsqd.post("/topic/create?topic=orders", b"");
    let response = nsqd.http("GET", "/metrics", b"");
    let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(response.header("Content-Type"), Some(openmetrics));
    let text = response.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("# TYPE nsqd_topic_messages counter\n"), "{text}");
    assert_eq!(nsqd.http("POST", "/metrics", b"").status, 405);
}

#[test]
fn syncs_and_waits_in_mailboxes_are_timed() {
    let nsqd = Nsqd::with(&["--sync-timeout=10ms"]);
    nsqd.post("/pub?topic=orders", b"x");
    for series in [
        "nsqd_log_sync_duration_seconds_count",
        "nsqd_mailbox_wait_seconds_count{thread=\"main\"}",
        "nsqd_mailbox_wait_seconds_count{thread=\"worker-0\"}",
    ] {
        eventually(series, || (value(&nsqd, series) > 0.0).then_some(()));
    }
}

#[test]
fn restarts_are_counted_by_kind() {
    let nsqd = Nsqd::with(&["--enable-experiment=chaos"]);
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/debug/crash?actor=topic&topic=orders", b"");
    let series = "nsqd_actor_restarts_total{actor=\"topic\"}";
    eventually(series, || (value(&nsqd, series) == 1.0).then_some(()));
    expect(&nsqd, &[("nsqd_actor_restarts_total{actor=\"channel\"}", 0.0)]);
}

#[test]
fn what_an_ephemeral_channel_drops_is_counted_here_and_in_the_stats() {
    let nsqd = Nsqd::with(&["--mem-queue-size=2"]);
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=live%23ephemeral", b"");
    nsqd.post("/mpub?topic=orders", b"1\n2\n3\n4\n5");
    nsqd.expect_channel("orders", "live#ephemeral", &[("depth", 2), ("dropped_count", 3)]);
    let series = "nsqd_channel_dropped_total{topic=\"orders\",channel=\"live#ephemeral\"}";
    expect(&nsqd, &[(series, 3.0)]);
}

#[test]
fn what_every_channel_has_finished_leaves_memory_with_the_next_publish() {
    let nsqd = Nsqd::with(&["--sync-timeout=1h"]); // no cursor is saved meanwhile
    let mut consumers = ["archive", "mail"].map(|channel| {
        let mut consumer = nsqd.client();
        consumer.subscribe("orders", channel);
        consumer.ready(100);
        (channel, consumer)
    });
    let mut publisher = nsqd.client();
    (0..100).for_each(|_| publisher.publish("orders", &[b'x'; 1000]));
    // Who is second has the one message more that came when the first was done.
    for ((count, is_last), (channel, consumer)) in
        [(100, false), (101, true)].iter().zip(&mut consumers)
    {
        assert!(value(&nsqd, "nsqd_cache_bytes") > 100_000.0, "{channel} has not finished them");
        consumer.finish_bodies(*count);
        nsqd.expect_channel("orders", channel, &[("depth", 0), ("in_flight_count", 0)]);
        publisher.publish("orders", b"next");
        assert_eq!(value(&nsqd, "nsqd_cache_bytes") < 1000.0, *is_last, "{channel} has finished");
    }
}

#[test]
fn clients_are_told_only_if_asked_for() {
    for (flag, is_told) in [("--metrics-per-client=false", false), ("--metrics-per-client", true)] {
        let nsqd = Nsqd::with(&[flag]);
        let mut consumer = nsqd.client_with(r#"{"client_id":"cons"}"#);
        consumer.subscribe("orders", "archive");
        consumer.ready(7);
        nsqd.client_with(r#"{"client_id":"prod"}"#).publish("orders", b"x");
        consumer.expect_message();
        let text = nsqd.http("GET", "/metrics", b"").text();
        let address = consumer.stream().local_addr().unwrap();
        let line = format!(
            "nsqd_client_ready{{topic=\"orders\",channel=\"archive\",client_id=\"cons\",\
             address=\"{address}\",connection=\"1\"}} 7\n"
        );
        assert_eq!(text.contains(&line), is_told, "{text}");
        assert_eq!(text.contains("nsqd_client_"), is_told, "{text}");
    }
}
