//! `--rate`: so many messages per second.

use std::time::{Duration, Instant};

/// What was not used is saved for no longer than this.
const SAVED_MAX: Duration = Duration::from_secs(1);

/// Tells when messages may go.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    per_second: u32,
    /// Before this nothing may go.
    due: Instant,
}

impl Rate {
    /// The first message may go at once; none for no limit.
    pub fn new(per_second: i64, now: Instant) -> Option<Self> {
        let per_second = u32::try_from(per_second.min(i64::from(u32::MAX))).ok()?;
        (per_second > 0).then_some(Self { per_second, due: now })
    }

    /// Messages per second.
    pub fn per_second(&self) -> u32 {
        self.per_second
    }

    /// How many messages may go together without making the flow uneven: a hundredth of a second's.
    pub fn batch_max(&self) -> usize {
        (self.per_second as usize / 100).max(1)
    }

    /// Takes the room for `count` messages; how long they have to wait.
    pub fn take(&mut self, count: usize, now: Instant) -> Duration {
        let earliest = now.checked_sub(SAVED_MAX).unwrap_or(now);
        let start = self.due.max(earliest);
        self.due = start + Duration::from_secs_f64(count as f64 / f64::from(self.per_second));
        start.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_wait_for_those_before_them() {
        let start = Instant::now();
        let mut rate = Rate::new(10, start).unwrap();
        let waits: Vec<_> = (0..3).map(|_| rate.take(1, start).as_millis()).collect();
        assert_eq!(waits, [0, 100, 200]);
        let later = start + Duration::from_millis(250);
        assert_eq!(rate.take(2, later).as_millis(), 50);
        assert_eq!(rate.take(1, later).as_millis(), 250);
    }

    #[test]
    fn a_second_can_be_saved_and_no_more() {
        let start = Instant::now();
        let mut rate = Rate::new(10, start).unwrap();
        let later = start + Duration::from_secs(60);
        let waits: Vec<_> = (0..12).map(|_| rate.take(1, later).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100]);
    }

    #[test]
    fn less_than_one_is_no_limit() {
        let now = Instant::now();
        assert!(Rate::new(0, now).is_none() && Rate::new(-1, now).is_none());
        assert_eq!(Rate::new(1, now).unwrap().batch_max(), 1);
        assert_eq!(Rate::new(50_000, now).unwrap().batch_max(), 500);
        assert!(Rate::new(i64::MAX, now).is_some());
    }
}
