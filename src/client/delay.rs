//! Pauses between attempts, and moments to come.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(100);
/// Thirty years, as good as for ever.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// `span` later; one that no clock can hold ends far away.
pub(super) fn after(from: Instant, span: Duration) -> Instant {
    from + span.min(FAR)
}

/// A pause that doubles with each attempt that fails, up to a longest one, each with some chance in it so that not all
/// clients of a server come back at the same moment.
#[derive(Debug)]
pub(super) struct GrowingDelay {
    next: Duration,
    max: Duration,
}

impl GrowingDelay {
    pub(super) fn up_to(max: Duration) -> Self {
        Self { next: FIRST.min(max), max }
    }

    /// The attempt has succeeded.
    pub(super) fn reset(&mut self) {
        self.next = FIRST.min(self.max);
    }

    /// True if so much time is enough for the next pause.
    pub(super) fn is_within(&self, time: Duration) -> bool {
        self.next <= time
    }

    /// How long to wait now: between a half and the whole of the pause.
    pub(super) fn next(&mut self) -> Duration {
        self.next_by(fastrand::f64())
    }

    fn next_by(&mut self, chance: f64) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.max);
        pause.mul_f64(0.5 + chance / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut delay = GrowingDelay::up_to(Duration::from_secs(1));
        let millis: Vec<_> = (0..6).map(|_| delay.next_by(1.0).as_millis()).collect();
        assert_eq!(millis, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(delay.next_by(0.0).as_millis(), 500);
        delay.reset();
        assert_eq!(delay.next_by(1.0).as_millis(), 100);
    }

    #[test]
    fn the_longest_spans_end_far_away() {
        let now = Instant::now();
        assert_eq!(after(now, Duration::from_secs(60)), now + Duration::from_secs(60));
        assert!(after(now, Duration::MAX) > now + Duration::from_secs(1_000_000));
    }

    #[test]
    fn no_pause_is_longer_than_the_longest() {
        let mut delay = GrowingDelay::up_to(Duration::from_millis(10));
        assert_eq!(delay.next_by(1.0), Duration::from_millis(10));
    }
}
