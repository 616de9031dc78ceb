//! Credit, and who is given what.

use std::{collections::BTreeSet, time::Duration};

use crate::support::{NsqMessage, Nsqd, Random, commands, ours};

/// Long enough for what would come too much to come.
const A_WHILE: Duration = Duration::from_millis(400);

fn publish_numbers(nsqd: &Nsqd, count: usize) {
    let bodies: Vec<_> = (0..count).map(|number| format!("{number:04}")).collect();
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_many("orders", &bodies));
    publisher.expect_ok();
}

#[test]
fn nothing_is_delivered_without_rdy() {
    let nsqd = Nsqd::start();
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "audit");
    publish_numbers(&nsqd, 3);
    consumer.expect_silence(A_WHILE);
    consumer.send(b"RDY\n"); // Means one.
    consumer.expect_message();
    consumer.expect_silence(A_WHILE);
}

#[test]
fn never_more_are_in_flight_than_rdy_says() {
    let nsqd = Nsqd::start();
    publish_numbers(&nsqd, 10);
    let mut consumer = nsqd.consumer("orders", "audit", 3);
    let ids: Vec<_> = (0..3).map(|_| consumer.expect_message().id).collect();
    consumer.expect_silence(A_WHILE);
    consumer.finish(ids[1]);
    let fourth = consumer.expect_message();
    consumer.expect_silence(A_WHILE);
    consumer.ready(1);
    for id in [ids[0], ids[2]] {
        consumer.finish(id);
    }
    consumer.expect_silence(A_WHILE);
    consumer.ready(4);
    for _ in 0..3 {
        consumer.expect_message();
    }
    consumer.expect_silence(A_WHILE);
    consumer.finish(fourth.id);
    consumer.expect_message();
    nsqd.expect_channel("orders", "audit", &[("in_flight_count", 4), ("depth", 2)]);
}

#[test]
fn rdy_0_stops_the_delivery() {
    let nsqd = Nsqd::start();
    let mut consumer = nsqd.consumer("orders", "audit", 5);
    consumer.ready(0);
    consumer.expect_alive();
    publish_numbers(&nsqd, 3);
    consumer.expect_silence(A_WHILE);
    consumer.ready(5);
    assert_eq!(consumer.finish_bodies(3), ["0000", "0001", "0002"]);
}

#[test]
fn consumers_of_one_channel_share_its_messages() {
    let nsqd = Nsqd::start();
    let mut consumers = [nsqd.consumer("orders", "audit", 2), nsqd.consumer("orders", "audit", 2)];
    publish_numbers(&nsqd, 4);
    let mut bodies: Vec<_> =
        consumers.iter_mut().flat_map(|it| [it.expect_message(), it.expect_message()]).collect();
    bodies.sort_by_key(|message| message.body.clone());
    let texts: Vec<_> = bodies.iter().map(NsqMessage::text).collect();
    assert_eq!(texts, ["0000", "0001", "0002", "0003"]);
}

/// A backlog larger than what a channel reads ahead, and nothing of it in memory.
#[test]
fn consumers_that_come_and_go_over_a_backlog_lose_nothing() {
    const BATCHES: usize = 200;
    const IN_BATCH: usize = 50;
    if !ours() {
        return; // With nsqd 1.3, what a lost connection had waits for its time.
    }
    let nsqd = Nsqd::with(&["--mem-queue-size=0"]);
    let mut publisher = nsqd.client();
    for batch in 0..BATCHES {
        let bodies: Vec<_> =
            (0..IN_BATCH).map(|number| format!("{:0>300}", batch * IN_BATCH + number)).collect();
        publisher.send(&commands::publish_many("orders", &bodies));
        publisher.expect_ok();
    }
    let (mut random, mut finished) = (Random::new(), BTreeSet::new());
    for _ in 0..100 {
        let mut consumer = nsqd.consumer("orders", "audit", 100);
        for _ in 0..random.below(60) {
            let message = consumer.expect_message();
            if random.one_in(2) {
                consumer.finish(message.id);
                finished.insert(message.body);
            }
        }
    }
    let mut rest = nsqd.consumer("orders", "audit", 1000);
    while finished.len() < BATCHES * IN_BATCH {
        let message = rest.expect_message();
        rest.finish(message.id);
        finished.insert(message.body);
    }
}
