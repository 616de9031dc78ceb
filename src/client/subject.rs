//! How log lines begin: who speaks, and of what.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

/// Producers and consumers of this process, numbered in the order in which they were made.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// The beginning of a log line, as upstream's client has it: number, topic and channel, address.
#[derive(Debug, Clone)]
pub(super) struct Subject(String);

impl Subject {
    pub(super) fn producer(address: &str) -> Self {
        Self(format!("{:3} ({address})", next()))
    }

    pub(super) fn consumer(topic: impl fmt::Display, channel: impl fmt::Display) -> Self {
        Self(format!("{:3} [{topic}/{channel}]", next()))
    }

    /// The same consumer, of one of its connections.
    pub(super) fn at(&self, address: &str) -> Self {
        Self(format!("{self} ({address})"))
    }
}

fn next() -> u64 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
