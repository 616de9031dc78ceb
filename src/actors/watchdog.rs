//! Notices actors that no longer answer.
//!
//! An actor that lives and does not answer is on a thread that is stuck in a handler, or waits for a
//! call to the disk: nothing else is waited for. So threads and calls are watched, a handful and some
//! idle counters, not thousands of actors, and an idle actor costs nothing. A mailbox is emptied
//! whenever its actor gets its turn; what a message waits for is the thread, so the time that a
//! question to the thread takes is the time that a message is in a mailbox there.
//!
//! It is a thread of its own, so that it depends on nothing that it watches.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use actix_rt::{Arbiter, ArbiterHandle};

use super::{clock, shared::Shared};
use crate::{broker::Moment, protocol::TopicName};

/// Threads are asked as often.
const INTERVAL: Duration = Duration::from_secs(1);
/// A thread that has not answered for so long is stuck: no handler takes a thousandth of it.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// A call to the disk that is under way for so long will be a while longer.
const DISK_WAIT_MAX: Duration = Duration::from_secs(10);

/// Starts watching the calling thread, the workers and the disk, as long as the node is there.
pub fn start(shared: &Arc<Shared>) -> io::Result<()> {
    let mut watchdog = Watchdog::new(shared, Arbiter::current());
    let watch = move || {
        while watchdog.look(clock::now()) {
            thread::sleep(INTERVAL);
        }
    };
    thread::Builder::new().name("watchdog".into()).spawn(watch)?;
    Ok(())
}

struct Watchdog {
    shared: Weak<Shared>,
    /// As in the node's meters.
    threads: Vec<ArbiterHandle>,
    silent_threads: BTreeMap<String, Duration>,
    waiting_topics: BTreeMap<TopicName, Duration>,
}

impl Watchdog {
    fn new(shared: &Arc<Shared>, main: ArbiterHandle) -> Self {
        let threads = std::iter::once(main).chain(shared.workers.all().iter().cloned()).collect();
        Self {
            shared: Arc::downgrade(shared),
            threads,
            silent_threads: BTreeMap::new(),
            waiting_topics: BTreeMap::new(),
        }
    }

    /// Looks once; false when there is nothing to look at any more.
    fn look(&mut self, now: Moment) -> bool {
        let Some(shared) = self.shared.upgrade() else { return false };
        self.look_at_threads(&shared, now);
        self.look_at_disk(&shared, now);
        true
    }

    fn look_at_threads(&mut self, shared: &Arc<Shared>, now: Moment) {
        let mut silent = BTreeMap::new();
        for (index, (meter, thread)) in shared.meters.threads.iter().zip(&self.threads).enumerate()
        {
            if meter.ask(now) {
                let shared = Arc::clone(shared);
                thread.spawn_fn(move || shared.meters.threads[index].answered(clock::now()));
            } else if meter.silence(now) >= SILENCE_MAX {
                silent.insert(meter.name.clone(), meter.silence(now));
            }
        }
        report(&mut self.silent_threads, silent, "thread", "has not taken a turn");
    }

    fn look_at_disk(&mut self, shared: &Shared, now: Moment) {
        let waiting = shared.meters.waiting_for_disk(now).into_iter();
        let waiting = waiting.filter(|(_, wait)| *wait >= DISK_WAIT_MAX).collect();
        report(&mut self.waiting_topics, waiting, "topic", "waits for the disk");
    }
}

/// Says once of each that it is in trouble, and once that it is no longer.
fn report<K: Ord + std::fmt::Display>(
    before: &mut BTreeMap<K, Duration>,
    now: BTreeMap<K, Duration>,
    kind: &str,
    trouble: &str,
) {
    for (name, time) in now.iter().filter(|(name, _)| !before.contains_key(name)) {
        log::error!("{kind}={name} {trouble} for {time:.1?}; its actors do not answer");
    }
    for (name, time) in before.iter().filter(|(name, _)| !now.contains_key(name)) {
        log::warn!("{kind}={name} goes on after more than {time:.1?}");
    }
    *before = now;
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::{actors::testing, protocol::TopicName};

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[actix::test]
    async fn a_stuck_thread_is_noticed_and_so_is_its_return() {
        let (dir, worker) = (tempfile::tempdir().unwrap(), Arbiter::new());
        let shared = Arc::new(testing::shared(dir.path()));
        let mut watchdog = Watchdog::new(&shared, worker.handle());
        let (go_on, stuck) = mpsc::channel::<()>();
        worker.spawn_fn(move || {
            let _ = stuck.recv(); // until the other end is dropped
        });
        let now = clock::now();
        assert!(watchdog.look(now));
        watchdog.look(now + seconds(4));
        assert!(watchdog.silent_threads.is_empty());
        watchdog.look(now + seconds(5));
        assert!(watchdog.silent_threads.contains_key("main"));
        drop(go_on);
        while shared.meters.threads[0].silence(clock::now()) > Duration::ZERO {
            tokio::task::yield_now().await;
        }
        // Before the next look, which asks again.
        assert_eq!(shared.meters.threads[0].waits.counts().iter().sum::<u64>(), 1);
        watchdog.look(now + seconds(6));
        assert!(!watchdog.silent_threads.contains_key("main"));
        worker.stop();
    }

    #[actix::test]
    async fn a_disk_that_hangs_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let shared = Arc::new(testing::shared(dir.path()));
        let mut watchdog = Watchdog::new(&shared, Arbiter::current());
        let gauges = Arc::new(crate::actors::meters::DiskGauges::default());
        let topic = TopicName::parse("slow").unwrap();
        shared.meters.watch(&topic, Arc::downgrade(&gauges));
        gauges.during(crate::actors::meters::DiskCall::Sync, || {
            watchdog.look(clock::now() + seconds(9));
            assert!(watchdog.waiting_topics.is_empty());
            watchdog.look(clock::now() + seconds(11));
            assert_eq!(watchdog.waiting_topics.keys().collect::<Vec<_>>(), [&topic]);
        });
        watchdog.look(clock::now() + seconds(12));
        assert!(watchdog.waiting_topics.is_empty());
    }

    #[actix::test]
    async fn it_ends_with_the_node() {
        let dir = tempfile::tempdir().unwrap();
        let shared = Arc::new(testing::shared(dir.path()));
        let mut watchdog = Watchdog::new(&shared, Arbiter::current());
        drop(shared);
        assert!(!watchdog.look(clock::now()));
    }
}
