//! Who lives how long.

use super::{
    A_WHILE, MARK, consumer, create, expect_channel_gone, expect_nothing_on_disk, expect_numbers,
    expect_topic_gone, publish_numbers,
};
use crate::support::{Nsqd, commands, ours};

#[test]
fn channel_ends_with_its_last_consumer() {
    let nsqd = Nsqd::start();
    let first = consumer(&nsqd, "orders", "tail#ephemeral");
    let mut second = consumer(&nsqd, "orders", "tail#ephemeral");
    drop(first);
    nsqd.expect_channel("orders", "tail#ephemeral", &[("client_count", 1)]);
    nsqd.client().publish("orders", b"one");
    second.expect_body("one");
    drop(second);
    expect_channel_gone(&nsqd, "orders", "tail#ephemeral");
    assert!(!nsqd.topic("orders").is_null());
}

#[test]
fn channel_that_never_had_a_consumer_stays() {
    let nsqd = Nsqd::start();
    create(&nsqd, "orders", "tail#ephemeral");
    nsqd.client().publish("orders", b"one");
    nsqd.expect_channel("orders", "tail#ephemeral", &[("depth", 1)]);
    // With the first one it has had one.
    consumer(&nsqd, "orders", "tail#ephemeral").expect_body("one");
    expect_channel_gone(&nsqd, "orders", "tail#ephemeral");
}

#[test]
fn consumer_that_closes_holds_the_channel_until_it_goes() {
    let nsqd = Nsqd::start();
    let mut client = consumer(&nsqd, "orders", "tail#ephemeral");
    client.send(commands::CLS);
    client.expect_response("CLOSE_WAIT");
    nsqd.expect_channel("orders", "tail#ephemeral", &[("client_count", 1)]);
    drop(client);
    expect_channel_gone(&nsqd, "orders", "tail#ephemeral");
}

#[test]
fn topic_ends_with_its_last_channel() {
    let nsqd = Nsqd::start();
    nsqd.client().publish("news#ephemeral", b"one");
    create(&nsqd, "news#ephemeral", "kept");
    let mut reader = consumer(&nsqd, "news#ephemeral", "tail#ephemeral");
    reader.expect_silence(A_WHILE); // The first channel has it.
    drop(reader);
    expect_channel_gone(&nsqd, "news#ephemeral", "tail#ephemeral");
    nsqd.expect_channel("news#ephemeral", "kept", &[("depth", 1)]);
    nsqd.post("/channel/delete?topic=news%23ephemeral&channel=kept", b"");
    expect_topic_gone(&nsqd, "news#ephemeral");
}

#[test]
fn topic_that_never_had_a_channel_stays() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    publisher.publish("news#ephemeral", b"one");
    drop(publisher);
    nsqd.client().expect_alive();
    assert_eq!(nsqd.topic("news#ephemeral")["depth"], 1);
    let mut reader = consumer(&nsqd, "news#ephemeral", "tail#ephemeral");
    reader.expect_body("one");
    drop(reader);
    expect_topic_gone(&nsqd, "news#ephemeral");
}

#[test]
fn durable_channel_keeps_an_ephemeral_topic_alive() {
    let nsqd = Nsqd::start();
    let mut reader = consumer(&nsqd, "news#ephemeral", "audit");
    nsqd.client().publish("news#ephemeral", MARK.as_bytes());
    let message = reader.expect_body(MARK);
    drop(reader);
    nsqd.expect_channel("news#ephemeral", "audit", &[("client_count", 0)]);
    let mut again = consumer(&nsqd, "news#ephemeral", "audit");
    if ours() {
        let message_again = again.expect_body(MARK);
        assert_eq!((message_again.id, message_again.attempts), (message.id, 2));
        expect_nothing_on_disk(&nsqd);
    }
}

#[test]
fn publishers_of_an_ephemeral_topic_outlive_it() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    for body in ["one", "two"] {
        publisher.publish("news#ephemeral", body.as_bytes());
        consumer(&nsqd, "news#ephemeral", "tail#ephemeral").expect_body(body);
        expect_topic_gone(&nsqd, "news#ephemeral");
    }
}

#[test]
fn ephemeral_channel_takes_nothing_from_its_durable_neighbour() {
    let nsqd = Nsqd::with(&["--mem-queue-size=5"]);
    create(&nsqd, "orders", "audit");
    create(&nsqd, "orders", "tail#ephemeral");
    publish_numbers(&nsqd, "orders", 20);
    nsqd.expect_channel("orders", "tail#ephemeral", &[("depth", 5), ("message_count", 20)]);
    nsqd.expect_channel("orders", "audit", &[("depth", 20), ("message_count", 20)]);
    expect_numbers(&mut consumer(&nsqd, "orders", "tail#ephemeral"), 5);
    expect_channel_gone(&nsqd, "orders", "tail#ephemeral");
    // Those of nsqd 1.3 come from memory and disk in any order.
    if ours() {
        expect_numbers(&mut consumer(&nsqd, "orders", "audit"), 20);
    }
}
