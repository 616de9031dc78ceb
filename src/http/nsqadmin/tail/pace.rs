//! How many messages are shown, and what has become of the others.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Serialize;

/// Messages that are shown per second; nobody reads more.
pub(super) const SHOWN_PER_SECOND_MAX: u32 = 200;

/// Messages that were shown in the present second.
#[derive(Debug, Default)]
pub(super) struct Pace {
    second: u64,
    shown: u32,
}

impl Pace {
    /// Whether one more may be shown, so long after the beginning.
    pub(super) fn admits(&mut self, since: Duration) -> bool {
        let second = since.as_secs();
        if second != self.second {
            (self.second, self.shown) = (second, 0);
        }
        self.shown += u32::from(self.shown <= SHOWN_PER_SECOND_MAX);
        self.shown <= SHOWN_PER_SECOND_MAX
    }
}

/// What has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// All that nodes have sent.
    received: u64,
    /// Those of them with the text that is looked for.
    matched: u64,
    /// Those of them that were too many to be shown.
    dropped: u64,
}

/// The same, to be counted from several sides.
#[derive(Debug, Default)]
pub(super) struct Counters {
    received: AtomicU64,
    matched: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    pub(super) fn receive_one(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn match_one(&self) {
        self.matched.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Counts {
        Counts {
            received: self.received.load(Ordering::Relaxed),
            matched: self.matched.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_messages() {
        let mut pace = Pace::default();
        let mut admitted =
            |ms: u64| (0..1000).filter(|_| pace.admits(Duration::from_millis(ms))).count() as u32;
        assert_eq!(admitted(0), SHOWN_PER_SECOND_MAX);
        assert_eq!(admitted(999), 0);
        assert_eq!(admitted(1000), SHOWN_PER_SECOND_MAX);
        assert_eq!(admitted(5000), SHOWN_PER_SECOND_MAX);
    }
}
