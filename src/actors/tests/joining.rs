//! Publishes of one thread that leave together.

use actix::Addr;
use actix_rt::time::timeout;
use std::time::Duration;
use tokio::task::LocalSet;

use super::{Gated, SOON, TestNode, publish, turns};
use crate::actors::{
    Topic,
    node::Shutdown,
    snapshot::{NodeSnapshot, Observe},
    supervisor::Crash,
    topic::{Joined, Lost, ReadCached, Stored},
};

fn put(topic: &Addr<Topic>, body: &[u8]) -> Stored {
    let joined = Joined::to(topic, Duration::ZERO);
    joined.push(body);
    joined.stored()
}

async fn expect_stored(stored: Stored) {
    timeout(SOON, stored).await.expect("answered").expect("heard of").expect("stored");
}

/// Messages of each batch, in the order of the log.
async fn batches(topic: &Addr<Topic>) -> Vec<Vec<Vec<u8>>> {
    let read = ReadCached { seq: 1, bytes_max: usize::MAX, or_later: true };
    let batches = topic.send(read).await.unwrap().unwrap_or_default();
    batches.iter().map(|batch| batch.bodies().map(<[u8]>::to_vec).collect()).collect()
}

async fn waiting(node: &TestNode) -> usize {
    let snapshot = node.node.send(Observe::<NodeSnapshot>::new()).await.unwrap();
    snapshot.topics.iter().map(|topic| topic.waiting_count).sum()
}

#[actix::test]
async fn what_comes_in_one_turn_is_one_batch_in_its_order_and_each_is_answered() {
    let node = TestNode::start();
    let (topic, other) = (node.topic("t").await, node.topic("other").await);
    let stored: Vec<_> = [b"a", b"b", b"c"].map(|body| put(&topic, body)).into();
    let elsewhere = put(&other, b"x");
    for stored in stored {
        expect_stored(stored).await;
    }
    expect_stored(elsewhere).await;
    let joined = Joined::to(&topic, Duration::ZERO);
    joined.push_framed(b"\0\0\0\x01d\0\0\0\x01e", 2, 0);
    expect_stored(joined.stored()).await;
    let letters = |letters: &[u8]| letters.iter().map(|letter| vec![*letter]).collect::<Vec<_>>();
    assert_eq!(batches(&topic).await, [letters(b"abc"), letters(b"de")]);
    assert_eq!(batches(&other).await, [letters(b"x")]);
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn what_has_left_or_is_full_takes_nothing_more_and_keeps_its_place() {
    let node = TestNode::start();
    let topic = node.topic("t").await;
    let large = vec![b'x'; 400 * 1024];
    let mut all = Vec::new();
    for number in 0..10u8 {
        let joined = Joined::to(&topic, Duration::ZERO);
        assert!(!joined.is_full());
        joined.push(&[number]);
        joined.push(&large);
        all.push(joined);
    }
    assert!(all[0].is_full() && all.iter().any(|joined| !joined.is_full()));
    for joined in all {
        expect_stored(joined.stored()).await;
        assert!(joined.is_full(), "it has left");
    }
    let stored = batches(&topic).await.concat();
    let small: Vec<_> = stored.iter().filter(|body| body.len() == 1).flatten().copied().collect();
    let last = *small.first().expect("the cache has the newest")..10;
    assert_eq!(small, last.collect::<Vec<_>>());
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn more_messages_than_a_batch_takes_are_several() {
    let node = TestNode::start();
    let topic = node.topic("t").await;
    let joined = Joined::to(&topic, Duration::ZERO);
    joined.push(b"first");
    joined.push_framed(&b"\0\0\0\x01m".repeat(5000), 5000, 0);
    expect_stored(joined.stored()).await;
    let counts: Vec<_> = batches(&topic).await.iter().map(Vec::len).collect();
    assert_eq!(counts, [1, 4096, 904]);
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn every_publish_that_waits_is_counted() {
    let node = TestNode::start();
    let slow = node.topic("slow").await;
    node.gate.close(Gated::Writes);
    let under_way = publish(&slow);
    timeout(SOON, node.gate.reached()).await.unwrap();
    let behind: Vec<_> = (0..3).map(|_| put(&slow, b"m")).collect();
    turns().await;
    assert_eq!(waiting(&node).await, 3);
    node.gate.open();
    timeout(SOON, under_way).await.unwrap().unwrap().unwrap();
    for stored in behind {
        expect_stored(stored).await;
    }
    assert_eq!((waiting(&node).await, node.depth("slow").await), (0, 4));
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn all_hear_that_their_topic_has_crashed() {
    let node = TestNode::start();
    let slow = node.topic("slow").await;
    node.gate.close(Gated::Writes);
    let under_way = [put(&slow, b"a"), put(&slow, b"b")];
    timeout(SOON, node.gate.reached()).await.unwrap();
    slow.do_send(Crash);
    for stored in under_way {
        assert_eq!(timeout(SOON, stored).await.expect("told").unwrap_err(), Lost);
    }
    node.gate.open();
    expect_stored(put(&slow, b"c")).await;
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn who_does_not_wait_keeps_the_answer_from_nobody() {
    let node = TestNode::start();
    let slow = node.topic("slow").await;
    node.gate.close(Gated::Writes);
    let [first, second, third] = [b"a", b"b", b"c"].map(|body| put(&slow, body));
    let waits = actix_rt::spawn(expect_stored(second));
    let leaves = actix_rt::spawn(expect_stored(first));
    timeout(SOON, node.gate.reached()).await.unwrap();
    leaves.abort();
    turns().await;
    node.gate.open();
    timeout(SOON, waits).await.unwrap().unwrap();
    expect_stored(third).await;
    assert_eq!(node.depth("slow").await, 3);
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn nobody_waits_for_a_thread_that_has_ended() {
    let node = TestNode::start();
    let (topic, slow) = (node.topic("t").await, node.topic("slow").await);
    node.gate.close(Gated::Writes);
    let ending = LocalSet::new();
    let under_way = async {
        let stored = put(&slow, b"under way");
        timeout(SOON, node.gate.reached()).await.unwrap();
        [stored]
    };
    let under_way = ending.run_until(under_way).await;
    let never_sent = ending.run_until(async { [put(&topic, b"never sent")] }).await;
    drop(ending);
    for stored in under_way.into_iter().chain(never_sent) {
        assert_eq!(timeout(SOON, stored).await.expect("told").unwrap_err(), Lost);
    }
    node.gate.open();
    expect_stored(put(&topic, b"sent")).await;
    assert_eq!(batches(&topic).await, [[b"sent".to_vec()]]);
    node.node.send(Shutdown).await.unwrap();
}
