//! Messages come, from one node or many, and nothing is left behind.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use nsq_actors::client::Producer;

use super::{
    audit, options, producer,
    scripted::{ScriptedNsqd, within},
    stream_of, topic, until,
};
use crate::support::{Nsqd, free_address};

#[tokio::test(flavor = "multi_thread")]
async fn handlers_get_every_message_and_a_stop_leaves_nothing_in_flight() {
    let nsqd = Nsqd::start();
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let put = Arc::clone(&seen);
    let consumer = audit(&["max_in_flight,100"])
        .nsqd(nsqd.tcp().to_string())
        .handle(4, move |message| {
            put.lock().unwrap().insert(message.body().to_vec());
            async { Ok(()) }
        })
        .await
        .unwrap();
    let producer = producer(&nsqd);
    let bodies: Vec<_> = (0..10_000).map(|number: u32| number.to_string()).collect();
    for chunk in bodies.chunks(100) {
        producer.publish_multi(&topic("orders"), chunk).await.unwrap();
    }
    until(|| seen.lock().unwrap().len() == 10_000).await;
    within(consumer.stop()).await;
    assert_eq!(consumer.stats().finished, 10_000);
    nsqd.expect_channel("orders", "audit", &[("depth", 0), ("in_flight_count", 0)]);
}

#[tokio::test]
async fn streams_end_when_all_is_answered() {
    let nsqd = Nsqd::start();
    producer(&nsqd).publish_multi(&topic("orders"), &["a", "b", "c"]).await.unwrap();
    let mut messages =
        audit(&["max_in_flight,10"]).nsqd(nsqd.tcp().to_string()).stream().await.unwrap();
    let mut held = Vec::new();
    while held.len() < 3 {
        held.extend(within(messages.next_many(10)).await);
    }
    messages.consumer().begin_stop();
    assert!(held.remove(0).finish());
    assert!(held[0].touch());
    held.into_iter().for_each(|message| assert!(message.finish()));
    assert!(within(messages.next()).await.is_none());
    within(messages.consumer().ended()).await;
    nsqd.expect_channel("orders", "audit", &[("depth", 0), ("in_flight_count", 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_what_a_consumer_takes() {
    let nodes = [Nsqd::start(), Nsqd::start(), Nsqd::start()];
    for node in &nodes {
        producer(node).publish_multi(&topic("orders"), &["a"; 100]).await.unwrap();
    }
    let mut messages = audit(&["max_in_flight,9"])
        .nsqds(nodes.iter().map(|node| node.tcp().to_string()))
        .stream()
        .await
        .unwrap();
    let mut held = Vec::new();
    while held.len() < 9 {
        held.extend(within(messages.next_many(9)).await);
    }
    for node in &nodes {
        assert_eq!(
            held.iter().filter(|one| one.nsqd_address() == node.tcp().to_string()).count(),
            3
        );
        node.expect_channel("orders", "audit", &[("in_flight_count", 3)]);
    }
    held.into_iter().for_each(|message| assert!(message.finish()));
    for _ in 0..291 {
        assert!(within(messages.next()).await.unwrap().finish());
    }
    within(messages.consumer().stop()).await;
    for node in &nodes {
        node.expect_channel("orders", "audit", &[("depth", 0), ("in_flight_count", 0)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_killed_is_connected_to_when_it_is_back() {
    let address = free_address().to_string();
    let mut nsqd = Nsqd::with(&[&format!("--tcp-address={address}")]);
    let mut messages = audit(&[]).nsqd(&address).stream().await.unwrap();
    producer(&nsqd).publish(&topic("orders"), "one").await.unwrap();
    let held = within(messages.next()).await.unwrap();
    nsqd.kill9();
    until(|| messages.consumer().stats().connections == 0).await;
    assert!(!held.finish(), "an answer has gone nowhere");
    nsqd.restart();
    let again = within(messages.next()).await.unwrap();
    assert_eq!(again.body().as_ref(), b"one");
    assert!(again.finish());
    within(messages.consumer().stop()).await;
}

#[tokio::test]
async fn a_consumer_that_is_dropped_leaves_its_messages_to_others() {
    let nsqd = Nsqd::start();
    producer(&nsqd).publish(&topic("orders"), "one").await.unwrap();
    let mut first = audit(&[]).nsqd(nsqd.tcp().to_string()).stream().await.unwrap();
    let held = within(first.next()).await.unwrap();
    drop(first);
    let mut second = audit(&[]).nsqd(nsqd.tcp().to_string()).stream().await.unwrap();
    assert!(within(second.next()).await.unwrap().finish());
    assert!(!held.finish());
}

#[tokio::test]
async fn a_stream_that_is_dropped_gives_back_what_nobody_has_taken() {
    let (_nsqd, mut messages, mut peer) = stream_of(&["max_in_flight,5"]).await;
    peer.expect(b"RDY 5\n").await;
    peer.deliver(1, 1, "taken").await;
    let taken = within(messages.next()).await.unwrap();
    peer.deliver(2, 1, "not taken").await;
    until(|| messages.consumer().stats().received == 2).await;
    let consumer = messages.consumer().clone();
    drop(messages);
    let mut lines = [peer.line().await, peer.line().await];
    lines.sort();
    assert_eq!(lines, ["CLS", "REQ 0000000000000002 0"]);
    peer.respond("CLOSE_WAIT").await;
    assert!(taken.finish());
    peer.expect(b"FIN 0000000000000001\n").await;
    within(consumer.ended()).await;
}

#[tokio::test]
async fn messages_of_a_connection_that_is_gone_are_not_handled() {
    let (nsqd, mut messages, mut peer) = stream_of(&["max_in_flight,5"]).await;
    peer.expect(b"RDY 5\n").await;
    peer.deliver(1, 1, "lost").await;
    until(|| messages.consumer().stats().received == 1).await;
    drop(peer);
    until(|| messages.consumer().stats().connections == 0).await;
    let mut peer = nsqd.consumer().await;
    peer.deliver(1, 2, "again").await;
    assert_eq!(within(messages.next()).await.unwrap().attempts(), 2);
}

#[tokio::test]
async fn a_stop_says_close_and_finishes_what_is_in_flight() {
    let (_nsqd, mut messages, mut peer) = stream_of(&["max_in_flight,5"]).await;
    peer.expect(b"RDY 5\n").await;
    peer.deliver(1, 1, "one").await;
    let held = within(messages.next()).await.unwrap();
    messages.consumer().begin_stop();
    peer.expect(b"CLS\n").await;
    peer.deliver(2, 1, "on its way").await;
    peer.respond("CLOSE_WAIT").await;
    assert!(held.finish());
    peer.expect(b"FIN 0000000000000001\n").await;
    assert!(within(messages.next()).await.unwrap().finish());
    peer.expect(b"FIN 0000000000000002\n").await;
    assert!(within(messages.next()).await.is_none());
    peer.expect_end().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_handler_that_never_ends() {
    let nsqd = ScriptedNsqd::start().await;
    let consuming = audit(&[])
        .nsqd(nsqd.address().to_string())
        .stop_timeout(Duration::from_millis(100))
        .handle(1, |_| std::future::pending());
    let (consumer, mut peer) = tokio::join!(consuming, nsqd.consumer());
    let consumer = consumer.unwrap();
    peer.expect(b"RDY 1\n").await;
    peer.deliver(1, 1, "one").await;
    until(|| consumer.stats().received == 1).await;
    within(consumer.stop()).await;
    peer.expect(b"CLS\n").await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_stop_may_take_as_long_as_it_likes() {
    let nsqd = ScriptedNsqd::start().await;
    let stream = audit(&[]).nsqd(nsqd.address().to_string()).stop_timeout(Duration::MAX).stream();
    let (messages, mut peer) = tokio::join!(stream, nsqd.consumer());
    let messages = messages.unwrap();
    peer.expect(b"RDY 1\n").await;
    messages.consumer().begin_stop();
    peer.expect(b"CLS\n").await;
}

#[tokio::test]
async fn heartbeats_are_answered_and_silence_is_not_borne() {
    let texts = ["heartbeat_interval,1s", "read_timeout,2s"];
    let (nsqd, messages, mut peer) = stream_of(&texts).await;
    peer.expect(b"RDY 1\n").await;
    peer.respond("_heartbeat_").await;
    peer.expect(b"NOP\n").await;
    peer.expect_end().await;
    let mut again = nsqd.consumer().await;
    again.expect(b"RDY 1\n").await;
    drop(messages);
}

#[tokio::test]
async fn whoever_has_taken_nearly_all_it_may_is_starved() {
    let (_nsqd, mut messages, mut peer) = stream_of(&["max_in_flight,10"]).await;
    peer.expect(b"RDY 10\n").await;
    let mut held = Vec::new();
    for id in 0..8 {
        assert!(!messages.consumer().is_starved(), "{id}");
        peer.deliver(id, 1, "one").await;
        held.push(within(messages.next()).await.unwrap());
    }
    assert!(messages.consumer().is_starved());
    assert!(held.remove(0).finish());
    assert!(!messages.consumer().is_starved());
}

#[tokio::test]
async fn what_is_no_frame_ends_the_connection() {
    let (nsqd, _messages, mut peer) = stream_of(&[]).await;
    peer.expect(b"RDY 1\n").await;
    peer.send(b"\0\0\0\x04\0\0\0\x09").await;
    peer.expect_end().await;
    nsqd.consumer().await.expect(b"RDY 1\n").await;
}

/// With RDY 1 for two connections, the idle one passes it on.
#[tokio::test]
async fn fewer_messages_than_connections_are_passed_around() {
    let nodes = [ScriptedNsqd::start().await, ScriptedNsqd::start().await];
    let texts = ["max_in_flight,1", "low_rdy_idle_timeout,1s", "rdy_redistribute_interval,10ms"];
    let (_messages, mut first, mut second) = tokio::join!(
        async {
            let addresses = nodes.iter().map(|node| node.address().to_string());
            audit(&texts).nsqds(addresses).stream().await.unwrap()
        },
        nodes[0].consumer(),
        nodes[1].consumer(),
    );
    let first_line = tokio::select! {
        line = first.line() => (1, line),
        line = second.line() => (2, line),
    };
    assert_eq!(first_line.1, "RDY 1");
    let (mut with, mut without) = if first_line.0 == 1 { (first, second) } else { (second, first) };
    for _ in 0..3 {
        with.expect(b"RDY 0\n").await;
        without.expect(b"RDY 1\n").await;
        std::mem::swap(&mut with, &mut without);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_may_take_a_rest() {
    let nsqd = Nsqd::start();
    let mut messages =
        audit(&["max_in_flight,0"]).nsqd(nsqd.tcp().to_string()).stream().await.unwrap();
    let producer = Producer::new(nsqd.tcp().to_string(), &options(&[])).unwrap();
    producer.publish(&topic("orders"), "one").await.unwrap();
    nsqd.expect_channel("orders", "audit", &[("depth", 1), ("in_flight_count", 0)]);
    messages.consumer().set_max_in_flight(1);
    assert!(within(messages.next()).await.unwrap().finish());
}
