//! `to_nsq`.

use std::{
    io::{Read, Seek, Write},
    net::TcpListener,
};

use rustix::process::Signal;

use super::{Tool, messages};
use crate::support::{Nsqd, eventually, ours};

fn flags(nsqd: &Nsqd) -> [String; 2] {
    ["--topic=orders".to_owned(), format!("--nsqd-tcp-address={}", nsqd.tcp())]
}

/// What waits in the topic, in its order.
#[track_caller]
fn published(nsqd: &Nsqd, count: usize) -> Vec<String> {
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "check");
    consumer.ready(1);
    let mut bodies = Vec::new();
    for _ in 0..count {
        let message = consumer.expect_message();
        consumer.finish(message.id);
        bodies.push(String::from_utf8(message.body).unwrap());
    }
    nsqd.expect_channel("orders", "check", &[("depth", 0), ("in_flight_count", 0)]);
    bodies
}

#[test]
fn lines_are_messages_in_their_order_and_so_is_what_stands_behind_the_last() {
    let (one, other) = (Nsqd::start(), Nsqd::start());
    let (flags, [_, second]) = (flags(&one), flags(&other));
    let arguments = [flags[0].as_str(), &flags[1], &second, &flags[1]];
    let ended = Tool::run("to_nsq", &arguments, b"one\n\ntwo\r\nlast");
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{}", ended.err);
    for nsqd in [&one, &other] {
        assert_eq!(published(nsqd, 3), ["one", "two\r", "last"]);
    }
}

#[test]
fn delimiters_may_have_many_bytes() {
    let nsqd = Nsqd::start();
    let [topic, address] = flags(&nsqd);
    let ended = Tool::run("to_nsq", &[&topic, &address, r"--delimiter=--\n"], b"a\nb--\nc-----\nd");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(published(&nsqd, 3), ["a\nb", "c---", "d"]);
}

#[test]
fn a_message_that_nsqd_refuses_ends_it_behind_those_before() {
    let nsqd = Nsqd::with(&["--max-msg-size=10"]);
    let [topic, address] = flags(&nsqd);
    let ended = Tool::run("to_nsq", &[&topic, &address], b"one\ntwo\nmuch too long\nthree\n");
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.ends_with(" E_BAD_MESSAGE PUB message too big 13 > 10\n"), "{}", ended.err);
    assert_eq!(published(&nsqd, 2), ["one", "two"]);
}

#[test]
fn messages_come_as_they_are_read_and_a_signal_ends_it_well() {
    let nsqd = Nsqd::start();
    let [topic, address] = flags(&nsqd);
    for signal in [Signal::TERM, Signal::INT] {
        let mut tool = Tool::start("to_nsq", &[&topic, &address, "--rate=1000"]);
        tool.feed(b"one\nnot compl");
        assert_eq!(published(&nsqd, 1), ["one"]);
        tool.signal(signal);
        let ended = tool.end();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let said = "Throttling messages rate to max:1000/second";
        assert!(ended.err.contains(said), "{}", ended.err);
        assert!(!ended.err.contains('\r'), "progress is for terminals: {:?}", ended.err);
    }
}

#[test]
fn all_that_was_read_is_published_before_a_signal_ends_it() {
    // With a rate most of what was read has to wait.
    for extra in ["--rate=0", "--rate=100"] {
        let nsqd = Nsqd::start();
        let [topic, address] = flags(&nsqd);
        let all: Vec<_> = (0..8000).map(|number| format!("{number:01000}")).collect();
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(format!("{}\n", all.join("\n")).as_bytes()).unwrap();
        input.rewind().unwrap();
        nsqd.signal(Signal::STOP);
        let tool = Tool::reading(
            "to_nsq",
            &[&topic, &address, extra],
            input.try_clone().unwrap(), // with the same place in the file
        );
        eventually("much is read", || (input.stream_position().unwrap() > 100_000).then_some(()));
        tool.signal(Signal::TERM);
        nsqd.signal(Signal::CONT);
        let ended = tool.end();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let read = usize::try_from(input.stream_position().unwrap()).unwrap() / 1001;
        assert!(read < all.len(), "it has stopped reading");
        assert_eq!(published(&nsqd, read), all[..read]);
    }
}

#[test]
fn a_signal_ends_it_at_once_while_nothing_was_read_and_nobody_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("--nsqd-tcp-address={}", silent.local_addr().unwrap());
    let tool = Tool::start("to_nsq", &["--topic=orders", &address]);
    let (mut connection, _) = silent.accept().unwrap();
    connection.read_exact(&mut [0; 4]).unwrap();
    let ended = tool.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(!ended.err.contains("stopped before"), "{}", ended.err);
}

#[test]
fn an_nsqd_may_be_away_for_a_moment() {
    if !ours() {
        return; // messages that were answered must be there after a kill -9
    }
    let mut nsqd = Nsqd::at_an_address();
    let [topic, address] = flags(&nsqd);
    let mut tool = Tool::start("to_nsq", &[&topic, &address]);
    let all = messages(0..3000);
    let (before, rest) = all.split_at(1000);
    tool.feed(format!("{}\n", before.join("\n")).as_bytes());
    eventually("the first are stored", || (nsqd.topic("orders")["depth"] == 1000).then_some(()));
    nsqd.kill9();
    tool.feed(format!("{}\n", rest.join("\n")).as_bytes());
    tool.close_input();
    tool.expect_said("error connecting to nsqd");
    nsqd.restart();
    let ended = tool.end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(published(&nsqd, all.len()), all);
}

#[test]
fn an_nsqd_that_stays_away_is_an_error() {
    for retry in ["--retry-for=0", "--retry-for=300ms"] {
        let mut nsqd = Nsqd::start();
        let [topic, address] = flags(&nsqd);
        let mut tool = Tool::start("to_nsq", &[&topic, &address, retry]);
        tool.feed(b"one\n");
        published(&nsqd, 1);
        nsqd.kill9();
        tool.expect_said("IO error");
        tool.feed(b"two\n");
        let ended = tool.end();
        assert_eq!(ended.code, Some(1), "{}", ended.err);
    }
}

#[test]
fn a_stop_that_has_to_leave_something_unstored_says_so() {
    let mut nsqd = Nsqd::start();
    let [topic, address] = flags(&nsqd);
    let mut tool = Tool::start("to_nsq", &[&topic, &address, "--retry-for=1h"]);
    tool.feed(b"one\n");
    published(&nsqd, 1);
    nsqd.kill9();
    tool.feed(b"two\n");
    tool.expect_said("error connecting to nsqd");
    let ended = tool.terminate();
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains(" stopped before all that was read is "), "{}", ended.err);
}
