//! What is known of the node's topics without asking it.

use actix_rt::time::timeout;

use super::{Gated, SOON, TestNode, publish, turns};
use crate::{
    actors::{node::Shutdown, supervisor::Crash},
    protocol::TopicName,
};

#[actix::test]
async fn a_topic_is_known_until_its_deletion_begins_and_another_of_its_name_is_another() {
    let node = TestNode::start();
    let name = TopicName::parse("slow").unwrap();
    assert!(node.shared.topics.get(&name).is_none());
    let slow = node.topic("slow").await;
    assert!(node.shared.topics.get(&name).is_some_and(|known| known == slow));
    node.gate.close(Gated::Writes);
    let _under_way = publish(&slow);
    timeout(SOON, node.gate.reached()).await.unwrap();
    let deleted = node.begin_to_delete("slow").await;
    assert!(slow.connected() && node.shared.topics.get(&name).is_none());
    node.gate.open();
    timeout(SOON, deleted).await.unwrap().unwrap().unwrap().expect("it is gone");
    assert!(node.shared.topics.get(&name).is_none());
    let new = node.topic("slow").await;
    assert!(new != slow && node.shared.topics.get(&name).is_some_and(|known| known == new));
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn topics_are_known_while_the_node_or_they_themselves_crash() {
    let node = TestNode::start();
    let (name, topic) = (TopicName::parse("t").unwrap(), node.topic("t").await);
    node.node.do_send(Crash);
    topic.do_send(Crash);
    for _ in 0..3 {
        turns().await;
        assert!(node.shared.topics.get(&name).is_some_and(|known| known == topic));
    }
    assert!(node.topic("t").await == topic);
    publish(&topic).await.unwrap().unwrap();
    node.node.send(Shutdown).await.unwrap();
}
