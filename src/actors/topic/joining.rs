//! Publishes on their way to a topic: what comes in one turn of a thread leaves as one message.
//!
//! A message to an actor, the memory it takes and its answer cost more than a small publish does. So the connections and requests
//! of a thread that publish to the same topic put what they have into one [`Joined`]. It leaves after all of them that were ready
//! have had their turn, and its answer wakes the thread once, for all of them.

use std::{
    cell::RefCell,
    future::Future,
    hash::BuildHasher,
    pin::Pin,
    rc::Rc,
    task::{self, Poll, Waker, ready},
    time::Duration,
};

use actix::Addr;
use futures_util::{StreamExt, stream::FuturesUnordered};
use hashbrown::{DefaultHashBuilder, HashTable};
use tokio::sync::oneshot;

use super::{Batches, Publish, PublishError, Topic};
use crate::{broker::topic::MESSAGES_PER_STAMP, protocol::FramedMessages, storage::BatchBuilder};

/// A batch is closed when it has grown to this, unless a single message is larger.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Publishes up to this size may move others of their batch to larger memory: that costs less than a record of their own.
const JOIN_BYTES_MAX: usize = 16 * 1024;
/// A batch is not moved any more when it has grown to this.
const MOVED_BYTES_MAX: usize = 256 * 1024;
/// What has so many bytes leaves, and others begin anew.
const JOINED_BYTES_MAX: usize = 1024 * 1024;

thread_local! {
    static WAITING: RefCell<Waiting> = RefCell::default();
}

/// What has not been seen off.
#[derive(Default)]
struct Waiting {
    /// What can still be added to, by where it goes and when it may be delivered.
    groups: HashTable<Rc<Group>>,
    /// What was full, and has left.
    full: Vec<Rc<Group>>,
    /// What the last one had that left, within bounds: about as much is to come.
    usual_bytes: usize,
    hasher: DefaultHashBuilder,
    /// The thread has a task that sees them off, which has this waker since it was polled first.
    has_task: bool,
    task: Option<Waker>,
}

impl Waiting {
    fn hash(&self, topic: &Addr<Topic>, delay: Duration) -> u64 {
        self.hasher.hash_one((topic, delay))
    }

    fn find(&self, topic: &Addr<Topic>, delay: Duration) -> Option<Rc<Group>> {
        let hash = self.hash(topic, delay);
        self.groups.find(hash, |group| group.is_for(topic, delay)).map(Rc::clone)
    }

    fn insert(&mut self, group: Rc<Group>) {
        let hash = self.hash(&group.topic, group.delay);
        let hasher = &self.hasher;
        self.groups.insert_unique(hash, group, |it| hasher.hash_one((&it.topic, it.delay)));
    }

    fn begin(&mut self, topic: &Addr<Topic>, delay: Duration) -> Rc<Group> {
        let state = State { expected_bytes: self.usual_bytes, ..State::default() };
        let group = Rc::new(Group { topic: topic.clone(), delay, state: RefCell::new(state) });
        self.insert(Rc::clone(&group));
        if !std::mem::replace(&mut self.has_task, true) {
            actix_rt::spawn(SeeingOff::default());
        }
        if let Some(task) = &self.task {
            task.wake_by_ref(); // it is polled after all tasks that are ready now
        }
        group
    }

    /// Nothing can be added to a full one.
    fn close(&mut self, full: &Rc<Group>) {
        let hash = self.hash(&full.topic, full.delay);
        if let Ok(found) = self.groups.find_entry(hash, |it| Rc::ptr_eq(it, full)) {
            self.full.push(found.remove().0);
        }
    }

    fn take_all(&mut self) -> Vec<Rc<Group>> {
        let mut all = std::mem::take(&mut self.full);
        all.extend(self.groups.drain());
        all
    }
}

/// Publishes of this thread that reach their topic together.
#[derive(Debug, Clone)]
pub struct Joined(Rc<Group>);

#[derive(Debug)]
struct Group {
    topic: Addr<Topic>,
    delay: Duration,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What has not left.
    batches: Batches,
    bytes: usize,
    expected_bytes: usize,
    commands: u32,
    has_left: bool,
    /// Comes once that has left; the task that sees it off takes it.
    answer: Option<oneshot::Receiver<Answer>>,
    outcome: Option<Outcome>,
    /// Who waits for the outcome.
    waiting: Vec<Waker>,
}

/// What a topic says of a publish.
type Answer = Result<(), PublishError>;
/// What its publishers hear.
type Outcome = Result<Answer, Lost>;

/// The topic has crashed or stopped with the messages in hand, which may be stored or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("lost")]
pub struct Lost;

impl Joined {
    /// What leaves for `topic` with this turn of the thread, to be delivered after `delay`.
    pub fn to(topic: &Addr<Topic>, delay: Duration) -> Self {
        WAITING.with_borrow_mut(|waiting| match waiting.find(topic, delay).map(Self) {
            Some(joined) if !joined.is_full() => joined,
            Some(full) => {
                full.0.leave(); // before what comes later
                waiting.close(&full.0);
                Self(waiting.begin(topic, delay))
            }
            None => Self(waiting.begin(topic, delay)),
        })
    }

    /// Nothing more should be added: the rest belongs into another one.
    pub fn is_full(&self) -> bool {
        let state = self.0.state.borrow();
        state.has_left || state.bytes >= JOINED_BYTES_MAX
    }

    /// Adds what one command publishes: `count` messages, each `[u32 size][body]`, which must be right. `room`: an upper bound of
    /// what else may come.
    pub fn push_framed(&self, framed: &[u8], count: u32, room: usize) {
        let state = &mut *self.0.state.borrow_mut();
        state.commands += 1;
        state.bytes += framed.len();
        if count <= MESSAGES_PER_STAMP {
            return state.last_for(framed.len(), count, room).push_framed(framed, count);
        }
        let (mut rest, mut messages) = (framed, FramedMessages::new(framed));
        while !rest.is_empty() {
            let chunk = messages.by_ref().take(MESSAGES_PER_STAMP as usize);
            let (count, bytes) =
                chunk.fold((0, 0), |(n, bytes), body| (n + 1, bytes + 4 + body.len()));
            let (framed, after) = rest.split_at(bytes);
            state.last_for(bytes, count, 0).push_framed(framed, count);
            rest = after;
        }
    }

    /// Adds one message, which is one command.
    pub fn push(&self, body: &[u8]) {
        let state = &mut *self.0.state.borrow_mut();
        state.commands += 1;
        state.bytes += 4 + body.len();
        state.last_for(4 + body.len(), 1, 0).push(body);
    }

    /// Ready when all that is in it is stored, or is not.
    pub fn stored(&self) -> Stored {
        Stored { group: Rc::clone(&self.0), place: None }
    }
}

impl State {
    /// The batch that takes so much, which may have to be a new one.
    fn last_for(&mut self, bytes: usize, count: u32, room: usize) -> &mut BatchBuilder {
        let Batches { first, rest } = &mut self.batches;
        let last = rest.last().unwrap_or(first);
        if !last.is_empty() && !fits(last, bytes, count) {
            rest.push(BatchBuilder::with_capacity(bytes.max(room)));
        } else if last.is_empty() {
            *first = BatchBuilder::with_capacity(bytes.max(room).max(self.expected_bytes));
        }
        rest.last_mut().unwrap_or(first)
    }
}

fn fits(batch: &BatchBuilder, bytes: usize, count: u32) -> bool {
    let grown = batch.payload_bytes() + bytes;
    let may_move = bytes <= JOIN_BYTES_MAX && grown <= MOVED_BYTES_MAX;
    batch.count() + count <= MESSAGES_PER_STAMP
        && grown <= BATCH_BYTES_MAX
        && (bytes <= batch.spare_bytes() || may_move)
}

impl Group {
    fn is_for(&self, topic: &Addr<Topic>, delay: Duration) -> bool {
        self.topic == *topic && self.delay == delay
    }

    /// Sends it, unless that has been done.
    fn leave(&self) {
        let mut state = self.state.borrow_mut();
        if std::mem::replace(&mut state.has_left, true) {
            return;
        }
        let (reply, answer) = oneshot::channel();
        state.answer = Some(answer);
        let (mut batches, commands) = (std::mem::take(&mut state.batches), state.commands);
        drop(state);
        batches.first.shrink(); // it is kept in memory for long
        // Not bounded by the mailbox, but by what connections and requests may have unanswered.
        self.topic.do_send(Publish { batches, delay: self.delay, commands, reply });
    }

    fn settle(&self, outcome: Outcome) {
        let waiting = {
            let state = &mut *self.state.borrow_mut();
            state.outcome.get_or_insert(outcome);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// The one task of a thread that sends what has been joined, and hears what becomes of it.
#[derive(Default)]
struct SeeingOff(FuturesUnordered<Departed>);

impl Future for SeeingOff {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let leaving = WAITING.with_borrow_mut(|waiting| {
            waiting.task.get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
            waiting.take_all()
        });
        for group in leaving {
            group.leave();
            let (bytes, answer) = {
                let state = &mut *group.state.borrow_mut();
                (state.bytes, state.answer.take())
            };
            WAITING.with_borrow_mut(|waiting| waiting.usual_bytes = bytes.min(JOIN_BYTES_MAX));
            self.0.extend(answer.map(|answer| Departed { group, answer }));
        }
        while let Poll::Ready(Some((group, outcome))) = self.0.poll_next_unpin(cx) {
            group.settle(outcome);
        }
        Poll::Pending
    }
}

/// The thread ends; nobody may wait for ever.
impl Drop for SeeingOff {
    fn drop(&mut self) {
        let never_sent = WAITING.try_with(|waiting| waiting.take().take_all());
        let sent = std::mem::take(&mut self.0).into_iter().map(|departed| departed.group);
        for group in never_sent.unwrap_or_default().into_iter().chain(sent) {
            group.settle(Err(Lost));
        }
    }
}

/// A group that has left.
struct Departed {
    group: Rc<Group>,
    answer: oneshot::Receiver<Answer>,
}

impl Future for Departed {
    type Output = (Rc<Group>, Outcome);

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(cx));
        Poll::Ready((Rc::clone(&self.group), answer.map_err(|_| Lost)))
    }
}

/// The answer to some publishes.
#[derive(Debug)]
pub struct Stored {
    group: Rc<Group>,
    /// Where its waker is.
    place: Option<usize>,
}

impl Future for Stored {
    type Output = Result<Result<(), PublishError>, Lost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let State { outcome, waiting, .. } = &mut *this.group.state.borrow_mut();
        if let Some(outcome) = outcome {
            return Poll::Ready(outcome.clone());
        }
        match this.place {
            Some(place) => waiting[place].clone_from(cx.waker()),
            None => {
                this.place = Some(waiting.len());
                waiting.push(cx.waker().clone());
            }
        }
        Poll::Pending
    }
}
