//! A consumer whose messages fail takes less, as its RDY shows.

use super::{
    audit,
    scripted::{Peer, ScriptedNsqd},
};

/// Fails what says so, and finishes the rest.
async fn start(texts: &[&str]) -> (nsq_actors::client::Consumer, Peer) {
    let nsqd = ScriptedNsqd::start().await;
    tokio::join!(
        async {
            audit(texts)
                .nsqd(nsqd.address().to_string())
                .handle(1, |message| async move {
                    match message.body().as_ref() {
                        b"fail" => Err("as asked".into()),
                        _ => Ok(()),
                    }
                })
                .await
                .unwrap()
        },
        nsqd.consumer()
    )
}

const SHORT: [&str; 3] = ["max_in_flight,7", "backoff_multiplier,10ms", "default_requeue_delay,0"];

#[tokio::test]
async fn failures_stop_the_flow_and_successes_bring_it_back() {
    let (_consumer, mut peer) = start(&SHORT).await;
    peer.expect(b"RDY 7\n").await;
    peer.deliver(1, 1, "fail").await;
    peer.expect(b"REQ 0000000000000001 0\nRDY 0\nRDY 1\n").await;
    peer.deliver(2, 1, "fail").await;
    peer.expect(b"REQ 0000000000000002 0\nRDY 0\nRDY 1\n").await;
    // Two levels up, so two successes down.
    peer.deliver(3, 1, "fine").await;
    peer.expect(b"FIN 0000000000000003\nRDY 0\nRDY 1\n").await;
    peer.deliver(4, 1, "fine").await;
    peer.expect(b"FIN 0000000000000004\nRDY 7\n").await;
    peer.deliver(5, 1, "fine").await;
    peer.expect(b"FIN 0000000000000005\n").await;
}

#[tokio::test]
async fn zero_means_no_back_off() {
    let (_consumer, mut peer) = start(&["max_backoff_duration,0", "max_in_flight,7"]).await;
    peer.expect(b"RDY 7\n").await;
    for id in 1..=3 {
        peer.deliver(id, 1, "fail").await;
        assert_eq!(peer.line().await, format!("REQ {id:016x} 90000"));
    }
    peer.deliver(4, 1, "fine").await;
    peer.expect(b"FIN 0000000000000004\n").await;
}
