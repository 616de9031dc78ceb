//! Actors on a disk that is full, or fails, under many topics at once.

use actix::Addr;
use actix_rt::time::timeout;
use futures_util::future::join_all;
use tempfile::TempDir;

use super::{SOON, TestNode, publish};
use crate::{
    actors::{
        Topic,
        node::Shutdown,
        shared::Shared,
        testing,
        topic::{FindChannel, PauseTopic, PublishError},
    },
    config::{Durability, NsqdOptions},
    protocol::ChannelName,
    storage::{
        LogOptions, Reserve,
        failing_disk::{FailingDisk, Faults},
        reserve::RESERVE_BYTES,
    },
};

const TOPICS: usize = 20;

/// A node with a reserve, and the disk that it is on.
struct Full {
    node: TestNode,
    disk: FailingDisk,
    dir: TempDir,
}

impl Full {
    fn start(durability: Durability) -> Self {
        let (dir, disk) = (tempfile::tempdir().unwrap(), FailingDisk::default());
        let shared_disk = std::sync::Arc::new(disk.clone());
        let log = LogOptions {
            segment_bytes_max: 400,
            disk: shared_disk.clone(),
            ..LogOptions::default()
        };
        let options = NsqdOptions { durability, ..NsqdOptions::default() };
        let shared = Shared {
            reserve: Reserve::new(dir.path(), shared_disk),
            ..testing::shared_with(dir.path(), log, options)
        };
        Self { node: TestNode::with(shared), disk, dir }
    }

    async fn topics(&self) -> Vec<Addr<Topic>> {
        let names: Vec<_> = (0..TOPICS).map(|number| format!("t{number}")).collect();
        join_all(names.iter().map(|name| self.node.topic(name))).await
    }

    /// Nothing is published meanwhile.
    async fn recovers(&self) {
        let recovered = async {
            while self.node.health().await != "OK" {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, recovered).await.expect("health is good again");
    }

    async fn stop(self) {
        self.node.node.send(Shutdown).await.unwrap();
    }
}

/// Publishes one message to each topic at once: what becomes of them.
async fn publish_to(topics: &[Addr<Topic>]) -> Vec<Result<(), String>> {
    let answers = join_all(topics.iter().map(publish));
    let answers = timeout(SOON, answers).await.expect("every publish is answered");
    let text = |error: PublishError| error.to_string();
    answers.into_iter().map(|answer| answer.expect("answered").map_err(text)).collect()
}

#[track_caller]
fn expect_full(answer: &Result<(), String>) {
    let text = answer.as_ref().expect_err("refused");
    assert!(text.contains("no space") || text.contains("no storage space"), "{text}");
}

#[actix::test]
async fn many_topics_on_a_full_disk_keep_what_they_have_answered_and_go_on_together() {
    for durability in [Durability::Process, Durability::Power] {
        let full = Full::start(durability);
        let topics = full.topics().await;
        // There is room for some messages of each.
        full.disk.set(Faults { space: Some(TOPICS * 300), ..Faults::default() });
        let (mut stored, mut refused) = ([0; TOPICS], 0);
        while refused < TOPICS {
            refused = 0;
            for (answer, stored) in publish_to(&topics).await.iter().zip(&mut stored) {
                if answer.is_ok() {
                    *stored += 1;
                } else {
                    expect_full(answer);
                    refused += 1;
                }
            }
        }
        assert!(full.node.health().await.starts_with("NOK - "));
        full.disk.set(Faults::default());
        full.recovers().await;
        for answer in publish_to(&topics).await {
            answer.expect("there is room");
        }
        for (number, stored) in stored.into_iter().enumerate() {
            assert_eq!(full.node.depth(&format!("t{number}")).await, stored + 1, "{durability:?}");
        }
        full.stop().await;
    }
}

#[actix::test]
async fn many_topics_whose_syncs_fail_are_refused_for_good_and_others_are_not() {
    let full = Full::start(Durability::Power);
    let topics = full.topics().await;
    let kept = full.node.topic("kept").await;
    full.disk.set(Faults { sync: true, ..Faults::default() });
    for _ in 0..2 {
        for answer in publish_to(&topics).await {
            assert!(answer.expect_err("not durable").contains("injected"));
        }
        assert!(full.node.health().await.starts_with("NOK - cannot sync"));
        full.disk.set(Faults::default());
    }
    assert_eq!(publish_to(&[kept]).await, [Ok(())]);
    full.stop().await;
}

#[actix::test]
async fn a_small_file_is_written_into_the_reserve_which_is_taken_again_when_there_is_room() {
    let full = Full::start(Durability::Process);
    let topic = full.node.topic("t").await;
    assert_eq!(publish_to(std::slice::from_ref(&topic)).await, [Ok(())]);
    full.disk.set(Faults { space: Some(0), ..Faults::default() });
    // A new file: what is left of the room is too little for the reserve.
    topic.send(PauseTopic(true)).await.unwrap().expect("there is room for it");
    assert!(full.dir.path().join("topics/t/topic.meta").exists());
    let (reserve, shared) = (full.dir.path().join("reserve"), &full.node.shared);
    assert!(!shared.reserve.is_held());
    expect_full(&publish_to(std::slice::from_ref(&topic)).await[0]);
    let name = ChannelName::parse("c").unwrap();
    let created = topic.send(FindChannel { name, create: true }).await.unwrap();
    expect_full(&created.map(drop).map_err(|error| error.to_string()));
    assert!(full.node.health().await.starts_with("NOK - no space left on device"));
    full.disk.set(Faults { space: Some(RESERVE_BYTES + (64 << 10)), ..Faults::default() });
    full.recovers().await;
    assert!(shared.reserve.is_held() && reserve.exists());
    full.disk.set(Faults::default());
    assert_eq!(publish_to(&[topic]).await, [Ok(())]);
    full.stop().await;
}
