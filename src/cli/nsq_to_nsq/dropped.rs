//! Messages that were dropped because they could not be read, told without a line for each.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_secs(1);

/// Counts them.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    count: u64,
    told: u64,
    told_at: Option<Instant>,
}

impl Dropped {
    /// One more. How many there were since the last time, this one included, if it is time to tell.
    pub(super) fn add(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        if self.told_at.is_some_and(|at| now.saturating_duration_since(at) < PAUSE) {
            return None;
        }
        let untold = self.count - self.told;
        (self.told, self.told_at) = (self.count, Some(now));
        Some(untold)
    }

    /// How many there were in all.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_once_a_second() {
        let start = Instant::now();
        let mut dropped = Dropped::default();
        let told: Vec<_> = [0, 1, 999, 1000, 1001, 5000]
            .map(|millis| dropped.add(start + Duration::from_millis(millis)))
            .into();
        assert_eq!(told, [Some(1), None, None, Some(3), None, Some(2)]);
        assert_eq!(dropped.count(), 6);
    }
}
