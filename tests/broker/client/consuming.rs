use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use nsq_actors::client::Consumer;

use super::{channel, options, producer, topic};
use crate::support::Nsqd;

#[tokio::test(flavor = "multi_thread")]
async fn handlers_get_every_message_and_a_stop_leaves_nothing_in_flight() {
    let nsqd = Nsqd::start();
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let (put, topic) = (Arc::clone(&seen), topic("orders"));
    let consumer = Consumer::builder(topic.clone(), channel("audit"))
        .options(options(&["max_in_flight,100"]))
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
        producer.publish_multi(&topic, chunk).await.unwrap();
    }
    while consumer.stats().finished < 10_000 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    consumer.stop().await;
    assert_eq!(seen.lock().unwrap().len(), 10_000);
    nsqd.expect_channel("orders", "audit", &[("depth", 0), ("in_flight_count", 0)]);
}

#[tokio::test]
async fn streams_end_when_all_is_answered() {
    let nsqd = Nsqd::start();
    let topic = topic("orders");
    producer(&nsqd).publish_multi(&topic, &["a", "b", "c"]).await.unwrap();
    let mut messages = Consumer::builder(topic, channel("audit"))
        .options(options(&["max_in_flight,10"]))
        .nsqd(nsqd.tcp().to_string())
        .stream()
        .await
        .unwrap();
    let mut held = Vec::new();
    while held.len() < 3 {
        held.extend(messages.next_many(10).await);
    }
    messages.consumer().begin_stop();
    assert!(held.remove(0).finish());
    assert!(held.remove(0).touch());
    held.into_iter().for_each(|message| assert!(message.finish()));
    assert!(messages.next().await.is_none());
    messages.consumer().ended().await;
    nsqd.expect_channel("orders", "audit", &[("depth", 0), ("in_flight_count", 0)]);
}
