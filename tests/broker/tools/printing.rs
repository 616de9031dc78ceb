//! `nsq_tail`.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use rustix::process::Signal;
use serde_json::Value;

use super::{Tool, messages};
use crate::support::{DEADLINE, Nsqd, nsq_command, wait_for_exit};

fn address(nsqd: &Nsqd) -> String {
    format!("--nsqd-tcp-address={}", nsqd.tcp())
}

#[track_caller]
fn with_messages(count: usize) -> Nsqd {
    let nsqd = Nsqd::start();
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=audit", b"");
    nsqd.post("/mpub?topic=orders", messages(0..count).join("\n").as_bytes());
    nsqd
}

#[test]
fn as_many_as_wanted_are_printed_and_finished_and_the_rest_is_left() {
    let nsqd = with_messages(500);
    let flags =
        ["--topic=orders", "--channel=audit", "-n=3", "--max-in-flight=100", &address(&nsqd)];
    for first in [0, 3] {
        let ended = Tool::run("nsq_tail", &flags, b"");
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(ended.err.contains("Adding consumer for topic: orders"), "{}", ended.err);
        assert_eq!(ended.out.lines().count(), 3);
        if first == 0 {
            assert_eq!(ended.out, format!("{}\n", messages(0..3).join("\n")));
        }
    }
    let left = [("depth", 494), ("in_flight_count", 0), ("deferred_count", 0), ("client_count", 0)];
    nsqd.expect_channel("orders", "audit", &left);
}

#[test]
fn lines_may_name_the_topic_or_tell_all_that_is_known() {
    let nsqd = with_messages(1);
    let flags = ["--topic=orders", "--channel=audit", "-n", "1", &address(&nsqd)];
    let ended = Tool::run("nsq_tail", &[&flags[..], &["--print-topic"]].concat(), b"");
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "orders | message 0\n"));
    nsqd.post("/pub?topic=orders", b"\xff");
    let ended = Tool::run("nsq_tail", &[&flags[..], &["--json"]].concat(), b"");
    let line: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&line["topic"], &line["attempts"]), (&Value::from("orders"), &Value::from(1)));
    assert_eq!(line["body_base64"], "/w==");
    assert_eq!(line["nsqd"], nsqd.tcp().to_string());
    assert_eq!(line["id"].as_str().unwrap().len(), 16);
    assert!(line["timestamp"].as_i64().unwrap() > 1_700_000_000_000_000_000);
}

#[test]
fn a_channel_of_its_own_is_gone_afterwards() {
    let nsqd = Nsqd::start();
    let tool = Tool::start("nsq_tail", &["--topic=orders", &address(&nsqd)]);
    nsqd.expect_logged(&["TOPIC(orders): new channel(tail", "#ephemeral)"]);
    nsqd.post("/pub?topic=orders", b"one");
    assert_eq!(tool.expect_lines(1), ["one"]);
    tool.signal(Signal::INT);
    let ended = tool.end();
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "one\n"), "{}", ended.err);
    crate::support::eventually("the channel is gone", || {
        nsqd.topic("orders")["channels"].as_array().is_some_and(Vec::is_empty).then_some(())
    });
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_loses_nothing() {
    let nsqd = with_messages(2000);
    let mut child = nsq_command()
        .args(["nsq_tail", "--topic=orders", "--channel=audit", &address(&nsqd)])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut reader = BufReader::with_capacity(16, child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "message 0\n");
    drop(reader);
    // More than a pipe holds: sooner or later it notices.
    nsqd.post("/mpub?topic=orders", messages(2000..20_000).join("\n").as_bytes());
    let status = wait_for_exit(&mut child, DEADLINE).expect("it ends");
    assert_eq!(status.code(), Some(0));
    nsqd.expect_channel("orders", "audit", &[("in_flight_count", 0), ("client_count", 0)]);
    let channel = nsqd.channel("orders", "audit");
    let printed = 20_000 - channel["depth"].as_u64().unwrap();
    assert!(printed < 20_000, "what was not printed is not finished: {channel}");
}
