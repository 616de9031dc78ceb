//! Commands on their way to the task that has the connection.

use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Context,
};

use futures_util::task::AtomicWaker;
use tokio::{
    sync::{Notify, Semaphore, oneshot},
    time::Instant,
};

use super::{ProducerLimits, PublishError};
use crate::client::{dial::Settings, error::Lost, subject::Subject, wire::KEPT_OUTPUT_BYTES};

pub(super) type Reply = oneshot::Sender<Result<(), PublishError>>;

/// One command and who waits for its answer.
pub(super) struct Waiting {
    /// What it takes of the room for outstanding commands.
    pub(super) cost: u32,
    /// Its length in the buffer; 0 for somebody who only wants a connection.
    pub(super) bytes: usize,
    /// Since when it waits, for a connection first and then for its answer.
    pub(super) since: Instant,
    pub(super) reply: Reply,
}

/// Commands in order, as bytes, and who waits for each.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) commands: Vec<u8>,
    pub(super) waiting: VecDeque<Waiting>,
}

impl Queue {
    /// Puts what was not sent in front again.
    pub(super) fn put_back(&mut self, mut unsent: Self) {
        mem::swap(self, &mut unsent);
        self.commands.append(&mut unsent.commands);
        self.waiting.append(&mut unsent.waiting);
    }

    /// Gives back room that only a rush has needed.
    pub(super) fn shrink(&mut self) {
        self.commands.shrink_to(KEPT_OUTPUT_BYTES);
        self.waiting.shrink_to(KEPT_OUTPUT_BYTES / size_of::<Waiting>());
    }

    /// Takes out the first commands, those that have waited since before `moment`.
    fn take_older_than(&mut self, moment: Instant) -> VecDeque<Waiting> {
        let old = self.waiting.iter().take_while(|waiting| waiting.since <= moment);
        let (count, bytes) = old.fold((0, 0), |(count, bytes), old| (count + 1, bytes + old.bytes));
        self.commands.drain(..bytes);
        let rest = self.waiting.split_off(count);
        mem::replace(&mut self.waiting, rest)
    }

    /// Cuts off the commands at the end that lie wholly within the last `bytes` bytes.
    pub(super) fn split_unsent(&mut self, bytes: usize) -> Self {
        let (mut length, mut count) = (0, 0);
        for waiting in self.waiting.iter().rev() {
            if length + waiting.bytes > bytes {
                break;
            }
            length += waiting.bytes;
            count += 1;
        }
        let waiting = self.waiting.split_off(self.waiting.len() - count);
        let commands = self.commands.split_off(self.commands.len().saturating_sub(length));
        Self { commands, waiting }
    }
}

/// Who is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody: the first command starts a task.
    Idle,
    Running,
    /// Nothing more is taken.
    Stopping,
    Stopped,
}

struct State {
    phase: Phase,
    queue: Queue,
    /// Nothing is taken since then, for the sake of the order.
    lost: Option<Lost>,
}

/// What producers and their task share.
pub(super) struct Shared {
    pub(super) address: String,
    pub(super) settings: Settings,
    pub(super) limits: ProducerLimits,
    pub(super) subject: Subject,
    state: Mutex<State>,
    room: Semaphore,
    /// Of the task.
    waker: AtomicWaker,
    stopped: Notify,
}

impl Shared {
    pub(super) fn new(address: String, settings: Settings, limits: ProducerLimits) -> Self {
        let subject = Subject::producer(&address);
        let room = Semaphore::new(limits.outstanding_bytes as usize);
        let state = Mutex::new(State { phase: Phase::Idle, queue: Queue::default(), lost: None });
        let (waker, stopped) = (AtomicWaker::new(), Notify::new());
        Self { address, settings, limits, subject, state, room, waker, stopped }
    }

    /// Waits for room for a command of so many bytes; what it has taken.
    pub(super) async fn make_room(&self, bytes: usize) -> Result<u32, PublishError> {
        let max = self.limits.outstanding_bytes;
        let cost = u32::try_from(bytes).ok().filter(|cost| *cost <= max);
        let Some(cost) = cost else {
            return Err(PublishError::TooLarge { bytes, max: max as usize });
        };
        match self.room.acquire_many(cost).await {
            Ok(permit) => permit.forget(),
            Err(_closed) => return Err(PublishError::Stopped),
        }
        Ok(cost)
    }

    /// Enqueues a command that has room. True if it needs somebody to send it.
    pub(super) fn push(
        &self,
        cost: u32,
        reply: Reply,
        put: impl FnOnce(&mut Vec<u8>),
    ) -> Result<bool, PublishError> {
        let mut state = self.state();
        if matches!(state.phase, Phase::Stopping | Phase::Stopped) {
            self.room.add_permits(cost as usize);
            return Err(PublishError::Stopped);
        }
        if let Some(lost) = &state.lost {
            self.room.add_permits(cost as usize);
            return Err(PublishError::Lost(lost.clone()));
        }
        let before = state.queue.commands.len();
        put(&mut state.queue.commands);
        let bytes = state.queue.commands.len() - before;
        state.queue.waiting.push_back(Waiting { cost, bytes, since: Instant::now(), reply });
        let is_first = state.queue.waiting.len() == 1;
        let needs_task = mem::replace(&mut state.phase, Phase::Running) == Phase::Idle;
        drop(state);
        if is_first {
            self.waker.wake();
        }
        Ok(needs_task)
    }

    /// Everything that was enqueued, for an empty queue, whose room is used again.
    pub(super) fn take(&self, empty: &mut Queue) {
        mem::swap(&mut self.state().queue, empty);
    }

    pub(super) fn put_back(&self, unsent: Queue) {
        self.state().queue.put_back(unsent);
    }

    /// Fails what was sent and what was not, and takes nothing more until [`Self::resume`].
    pub(super) fn lose_all(&self, sent: Queue, lost: &Lost) {
        let mut state = self.state();
        let unsent = mem::take(&mut state.queue);
        state.lost = Some(lost.clone());
        drop(state);
        let all = sent.waiting.into_iter().chain(unsent.waiting);
        self.answer(all, || Err(PublishError::Lost(lost.clone())));
    }

    pub(super) fn resume(&self) {
        self.state().lost = None;
    }

    /// Fails those that want nothing but a connection.
    pub(super) fn fail_connects(&self, error: &PublishError) {
        let mut state = self.state();
        let waiting = mem::take(&mut state.queue.waiting);
        let (commands, connects): (VecDeque<_>, VecDeque<_>) =
            waiting.into_iter().partition(|waiting| waiting.bytes > 0);
        state.queue.waiting = commands;
        drop(state);
        self.answer(connects, || Err(error.clone()));
    }

    /// Fails those that have waited for a connection since before `moment`; when the next one will have waited too long
    /// is for the caller to see.
    pub(super) fn fail_older_than(&self, moment: Instant, error: &PublishError) {
        let failed = self.state().queue.take_older_than(moment);
        self.answer(failed, || Err(error.clone()));
    }

    /// Since when the first command waits.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.state().queue.waiting.front().map(|first| first.since)
    }

    /// Answers commands, which makes room for others.
    pub(super) fn answer(
        &self,
        commands: impl IntoIterator<Item = Waiting>,
        answer: impl Fn() -> Result<(), PublishError>,
    ) {
        let mut room = 0;
        for command in commands {
            room += command.cost as usize;
            let _ = command.reply.send(answer()); // who asked may be gone
        }
        self.room.add_permits(room);
    }

    /// The task is to be woken when there is something for it.
    pub(super) fn register(&self, cx: &Context<'_>) {
        self.waker.register(cx.waker());
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.state().phase == Phase::Stopping
    }

    /// Takes nothing more from now on.
    pub(super) fn begin_stop(&self) {
        let mut state = self.state();
        match state.phase {
            Phase::Idle => state.phase = Phase::Stopped,
            Phase::Running => state.phase = Phase::Stopping,
            Phase::Stopping | Phase::Stopped => {}
        }
        let is_stopped = state.phase == Phase::Stopped;
        drop(state);
        self.room.close();
        self.waker.wake();
        if is_stopped {
            self.stopped.notify_waiters();
        }
    }

    /// Waits until the task has ended that was told to.
    pub(super) async fn stopped(&self) {
        loop {
            let notified = self.stopped.notified();
            if self.state().phase == Phase::Stopped {
                return;
            }
            notified.await;
        }
    }

    /// The task has ended, as it was told or because its runtime has. Whatever waits is failed.
    pub(super) fn task_ended(&self, error: &PublishError) {
        let mut state = self.state();
        state.phase = match state.phase {
            Phase::Idle | Phase::Running => Phase::Idle,
            Phase::Stopping | Phase::Stopped => Phase::Stopped,
        };
        let rest = mem::take(&mut state.queue);
        drop(state);
        self.answer(rest.waiting, || Err(error.clone()));
        self.stopped.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn old_commands_go_with_their_bytes_and_leave_the_others() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut queue = Queue { commands: b"aabbbccc".to_vec(), waiting: VecDeque::new() };
        for (second, bytes) in [(0, 2), (1, 0), (1, 3), (2, 3)] {
            let (reply, _) = oneshot::channel();
            queue.waiting.push_back(Waiting { cost: 1, bytes, since: at(second), reply });
        }
        let bytes =
            |waiting: &VecDeque<Waiting>| waiting.iter().map(|w| w.bytes).collect::<Vec<_>>();
        assert_eq!(bytes(&queue.take_older_than(at(1))), [2, 0, 3]);
        assert_eq!((queue.commands.as_slice(), bytes(&queue.waiting)), (&b"ccc"[..], vec![3]));
        assert!(queue.take_older_than(at(1)).is_empty());
        assert_eq!(bytes(&queue.take_older_than(at(2))), [3]);
        assert!(queue.commands.is_empty() && queue.waiting.is_empty());
    }
}
