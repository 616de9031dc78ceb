//! `nsq_to_file`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Tool, archived, messages, set, text_of};
use crate::{
    auth::server::{AuthServer as HttpServer, Reply},
    support::{Nsqd, Random, eventually},
};

/// Where an archive is, and how it is written.
struct Archive {
    root: TempDir,
    flags: Vec<String>,
}

impl Archive {
    fn new(nsqd: &Nsqd, flags: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut all = vec![
            "--topic=orders".to_owned(),
            format!("--nsqd-tcp-address={}", nsqd.tcp()),
            format!("--output-dir={}", root.path().join("out").display()),
            "--host-identifier=h".to_owned(),
            "--datetime-format=now".to_owned(),
        ];
        all.extend(flags.iter().map(|&flag| flag.to_owned()));
        Self { root, flags: all }
    }

    fn with_work_dir(nsqd: &Nsqd, flags: &[&str]) -> Self {
        let mut archive = Self::new(nsqd, flags);
        archive.flags.push(format!("--work-dir={}", archive.work().display()));
        archive
    }

    fn out(&self) -> PathBuf {
        self.root.path().join("out")
    }

    fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    fn start(&self) -> Tool {
        let flags: Vec<_> = self.flags.iter().map(String::as_str).collect();
        Tool::start("nsq_to_file", &flags)
    }

    /// Waits until a file has so many lines.
    #[track_caller]
    fn expect_lines(&self, name: &str, count: usize) {
        eventually(&format!("{count} lines in {name}"), || {
            let text = fs::read_to_string(self.out().join(name)).ok()?;
            (text.lines().count() == count).then_some(())
        });
    }
}

fn publish(nsqd: &Nsqd, numbers: std::ops::Range<usize>) {
    nsqd.post("/mpub?topic=orders", messages(numbers).join("\n").as_bytes());
}

fn everything_finished(nsqd: &Nsqd, count: u64) {
    nsqd.expect_channel(
        "orders",
        "nsq_to_file",
        &[
            ("message_count", count),
            ("depth", 0),
            ("in_flight_count", 0),
            ("requeue_count", 0),
            ("timeout_count", 0),
            ("client_count", 0),
        ],
    );
}

#[test]
fn a_stop_finishes_everything_that_was_received() {
    for signal in [Signal::TERM, Signal::INT] {
        let nsqd = Nsqd::start();
        let archive = Archive::new(&nsqd, &[]);
        publish(&nsqd, 0..50);
        let tool = archive.start();
        archive.expect_lines("orders.h.now.log", 50);
        tool.signal(signal);
        let ended = tool.end();
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{}", ended.err);
        assert_eq!(archived(&archive.out()), messages(0..50));
        everything_finished(&nsqd, 50);
    }
}

#[test]
fn messages_are_not_finished_before_they_are_synced() {
    let nsqd = Nsqd::start();
    let archive = Archive::new(&nsqd, &["--sync-interval=1h"]);
    publish(&nsqd, 0..50);
    let tool = archive.start();
    archive.expect_lines("orders.h.now.log", 50);
    // The first one was synced with the directory that it made.
    nsqd.expect_channel("orders", "nsq_to_file", &[("in_flight_count", 49)]);
    tool.kill9();
    nsqd.expect_channel("orders", "nsq_to_file", &[("depth", 49), ("in_flight_count", 0)]);
}

#[test]
fn messages_do_not_time_out_while_they_wait_for_a_sync() {
    let nsqd = Nsqd::with(&["--msg-timeout=4s"]);
    let archive = Archive::new(&nsqd, &["--sync-interval=1h"]);
    publish(&nsqd, 0..50);
    let tool = archive.start();
    archive.expect_lines("orders.h.now.log", 50);
    std::thread::sleep(Duration::from_secs(5)); // what it takes is what this is about
    nsqd.expect_channel("orders", "nsq_to_file", &[("in_flight_count", 49), ("timeout_count", 0)]);
    assert_eq!(tool.terminate().code, Some(0));
    assert_eq!(archived(&archive.out()), messages(0..50), "each once");
    everything_finished(&nsqd, 50);
}

#[test]
fn a_hangup_reopens_the_file_for_logrotate() {
    let nsqd = Nsqd::start();
    let archive = Archive::new(&nsqd, &[]);
    publish(&nsqd, 0..5);
    let tool = archive.start();
    archive.expect_lines("orders.h.now.log", 5);
    fs::rename(archive.out().join("orders.h.now.log"), archive.out().join("rotated")).unwrap();
    tool.signal(Signal::HUP);
    // All that was written is finished before the file is closed.
    nsqd.expect_channel("orders", "nsq_to_file", &[("in_flight_count", 0)]);
    publish(&nsqd, 5..8);
    archive.expect_lines("orders.h.now.log", 3);
    assert_eq!(tool.terminate().code, Some(0));
    assert_eq!(set(archived(&archive.out())), set(messages(0..8)));
    everything_finished(&nsqd, 8);
}

#[test]
fn hangups_move_finished_files_to_the_output_directory() {
    let nsqd = Nsqd::start();
    let flags = ["--gzip", "--skip-empty-files", "--sync-interval=20ms"];
    let archive = Archive::with_work_dir(&nsqd, &flags);
    let tool = archive.start();
    for round in 0..3 {
        publish(&nsqd, round * 10..round * 10 + 10);
        let count = (round as u64 + 1) * 10;
        // Written, not only sent: nothing orders a signal behind a message.
        let written = [("message_count", count), ("depth", 0), ("in_flight_count", 0)];
        nsqd.expect_channel("orders", "nsq_to_file", &written);
        tool.signal(Signal::HUP);
        tool.signal(Signal::HUP);
        let name = format!("orders.h-00000{round}.now.log.gz");
        let finished = archive.out().join(name);
        eventually("a finished file", || finished.exists().then_some(()));
        nsqd.expect_channel("orders", "nsq_to_file", &[("in_flight_count", 0)]);
    }
    assert_eq!(tool.terminate().code, Some(0));
    assert_eq!(set(archived(&archive.out())), set(messages(0..30)));
    assert_eq!(archived(&archive.work()), [] as [String; 0]);
}

#[test]
fn nothing_is_lost_when_it_is_killed_between_and_during_rotations() {
    let mut random = Random::new();
    for flags in [&["--gzip", "--rotate-size=300"][..], &["--rotate-size=300"]] {
        let nsqd = Nsqd::start();
        let flags = [flags, &["--sync-interval=50ms"]].concat();
        let archive = Archive::with_work_dir(&nsqd, &flags);
        let mut published = 0;
        for _ in 0..6 {
            let tool = archive.start();
            let count = 50 + random.below(400);
            publish(&nsqd, published..published + count);
            published += count;
            // At any moment of its work: it ends a file every 25 messages.
            let enough = published - count + random.below(count);
            eventually("some are finished", || {
                let channel = nsqd.channel("orders", "nsq_to_file");
                let left = channel["depth"].as_u64()? + channel["in_flight_count"].as_u64()?;
                (channel["message_count"].as_u64()?.saturating_sub(left) >= enough as u64)
                    .then_some(())
            });
            tool.kill9();
        }
        let tool = archive.start();
        tool.expect_said("] opening "); // from then on it takes a signal, be there a message or not
        nsqd.expect_channel("orders", "nsq_to_file", &[("depth", 0)]);
        let ended = tool.terminate();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(set(archived(&archive.out())), set(messages(0..published)));
        assert_eq!(archived(&archive.work()), [] as [String; 0], "leftovers are recovered");
        nsqd.expect_channel("orders", "nsq_to_file", &[("depth", 0), ("in_flight_count", 0)]);
    }
}

#[test]
fn files_move_to_another_file_system() {
    use std::os::unix::fs::MetadataExt;
    let memory = Path::new("/dev/shm");
    let nsqd = Nsqd::start();
    let mut archive = Archive::new(&nsqd, &["--rotate-size=300"]);
    let device = |path: &Path| fs::metadata(path).map(|data| data.dev()).ok();
    if device(memory).is_none() || device(memory) == device(archive.root.path()) {
        eprintln!("there is no other file system here");
        return;
    }
    let work = tempfile::tempdir_in(memory).unwrap();
    archive.flags.push(format!("--work-dir={}", work.path().display()));
    publish(&nsqd, 0..100);
    let tool = archive.start();
    nsqd.expect_channel("orders", "nsq_to_file", &[("message_count", 100), ("depth", 0)]);
    let ended = tool.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(set(archived(&archive.out())), set(messages(0..100)));
    assert_eq!(archived(work.path()), [] as [String; 0]);
    everything_finished(&nsqd, 100);
}

#[test]
fn a_file_that_cannot_be_written_ends_it_and_finishes_nothing() {
    let nsqd = Nsqd::start();
    let archive = Archive::new(&nsqd, &[]);
    publish(&nsqd, 0..10);
    fs::create_dir_all(archive.out().join("orders.h.now.log")).unwrap();
    let ended = archive.start().end();
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("FATAL: failed to open "), "{}", ended.err);
    nsqd.expect_channel("orders", "nsq_to_file", &[("depth", 10), ("in_flight_count", 0)]);
}

#[test]
fn what_is_synced_is_finished_though_its_file_cannot_be_moved() {
    let nsqd = Nsqd::start();
    let flags = ["--filename-format=<TOPIC>/<REV>", "--sync-interval=1h", "--topic=bills"];
    let archive = Archive::with_work_dir(&nsqd, &flags);
    let tool = archive.start();
    publish(&nsqd, 0..10);
    nsqd.post("/mpub?topic=bills", b"one\ntwo");
    // The first of each topic was synced with its new file.
    for (topic, count) in [("orders", 10), ("bills", 2)] {
        let synced = [("message_count", count), ("in_flight_count", count - 1)];
        nsqd.expect_channel(topic, "nsq_to_file", &synced);
    }
    fs::create_dir_all(archive.out()).unwrap();
    fs::write(archive.out().join("orders"), "in the way").unwrap();
    tool.signal(Signal::HUP);
    let ended = tool.end();
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("FATAL: failed to move "), "{}", ended.err);
    // Those of the topic that has failed, and those of others.
    for (topic, count) in [("orders", 10), ("bills", 2)] {
        let finished = [("message_count", count), ("depth", 0), ("in_flight_count", 0)];
        nsqd.expect_channel(topic, "nsq_to_file", &finished);
    }
    assert_eq!(archived(&archive.work().join("orders")), messages(0..10));
    assert_eq!(archived(&archive.out().join("bills")), ["one", "two"]);
}

#[test]
fn topics_are_found_by_a_pattern_at_once_and_when_they_are_new() {
    let nsqd = Nsqd::start();
    for topic in ["orders", "other", "orders_late"] {
        nsqd.post(&format!("/pub?topic={topic}"), topic.as_bytes());
    }
    let port = nsqd.tcp().port();
    let lookupd = HttpServer::scripted(move |request, before| {
        let body = match request.line.starts_with("GET /topics") {
            true if before < 5 => r#"{"topics":["orders","other"]}"#.to_owned(),
            true => r#"{"topics":["orders","other","orders_late"]}"#.to_owned(),
            false => format!(
                r#"{{"producers":[{{"broadcast_address":"127.0.0.1","tcp_port":{port}}}]}}"#
            ),
        };
        Reply::ok(body.as_bytes())
    });
    let out = tempfile::tempdir().unwrap();
    let tool = Tool::start(
        "nsq_to_file",
        &[
            "--topic-pattern=^orders",
            "--topic-refresh=50ms",
            "--filename-format=<TOPIC>",
            &format!("--lookupd-http-address={}", lookupd.address()),
            &format!("--output-dir={}", out.path().display()),
        ],
    );
    for topic in ["orders", "orders_late"] {
        let file = out.path().join(topic);
        eventually("its file", || {
            (file.exists() && text_of(&file) == format!("{topic}\n")).then_some(())
        });
    }
    assert_eq!(tool.terminate().code, Some(0));
    assert!(!out.path().join("other").exists());
}
