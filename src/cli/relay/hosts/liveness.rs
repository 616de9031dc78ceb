//! Whether an address is worth a message.

use std::time::{Duration, Instant};

/// After the first failure.
const PAUSE_MIN: Duration = Duration::from_secs(30);
/// However often it has failed.
const PAUSE_MAX: Duration = Duration::from_secs(15 * 60);

/// What is known of an address from its last answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Liveness {
    /// It has answered, or was never asked.
    Alive,
    /// It has failed and is given one message at `retry_at`.
    Dead {
        retry_at: Instant,
        /// Between this try and the next one.
        pause: Duration,
    },
}

impl Liveness {
    /// Alive, or dead for so long that a message may find out how it is.
    pub(super) fn is_open(self, now: Instant) -> bool {
        self.retry_at().is_none_or(|retry_at| retry_at <= now)
    }

    /// When it is due, unless it is alive.
    pub(super) fn retry_at(self) -> Option<Instant> {
        match self {
            Self::Alive => None,
            Self::Dead { retry_at, .. } => Some(retry_at),
        }
    }

    /// It is given a message. One that was due waits twice as long for the next.
    pub(super) fn begin_try(&mut self, now: Instant) {
        if let Self::Dead { retry_at, pause } = self
            && *retry_at <= now
        {
            *pause = (*pause * 2).min(PAUSE_MAX);
            *retry_at = now + *pause;
        }
    }

    /// True if it was dead.
    pub(super) fn succeeded(&mut self) -> bool {
        std::mem::replace(self, Self::Alive) != Self::Alive
    }

    /// True if it was alive. Another failure of a dead one changes nothing: what was on its way when it died fails as
    /// well.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        let was_alive = *self == Self::Alive;
        if was_alive {
            *self = Self::Dead { retry_at: now + PAUSE_MIN, pause: PAUSE_MIN };
        }
        was_alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_are_tried_once_at_growing_intervals() {
        let mut now = Instant::now();
        let mut liveness = Liveness::Alive;
        assert!(liveness.failed(now));
        for seconds in [30, 60, 120, 240, 480, 900, 900] {
            let almost = now + Duration::from_secs(seconds) - Duration::from_nanos(1);
            assert!(!liveness.is_open(almost), "{seconds}");
            now += Duration::from_secs(seconds);
            assert!(liveness.is_open(now), "{seconds}");
            liveness.begin_try(now);
            assert!(!liveness.is_open(now), "one message is enough");
            assert!(!liveness.failed(now), "it was dead before");
        }
        assert!(liveness.succeeded());
        assert!(!liveness.succeeded());
        assert_eq!(liveness, Liveness::Alive);
    }
}
