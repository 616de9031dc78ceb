//! `--durability=power` with actors, on a disk that forgets whatever was not synced.

use std::{path::Path, sync::atomic::Ordering, time::Duration};

use actix::Addr;
use actix_rt::time::timeout;

use super::{Gated, SOON, Stored, TestNode, publish};
use crate::{
    actors::{
        Topic,
        channel::PauseChannel,
        node::{DeleteTopic, FindTopic, Shutdown, TopicError},
        snapshot::{Observe, TopicSnapshot},
        topic::{
            Child, CrashChild, DeleteChannel, FindChannel, PauseTopic, SetDurability, WhenOpen,
        },
    },
    config::{Durability, NsqdOptions},
    protocol::{ChannelName, TopicName},
    storage::{
        LogOptions,
        lossy_disk::{LossyDisk, Survival},
    },
};

pub(super) fn power() -> NsqdOptions {
    NsqdOptions { durability: Durability::Power, ..NsqdOptions::default() }
}

fn on(disk: &LossyDisk, path: &Path, options: NsqdOptions) -> TestNode {
    let log = LogOptions {
        segment_bytes_max: 400,
        disk: std::sync::Arc::new(disk.clone()),
        ..LogOptions::default()
    };
    TestNode::on(path, log, options)
}

pub(super) async fn stored(publish: Stored) {
    timeout(SOON, publish).await.expect("answered").expect("answered").expect("stored");
}

async fn refused(publish: Stored) -> String {
    let answer = timeout(SOON, publish).await.expect("answered").expect("answered");
    answer.expect_err("refused").to_string()
}

/// What a node finds on the disk if the power goes now; `None` for no topic of this name.
pub(super) async fn after_power_loss(disk: &LossyDisk, topic: &str) -> Option<TopicSnapshot> {
    let path = tempfile::tempdir().unwrap();
    let disk = disk.after_power_loss(path.path(), Survival::Nothing);
    let node = on(&disk, path.path(), power());
    let name = TopicName::parse(topic).unwrap();
    let found = node.node.send(FindTopic { name, create: false }).await.unwrap();
    let snapshot = match found {
        Ok(topic) => Some(topic.send(Observe::<TopicSnapshot>::new()).await.unwrap()),
        Err(error) => {
            assert_eq!(error, TopicError::NotFound);
            None
        }
    };
    node.node.send(Shutdown).await.unwrap();
    snapshot
}

async fn create_channel(topic: &Addr<Topic>, name: &str) -> Addr<crate::actors::Channel> {
    let name = ChannelName::parse(name).unwrap();
    topic.send(FindChannel { name, create: true }).await.unwrap().unwrap()
}

#[actix::test]
async fn every_ok_outlives_a_loss_of_power() {
    let path = tempfile::tempdir().unwrap();
    let disk = LossyDisk::new(path.path());
    let node = on(&disk, path.path(), power());
    let topic = node.topic("t").await;
    for depth in 1..20 {
        stored(publish(&topic)).await;
        assert_eq!(after_power_loss(&disk, "t").await.unwrap().depth, depth);
    }
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn without_power_only_what_was_synced_outlives_it() {
    let path = tempfile::tempdir().unwrap();
    let disk = LossyDisk::new(path.path());
    let node = on(&disk, path.path(), NsqdOptions::default());
    stored(publish(&node.topic("t").await)).await;
    assert!(after_power_loss(&disk, "t").await.is_none());
    node.node.send(Shutdown).await.unwrap();
    assert_eq!(after_power_loss(&disk, "t").await.unwrap().depth, 1);
}

#[actix::test]
async fn what_was_answered_of_topics_and_channels_outlives_a_loss_of_power() {
    let path = tempfile::tempdir().unwrap();
    let disk = LossyDisk::new(path.path());
    let node = on(&disk, path.path(), power());
    let topic = node.topic("t").await;
    assert_eq!(after_power_loss(&disk, "t").await.unwrap().channels.len(), 0);
    let channel = create_channel(&topic, "c").await;
    assert_eq!(after_power_loss(&disk, "t").await.unwrap().channels.len(), 1);
    channel.send(PauseChannel(true)).await.unwrap().unwrap();
    topic.send(PauseTopic(true)).await.unwrap().unwrap();
    let found = after_power_loss(&disk, "t").await.unwrap();
    assert!(found.paused && found.channels[0].paused);
    let name = ChannelName::parse("c").unwrap();
    topic.send(DeleteChannel(name)).await.unwrap().unwrap();
    assert_eq!(after_power_loss(&disk, "t").await.unwrap().channels.len(), 0);
    let name = TopicName::parse("t").unwrap();
    node.node.send(DeleteTopic(name)).await.unwrap().unwrap();
    assert!(after_power_loss(&disk, "t").await.is_none());
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn a_topic_of_its_own_durability_keeps_it() {
    let path = tempfile::tempdir().unwrap();
    let disk = LossyDisk::new(path.path());
    let node = on(&disk, path.path(), NsqdOptions::default());
    let topic = node.topic("t").await;
    stored(publish(&topic)).await;
    topic.send(SetDurability(Durability::Power)).await.unwrap().unwrap();
    let found = after_power_loss(&disk, "t").await.unwrap();
    assert_eq!((found.depth, found.durability), (1, Some(Durability::Power)));
    stored(publish(&topic)).await;
    assert_eq!(after_power_loss(&disk, "t").await.unwrap().depth, 2);
    topic.send(SetDurability(Durability::Process)).await.unwrap().unwrap();
    stored(publish(&topic)).await;
    let found = after_power_loss(&disk, "t").await.unwrap();
    assert_eq!((found.depth, found.durability), (2, Some(Durability::Process)));
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn an_ok_waits_for_its_sync_and_so_do_the_channels() {
    let node = TestNode::start_with(power());
    let slow = node.topic("slow").await;
    create_channel(&slow, "c").await;
    node.gate.close(Gated::Syncs);
    let mut waiting = publish(&slow);
    timeout(SOON, node.gate.reached()).await.unwrap();
    let seen = slow.send(Observe::<TopicSnapshot>::new()).await.unwrap();
    assert_eq!((seen.message_count, seen.depth, seen.channels[0].depth), (0, 0, 0));
    assert!(waiting.try_recv().is_err(), "written, but not synced");
    node.gate.open();
    stored(waiting).await;
    let seen = slow.send(Observe::<TopicSnapshot>::new()).await.unwrap();
    assert_eq!((seen.message_count, seen.channels[0].depth), (1, 1));
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn publishes_that_come_during_a_sync_share_the_next_one() {
    let node = TestNode::start_with(power());
    let slow = node.topic("slow").await;
    stored(publish(&slow)).await;
    node.gate.close(Gated::Syncs);
    let mut waiting = vec![publish(&slow)];
    timeout(SOON, node.gate.reached()).await.unwrap();
    let before = node.gate.syncs.load(Ordering::Relaxed);
    waiting.extend((0..50).map(|_| publish(&slow)));
    node.gate.open();
    for publish in waiting {
        stored(publish).await;
    }
    let syncs = node.gate.syncs.load(Ordering::Relaxed) - before;
    assert!(syncs <= 2, "{syncs} syncs after the first one");
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn a_log_whose_sync_failed_takes_nothing_until_the_process_ends() {
    let path = tempfile::tempdir().unwrap();
    let disk = LossyDisk::new(path.path());
    let node = on(&disk, path.path(), power());
    let topic = node.topic("t").await;
    stored(publish(&topic)).await;
    disk.set_sync_fails(true);
    assert!(refused(publish(&topic)).await.contains("injected"));
    disk.set_sync_fails(false);
    for crashed in [None, Some(Child::DiskQueue), Some(Child::Itself)] {
        if let Some(child) = crashed {
            assert!(topic.send(CrashChild(child)).await.unwrap());
        }
        assert!(refused(publish(&topic)).await.contains("injected"));
        assert!(node.health().await.starts_with("NOK - cannot sync"), "{}", node.health().await);
    }
    stored(publish(&node.topic("other").await)).await;
    assert!(node.health().await.starts_with("NOK - cannot sync"));
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn so_does_one_whose_segments_could_not_wait_for_the_next_sync() {
    let path = tempfile::tempdir().unwrap();
    let disk = LossyDisk::new(path.path());
    let sync_timeout = Duration::from_secs(3600);
    let node = on(&disk, path.path(), NsqdOptions { sync_timeout, ..NsqdOptions::default() });
    let topic = node.topic("t").await;
    disk.set_sync_fails(true);
    let mut stored = 0;
    while timeout(SOON, publish(&topic)).await.expect("answered").expect("answered").is_ok() {
        stored += 1;
        assert!(stored < 2000, "some hundred segments are not synced");
    }
    assert!(stored > 64, "so many segments may wait");
    disk.set_sync_fails(false);
    for crashed in [None, Some(Child::DiskQueue)] {
        if let Some(child) = crashed {
            assert!(topic.send(CrashChild(child)).await.unwrap());
        }
        assert!(refused(publish(&topic)).await.contains("injected"));
        assert!(node.health().await.starts_with("NOK - cannot sync"), "{}", node.health().await);
    }
    assert_eq!(node.depth("t").await, stored);
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn what_could_not_be_made_durable_is_not_said_to_be_done() {
    let path = tempfile::tempdir().unwrap();
    let disk = LossyDisk::new(path.path());
    let node = on(&disk, path.path(), power());
    let kept = node.topic("kept").await;
    disk.set_sync_fails(true);
    let name = TopicName::parse("new").unwrap();
    let new = node.node.send(FindTopic { name, create: true }).await.unwrap().unwrap();
    assert!(new.send(WhenOpen).await.unwrap().is_err());
    assert!(kept.send(PauseTopic(true)).await.unwrap().is_err());
    let name = ChannelName::parse("c").unwrap();
    assert!(kept.send(FindChannel { name, create: true }).await.unwrap().is_err());
    let deleted = node.node.send(DeleteTopic(TopicName::parse("kept").unwrap())).await.unwrap();
    assert_eq!(deleted, Err(TopicError::NotRemoved));
    disk.set_sync_fails(false);
    assert!(after_power_loss(&disk, "new").await.is_none());
    assert!(after_power_loss(&disk, "kept").await.is_some());
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn a_log_whose_sync_failed_in_the_background_takes_nothing_either() {
    let path = tempfile::tempdir().unwrap();
    let disk = LossyDisk::new(path.path());
    let sync_timeout = Duration::from_millis(5);
    let node = on(&disk, path.path(), NsqdOptions { sync_timeout, ..NsqdOptions::default() });
    let topic = node.topic("t").await;
    disk.set_sync_fails(true);
    // A sync that began when the topic was opened may have failed already; then this is refused.
    let _stored_or_refused = timeout(SOON, publish(&topic)).await.expect("answered");
    timeout(SOON, async {
        while node.health().await == "OK" {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the sync is noticed");
    disk.set_sync_fails(false);
    assert!(refused(publish(&topic)).await.contains("injected"));
    assert!(node.health().await.starts_with("NOK - cannot sync"));
    node.node.send(Shutdown).await.unwrap();
}
