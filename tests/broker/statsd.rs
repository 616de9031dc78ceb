//! Figures pushed to statsd, as datagrams.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use crate::support::{DEADLINE, Nsqd, commands, ours};

/// A statsd that writes down what it gets.
struct Statsd(UdpSocket);

impl Statsd {
    fn listen() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    /// A broker that pushes here, without what changes from one moment to the next.
    fn nsqd(&self, flags: &[&str]) -> Nsqd {
        let address = format!("--statsd-address={}", self.0.local_addr().unwrap());
        let flags = [&[&*address, INTERVAL, "--statsd-mem-stats=false"], flags].concat();
        Nsqd::with(&flags)
    }

    #[track_caller]
    fn datagram(&self) -> String {
        let mut bytes = [0; 65_536];
        let length = self.0.recv(&mut bytes).expect("a datagram");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// Everything that comes until the broker is silent for a while.
    fn rest(&self) -> Vec<String> {
        self.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut bytes = [0; 65_536];
        let received =
            std::iter::from_fn(|| self.0.recv(&mut bytes).ok().map(|len| bytes[..len].to_vec()));
        received.map(|bytes| String::from_utf8(bytes).unwrap()).collect()
    }

    /// The first datagram that says this.
    #[track_caller]
    fn datagram_with(&self, line: &str) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            let datagram = self.datagram();
            if datagram.contains(line) {
                return datagram;
            }
            assert!(Instant::now() < end, "never said {line:?}; last was {datagram:?}");
        }
    }
}

/// nsqd 1.3 crashes with a second or less.
const INTERVAL: &str = "--statsd-interval=1100ms";

#[test]
fn a_push_is_what_upstream_pushes_to_the_byte() {
    let statsd = Statsd::listen();
    let nsqd = statsd.nsqd(&[
        "--broadcast-address=host.example.com",
        "--statsd-udp-packet-size=2000",
        "--statsd-interval=3s", // the first push comes when everything is in its place
    ]);
    let mut consumer = nsqd.client();
    consumer.subscribe("a.b", "ch_1");
    let mut producer = nsqd.client();
    for body in ["a", "bb", "ccc"] {
        producer.publish("a.b", body.as_bytes());
    }
    consumer.ready(2);
    let ids = [(); 2].map(|()| consumer.expect_message().id);
    consumer.ready(1);
    consumer.send(&commands::requeue(ids[1], 60_000));
    let counters = [("in_flight_count", 1), ("deferred_count", 1), ("depth", 1)];
    nsqd.expect_channel("a.b", "ch_1", &counters);
    let prefix = format!("nsq.host_example_com_{}.topic.a.b", nsqd.http_address().port());
    let expected = |messages: u64, bytes: u64, requeues: u64| {
        format!(
            "\
{prefix}.message_count:{messages}|c
{prefix}.message_bytes:{bytes}|c
{prefix}.depth:0|g
{prefix}.backend_depth:0|g
{prefix}.channel.ch_1.message_count:{messages}|c
{prefix}.channel.ch_1.depth:1|g
{prefix}.channel.ch_1.backend_depth:0|g
{prefix}.channel.ch_1.in_flight_count:1|g
{prefix}.channel.ch_1.deferred_count:1|g
{prefix}.channel.ch_1.requeue_count:{requeues}|c
{prefix}.channel.ch_1.timeout_count:0|c
{prefix}.channel.ch_1.clients:1|g
"
        )
    };
    let settled = statsd.datagram_with(".deferred_count:1|g");
    assert_eq!(settled, expected(3, 6, 1));
    assert_eq!(statsd.datagram(), expected(0, 0, 0), "counters are differences");
}

#[test]
fn percentiles_stand_behind_the_depths_and_last_of_a_channel() {
    let statsd = Statsd::listen();
    let nsqd = statsd.nsqd(&[
        "--statsd-prefix=",
        "--statsd-udp-packet-size=2000",
        "--e2e-processing-latency-percentile=0.5,0.99,1.0",
    ]);
    let mut consumer = nsqd.client();
    consumer.subscribe("t", "c");
    nsqd.post("/pub?topic=t", b"x");
    consumer.ready(1);
    consumer.finish_bodies(1);
    nsqd.expect_channel("t", "c", &[("message_count", 1), ("in_flight_count", 0), ("depth", 0)]);
    let datagram = statsd.datagram_with("message_count:1|c");
    let names = datagram.lines().map(|line| line.split(':').next().unwrap());
    let names: Vec<_> = names.collect();
    let latencies = ["100", "99", "50"].map(|p| format!("e2e_processing_latency_{p}"));
    let of = |place: &str| latencies.each_ref().map(|name| format!("{place}.{name}"));
    assert_eq!(names[3], "topic.t.backend_depth");
    assert_eq!(names[4..7], of("topic.t"));
    assert_eq!(names[14], "topic.t.channel.c.clients");
    assert_eq!(names[15..], of("topic.t.channel.c"));
}

#[test]
fn memory_comes_last() {
    let statsd = Statsd::listen();
    let nsqd = statsd.nsqd(&["--statsd-prefix=p", "--statsd-mem-stats=true"]);
    let datagram = statsd.datagram();
    let names = datagram.lines().map(|line| line.split(':').next().unwrap()).collect::<Vec<_>>();
    let expected = [
        "heap_objects",
        "heap_idle_bytes",
        "heap_in_use_bytes",
        "heap_released_bytes",
        "gc_pause_usec_100",
        "gc_pause_usec_99",
        "gc_pause_usec_95",
        "next_gc_bytes",
        "gc_runs",
    ];
    assert_eq!(names, expected.map(|name| format!("p.mem.{name}")));
    assert!(datagram.ends_with("|c\n"), "{datagram}");
    drop(nsqd);
}

#[test]
fn datagrams_are_small_and_whole_lines() {
    let statsd = Statsd::listen();
    let nsqd = statsd.nsqd(&["--statsd-prefix=p", "--statsd-udp-packet-size=100"]);
    nsqd.post("/topic/create?topic=t", b"");
    nsqd.post("/channel/create?topic=t&channel=c", b"");
    let first = statsd.datagram_with("p.topic.t.message_count");
    let mut datagrams = vec![first];
    while !datagrams.last().unwrap().contains(".clients:") {
        datagrams.push(statsd.datagram());
    }
    assert!(datagrams.iter().all(|datagram| datagram.len() <= 100 && datagram.ends_with('\n')));
    let lines = |datagram: &String| datagram.lines().map(str::len).collect::<Vec<_>>();
    for (datagram, next) in datagrams.iter().zip(&datagrams[1..]) {
        assert!(datagram.len() + lines(next)[0] + 1 > 100, "{datagram:?} has room for {next:?}");
    }
    assert_eq!(datagrams.concat().lines().count(), 12);
}

#[test]
fn a_topic_that_was_made_anew_counts_from_nothing() {
    if !ours() {
        return; // upstream tells a negative counter
    }
    let statsd = Statsd::listen();
    let nsqd = statsd.nsqd(&["--statsd-prefix=", "--statsd-udp-packet-size=2000"]);
    nsqd.post("/mpub?topic=t", b"1\n2\n3");
    statsd.datagram_with("topic.t.message_count:3|c");
    nsqd.post("/topic/delete?topic=t", b"");
    nsqd.post("/mpub?topic=t", b"1\n2");
    let datagram = statsd.datagram_with("topic.t.message_count:2|c");
    assert!(datagram.contains("topic.t.message_bytes:2|c"), "{datagram}");
}

#[test]
fn a_stop_sends_the_rest_at_once() {
    let statsd = Statsd::listen();
    let mut nsqd =
        statsd.nsqd(&["--statsd-prefix=p", "--statsd-udp-packet-size=1", "--statsd-interval=9s"]);
    nsqd.post("/topic/create?topic=t", b"");
    nsqd.post("/channel/create?topic=t&channel=c", b"");
    let first = statsd.datagram();
    assert!(first.contains("topic.t.message_count"), "{first}");
    let start = Instant::now();
    nsqd.terminate();
    // Seven seconds would be the rest of the interval.
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    let rest = statsd.rest();
    assert_eq!(rest.len(), 11, "{rest:?}");
    assert!(rest[10].contains(".clients:0|g"), "{rest:?}");
}

#[test]
fn an_interval_below_a_second_is_served() {
    if !ours() {
        return; // upstream crashes
    }
    let statsd = Statsd::listen();
    let nsqd = statsd.nsqd(&["--statsd-interval=20ms", "--statsd-prefix="]);
    nsqd.post("/topic/create?topic=t", b"");
    for _ in 0..10 {
        statsd.datagram_with("topic.t.message_count");
    }
}

#[test]
fn a_statsd_that_cannot_be_reached_disturbs_nobody() {
    let flags = ["--statsd-address=127.0.0.1:9", "--statsd-interval=1100ms"];
    let unresolvable = ["--statsd-address=nowhere.invalid:8125", "--statsd-interval=1100ms"];
    for flags in [flags, unresolvable] {
        let mut nsqd = Nsqd::with(&flags);
        nsqd.client().publish("t", b"x");
        assert!(nsqd.is_running());
        assert!(nsqd.terminate().success());
    }
}
