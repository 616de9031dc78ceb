//! `nsq_to_nsq`.

use std::collections::BTreeSet;

use super::{Tool, messages, set};
use crate::support::{Nsqd, eventually, ours};

const CHANNEL: &str = "nsq_to_nsq";
/// What has failed comes again soon.
const QUICK: [&str; 3] = [
    "--consumer-opt=default_requeue_delay,50ms",
    "--consumer-opt=backoff_multiplier,5ms",
    "--consumer-opt=max_backoff_duration,100ms",
];

fn publish(nsqd: &Nsqd, topic: &str, messages: &[String]) {
    nsqd.post(&format!("/mpub?topic={topic}"), messages.join("\n").as_bytes());
}

fn to(nsqd: &Nsqd) -> String {
    format!("--destination-nsqd-tcp-address={}", nsqd.tcp())
}

fn start(source: &Nsqd, destinations: &[&Nsqd], flags: &[&str]) -> Tool {
    let mut all = vec![format!("--nsqd-tcp-address={}", source.tcp())];
    all.extend(destinations.iter().map(|nsqd| to(nsqd)));
    let all: Vec<_> = all.iter().map(String::as_str).chain(flags.iter().copied()).collect();
    Tool::start(CHANNEL, &all)
}

/// Everything in the source is finished.
#[track_caller]
fn expect_passed(source: &Nsqd, topic: &str, count: usize) {
    source.expect_channel(
        topic,
        CHANNEL,
        &[
            ("message_count", count as u64),
            ("depth", 0),
            ("in_flight_count", 0),
            ("deferred_count", 0),
        ],
    );
}

#[track_caller]
fn expect_no_failure(source: &Nsqd, topic: &str) {
    source.expect_channel(topic, CHANNEL, &[("requeue_count", 0), ("timeout_count", 0)]);
}

fn count(nsqd: &Nsqd, topic: &str) -> u64 {
    nsqd.topic(topic)["message_count"].as_u64().unwrap_or(0)
}

/// All that a topic has.
#[track_caller]
fn contents(nsqd: &Nsqd, topic: &str) -> Vec<String> {
    let mut consumer = nsqd.client();
    consumer.subscribe(topic, "check");
    consumer.ready(100);
    consumer.finish_bodies(count(nsqd, topic) as usize)
}

#[test]
fn messages_of_many_topics_come_to_one_destination_or_the_other_and_only_once() {
    let source = Nsqd::start();
    let (one, other) = (Nsqd::start(), Nsqd::start());
    let all = messages(0..3000);
    for topic in ["orders", "bills"] {
        publish(&source, topic, &all);
    }
    let flags = ["--topic=orders", "--topic=bills", "--status-every=100"];
    let tool = start(&source, &[&one, &other], &flags);
    for topic in ["orders", "bills"] {
        expect_passed(&source, topic, all.len());
        expect_no_failure(&source, topic);
        let come = [contents(&one, topic), contents(&other, topic)].concat();
        assert_eq!(come.len(), all.len());
        assert_eq!(set(come), set(all.clone()));
    }
    // Not of each topic: two that are read in turn may always come to the same two.
    for nsqd in [&one, &other] {
        assert!(count(nsqd, "orders") + count(nsqd, "bills") > 0, "both have a part");
    }
    let ended = tool.terminate();
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{}", ended.err);
    assert!(ended.err.contains(" [aggregate]: finished 100 - 99th: "), "{}", ended.err);
    assert!(ended.err.contains(&format!(" [{}]: finished 100 - ", one.tcp())), "{}", ended.err);
}

#[test]
fn nothing_is_lost_with_a_destination_that_is_killed_and_comes_back() {
    if !ours() {
        return; // messages that were answered must be there after a kill -9
    }
    let source = Nsqd::start();
    let mut destination = Nsqd::at_an_address();
    let flags = [&QUICK[..], &["--topic=orders", "--destination-topic=copies"]].concat();
    let tool = start(&source, &[&destination], &flags);
    let all = messages(0..6000);
    for (round, part) in all.chunks(2000).enumerate() {
        publish(&source, "orders", part);
        let some = round as u64 * 2000 + 200;
        let kept = || destination.topic("copies")["depth"].as_u64().unwrap_or(0);
        eventually("some have come", || (kept() > some).then_some(()));
        destination.kill9();
        tool.expect_said("IO error");
        destination.restart();
    }
    expect_passed(&source, "orders", all.len());
    assert_eq!(tool.terminate().code, Some(0));
    let mut consumer = destination.client();
    consumer.subscribe("copies", "check");
    consumer.ready(100);
    let mut come = BTreeSet::new();
    while come.len() < all.len() {
        let message = consumer.expect_message();
        consumer.finish(message.id);
        come.insert(message.text());
    }
    assert_eq!(come, set(all));
}

#[test]
fn one_dead_destination_of_many_holds_nobody_up() {
    let (source, alive) = (Nsqd::start(), Nsqd::start());
    let nobody = "--destination-nsqd-tcp-address=127.0.0.1:1";
    let all = messages(0..1000);
    for mode in ["hostpool", "round-robin", "epsilon-greedy"] {
        publish(&source, mode, &all);
        let flags = [nobody, &format!("--topic={mode}"), &format!("--mode={mode}")];
        let tool = start(&source, &[&alive], &flags);
        expect_passed(&source, mode, all.len());
        expect_no_failure(&source, mode);
        assert_eq!(contents(&alive, mode), {
            let mut all = all.clone();
            all.sort();
            all
        });
        if mode != "epsilon-greedy" {
            tool.expect_said("[127.0.0.1:1]: takes no messages: dial tcp 127.0.0.1:1: connect: ");
        }
        assert_eq!(tool.terminate().code, Some(0));
    }
}

#[test]
fn fields_decide_what_passes_and_what_of_it() {
    let (source, destination) = (Nsqd::start(), Nsqd::start());
    let bodies = [
        r#"{"b": [1, 2], "kind": "order", "a": 12345678901234567890, "c": "left out"}"#,
        r#"{"kind": "bill", "a": 1}"#,
        r#"{"a": 2}"#,
        "no JSON",
        r#"{"kind": "order"}"#,
    ];
    publish(&source, "orders", &bodies.map(str::to_owned));
    let common = [
        "--topic=orders",
        "--destination-topic=copies",
        "--whitelist-json-field=b",
        "--whitelist-json-field=a",
        "--require-json-field=kind",
        "--require-json-value=order",
    ];
    let flags = [&common[..], &["--invalid-json-topic=invalid"]].concat();
    let tool = start(&source, &[&destination], &flags);
    expect_passed(&source, "orders", bodies.len());
    expect_no_failure(&source, "orders");
    let passed = [r#"{"a":12345678901234567890,"b":[1,2]}"#, "{}"];
    assert_eq!(contents(&destination, "copies"), passed);
    assert_eq!(contents(&destination, "invalid"), ["no JSON"]);
    assert_eq!(tool.terminate().code, Some(0));

    publish(&source, "orders", &["no JSON".to_owned(), "[]".to_owned()]);
    let tool = start(&source, &[&destination], &common);
    expect_passed(&source, "orders", bodies.len() + 2);
    let ended = tool.terminate();
    assert_eq!(ended.code, Some(0));
    assert!(ended.err.contains("ERROR: Unable to decode json: topic=orders id="), "{}", ended.err);
    assert!(ended.err.contains("dropped 2 messages that are no JSON object"), "{}", ended.err);
    assert!(!ended.err.contains("no JSON:"), "bodies are nobody's business: {}", ended.err);
}

#[test]
fn a_message_that_no_destination_takes_stays_and_the_others_pass() {
    let (source, destination) = (Nsqd::start(), Nsqd::with(&["--max-msg-size=100"]));
    let mut all = messages(0..300);
    all.insert(150, "x".repeat(101));
    publish(&source, "orders", &all);
    let no_backoff = "--consumer-opt=max_backoff_duration,0";
    let tool = start(&source, &[&destination], &["--topic=orders", no_backoff]);
    source.expect_channel(
        "orders",
        CHANNEL,
        &[("depth", 0), ("in_flight_count", 0), ("deferred_count", 1), ("requeue_count", 1)],
    );
    all.remove(150);
    assert_eq!(set(contents(&destination, "orders")), set(all));
    tool.expect_said("Handler returned error (E_BAD_MESSAGE ");
    assert_eq!(tool.terminate().code, Some(0));
}

#[test]
fn a_stop_in_the_middle_answers_for_everything_and_passes_nothing_twice() {
    let (source, destination) = (Nsqd::start(), Nsqd::start());
    const EACH: usize = 20_000;
    for round in 0..3 {
        publish(&source, "orders", &messages(round * EACH..(round + 1) * EACH));
        let before = count(&destination, "orders");
        let tool = start(&source, &[&destination], &["--topic=orders", "--max-in-flight=50"]);
        eventually("some have come", || (count(&destination, "orders") > before).then_some(()));
        let ended = tool.terminate();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        source.expect_channel("orders", CHANNEL, &[("in_flight_count", 0), ("client_count", 0)]);
        let left = source.channel("orders", CHANNEL)["depth"].as_u64().unwrap();
        assert_eq!(count(&destination, "orders") + left, ((round + 1) * EACH) as u64);
        expect_no_failure(&source, "orders");
    }
}

#[test]
fn what_cannot_start_says_why() {
    let nsqd = Nsqd::start();
    let (address, destination) = (format!("--nsqd-tcp-address={}", nsqd.tcp()), to(&nsqd));
    let (address, destination) = (address.as_str(), destination.as_str());
    let nobody = "--nsqd-tcp-address=127.0.0.1:1";
    for (flags, code, text) in [
        (&[address, destination][..], 1, " is source and destination of the same topic: "),
        (&[address, "--destination-topic=b"], 1, " --destination-nsqd-tcp-address required\n"),
        (
            &[nobody, destination],
            1,
            " (127.0.0.1:1) dial tcp 127.0.0.1:1: connect: connection refused",
        ),
        (&[address, "--producer-opt=x"], 2, "for flag -producer-opt: invalid option x\nUsage of"),
        (&["-h"], 0, "Usage of nsq_to_nsq:\n"),
    ] {
        let ended = Tool::run(CHANNEL, &[&["--topic=orders"], flags].concat(), b"");
        assert_eq!((ended.code, ended.out.as_str()), (Some(code), ""), "{}", ended.err);
        assert!(ended.err.contains(text), "{}", ended.err);
    }
}
