//! Threads that wait for the disk, so that no actor does.
//!
//! To wake a thread costs more than a small write. So a thread that is done takes the next job without
//! going to sleep, and a job is left to the threads that are at work, if there are enough of them.
//! Where that would let one call that hangs hold up others, a watch looks at the jobs that wait once a
//! [`TICK`], and gives those that it sees twice more threads.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

/// How often the watch looks, while there is something to see now and then.
const TICK: Duration = Duration::from_millis(1);
/// Looks in vain before the watch sleeps until a job has to wait again.
const LOOKS_IN_VAIN_MAX: u32 = 100;
/// A thread that has had nothing to do for so long ends.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;
/// Starts a thread of this name, that nobody waits for.
type Spawn = fn(&str, Job) -> io::Result<()>;

/// Why a call has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// It has panicked.
    #[error("the call to the disk panicked")]
    Panicked,
    /// It was not made at all.
    #[error("no thread can be had for the disk")]
    NoThread,
}

/// How many threads there are.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// While fewer are at work, a job gets one at once.
    pub enough: usize,
    /// As many if jobs have to wait.
    pub max: usize,
}

/// A few threads for many jobs that may wait for the disk.
#[derive(Clone)]
pub struct DiskThreads(Arc<Pool>);

impl DiskThreads {
    /// No thread yet: they come with the jobs, and go when there are none.
    pub fn new(name: &'static str, sizes: Sizes) -> Self {
        Self::spawned_by(spawn, name, sizes)
    }

    fn spawned_by(spawn: Spawn, name: &'static str, sizes: Sizes) -> Self {
        let (state, job_left, job_waits) = (Mutex::default(), Condvar::new(), Condvar::new());
        Self(Arc::new(Pool { spawn, name, sizes, state, job_left, job_waits }))
    }

    /// Runs `call` on one of the threads; what was asked for earlier is begun earlier. It runs whether
    /// its result is awaited or not.
    pub fn run<T, F>(&self, call: F) -> impl Future<Output = Result<T, NotDone>> + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (reply, done) = oneshot::channel();
        self.0.add(Box::new(move || {
            let done = catch_unwind(AssertUnwindSafe(call)).map_err(|_| NotDone::Panicked);
            let _ = reply.send(done); // nobody may be waiting any more
        }));
        async { done.await.unwrap_or(Err(NotDone::NoThread)) }
    }
}

struct Pool {
    spawn: Spawn,
    name: &'static str,
    sizes: Sizes,
    state: Mutex<State>,
    /// Wakes a thread without a job.
    job_left: Condvar,
    /// Wakes the watch.
    job_waits: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Jobs that have been taken out of `jobs`.
    taken: u64,
    /// Threads that have a job or are about to look for one.
    busy: usize,
    /// Threads that sleep.
    idle: usize,
    /// Threads that have been woken, count as busy, and do not know yet.
    woken: usize,
    has_watch: bool,
    /// The watch is awake.
    is_watched: bool,
    /// The last thread that was wanted could not be had.
    lacks_threads: bool,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(self: &Arc<Self>, job: Job) {
        let mut state = self.lock();
        state.jobs.push_back(job);
        let sleeper = if state.busy < self.sizes.enough {
            self.add_thread(&mut state)
        } else if !state.is_watched && self.sizes.enough < self.sizes.max {
            self.watch(&mut state)
        } else {
            None
        };
        drop(state); // who wakes on this processor would find it locked, and sleep again
        sleeper.into_iter().for_each(Condvar::notify_one);
    }

    /// Lets one more thread look for jobs, unless there are too many. One that sleeps must be woken.
    #[must_use]
    fn add_thread(self: &Arc<Self>, state: &mut State) -> Option<&Condvar> {
        if state.idle > 0 {
            state.idle -= 1;
            state.woken += 1;
            state.busy += 1;
            return Some(&self.job_left);
        }
        if state.busy < self.sizes.max {
            let pool = Arc::clone(self);
            if self.start(state, self.name, move || pool.work()) {
                state.busy += 1;
            } else if state.busy == 0 {
                state.jobs.clear(); // whoever waits for one hears of that
            }
        }
        None
    }

    /// False if there is no thread to be had, which is said once.
    fn start(&self, state: &mut State, name: &str, run: impl FnOnce() + Send + 'static) -> bool {
        let started = (self.spawn)(name, Box::new(run));
        let lacked = std::mem::replace(&mut state.lacks_threads, started.is_err());
        if let Err(error) = &started
            && !lacked
        {
            log::error!("no thread {name}: {error}; calls to the disk wait or fail");
        }
        started.is_ok()
    }

    /// A thread: does what there is, sleeps, ends when there has been nothing for long.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.take() {
                drop(state);
                job();
                state = self.lock();
                continue;
            }
            match self.sleep(state) {
                Some(awake) => state = awake,
                None => return,
            }
        }
    }

    /// Waits for a job; `None` if there was none for long.
    fn sleep<'a>(&self, mut state: MutexGuard<'a, State>) -> Option<MutexGuard<'a, State>> {
        state.busy -= 1;
        state.idle += 1;
        let waited = self.job_left.wait_timeout_while(state, KEEP_ALIVE, |state| state.woken == 0);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            state.idle -= 1;
            return None;
        }
        state.woken -= 1;
        Some(state)
    }

    /// Sees to it that somebody looks at the jobs that wait, and must be woken.
    #[must_use]
    fn watch(self: &Arc<Self>, state: &mut State) -> Option<&Condvar> {
        if !state.has_watch {
            let pool = Arc::clone(self);
            // If there is no thread to be had, the next job that waits tries again.
            state.has_watch = self.start(state, "disk-watch", move || pool.look_after());
        }
        state.is_watched = state.has_watch;
        Some(&self.job_waits)
    }

    /// The watch: ends when no job has had to wait for long.
    fn look_after(self: &Arc<Self>) {
        let mut state = self.lock();
        while state.is_watched {
            state = self.look_until_in_vain(state);
            state.is_watched = false;
            let wait = |state: &mut State| !state.is_watched;
            let waited = self.job_waits.wait_timeout_while(state, KEEP_ALIVE, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.has_watch = false;
    }

    /// Lets no job wait for longer than from one look to the next but one.
    fn look_until_in_vain<'a>(
        self: &'a Arc<Self>,
        mut state: MutexGuard<'a, State>,
    ) -> MutexGuard<'a, State> {
        let mut in_vain = 0;
        while in_vain < LOOKS_IN_VAIN_MAX {
            let asked_before = state.asked();
            drop(state);
            thread::sleep(TICK);
            state = self.lock();
            let late = asked_before.saturating_sub(state.taken);
            // As many threads again each time: a disk that is slow for all holds up every one of them.
            for _thread in 0..late.min(state.busy as u64) {
                self.add_thread(&mut state).into_iter().for_each(Condvar::notify_one);
            }
            in_vain = if state.jobs.is_empty() { in_vain + 1 } else { 0 };
        }
        state
    }
}

impl State {
    /// Jobs that have been asked for so far.
    fn asked(&self) -> u64 {
        self.taken + self.jobs.len() as u64
    }

    fn take(&mut self) -> Option<Job> {
        let job = self.jobs.pop_front()?;
        self.taken += 1;
        Some(job)
    }
}

fn spawn(name: &str, run: Job) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    };

    use actix_rt::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);
    const ONE: Sizes = Sizes { enough: 1, max: 100 };

    /// A call that hangs until the sender is dropped, and one that tells that it does.
    fn hang(
        threads: &DiskThreads,
    ) -> (mpsc::Sender<()>, impl Future<Output = Result<(), NotDone>> + use<>) {
        let (go_on, hangs) = mpsc::channel();
        let call = move || {
            let _ = hangs.recv();
        };
        (go_on, threads.run(call))
    }

    async fn soon<T>(done: impl Future<Output = Result<T, NotDone>>) -> T {
        timeout(SOON, done).await.expect("done soon").expect("done")
    }

    #[actix::test]
    async fn one_thread_does_what_does_not_hang_in_the_order_asked_for() {
        let threads = DiskThreads::new("test", Sizes { enough: 1, max: 1 });
        let order = Arc::new(Mutex::new(Vec::new()));
        let calls: Vec<_> = (0..1000)
            .map(|number| {
                let order = Arc::clone(&order);
                threads.run(move || order.lock().unwrap().push(number))
            })
            .collect();
        for call in calls {
            soon(call).await;
        }
        assert_eq!(*order.lock().unwrap(), (0..1000).collect::<Vec<_>>());
        let state = threads.0.lock();
        assert_eq!((state.taken, state.busy + state.idle), (1000, 1));
    }

    #[actix::test]
    async fn calls_that_hang_do_not_hold_up_those_behind() {
        let threads = DiskThreads::new("test", ONE);
        for _round in 0..5 {
            let hanging: Vec<_> = (0..3).map(|_| hang(&threads)).collect();
            let calls: Vec<_> = (0..200).map(|number| threads.run(move || number)).collect();
            for (number, call) in calls.into_iter().enumerate() {
                assert_eq!(soon(call).await, number);
            }
            for (go_on, hanging) in hanging {
                drop(go_on);
                soon(hanging).await;
            }
        }
    }

    #[actix::test]
    async fn no_more_threads_than_there_may_be() {
        let threads = DiskThreads::new("test", Sizes { enough: 1, max: 2 });
        let (first, second) = (hang(&threads), hang(&threads));
        let third = threads.run(|| 3);
        drop(second.0);
        soon(second.1).await; // the watch gave it a thread
        assert_eq!(soon(third).await, 3);
        drop(first.0);
        soon(first.1).await;
        let state = threads.0.lock();
        assert_eq!(state.busy + state.idle, 2);
    }

    #[actix::test]
    async fn a_panic_is_told_and_the_thread_goes_on() {
        let threads = DiskThreads::new("test", Sizes { enough: 1, max: 1 });
        let (panicked, next) = (threads.run(|| panic!("on request")), threads.run(|| 1));
        assert_eq!(timeout(SOON, panicked).await.expect("told"), Err::<(), _>(NotDone::Panicked));
        assert_eq!(soon(next).await, 1);
    }

    #[actix::test]
    async fn a_call_without_a_thread_is_told_and_those_behind_it_are_made_when_there_is_one() {
        static THREADS: AtomicBool = AtomicBool::new(false);
        let sometimes = |name: &str, run| {
            if THREADS.load(Ordering::Relaxed) {
                spawn(name, run)
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            }
        };
        let threads = DiskThreads::spawned_by(sometimes, "test", ONE);
        for _ in 0..2 {
            let not_made = timeout(SOON, threads.run(|| 1)).await.expect("told");
            assert_eq!(not_made, Err(NotDone::NoThread));
        }
        THREADS.store(true, Ordering::Relaxed);
        let (go_on, hanging) = hang(&threads);
        soon(threads.run(|| ())).await; // the watch gave it a thread
        drop(go_on);
        soon(hanging).await;
    }

    impl State {
        fn is_at_work(&self) -> bool {
            self.is_watched || self.busy > 0
        }
    }

    #[actix::test]
    async fn the_watch_sleeps_when_nothing_has_to_wait() {
        let threads = DiskThreads::new("test", ONE);
        let (go_on, hanging) = hang(&threads);
        soon(threads.run(|| ())).await;
        drop(go_on);
        soon(hanging).await;
        let asleep = async {
            while threads.0.lock().is_at_work() {
                actix_rt::time::sleep(TICK).await;
            }
        };
        timeout(SOON, asleep).await.expect("nothing to look at");
        soon(threads.run(|| ())).await;
        assert!(!threads.0.lock().is_watched);
    }
}
