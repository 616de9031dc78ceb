//! What becomes of messages that fail, time out or were tried too often.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use nsq_actors::client::Failure;

use super::{
    audit, producer,
    scripted::{ScriptedNsqd, within},
    stream_of, topic, until,
};
use crate::support::Nsqd;

#[tokio::test]
async fn failures_are_given_back_for_a_time_that_grows_with_the_attempts() {
    let nsqd = ScriptedNsqd::start().await;
    let texts = ["max_in_flight,10", "max_backoff_duration,0", "max_requeue_delay,200s"];
    let (_consumer, mut peer) = tokio::join!(
        async {
            audit(&texts)
                .nsqd(nsqd.address().to_string())
                .handle(1, |message| async move {
                    match message.body().as_ref() {
                        b"soon" => {
                            Err(Failure::from("not yet").requeue_after(Duration::from_millis(5)))
                        }
                        b"panic" => panic!("for the test"),
                        _ => Err("no".into()),
                    }
                })
                .await
                .unwrap()
        },
        nsqd.consumer()
    );
    peer.expect(b"RDY 10\n").await;
    for (attempts, body, delay) in [
        (1, "a", 90_000),
        (2, "a", 180_000),
        (3, "a", 200_000),
        (1, "soon", 5),
        (1, "panic", 90_000),
    ] {
        peer.deliver(7, attempts, body).await;
        assert_eq!(peer.line().await, format!("REQ 0000000000000007 {delay}"));
    }
    peer.deliver(8, 1, "after the panic").await;
    assert_eq!(peer.line().await, "REQ 0000000000000008 90000");
}

#[tokio::test]
async fn messages_of_a_stream_are_answered_as_one_likes() {
    let texts = ["max_in_flight,10", "max_backoff_duration,0"];
    let (_nsqd, mut messages, mut peer) = stream_of(&texts).await;
    peer.expect(b"RDY 10\n").await;
    for id in 1..=4 {
        peer.deliver(id, 1, "one").await;
    }
    let mut next = async || within(messages.next()).await.unwrap();
    let (first, second, third, fourth) = (next().await, next().await, next().await, next().await);
    assert_eq!((first.id().0, first.attempts()), (1, 1));
    assert_eq!(first.timestamp_ns(), 1_700_000_000_000_000_000);
    assert!(first.touch());
    peer.expect(b"TOUCH 0000000000000001\n").await;
    assert!(second.requeue(Duration::from_secs(2)));
    peer.expect(b"REQ 0000000000000002 2000\n").await;
    drop(third);
    peer.expect(b"REQ 0000000000000003 90000\n").await;
    assert!(fourth.fail("no"));
    peer.expect(b"REQ 0000000000000004 90000\n").await;
    assert!(first.finish());
    peer.expect(b"FIN 0000000000000001\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_were_tried_too_often_are_given_up() {
    let nsqd = Nsqd::start();
    producer(&nsqd).publish(&topic("orders"), "poison").await.unwrap();
    let (tried, given_up) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (count, hook) = (Arc::clone(&tried), Arc::clone(&given_up));
    let consumer = audit(&["max_attempts,2", "default_requeue_delay,0", "max_backoff_duration,0"])
        .nsqd(nsqd.tcp().to_string())
        .on_give_up(move |message| {
            assert_eq!((message.body().as_ref(), message.attempts()), (&b"poison"[..], 3));
            hook.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        })
        .handle(1, move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Err("no".into()) }
        })
        .await
        .unwrap();
    until(|| given_up.load(Ordering::Relaxed) == 1).await;
    within(consumer.stop()).await;
    assert_eq!(tried.load(Ordering::Relaxed), 2);
    nsqd.expect_channel("orders", "audit", &[("depth", 0), ("deferred_count", 0)]);
}

#[tokio::test]
async fn what_is_given_up_may_be_kept_by_the_hook() {
    let nsqd = ScriptedNsqd::start().await;
    let texts = ["max_attempts,1", "max_backoff_duration,0"];
    let (mut messages, mut peer) = tokio::join!(
        async {
            let builder = audit(&texts).nsqd(nsqd.address().to_string());
            builder
                .on_give_up(|_| async { Err("no dead letters today".into()) })
                .stream()
                .await
                .unwrap()
        },
        nsqd.consumer()
    );
    peer.expect(b"RDY 1\n").await;
    peer.deliver(1, 2, "poison").await;
    peer.deliver(2, 1, "fine").await;
    let message = within(messages.next()).await.unwrap();
    assert_eq!(message.id().0, 2);
    peer.expect(b"REQ 0000000000000001 180000\n").await;
}
