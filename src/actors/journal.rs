//! The journal at work: what many logs wait for at the same moment is gathered, and made durable by one write and one
//! sync, on a thread of its own.
//!
//! Where few logs wait, each is synced by itself: the journal costs a second write. When a file of it is full, the logs
//! that it has something of are asked to sync themselves, a few at a time; until they have, and the next file is full as well,
//! no more is taken. After a failure nothing is taken at all, and the files stay until no log needs them.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    future::Future,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use actix::WeakRecipient;
use tokio::sync::oneshot;

use super::{
    disk_queue::SyncItself,
    disk_threads::{DiskThreads, Sizes},
};
use crate::{
    protocol::TopicName,
    storage::{
        Batch, Disk, LogPosition,
        journal::{Coverage, Entry, EntryKind, JOURNAL_FILE_BYTES, JournalFiles},
    },
};

/// So many logs that wait at the same moment are worth the journal.
pub const MANY_LOGS: usize = 8;
/// Bytes that may wait; logs that have more are synced by themselves.
const QUEUE_BYTES_MAX: u64 = 16 << 20;
/// Bytes that are written with one sync.
const ROUND_BYTES_MAX: usize = 8 << 20;
/// Logs that are asked to sync themselves at the same moment, so that others have their turn.
const ASKED_MAX: usize = 16;

/// Why the journal has not made durable what it was given.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the journal has failed: {0}")]
pub struct JournalFailed(Arc<str>);

type Answer = Result<(), JournalFailed>;
/// Hears when something is durable, or that it is not. Whoever waits has to do without if it is dropped.
pub type Reply = oneshot::Sender<Answer>;

/// The journal of a node. Cheap to clone.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Used by the thread alone.
    files: Mutex<JournalFiles>,
    threads: DiskThreads,
    many: usize,
    /// Logs that wait for the disk.
    waiting: AtomicUsize,
    /// Those that the last round was for.
    last_round: AtomicUsize,
    /// There is room.
    has_room: AtomicBool,
}

struct State {
    coverage: Coverage,
    queue: VecDeque<Queued>,
    queued_bytes: u64,
    /// Nothing is taken any more, for this reason.
    failure: Option<JournalFailed>,
    /// Files could not be removed: that is left to the next start.
    keeps_files: bool,
    /// The thread is at work, or about to be.
    is_running: bool,
    /// Whom to ask for a sync of its own.
    logs: HashMap<TopicName, WeakRecipient<SyncItself>>,
    to_ask: VecDeque<TopicName>,
    asked: HashSet<TopicName>,
}

struct Queued {
    entry: Entry,
    reply: Reply,
    /// The topic has been deleted meanwhile.
    is_gone: bool,
}

/// A log waits for the disk, as long as this is there.
pub struct Waiting(Arc<Inner>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

impl Journal {
    /// A journal below `data_path`, without files. It is used when so `many` logs wait at the same moment.
    pub fn new(data_path: &Path, disk: Arc<dyn Disk>, many: usize) -> Self {
        Self::with_files_of(JOURNAL_FILE_BYTES, data_path, disk, many)
    }

    /// The same with other files.
    pub fn with_files_of(
        file_bytes_max: u64,
        data_path: &Path,
        disk: Arc<dyn Disk>,
        many: usize,
    ) -> Self {
        let state = State {
            coverage: Coverage::new(file_bytes_max),
            queue: VecDeque::new(),
            queued_bytes: 0,
            failure: None,
            keeps_files: false,
            is_running: false,
            logs: HashMap::new(),
            to_ask: VecDeque::new(),
            asked: HashSet::new(),
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            files: Mutex::new(JournalFiles::new(data_path, disk)),
            threads: DiskThreads::new("journal", Sizes { enough: 1, max: 1 }),
            many,
            waiting: AtomicUsize::new(0),
            last_round: AtomicUsize::new(0),
            has_room: AtomicBool::new(true),
        }))
    }

    /// Takes note of a log that waits for the disk.
    pub fn wait(&self) -> Waiting {
        self.0.waiting.fetch_add(1, Relaxed);
        Waiting(Arc::clone(&self.0))
    }

    /// So many logs wait, or did in the last round, that one more had better not be synced by itself.
    pub fn is_worth_it(&self) -> bool {
        let waiting = self.0.waiting.load(Relaxed).max(self.0.last_round.load(Relaxed));
        waiting >= self.0.many && self.0.has_room.load(Relaxed)
    }

    /// Takes records that follow what is durable of a topic's log, and tells when they are durable too. False if it does
    /// not take them. `log` is asked to sync itself when the journal needs that.
    pub fn take(
        &self,
        topic: &TopicName,
        records: Vec<Arc<Batch>>,
        log: &WeakRecipient<SyncItself>,
        reply: Reply,
    ) -> bool {
        let entry = Entry { topic: topic.clone(), kind: EntryKind::Records(records) };
        let mut state = self.0.lock();
        let bytes = state.queued_bytes + entry.encoded_len() as u64;
        let has_room = bytes <= QUEUE_BYTES_MAX && state.coverage.has_room_for(bytes);
        if !has_room || state.failure.is_some() {
            self.0.has_room.store(false, Relaxed);
            return false;
        }
        state.logs.entry(topic.clone()).or_insert_with(|| log.clone());
        self.0.add(state, entry, reply);
        true
    }

    /// Something of a topic of this name may be found, deleted or not.
    pub fn names(&self, topic: &TopicName) -> bool {
        self.0.lock().names(topic)
    }

    /// Before a topic is created: sees to it that nothing which the journal has of an earlier one of that name comes
    /// back into it. Waits for the disk.
    pub fn end_earlier(&self, topic: &TopicName) -> Answer {
        let state = self.0.lock();
        if !state.names(topic) {
            return Ok(());
        }
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        let (reply, ended) = oneshot::channel();
        self.0.add(state, Entry { topic: topic.clone(), kind: EntryKind::Ended }, reply);
        ended.blocking_recv().unwrap_or_else(|_| Err(JournalFailed("it was abandoned".into())))
    }

    /// A topic's log is durable by itself up to there.
    pub fn synced(&self, topic: &TopicName, to: LogPosition) {
        let mut state = self.0.lock();
        if state.coverage.is_used() {
            state.coverage.synced(topic, to);
            self.0.let_go(state, topic);
        }
    }

    /// A topic has been deleted for good.
    pub fn forget(&self, topic: &TopicName) {
        let mut state = self.0.lock();
        state.logs.remove(topic);
        let of_topic = state.queue.iter_mut().filter(|queued| queued.entry.topic == *topic);
        of_topic.for_each(|queued| queued.is_gone = true);
        state.coverage.forget(topic);
        self.0.let_go(state, topic);
    }

    /// Takes nothing more, and removes every file that no log needs. To be awaited when the logs have been synced.
    pub fn close(&self) -> impl Future<Output = ()> + use<> {
        let inner = Arc::clone(&self.0);
        inner.lock().failure.get_or_insert(JournalFailed("the node stops".into()));
        let closed = self.0.threads.run(move || inner.work());
        async move {
            let _it_has_been_said = closed.await;
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(self: &Arc<Self>, mut state: MutexGuard<'_, State>, entry: Entry, reply: Reply) {
        state.queued_bytes += entry.encoded_len() as u64;
        state.queue.push_back(Queued { entry, reply, is_gone: false });
        self.start(state);
    }

    /// Sees to it that the thread is at work.
    fn start(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let was_running = std::mem::replace(&mut state.is_running, true);
        drop(state);
        if !was_running {
            let work = Work { inner: Arc::clone(self), is_done: false };
            drop(self.threads.run(move || work.run())); // it runs all the same
        }
    }

    /// A topic needs nothing of some files any more: they may be done, and others be asked.
    fn let_go(self: &Arc<Self>, mut state: MutexGuard<'_, State>, topic: &TopicName) {
        state.asked.remove(topic);
        state.ask();
        if state.has_done() {
            self.start(state);
        }
    }

    /// The thread: goes on until nothing is left to do.
    fn work(&self) {
        let mut state = self.lock();
        while !state.queue.is_empty() || state.has_done() {
            state = self.do_round(state);
        }
        state.is_running = false;
    }

    fn do_round<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if state.failure.is_some() {
            state.refuse_queued();
            return self.remove_done(state);
        }
        let queued = state.take_round();
        let gone = queued.iter().filter(|queued| queued.is_gone);
        let gone: Vec<_> = gone.map(|queued| queued.entry.topic.clone()).collect();
        let (entries, replies): (Vec<_>, Vec<_>) =
            queued.into_iter().map(|queued| (queued.entry, queued.reply)).unzip();
        let round = state.coverage.begin_round(&entries);
        gone.iter().for_each(|topic| state.coverage.forget(topic));
        drop(state);
        let done = self.files().carry_out(&round, &entries);
        let mut state = self.lock();
        let answer = match done {
            Ok(()) => {
                state.coverage.end_round(&round, &entries);
                Ok(())
            }
            Err(error) => Err(state.fail(&error.to_string())),
        };
        if !replies.is_empty() {
            self.last_round.store(replies.len(), Relaxed);
        }
        self.has_room.store(answer.is_ok() && state.coverage.has_room_for(1), Relaxed);
        state.ask();
        drop(state);
        // Who asked may have gone.
        replies.into_iter().for_each(|reply| _ = reply.send(answer.clone()));
        self.lock()
    }

    /// After a failure.
    fn remove_done<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let round = state.coverage.last_round();
        drop(state);
        let removed = self.files().carry_out(&round, &[]);
        let mut state = self.lock();
        match removed {
            Ok(()) => state.coverage.end_round(&round, &[]),
            Err(error) => {
                state.keeps_files = true;
                log::warn!("files of the journal stay until the next start: {error}");
            }
        }
        state
    }

    fn files(&self) -> MutexGuard<'_, JournalFiles> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the thread is to do. If it does not come to the end of that, the journal has failed.
struct Work {
    inner: Arc<Inner>,
    is_done: bool,
}

impl Work {
    fn run(mut self) {
        self.inner.work();
        self.is_done = true;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.is_done {
            let mut state = self.inner.lock();
            state.fail("its thread could not be had, or panicked");
            (state.keeps_files, state.is_running) = (true, false);
            state.refuse_queued();
        }
    }
}

impl State {
    /// What goes together, at least one if there is one.
    fn take_round(&mut self) -> Vec<Queued> {
        let mut bytes = 0;
        let mut fits = |queued: &&Queued| {
            bytes += queued.entry.encoded_len();
            bytes <= ROUND_BYTES_MAX
        };
        let count = self.queue.iter().take_while(|queued| fits(queued)).count();
        let count = count.max(1).min(self.queue.len());
        let round: Vec<_> = self.queue.drain(..count).collect();
        self.queued_bytes -=
            round.iter().map(|queued| queued.entry.encoded_len() as u64).sum::<u64>();
        round
    }

    fn refuse_queued(&mut self) {
        self.queued_bytes = 0;
        for queued in self.queue.drain(..) {
            // Who asked may have gone.
            let _ = queued.reply.send(self.failure.clone().map_or(Ok(()), Err));
        }
    }

    fn names(&self, topic: &TopicName) -> bool {
        self.coverage.names(topic) || self.queue.iter().any(|queued| queued.entry.topic == *topic)
    }

    fn fail(&mut self, reason: &str) -> JournalFailed {
        log::error!(
            "the journal has failed: {reason}; every log is synced by itself until nsqd is started again"
        );
        self.to_ask.clear();
        self.failure.get_or_insert(JournalFailed(reason.into())).clone()
    }

    fn has_done(&self) -> bool {
        match self.failure {
            None => self.coverage.has_done(),
            Some(_) => !self.keeps_files && !self.coverage.last_round().done.is_empty(),
        }
    }

    /// Asks logs to sync themselves, so that files can go.
    fn ask(&mut self) {
        let all = self.failure.is_some();
        if self.asked.is_empty() && self.to_ask.is_empty() {
            self.to_ask.extend(self.coverage.wanted(all).cloned());
        }
        while self.asked.len() < ASKED_MAX
            && let Some(topic) = self.to_ask.pop_front()
        {
            if let Some(log) = self.logs.get(&topic).and_then(WeakRecipient::upgrade) {
                log.do_send(SyncItself);
                self.asked.insert(topic);
            }
        }
    }
}
