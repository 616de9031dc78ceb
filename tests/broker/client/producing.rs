//! Publishing: what is confirmed is stored, and what is not confirmed has a reason.

use std::time::Duration;

use futures_util::FutureExt;
use nsq_actors::client::{Options, Producer, ProducerLimits, PublishError};

use super::{
    producer,
    scripted::{ScriptedNsqd, within},
    topic, until,
};
use crate::support::{Nsqd, free_address};

const ONE: &[u8] = b"PUB orders\n\0\0\0\x03one";
const TWO: &[u8] = b"PUB orders\n\0\0\0\x03two";

fn producer_of(nsqd: &ScriptedNsqd, limits: ProducerLimits) -> Producer {
    Producer::with_limits(nsqd.address().to_string(), &Options::default(), limits).unwrap()
}

#[tokio::test]
async fn messages_are_stored_when_the_publish_returns() {
    let nsqd = Nsqd::start();
    let producer = producer(&nsqd);
    producer.connect().await.unwrap();
    producer.publish(&topic("orders"), "one").await.unwrap();
    producer.publish_multi(&topic("orders"), &["two", "three"]).await.unwrap();
    let later = Duration::from_secs(600);
    producer.publish_deferred(&topic("orders"), later, "four").await.unwrap();
    assert_eq!(nsqd.topic("orders")["message_count"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_may_be_on_their_way_and_a_stop_waits_for_all() {
    let nsqd = Nsqd::start();
    let (producer, topic) = (producer(&nsqd), topic("orders"));
    let mut receipts = Vec::new();
    for number in 0..20_000u32 {
        receipts.push(producer.enqueue(&topic, number.to_string()).await.unwrap());
    }
    within(producer.stop()).await;
    assert_eq!(nsqd.topic("orders")["message_count"], 20_000);
    for receipt in receipts {
        within(receipt).await.unwrap();
    }
    let late = producer.publish(&topic, "late").await;
    assert!(matches!(late, Err(PublishError::Stopped)), "{late:?}");
}

#[tokio::test]
async fn limits_may_be_as_long_as_one_likes() {
    let nsqd = Nsqd::start();
    let for_ever = ProducerLimits {
        connect_patience: Duration::MAX,
        reconnect_delay_max: Duration::MAX,
        answer_timeout: Duration::MAX,
        stop_timeout: Duration::MAX,
        ..ProducerLimits::default()
    };
    let options = Options { dial_timeout: Duration::MAX, ..Options::default() };
    let producer = Producer::with_limits(nsqd.tcp().to_string(), &options, for_ever).unwrap();
    let receipt = within(producer.enqueue(&topic("orders"), "one")).await.unwrap();
    within(producer.stop()).await;
    within(receipt).await.unwrap();
}

#[tokio::test]
async fn what_was_enqueued_is_sent_though_the_producer_is_dropped() {
    let nsqd = Nsqd::start();
    let receipt = producer(&nsqd).enqueue(&topic("orders"), "one").await.unwrap();
    within(receipt).await.unwrap();
    assert_eq!(nsqd.topic("orders")["message_count"], 1);
}

#[tokio::test]
async fn what_nsqd_refuses_is_told_in_its_words_and_the_next_publish_goes_on() {
    let nsqd = Nsqd::with(&["--max-msg-size=10"]);
    let (producer, topic) = (producer(&nsqd), topic("orders"));
    let refused = producer.publish(&topic, "eleven bytes").await.unwrap_err();
    assert_eq!(refused.to_string(), "E_BAD_MESSAGE PUB message too big 12 > 10");
    assert!(!refused.may_be_stored());
    let PublishError::Refused(error) = refused else { panic!("{refused:?}") };
    assert_eq!(error.code(), "E_BAD_MESSAGE");
    // The connection may be lost under the next one, which nsqd has not read.
    let mut published = producer.publish(&topic, "one").await;
    while matches!(published, Err(PublishError::Lost(_))) {
        published = producer.publish(&topic, "one").await;
    }
    published.unwrap();
}

#[tokio::test]
async fn what_cannot_be_published_is_not_sent() {
    let nsqd = ScriptedNsqd::start().await;
    let limits = ProducerLimits { outstanding_bytes: 1000, ..ProducerLimits::default() };
    let (producer, topic) = (producer_of(&nsqd, limits), topic("orders"));
    let empty = [
        producer.publish(&topic, "").await,
        producer.publish_multi::<&str>(&topic, &[]).await,
        producer.publish_multi(&topic, &["a", ""]).await,
    ];
    assert!(empty.iter().all(|answer| matches!(answer, Err(PublishError::Empty))), "{empty:?}");
    let large = producer.publish(&topic, [b'x'; 1000]).await;
    assert!(matches!(large, Err(PublishError::TooLarge { bytes: 1128, max: 1000 })), "{large:?}");
}

#[tokio::test]
async fn without_a_server_the_reason_comes_when_patience_ends() {
    let address = free_address().to_string();
    for patience in [Duration::ZERO, Duration::from_millis(300)] {
        let limits = ProducerLimits { connect_patience: patience, ..ProducerLimits::default() };
        let producer = Producer::with_limits(&address, &Options::default(), limits).unwrap();
        let failed = within(producer.publish(&topic("orders"), "one")).await.unwrap_err();
        assert_eq!(failed.to_string(), format!("dial tcp {address}: connect: connection refused"));
        assert!(matches!(failed, PublishError::NotConnected(_)));
    }
}

#[tokio::test]
async fn a_server_that_comes_in_time_gets_what_has_waited() {
    let limits =
        ProducerLimits { connect_patience: Duration::from_secs(60), ..ProducerLimits::default() };
    let address = free_address().to_string();
    let producer = Producer::with_limits(&address, &Options::default(), limits).unwrap();
    let receipt = producer.enqueue(&topic("orders"), "one").await.unwrap();
    let nsqd = Nsqd::with(&[&format!("--tcp-address={address}")]);
    within(receipt).await.unwrap();
    assert_eq!(nsqd.topic("orders")["message_count"], 1);
}

#[tokio::test]
async fn answers_belong_to_commands_in_order() {
    let nsqd = ScriptedNsqd::start().await;
    let (producer, topic) = (producer_of(&nsqd, ProducerLimits::default()), topic("orders"));
    let mut first = producer.enqueue(&topic, "one").await.unwrap();
    let second = producer.enqueue(&topic, "two").await.unwrap();
    let mut peer = nsqd.client().await;
    peer.expect(ONE).await;
    peer.expect(TWO).await;
    assert!((&mut first).now_or_never().is_none());
    peer.respond("_heartbeat_").await;
    peer.expect(b"NOP\n").await;
    peer.respond("OK").await;
    within(first).await.unwrap();
    peer.refuse("E_PUB_FAILED PUB failed no space left").await;
    let refused = within(second).await.unwrap_err();
    assert_eq!(refused.to_string(), "E_PUB_FAILED PUB failed no space left");
}

#[tokio::test]
async fn what_was_sent_and_not_answered_may_be_stored_and_is_not_sent_again() {
    let nsqd = ScriptedNsqd::start().await;
    let (producer, topic) = (producer_of(&nsqd, ProducerLimits::default()), topic("orders"));
    let sent = producer.enqueue(&topic, "one").await.unwrap();
    let mut peer = nsqd.client().await;
    peer.expect(ONE).await;
    drop(peer);
    let lost = within(sent).await.unwrap_err();
    assert!(lost.may_be_stored(), "{lost}");
    let next = producer.enqueue(&topic, "two").await.unwrap();
    let mut peer = nsqd.client().await;
    peer.expect(TWO).await;
    peer.respond("OK").await;
    within(next).await.unwrap();
}

#[tokio::test]
async fn what_had_not_left_goes_over_the_next_connection() {
    let nsqd = ScriptedNsqd::start().await;
    let limits = ProducerLimits { outstanding_bytes: 64 << 20, ..ProducerLimits::default() };
    let (producer, topic) = (producer_of(&nsqd, limits), topic("orders"));
    // More than any socket buffer takes while the peer does not read, and behind it one more.
    let large = producer.enqueue(&topic, vec![b'x'; 32 << 20]).await.unwrap();
    let small = producer.enqueue(&topic, "one").await.unwrap();
    let mut peer = nsqd.client().await;
    peer.expect(b"PUB orders\n").await;
    drop(peer);
    assert!(within(large).await.unwrap_err().may_be_stored());
    let mut peer = nsqd.client().await;
    peer.expect(ONE).await;
    peer.respond("OK").await;
    within(small).await.unwrap();
}

#[tokio::test]
async fn who_publishes_too_much_waits_for_answers() {
    let nsqd = ScriptedNsqd::start().await;
    // Two commands of 3 bytes and 128 bytes of overhead fit.
    let limits = ProducerLimits { outstanding_bytes: 300, ..ProducerLimits::default() };
    let (producer, topic) = (producer_of(&nsqd, limits), topic("orders"));
    let first = producer.enqueue(&topic, "one").await.unwrap();
    let second = producer.enqueue(&topic, "two").await.unwrap();
    let mut third = Box::pin(producer.enqueue(&topic, "one"));
    assert!((&mut third).now_or_never().is_none());
    let mut peer = nsqd.client().await;
    peer.expect(ONE).await;
    peer.expect(TWO).await;
    assert!((&mut third).now_or_never().is_none());
    peer.respond("OK").await;
    within(first).await.unwrap();
    let third = within(third).await.unwrap();
    peer.expect(ONE).await;
    peer.respond("OK").await;
    peer.respond("OK").await;
    within(second).await.unwrap();
    within(third).await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let nsqd = ScriptedNsqd::start().await;
    let limits =
        ProducerLimits { answer_timeout: Duration::from_millis(200), ..ProducerLimits::default() };
    let producer = producer_of(&nsqd, limits);
    let receipt = producer.enqueue(&topic("orders"), "one").await.unwrap();
    let mut peer = nsqd.client().await;
    peer.expect(ONE).await;
    let lost = within(receipt).await.unwrap_err();
    assert!(lost.to_string().starts_with("not connected: no answer within "), "{lost}");
    peer.expect_end().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let nsqd = ScriptedNsqd::start().await;
    let limits =
        ProducerLimits { stop_timeout: Duration::from_millis(200), ..ProducerLimits::default() };
    let producer = producer_of(&nsqd, limits);
    let receipt = producer.enqueue(&topic("orders"), "one").await.unwrap();
    let mut peer = nsqd.client().await;
    peer.expect(ONE).await;
    within(producer.stop()).await;
    assert!(within(receipt).await.unwrap_err().may_be_stored());
}

#[tokio::test]
async fn answers_to_nothing_end_the_connection() {
    let nsqd = ScriptedNsqd::start().await;
    let producer = producer_of(&nsqd, ProducerLimits::default());
    let receipt = producer.enqueue(&topic("orders"), "one").await.unwrap();
    let mut peer = nsqd.client().await;
    peer.expect(ONE).await;
    peer.respond("OK").await;
    within(receipt).await.unwrap();
    peer.respond("OK").await;
    peer.expect_end().await;
}

/// What was confirmed before a kill is there afterwards, and publishing goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_may_be_killed_and_come_back() {
    let address = free_address().to_string();
    let mut nsqd = Nsqd::with(&[&format!("--tcp-address={address}")]);
    let limits =
        ProducerLimits { connect_patience: Duration::from_secs(60), ..ProducerLimits::default() };
    let producer = Producer::with_limits(&address, &Options::default(), limits).unwrap();
    let mut receipts = Vec::new();
    for number in 0..1000u32 {
        receipts.push(producer.enqueue(&topic("orders"), number.to_string()).await.unwrap());
        if number == 500 {
            nsqd.kill9();
        }
    }
    nsqd.restart();
    let (mut stored, mut unknown) = (0, 0);
    for receipt in receipts {
        match within(receipt).await {
            Ok(()) => stored += 1,
            Err(error) if error.may_be_stored() => unknown += 1,
            Err(error) => panic!("{error}"),
        }
    }
    until(|| nsqd.topic("orders")["depth"].as_u64() >= Some(stored)).await;
    assert!(nsqd.topic("orders")["depth"].as_u64() <= Some(stored + unknown));
    producer.publish(&topic("orders"), "last").await.unwrap();
}
