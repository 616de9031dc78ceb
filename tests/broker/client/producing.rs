use std::time::Duration;

use nsq_actors::client::PublishError;

use super::{producer, topic};
use crate::support::Nsqd;

#[tokio::test]
async fn messages_are_stored_when_the_publish_returns() {
    let nsqd = Nsqd::start();
    let producer = producer(&nsqd);
    producer.publish(&topic("orders"), "one").await.unwrap();
    producer.publish_multi(&topic("orders"), &["two", "three"]).await.unwrap();
    let later = Duration::from_secs(600);
    producer.publish_deferred(&topic("orders"), later, "four").await.unwrap();
    assert_eq!(nsqd.topic("orders")["message_count"], 4);
    producer.stop().await;
    let stopped = producer.publish(&topic("orders"), "five").await;
    assert!(matches!(stopped, Err(PublishError::Stopped)), "{stopped:?}");
}
