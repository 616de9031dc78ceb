//! Actors with a disk that does as it is told.

mod addresses;
mod deleting;
mod full_disk;
mod joining;
mod journal;
mod power;

use std::{
    io::{self, IoSlice},
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::{Addr, MailboxError};
use actix_rt::{Arbiter, task::JoinHandle, time::timeout};
use tokio::sync::oneshot;

use super::{
    Node, Topic, clock,
    disk_threads::{DiskThreads, Sizes},
    node::{DeleteTopic, FindTopic, Shutdown, TopicError},
    shared::Shared,
    snapshot::{NodeSnapshot, Observe},
    supervisor::{ChildSpec, Crash, supervise},
    testing,
    topic::{Batches, Child, CrashChild, Publish, PublishError, WhenOpen},
};
use crate::{
    config::NsqdOptions,
    protocol::TopicName,
    storage::{AroundFiles, BatchBuilder, Disk, DiskFile, LogOptions},
};

/// Ample, as the machine may be busy.
const SOON: Duration = Duration::from_secs(60);

/// What the disk does with the segments of the topic named `slow`.
#[derive(Debug, Default)]
struct Gate {
    closed: Mutex<Option<Gated>>,
    changed: Condvar,
    reached: AtomicBool,
    /// Writes that pass fail.
    writes_fail: AtomicBool,
    syncs: AtomicUsize,
}

/// Calls that can be made to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gated {
    Writes,
    Syncs,
}

impl Gate {
    fn close(&self, gated: Gated) {
        let mut closed = self.closed.lock().unwrap();
        self.reached.store(false, Ordering::Relaxed);
        *closed = Some(gated);
    }

    fn open(&self) {
        *self.closed.lock().unwrap() = None;
        self.changed.notify_all();
    }

    /// Waits until a call stands before the closed gate.
    async fn reached(&self) {
        while !self.reached.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }

    fn pass(&self, call: Gated) {
        let closed = self.closed.lock().unwrap();
        if *closed == Some(call) {
            self.reached.store(true, Ordering::Relaxed);
        }
        drop(self.changed.wait_while(closed, |closed| *closed == Some(call)).unwrap());
    }
}

/// The real disk, but for a gate before each write to the topic `slow`.
#[derive(Debug)]
struct GatedDisk(Arc<Gate>);

#[derive(Debug)]
struct GatedFile(Arc<dyn DiskFile>, Arc<Gate>);

impl AroundFiles for GatedDisk {
    fn opened(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let is_slow = path.components().any(|part| part.as_os_str() == "slow");
        if is_slow { Arc::new(GatedFile(file, Arc::clone(&self.0))) } else { file }
    }
}

impl DiskFile for GatedFile {
    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.1.pass(Gated::Writes);
        if self.1.writes_fail.load(Ordering::Relaxed) {
            return Err(io::Error::other("injected"));
        }
        self.0.write_at(parts, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.1.syncs.fetch_add(1, Ordering::Relaxed);
        self.1.pass(Gated::Syncs);
        self.0.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
}

/// A node on the test's own thread, with a gated disk.
struct TestNode {
    node: Addr<Node>,
    gate: Arc<Gate>,
    shared: Arc<Shared>,
    _dir: Option<tempfile::TempDir>,
}

impl TestNode {
    fn start() -> Self {
        Self::start_with(NsqdOptions::default())
    }

    fn start_with(options: NsqdOptions) -> Self {
        Self::gated(options, |shared| shared)
    }

    fn gated(options: NsqdOptions, change: impl FnOnce(Shared) -> Shared) -> Self {
        let (dir, gate) = (tempfile::tempdir().unwrap(), Arc::new(Gate::default()));
        let disk: Arc<dyn Disk> = Arc::new(GatedDisk(Arc::clone(&gate)));
        let log = LogOptions { disk, ..LogOptions::default() };
        let node = Self::with(change(testing::shared_with(dir.path(), log, options)));
        Self { gate, _dir: Some(dir), ..node }
    }

    /// On a disk that is not gated.
    fn on(path: &Path, log: LogOptions, options: NsqdOptions) -> Self {
        Self::with(testing::shared_with(path, log, options))
    }

    fn with(shared: Shared) -> Self {
        let shared = Arc::new(shared);
        let spec = ChildSpec {
            name: "node".into(),
            mailbox: 16,
            restarts: Arc::clone(&shared.restarts.node),
            failed: testing::nobody(),
        };
        let of_node = Arc::clone(&shared);
        let node = supervise(&Arbiter::current(), spec, move |_| Node::new(of_node, None));
        Self { node, gate: Arc::default(), shared, _dir: None }
    }

    async fn health(&self) -> String {
        self.node.send(Observe::<NodeSnapshot>::new()).await.unwrap().health
    }

    async fn topic(&self, name: &str) -> Addr<Topic> {
        let name = TopicName::parse(name).unwrap();
        let topic = self.node.send(FindTopic { name, create: true }).await.unwrap().unwrap();
        topic.send(WhenOpen).await.unwrap().unwrap();
        topic
    }

    /// Has a topic deleted, up to the point at which its log has been told.
    async fn begin_to_delete(&self, topic: &str) -> Deletion {
        let delete = DeleteTopic(TopicName::parse(topic).unwrap());
        let deleted = actix_rt::spawn(self.node.send(delete));
        turns().await;
        deleted
    }

    async fn depth(&self, topic: &str) -> u64 {
        let snapshot = self.node.send(Observe::<NodeSnapshot>::new()).await.unwrap();
        snapshot.topics.iter().find(|seen| seen.topic_name.as_str() == topic).unwrap().depth
    }
}

type Deletion = JoinHandle<Result<Result<(), TopicError>, MailboxError>>;

/// Gives every actor on this thread some turns.
async fn turns() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

type Stored = oneshot::Receiver<Result<(), PublishError>>;

fn publish(topic: &Addr<Topic>) -> Stored {
    let (reply, stored) = oneshot::channel();
    let mut first = BatchBuilder::new();
    first.push_framed(b"\0\0\0\x04body", 1);
    let batches = Batches { first, rest: Vec::new() };
    topic.do_send(Publish { batches, delay: Duration::ZERO, commands: 1, reply });
    stored
}

#[actix::test]
async fn a_stuck_disk_under_one_topic_is_not_felt_by_another() {
    let node = TestNode::start();
    let (slow, fast) = (node.topic("slow").await, node.topic("fast").await);
    node.gate.close(Gated::Writes);
    let mut stuck = publish(&slow);
    for _ in 0..100 {
        timeout(SOON, publish(&fast)).await.expect("not held up").unwrap().unwrap();
    }
    assert!(stuck.try_recv().is_err(), "not stored, so not answered");
    let waiting = node.shared.meters.waiting_for_disk(clock::now() + SOON);
    assert_eq!(waiting.iter().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>(), ["slow"]);
    assert_eq!((node.depth("fast").await, node.depth("slow").await), (100, 0));
    node.gate.open();
    timeout(SOON, stuck).await.unwrap().unwrap().unwrap();
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn a_write_that_waits_for_a_thread_is_seen_to_wait_for_the_disk() {
    let node = TestNode::gated(NsqdOptions::default(), |shared| {
        let writers = DiskThreads::new("one", Sizes { enough: 1, max: 1 });
        Shared { writers, ..shared }
    });
    let (slow, behind) = (node.topic("slow").await, node.topic("behind").await);
    node.gate.close(Gated::Writes);
    let stuck = publish(&slow);
    timeout(SOON, node.gate.reached()).await.unwrap();
    let waiting = publish(&behind);
    let seen = || node.shared.meters.waiting_for_disk(clock::now() + SOON).len();
    let both_are_seen = async {
        while seen() < 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, both_are_seen).await.expect("the one behind is seen as well");
    node.gate.open();
    for stored in [stuck, waiting] {
        timeout(SOON, stored).await.unwrap().unwrap().unwrap();
    }
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn a_write_that_fails_while_its_topic_is_deleted_leaves_the_node_well() {
    let node = TestNode::start();
    let slow = node.topic("slow").await;
    node.gate.close(Gated::Writes);
    let under_way = publish(&slow);
    timeout(SOON, node.gate.reached()).await.unwrap();
    let deleted = node.begin_to_delete("slow").await;
    node.gate.writes_fail.store(true, Ordering::Relaxed);
    node.gate.open();
    assert!(timeout(SOON, under_way).await.unwrap().unwrap().is_err());
    timeout(SOON, deleted).await.unwrap().unwrap().unwrap().expect("it is gone");
    assert_eq!(node.health().await, "OK");
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn a_topic_that_is_being_deleted_makes_no_place_before_it_is_gone_whoever_crashes() {
    let node = TestNode::start();
    let name = TopicName::parse("slow").unwrap();
    let find = || node.node.send(FindTopic { name: name.clone(), create: true });
    for crashed in ["node", "topic"] {
        let slow = node.topic("slow").await;
        node.gate.close(Gated::Writes);
        let _under_way = publish(&slow);
        timeout(SOON, node.gate.reached()).await.unwrap();
        let deleted = node.begin_to_delete("slow").await;
        match crashed {
            "node" => node.node.do_send(Crash),
            _ => slow.do_send(Crash),
        }
        turns().await;
        assert_eq!(find().await.unwrap().map(drop), Err(TopicError::Exiting), "{crashed}");
        assert!(crashed == "node" || !deleted.is_finished(), "it is still there");
        node.gate.open();
        let again = async {
            while find().await.unwrap().is_err() {
                turns().await;
            }
        };
        timeout(SOON, again).await.expect("it is gone at last");
        let new = node.topic("slow").await;
        publish(&new).await.unwrap().unwrap();
        assert_eq!(node.depth("slow").await, 1, "{crashed}: nothing of the old one");
    }
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn a_write_that_outlives_its_actor_is_answered_and_stored_once() {
    let node = TestNode::start();
    let slow = node.topic("slow").await;
    node.gate.close(Gated::Writes);
    let under_way = publish(&slow);
    timeout(SOON, node.gate.reached()).await.unwrap();
    assert!(slow.send(CrashChild(Child::DiskQueue)).await.unwrap());
    let behind = publish(&slow);
    node.gate.open();
    for stored in [under_way, behind, publish(&slow)] {
        timeout(SOON, stored).await.unwrap().unwrap().unwrap();
    }
    assert_eq!(node.depth("slow").await, 3);
    node.node.send(Shutdown).await.unwrap();
}

#[actix::test]
async fn a_topic_that_crashes_refuses_what_it_had_and_keeps_what_is_stored() {
    let node = TestNode::start();
    let slow = node.topic("slow").await;
    publish(&slow).await.unwrap().unwrap();
    node.gate.close(Gated::Writes);
    let under_way = publish(&slow);
    timeout(SOON, node.gate.reached()).await.unwrap();
    assert!(slow.send(CrashChild(Child::Itself)).await.unwrap());
    assert!(timeout(SOON, under_way).await.unwrap().is_err(), "its answer never comes");
    node.gate.open();
    timeout(SOON, publish(&slow)).await.unwrap().unwrap().unwrap();
    let depth = node.depth("slow").await;
    assert_eq!(depth, 3, "the write under way was finished, though nobody was told");
    node.node.send(Shutdown).await.unwrap();
}
