//! Many topics with `--durability=power`, which share the journal.

use std::{
    io::{self, IoSlice},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use actix::Addr;
use actix_rt::time::timeout;

use super::{
    Gate, Gated, GatedDisk, SOON, TestNode,
    power::{after_power_loss, power, stored},
    publish,
};
use crate::{
    actors::{
        Topic,
        journal::Journal,
        node::{DeleteTopic, Shutdown},
        shared::Shared,
        testing,
    },
    protocol::TopicName,
    storage::{AroundFiles, Disk, DiskFile, LogOptions, lossy_disk::LossyDisk},
};

/// A few dozen small records.
const FILE_BYTES: u64 = 3000;

/// A node on which one log that waits is enough for the journal, and whose files are small.
fn journalled(path: &Path, disk: Arc<dyn Disk>) -> TestNode {
    let log = LogOptions { disk: Arc::clone(&disk), ..LogOptions::default() };
    let shared = testing::shared_with(path, log, power());
    TestNode::with(Shared { journal: Journal::with_files_of(FILE_BYTES, path, disk, 1), ..shared })
}

/// Bytes of the journal's files.
fn journal_bytes(path: &Path, disk: &dyn Disk) -> Vec<u64> {
    let dir = path.join("journal");
    let names = disk.list(&dir).unwrap_or_default();
    let size = |name| disk.open(&dir.join(name)).and_then(|file| file.size());
    names.into_iter().filter_map(|name| size(name).ok()).collect()
}

async fn topics(node: &TestNode, count: usize) -> Vec<Addr<Topic>> {
    let mut topics = Vec::new();
    for number in 0..count {
        topics.push(node.topic(&format!("t{number}")).await);
    }
    topics
}

/// One message to each, at once.
async fn publish_to_all(topics: &[Addr<Topic>]) {
    for publish in topics.iter().map(publish).collect::<Vec<_>>() {
        stored(publish).await;
    }
}

async fn delete(node: &TestNode, topic: &str) {
    let name = TopicName::parse(topic).unwrap();
    node.node.send(DeleteTopic(name)).await.unwrap().unwrap();
}

/// Waits until the journal has no more than so many files.
async fn until_files(path: &Path, disk: &dyn Disk, count: usize) {
    let gone = async {
        while journal_bytes(path, disk).len() > count {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, gone).await.expect("files go");
}

#[actix::test]
async fn every_ok_of_every_topic_outlives_a_loss_of_power() {
    let path = tempfile::tempdir().unwrap();
    let disk = LossyDisk::new(path.path());
    let node = journalled(path.path(), Arc::new(disk.clone()));
    let topics = topics(&node, 3).await;
    for depth in 1..30 {
        publish_to_all(&topics).await;
        for number in 0..topics.len() {
            let found = after_power_loss(&disk, &format!("t{number}")).await.unwrap();
            assert_eq!(found.depth, depth, "topic {number}");
        }
        let bytes = journal_bytes(path.path(), &disk);
        assert!(depth == 1 || !bytes.is_empty(), "the journal is used");
        assert!(bytes.len() <= 2 && bytes.iter().all(|bytes| *bytes < 2 * FILE_BYTES), "{bytes:?}");
    }
    node.node.send(Shutdown).await.unwrap();
    assert_eq!(journal_bytes(path.path(), &disk).len(), 0, "nothing is left after a stop");
    assert_eq!(after_power_loss(&disk, "t0").await.unwrap().depth, 29);
}

#[actix::test]
async fn nothing_of_a_deleted_topic_comes_back_into_a_new_one_of_its_name() {
    let path = tempfile::tempdir().unwrap();
    let disk = LossyDisk::new(path.path());
    let node = journalled(path.path(), Arc::new(disk.clone()));
    for round in 0..5 {
        let topic = node.topic("t").await;
        for _ in 0..5 + round {
            stored(publish(&topic)).await;
        }
        delete(&node, "t").await;
        assert!(after_power_loss(&disk, "t").await.is_none());
        let topic = node.topic("t").await;
        assert_eq!(after_power_loss(&disk, "t").await.unwrap().depth, 0);
        stored(publish(&topic)).await;
        assert_eq!(after_power_loss(&disk, "t").await.unwrap().depth, 1);
        delete(&node, "t").await;
    }
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn a_log_that_is_not_synced_keeps_its_file_and_others_go_on_without_the_journal() {
    let (path, gate) = (tempfile::tempdir().unwrap(), Arc::new(Gate::default()));
    let disk: Arc<dyn Disk> = Arc::new(GatedDisk(Arc::clone(&gate)));
    let node = journalled(path.path(), Arc::clone(&disk));
    let (slow, topics) = (node.topic("slow").await, topics(&node, 2).await);
    stored(publish(&slow)).await; // its segment is new
    gate.close(Gated::Syncs);
    stored(publish(&slow)).await; // only the journal has it
    for _ in 0..100 {
        publish_to_all(&topics).await;
    }
    let bytes = journal_bytes(path.path(), &*disk);
    assert_eq!(bytes.len(), 2, "{bytes:?}");
    assert!(bytes.iter().all(|bytes| *bytes < 2 * FILE_BYTES), "{bytes:?}");
    gate.open();
    until_files(path.path(), &*disk, 1).await;
    publish_to_all(&topics).await;
    stored(publish(&slow)).await;
    node.node.send(Shutdown).await.unwrap();
    assert_eq!(journal_bytes(path.path(), &*disk).len(), 0);
}

/// The real disk, but for syncs of the journal's files, which can fail.
#[derive(Debug)]
struct BadJournal(Arc<AtomicBool>);

#[derive(Debug)]
struct BadFile(Arc<dyn DiskFile>, Arc<AtomicBool>);

impl AroundFiles for BadJournal {
    fn opened(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let is_of_journal = path.extension().is_some_and(|extension| extension == "journal");
        if is_of_journal { Arc::new(BadFile(file, Arc::clone(&self.0))) } else { file }
    }
}

impl DiskFile for BadFile {
    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.0.write_at(parts, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.1.load(Ordering::Relaxed) {
            Err(io::Error::other("injected"))
        } else {
            self.0.sync_data()
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
}

#[actix::test]
async fn a_journal_that_fails_costs_nothing_and_goes_when_no_log_needs_it() {
    let (path, is_bad) = (tempfile::tempdir().unwrap(), Arc::new(AtomicBool::new(false)));
    let disk: Arc<dyn Disk> = Arc::new(BadJournal(Arc::clone(&is_bad)));
    let node = journalled(path.path(), Arc::clone(&disk));
    let topics = topics(&node, 3).await;
    for _ in 0..3 {
        publish_to_all(&topics).await;
    }
    assert_eq!(journal_bytes(path.path(), &*disk).len(), 1);
    is_bad.store(true, Ordering::Relaxed);
    publish_to_all(&topics).await;
    is_bad.store(false, Ordering::Relaxed);
    for _ in 0..3 {
        publish_to_all(&topics).await;
    }
    until_files(path.path(), &*disk, 0).await;
    delete(&node, "t0").await;
    stored(publish(&node.topic("t0").await)).await;
    assert_eq!((node.health().await.as_str(), node.depth("t0").await), ("OK", 1));
    assert_eq!((node.depth("t1").await, node.depth("t2").await), (7, 7));
    assert_eq!(journal_bytes(path.path(), &*disk).len(), 0, "it is not used until the next start");
    node.node.send(Shutdown).await.unwrap();
}
