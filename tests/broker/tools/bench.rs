//! `nsq bench` against our broker, or another.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::Tool;
use crate::support::{Ended, Nsqd, eventually, free_address};

fn addresses(nsqd: &Nsqd) -> [String; 2] {
    let (tcp, http) = (nsqd.tcp(), nsqd.http_address());
    [format!("--nsqd-tcp-address={tcp}"), format!("--nsqd-http-address={http}")]
}

fn run(nsqd: &Nsqd, kind: &str, more: &[&str]) -> Ended {
    let ([tcp, http], pid) = (addresses(nsqd), format!("--pid={}", nsqd.pid()));
    Tool::run("bench", &[&[kind, &tcp, &http, &pid], more].concat(), b"")
}

/// A run that does not end by itself and has published something. The broker may be busy before.
fn started(nsqd: &Nsqd) -> Tool {
    let [tcp, http] = addresses(nsqd);
    let tool = Tool::start("bench", &["both", &tcp, &http, "--duration=10m", "--timeout=20m"]);
    eventually("messages are published", || {
        nsqd.stats()["topics"][0]["message_count"].as_u64().filter(|count| *count > 0)
    });
    tool
}

/// The figures of a run that succeeds.
#[track_caller]
fn figures(nsqd: &Nsqd, kind: &str, more: &[&str]) -> Value {
    let ended = run(nsqd, kind, &[more, &["--json=-"]].concat());
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{kind} {more:?}");
    let figures: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(figures["kind"], kind);
    for figure in ["count", "seconds", "per_second"] {
        assert!(figures[figure].as_f64().unwrap() > 0.0, "{figure} of {figures}");
    }
    for side in ["server", "generator"] {
        for figure in ["cpu_seconds", "cpu_micros_each", "cpu_share"] {
            assert!(figures[side][figure].as_f64().unwrap() > 0.0, "{side} {figure} of {figures}");
        }
    }
    figures
}

/// A run that takes so many messages out of so many channels, and leaves nothing behind.
#[track_caller]
fn expect_checked(nsqd: &Nsqd, kind: &str, more: &[&str], channels: u64, messages: u64) -> Value {
    let figures = figures(nsqd, kind, more);
    let check = &figures["check"];
    assert_eq!((&check["channels"], &check["messages"]), (&channels.into(), &messages.into()));
    assert_eq!(check["duplicates"], 0, "{more:?}");
    assert_nothing_left(nsqd);
    figures
}

#[track_caller]
fn assert_nothing_left(nsqd: &Nsqd) {
    let stats = nsqd.stats();
    assert_eq!(stats["topics"].as_array().map_or(0, Vec::len), 0, "{stats}");
}

fn percentiles(latency: &Value) -> Vec<f64> {
    ["p50", "p90", "p99", "p999", "max"].map(|name| latency[name].as_f64().unwrap()).to_vec()
}

#[test]
fn every_way_of_publishing_is_measured_and_checked() {
    let nsqd = Nsqd::start();
    for flags in [
        &["--connections=3"][..],
        &["--connections=2", "--window=100"],
        &["--connections=3", "--command=mpub", "--batch=7", "--window=4", "--topics=2"],
        &["--command=dpub", "--defer=20ms", "--window=50"],
        &["--http", "--connections=3"],
        &["--http", "--command=mpub", "--batch=10"],
        &["--http", "--command=dpub", "--defer=20ms"],
        &["--http", "--rate=5000", "--connections=5", "--topics=3"],
        &["--rate=5000", "--connections=20", "--topics=3"],
    ] {
        let batch = if flags.contains(&"--batch=7") { 7 } else { 1 };
        let (measured, warm_up) = (300 / batch * batch, 70);
        let more = [flags, &["--messages=300", "--warm-up=70"]].concat();
        let topics = match flags.iter().find_map(|flag| flag.strip_prefix("--topics=")) {
            Some(topics) => topics.parse().unwrap(),
            None => 1,
        };
        let figures = expect_checked(&nsqd, "publish", &more, topics, measured + warm_up);
        let at_rate = flags.iter().any(|flag| flag.starts_with("--rate"));
        let counted = if at_rate { measured + warm_up } else { measured };
        assert_eq!(figures["count"], counted, "{flags:?}");
        assert!(percentiles(&figures["latency"]["ok"]).is_sorted(), "{figures}");
        assert!(figures["latency"]["ok"]["p50"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn channels_that_are_there_get_everything() {
    let nsqd = Nsqd::start();
    let flags = ["--messages=200", "--warm-up=0", "--channels=3", "--topics=2", "--connections=4"];
    let figures = expect_checked(&nsqd, "publish", &flags, 6, 600);
    assert_eq!((&figures["count"], &figures["parameters"]["channels"]), (&200.into(), &3.into()));
}

#[test]
fn a_connection_takes_turns_with_topics_where_there_are_more_of_them() {
    let nsqd = Nsqd::start();
    let flags = ["--messages=100", "--warm-up=0", "--topics=5", "--connections=2", "--window=3"];
    expect_checked(&nsqd, "publish", &flags, 5, 100);
    figures(&nsqd, "publish", &[&flags[..], &["--keep"]].concat());
    let stats = nsqd.stats();
    let topics = stats["topics"].as_array().unwrap();
    let mut counts: Vec<_> =
        topics.iter().map(|topic| topic["message_count"].as_u64().unwrap()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [16, 17, 17, 25, 25]);
}

#[test]
fn sizes_from_ten_bytes_to_a_mebibyte() {
    let nsqd = Nsqd::start();
    for (size, messages) in [(10, 1000), (1 << 20, 8)] {
        let flags = [format!("--size={size}"), format!("--messages={messages}")];
        let flags = [flags[0].as_str(), &flags[1], "--warm-up=0"];
        let figures = expect_checked(&nsqd, "publish", &flags, 1, messages);
        let (rate, bytes) = (&figures["per_second"], &figures["bytes_per_second"]);
        let ratio = bytes.as_f64().unwrap() / rate.as_f64().unwrap();
        assert!((ratio - f64::from(size)).abs() < 1e-3, "{figures}");
    }
    let flags = ["--size=1048576", "--messages=6", "--connections=2"];
    expect_checked(&nsqd, "consume", &flags, 1, 6);
}

#[test]
fn a_backlog_is_drained_by_all_consumers() {
    let nsqd = Nsqd::start();
    let flags = ["--messages=2000", "--connections=3", "--topics=2", "--rdy=50"];
    let figures = expect_checked(&nsqd, "consume", &flags, 2, 2000);
    assert_eq!((&figures["count"], &figures["parameters"]["rdy"]), (&2000.into(), &50.into()));
    let memory = &figures["server"]["memory"];
    let [before, after, peak] =
        ["before", "after", "peak"].map(|moment| memory[moment].as_u64().unwrap());
    assert!(before > 0 && peak >= before.max(after), "{memory}");
}

#[test]
fn a_backlog_is_kept_for_a_time_and_taken_afterwards() {
    const WINDOWS: u64 = 4 * 4 * 200;
    let nsqd = Nsqd::start();
    for (depth, topics, more) in [
        (0, 1, &["--messages=0"][..]),
        (500, 1, &["--messages=500", "--rdy=50"]),
        (600, 2, &["--messages=600", "--topics=2", "--connections=3", "--size=1000"]),
    ] {
        let figures = figures(&nsqd, "consume", &[more, &["--duration=300ms"]].concat());
        assert!(figures["seconds"].as_f64().unwrap() >= 0.3, "{figures}");
        assert_eq!(figures["parameters"]["backlog"], depth);
        let check = &figures["check"];
        let [taken, all] = [&figures["count"], &check["messages"]].map(|n| n.as_u64().unwrap());
        assert!(taken > depth, "more than was there before: {figures}");
        assert!(all - taken <= depth + WINDOWS, "no more than was taken: {figures}");
        assert_eq!((&check["channels"], &check["duplicates"]), (&topics.into(), &0.into()));
    }
    assert_nothing_left(&nsqd);
}

#[test]
fn publishing_and_consuming_at_once() {
    let nsqd = Nsqd::start();
    let flags = ["--messages=1000", "--connections=2", "--consumers=2", "--command=mpub"];
    expect_checked(&nsqd, "both", &flags, 1, 1000);
    let flags = ["--messages=500", "--channels=4", "--consumers=2", "--topics=2", "--window=9"];
    let flags = [&flags[..], &["--connections=2"]].concat();
    let figures = expect_checked(&nsqd, "fan-out", &flags, 8, 2000);
    assert_eq!(figures["count"], 500, "counts what was published");
}

#[test]
fn a_run_may_last_for_a_time() {
    let nsqd = Nsqd::start();
    let figures = figures(&nsqd, "both", &["--duration=300ms"]);
    assert_eq!(figures["check"]["messages"], figures["count"]);
    assert!(figures["seconds"].as_f64().unwrap() >= 0.3, "{figures}");
    let figures = self::figures(&nsqd, "storm", &["--duration=300ms", "--connections=2"]);
    assert!(figures["seconds"].as_f64().unwrap() >= 0.3, "{figures}");
    assert_nothing_left(&nsqd);
}

#[test]
fn latencies_are_those_of_a_fixed_rate() {
    let nsqd = Nsqd::start();
    for flags in
        [&["--rate=200"][..], &["--rate=2000", "--connections=3", "--consumers=2", "--http"]]
    {
        let more = [flags, &["--duration=500ms", "--warm-up=20"]].concat();
        let figures = figures(&nsqd, "latency", &more);
        let rate = figures["parameters"]["rate"].as_u64().unwrap();
        assert_eq!(figures["count"], rate / 2 + 20);
        for name in ["ok", "end_to_end", "end_to_end_after_sending", "lateness"] {
            let latency = &figures["latency"][name];
            assert_eq!(latency["count"], rate / 2, "{name} of {figures}");
            assert!(percentiles(latency).is_sorted(), "{name} of {figures}");
        }
        let seconds = figures["seconds"].as_f64().unwrap();
        assert!(seconds >= 0.5, "no faster than the schedule: {seconds}");
    }
    assert_nothing_left(&nsqd);
}

#[test]
fn storms_and_idle_things_are_measured() {
    let nsqd = Nsqd::start();
    let storm = figures(&nsqd, "storm", &["--count=50", "--connections=4"]);
    assert_eq!((&storm["count"], &storm["unit"]), (&50.into(), &"connection".into()));
    assert_eq!(storm["latency"]["ok"]["count"], 50);
    for (flags, count, unit) in [
        (&["--connections=120", "--channels=3"][..], 120, "connection"),
        (&["--topics=30", "--channels=2"], 30, "topic"),
        (&["--topics=5", "--connections=10"], 10, "connection"),
        (&["--topics=3", "--channels=0"], 3, "topic"),
    ] {
        let figures = figures(&nsqd, "idle", &[flags, &["--rest=100ms"]].concat());
        assert_eq!((&figures["count"], &figures["unit"]), (&count.into(), &unit.into()));
        let idle = &figures["idle"];
        assert!(idle["bytes_after"].as_u64().unwrap() > 0, "{idle}");
        assert!(idle["cpu_percent"].as_f64().unwrap() >= 0.0, "{idle}");
    }
    assert_nothing_left(&nsqd);
}

#[test]
fn a_table_is_for_people_and_json_for_a_file() {
    let nsqd = Nsqd::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("figures.json");
    let json = format!("--json={}", file.display());
    let ended = run(&nsqd, "publish", &["--messages=1234", "--keep", &json]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    for part in ["nsq bench publish: PUB of 200 B over TCP", "  1,234 messages in ", "  until OK "]
    {
        assert!(ended.out.contains(part), "{part:?} in {}", ended.out);
    }
    let figures: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(figures["count"], 1234);
    let topics = nsqd.stats()["topics"].as_array().unwrap().len();
    assert_eq!(topics, 1, "kept");
}

#[test]
fn a_signal_and_the_limit_of_time_end_it_and_leave_nothing() {
    let nsqd = Nsqd::start();
    for signal in [Signal::TERM, Signal::INT] {
        let tool = started(&nsqd);
        tool.signal(signal);
        let ended = tool.end();
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
        assert_eq!(ended.err, "nsq bench: stopped by a signal\n");
        assert_nothing_left(&nsqd);
    }
    for kind in ["both", "latency"] {
        let ended = run(&nsqd, kind, &["--duration=10m", "--timeout=200ms"]);
        assert_eq!(ended.code, Some(1));
        assert_eq!(ended.err, "nsq bench: the run took longer than 200ms\n");
        assert_nothing_left(&nsqd);
    }
}

#[test]
fn a_server_that_goes_away_is_an_error() {
    let mut nsqd = Nsqd::with(&[&format!("--http-address={}", free_address())]);
    let tool = started(&nsqd);
    nsqd.kill9();
    let ended = tool.end();
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("nsq bench: topics are left: "), "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 2, "and why it ended: {}", ended.err);

    let gone = format!("--nsqd-tcp-address={}", free_address());
    let ended = Tool::run("bench", &["publish", &gone, "--keep"], b"");
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.starts_with("nsq bench: cannot connect to 127.0.0.2:"), "{}", ended.err);
    let ended = Tool::run("bench", &["publish", &gone, "--keep", "--json=/nowhere/at/all"], b"");
    assert!(ended.err.starts_with("nsq bench: /nowhere/at/all: "), "{}", ended.err);
}

#[test]
fn the_bare_loop_takes_and_sends_without_a_store() {
    let bare = Tool::start("bench", &["bare", "--messages=500"]);
    bare.expect_said("TCP: listening on ");
    let said = bare.said();
    let address = said.trim().rsplit(' ').next().unwrap();
    let flags = [format!("--nsqd-tcp-address={address}"), format!("--pid={}", bare.child.id())];
    let run = |kind: &str, more: &[&str]| {
        let flags = [&[kind, &flags[0], &flags[1], "--bare", "--json=-"], more].concat();
        let ended = Tool::run("bench", &flags, b"");
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
        serde_json::from_str::<Value>(&ended.out).unwrap()
    };
    for command in ["pub", "mpub"] {
        let command = format!("--command={command}");
        let figures = run("publish", &[&command, "--messages=1000", "--window=10"]);
        assert_eq!((&figures["count"], &figures["check"]), (&1000.into(), &Value::Null));
    }
    assert_eq!(run("consume", &["--messages=500"])["count"], 500);
    assert_eq!(bare.terminate().code, Some(0));
    let mut bare = Tool::start("bench", &["bare"]);
    bare.close_input();
    assert_eq!(bare.end().code, Some(0), "it does not outlive whoever has started it");
}

#[test]
fn wrong_flags_are_refused_before_anything_is_done() {
    const TCP: &str = "--nsqd-tcp-address=127.0.0.1:1";
    const HTTP: &str = "--nsqd-http-address=127.0.0.1:1";
    for (flags, said) in [
        (&["publish"][..], "--nsqd-tcp-address"),
        (
            &["publish", TCP],
            "--nsqd-http-address is needed to delete topics afterwards, or --keep to leave them",
        ),
        (&["publish", TCP, HTTP, "--timeout=0s"], "must be greater than 0"),
        (&["publish", TCP, HTTP, "--size=9"], "must be from 10 to 1048576"),
        (&["publish", TCP, HTTP, "--size=1048577"], "must be from 10 to 1048576"),
        (&["publish", TCP, HTTP, "--connections=0"], "must be from 1 to 60000"),
        (&["publish", TCP, HTTP, "--messages=5", "--duration=1s"], "cannot be used with"),
        (&["publish", TCP, HTTP, "--duration=soon"], "invalid value 'soon'"),
        (&["publish", TCP, HTTP, "--command=touch"], "invalid value 'touch'"),
        (&["publish", TCP, HTTP, "--http", "--window=2"], "no --window"),
        (&["publish", TCP, "--keep", "--http"], "--http needs --nsqd-http-address"),
        (&["publish", TCP, "--keep", "--channels=1"], "--channels needs --nsqd-http-address"),
        (&["publish", TCP, HTTP, "--rate=5", "--command=mpub"], "--rate goes with single messages"),
        (&["publish", TCP, HTTP, "--rate=1000000", "--duration=1h"], "up to 100000000 messages"),
        (
            &["publish", TCP, HTTP, "--connections=60000", "--size=1048576"],
            "would need 58.6 GiB of buffers",
        ),
        (&["publish", TCP, HTTP, "--topics=60000", "--command=mpub"], "of buffers"),
        (&["consume", TCP, HTTP, "--messages=0"], "nothing to take: --messages or --duration"),
        (&["consume", TCP, "--bare", "--duration=1s"], "no --duration"),
        (&["consume", TCP, HTTP, "--topics=3", "--connections=2"], "cannot take from 3 topics"),
        (&["consume", TCP, HTTP, "--connections=60000"], "of buffers"),
        (&["fan-out", TCP, HTTP, "--consumers=100", "--channels=1000"], "of buffers"),
        (&["idle", TCP, HTTP, "--connections=1"], "--pid is needed"),
        (&["idle", TCP, HTTP, "--pid=1"], "nothing to keep"),
        (&["idle", TCP, HTTP, "--pid=1", "--connections=1", "--channels=0"], "need --channels"),
        (&["storm", TCP, HTTP, "--pid=0"], "invalid value '0'"),
        (&["all"], "unrecognized subcommand"),
    ] {
        let ended = Tool::run("bench", flags, b"");
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{flags:?}");
        assert!(ended.err.contains(said), "{said:?} in {}", ended.err);
    }
}

#[test]
fn help_names_every_kind() {
    let ended = Tool::run("bench", &["--help"], b"");
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    for kind in ["publish", "consume", "both", "fan-out", "storm", "idle", "latency"] {
        assert!(ended.out.contains(kind), "{kind} in {}", ended.out);
        let help = Tool::run("bench", &[kind, "--help"], b"").out;
        assert!(help.contains("--nsqd-tcp-address") && help.contains("--json"), "{help}");
    }
    assert!(!ended.out.contains("bare"), "{}", ended.out);
    let page = Tool::run("man", &[], b"");
    assert!(page.out.contains("nsq\\-bench(1)"), "{}", page.out);
    let page = Tool::run("man", &["nsq-bench-consume"], b"");
    assert!(page.out.contains("so that the backlog stays as deep as it is"), "{}", page.out);
    let script = Tool::run("completions", &["bash"], b"");
    assert!(script.out.contains("fan-out") && script.out.contains("--patience"), "{}", script.out);
}
