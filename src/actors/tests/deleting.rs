//! Deletions on a disk that fails.

use actix::{Actor, Context, Handler};
use tempfile::TempDir;

use super::{TestNode, publish};
use crate::{
    actors::{
        disk_queue::{Delete, DiskQueue, LogRestarted, Open},
        meters::DiskGauges,
        node::{DeleteTopic, FindTopic, Shutdown, TopicError},
        testing,
        topic::{ChannelError, DeleteChannel, FindChannel, WhenOpen},
    },
    config::NsqdOptions,
    protocol::{ChannelName, TopicName},
    storage::{
        LogOptions,
        failing_disk::{FailingDisk, Faults},
    },
};

fn name() -> TopicName {
    TopicName::parse("t").unwrap()
}

fn node() -> (TestNode, FailingDisk, TempDir) {
    let (dir, disk) = (tempfile::tempdir().unwrap(), FailingDisk::default());
    let log = LogOptions { disk: std::sync::Arc::new(disk.clone()), ..LogOptions::default() };
    (TestNode::on(dir.path(), log, NsqdOptions::default()), disk, dir)
}

async fn delete(node: &TestNode) -> Result<(), TopicError> {
    node.node.send(DeleteTopic(name())).await.unwrap()
}

fn nothing_can_be_renamed() -> Faults {
    Faults { rename: true, ..Faults::default() }
}

#[actix::test]
async fn a_deletion_that_has_failed_can_be_tried_again() {
    let (node, disk, dir) = node();
    publish(&node.topic("t").await).await.unwrap().unwrap();
    disk.set(nothing_can_be_renamed());
    for _ in 0..2 {
        assert_eq!(delete(&node).await, Err(TopicError::NotRemoved));
    }
    disk.set(Faults::default());
    assert_eq!(delete(&node).await, Ok(()));
    assert_eq!(delete(&node).await, Err(TopicError::NotFound));
    node.node.send(Shutdown).await.unwrap();
    assert!(!dir.path().join("topics/t").exists());
}

#[actix::test]
async fn what_a_failed_deletion_has_left_does_not_come_back_with_the_name() {
    let (node, disk, _dir) = node();
    publish(&node.topic("t").await).await.unwrap().unwrap();
    disk.set(nothing_can_be_renamed());
    assert_eq!(delete(&node).await, Err(TopicError::NotRemoved));
    let find = FindTopic { name: name(), create: true };
    let topic = node.node.send(find).await.unwrap().unwrap();
    let refused = topic.send(WhenOpen).await.unwrap().unwrap_err();
    assert!(refused.to_string().contains("cannot rename"), "{refused}");
    assert_eq!(delete(&node).await, Err(TopicError::NotRemoved));
    disk.set(Faults::default());
    let topic = node.topic("t").await;
    assert_eq!(node.depth("t").await, 0);
    publish(&topic).await.unwrap().unwrap();
    assert_eq!(node.depth("t").await, 1);
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn a_channel_whose_file_could_not_be_removed_can_be_deleted_again() {
    let (node, disk, _dir) = node();
    let topic = node.topic("t").await;
    let channel = ChannelName::parse("c").unwrap();
    let delete = || topic.send(DeleteChannel(channel.clone()));
    topic.send(FindChannel { name: channel.clone(), create: true }).await.unwrap().unwrap();
    disk.set(Faults { remove: true, ..Faults::default() });
    for _ in 0..2 {
        let failed = delete().await.unwrap().unwrap_err();
        assert!(!matches!(failed, ChannelError::NotFound), "{failed}");
    }
    disk.set(Faults::default());
    delete().await.unwrap().unwrap();
    assert!(matches!(delete().await.unwrap(), Err(ChannelError::NotFound)));
    node.node.send(Shutdown).await.unwrap();
}

struct Nobody;

impl Actor for Nobody {
    type Context = Context<Self>;
}

impl Handler<LogRestarted> for Nobody {
    type Result = ();

    fn handle(&mut self, _: LogRestarted, _: &mut Self::Context) {}
}

#[actix::test]
async fn who_deletes_twice_harms_no_other_topic_of_the_name() {
    let dir = tempfile::tempdir().unwrap();
    let shared = std::sync::Arc::new(testing::shared(dir.path()));
    let (restarted, gauges) = (Nobody.start().recipient(), DiskGauges::default());
    let queue = DiskQueue::new(name(), shared.clone(), restarted, gauges.into()).start();
    queue.send(Open).await.unwrap().unwrap();
    queue.send(Delete).await.unwrap().unwrap();
    let other = shared.data.create_topic(&name()).unwrap();
    queue.send(Delete).await.unwrap().unwrap();
    assert!(other.exists());
    assert!(queue.send(Open).await.unwrap().is_err());
}

#[actix::test]
async fn one_thread_removes_the_files_of_all_deleted_topics() {
    let (node, _disk, dir) = node();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let held_up = node.shared.removers.run(move || released.recv());
    let names: Vec<_> = (0..20).map(|number| format!("t{number}")).collect();
    for name in &names {
        node.topic(name).await;
        let delete = DeleteTopic(TopicName::parse(name).unwrap());
        node.node.send(delete).await.unwrap().unwrap();
    }
    let left = || std::fs::read_dir(dir.path().join("topics")).unwrap().count();
    assert_eq!(left(), names.len(), "nobody else removes them, and nobody waits for that");
    drop(release);
    let _sender_is_gone = held_up.await.unwrap();
    node.shared.removers.run(|| ()).await.unwrap(); // behind all of them
    assert_eq!(left(), 0);
    node.node.send(Shutdown).await.unwrap();
}
