//! The arbiters on which topics and connections live.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicUsize, Ordering},
    thread::available_parallelism,
};

use actix_rt::{Arbiter, ArbiterHandle};

use crate::protocol::TopicName;

/// A fixed set of worker arbiters. A topic lives on one, with its channels and its log's actor;
/// connections are dealt out in turn.
#[derive(Debug)]
pub struct Workers {
    arbiters: Vec<ArbiterHandle>,
    next: AtomicUsize,
}

/// Waking a parked thread costs more than a publish: half of the cores, leaving the others to the
/// disk, to HTTP and to the kernel, measured best.
fn count_for(cores: usize) -> usize {
    (cores / 2).clamp(1, 16)
}

impl Workers {
    /// Starts `count` arbiters; 0 chooses by the machine.
    pub fn start(count: usize) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        let count = if count == 0 { count_for(cores) } else { count };
        let arbiters = (0..count).map(|_| Arbiter::new().handle()).collect();
        Self { arbiters, next: AtomicUsize::new(0) }
    }

    /// Every actor on the calling thread, as in tests.
    pub fn current_thread() -> Self {
        Self { arbiters: vec![Arbiter::current()], next: AtomicUsize::new(0) }
    }

    /// All of them.
    pub fn all(&self) -> &[ArbiterHandle] {
        &self.arbiters
    }

    /// Where a topic lives.
    pub fn of_topic(&self, topic: &TopicName) -> &ArbiterHandle {
        let mut hasher = DefaultHasher::new();
        topic.hash(&mut hasher);
        &self.arbiters[hasher.finish() as usize % self.arbiters.len()]
    }

    /// Where the next connection lives.
    pub fn of_next_connection(&self) -> &ArbiterHandle {
        &self.arbiters[self.next.fetch_add(1, Ordering::Relaxed) % self.arbiters.len()]
    }
}
