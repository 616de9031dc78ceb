//! What was gathered, for the actor to write and for everybody to read.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, atomic::AtomicU64},
    time::Duration,
};

use tokio::sync::{Notify, watch};

use crate::{
    actors::clock,
    cluster::{history::History, picture::Picture, problems::Problems, roster::Roster},
};

/// The newest picture, and what is to be said of it.
#[derive(Debug, Default)]
pub struct Seen {
    /// What there is.
    pub picture: Picture,
    /// What somebody should look at.
    pub problems: Problems,
}

/// Everything that outlives a restart of the collector.
#[derive(Debug)]
pub struct Feed {
    roster: Mutex<Roster>,
    history: RwLock<History>,
    seen: watch::Sender<Arc<Seen>>,
    poll_interval: Duration,
    /// Restarts of the actor.
    pub(super) restarts: Arc<AtomicU64>,
    /// Ends the pause between two polls.
    pub(super) wake: Notify,
}

impl Feed {
    /// Nothing was seen yet.
    pub fn new(poll_interval: Duration) -> Self {
        Self {
            roster: Mutex::default(),
            history: RwLock::new(History::new(poll_interval)),
            seen: watch::Sender::default(),
            poll_interval,
            restarts: Arc::default(),
            wake: Notify::new(),
        }
    }

    /// The newest picture.
    pub fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen.borrow())
    }

    /// Tells of each new picture. Who is slow misses some, and none waits for anybody.
    pub fn watch(&self) -> watch::Receiver<Arc<Seen>> {
        self.seen.subscribe()
    }

    /// What has happened.
    pub fn history(&self) -> RwLockReadGuard<'_, History> {
        self.history.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts together what was gathered, and shows it. `poll_ms` is the interval that is used now. Takes some
    /// milliseconds for each ten thousand topics.
    pub(super) fn publish(&self, poll_ms: u64) {
        let (now, poll) = (clock::now(), self.seen.borrow().picture.poll + 1);
        let picture = self.roster().picture(poll, poll_ms, now).merged(now);
        self.history.write().unwrap_or_else(PoisonError::into_inner).record(&picture, now);
        let problems = Problems::find(&picture, &self.history(), now);
        self.seen.send_replace(Arc::new(Seen { picture, problems }));
    }

    /// What a panic has left half-written is begun anew; everything else stays.
    pub(super) fn mend(&self) {
        if self.roster.is_poisoned() {
            log::warn!("COLLECTOR: what nodes have said last is lost, they are asked again");
            *self.roster() = Roster::new();
            self.roster.clear_poison();
        }
        if self.history.is_poisoned() {
            log::warn!("COLLECTOR: the history is lost and begins anew");
            let history = History::new(self.poll_interval);
            *self.history.write().unwrap_or_else(PoisonError::into_inner) = history;
            self.history.clear_poison();
        }
    }
}
