//! When messages are due, whatever the server does.

use std::time::{Duration, Instant};

use super::bodies::Number;

/// Messages at a fixed rate, dealt out to publishers in turn.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// From one message to the next.
    pub interval: Duration,
    /// Messages at the beginning that do not count.
    pub warm_up: u64,
    /// Messages that do.
    pub measured: u64,
    /// How many take turns.
    pub publishers: u32,
}

impl Schedule {
    /// All messages.
    pub fn count(&self) -> u64 {
        self.warm_up + self.measured
    }

    /// When the message that is the `index`th of all is due.
    pub fn due(&self, base: Instant, index: u64) -> Instant {
        let nanos = self.interval.as_nanos() * u128::from(index);
        base + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Which message is the `index`th.
    pub fn number(&self, index: u64) -> Number {
        let publishers = u64::from(self.publishers);
        Number { publisher: (index % publishers) as u32, sequence: index / publishers }
    }

    /// Which of all that message is.
    pub fn index(&self, number: Number) -> u64 {
        number.sequence * u64::from(self.publishers) + u64::from(number.publisher)
    }

    /// How long that message has taken by `now`, if it counts. From the moment at which it was due: what a pause of the
    /// server, or of the generator, has held up is counted for every message that was due in it, and not for one alone.
    pub fn latency(&self, base: Instant, index: u64, now: Instant) -> Option<Duration> {
        let counts = (self.warm_up..self.count()).contains(&index);
        counts.then(|| now.saturating_duration_since(self.due(base, index)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule =
        Schedule { interval: Duration::from_millis(10), warm_up: 5, measured: 100, publishers: 3 };

    #[test]
    fn messages_are_dealt_out_in_turn() {
        for index in 0..SCHEDULE.count() {
            assert_eq!(SCHEDULE.index(SCHEDULE.number(index)), index);
        }
        assert_eq!(SCHEDULE.number(4), Number { publisher: 1, sequence: 1 });
    }

    #[test]
    fn due_times_do_not_drift_over_days() {
        let (base, day) = (Instant::now(), 24 * 3600);
        let schedule = Schedule { interval: Duration::from_micros(100), ..SCHEDULE };
        assert_eq!(schedule.due(base, day * 10_000), base + Duration::from_secs(day));
    }

    /// Coordinated omission would count one slow message and 49 that were sent later and went fast.
    #[test]
    fn a_pause_counts_for_every_message_that_was_due_in_it() {
        let base = Instant::now();
        let goes_on = SCHEDULE.due(base, 60);
        let latencies: Vec<_> =
            (10..60).filter_map(|index| SCHEDULE.latency(base, index, goes_on)).collect();
        let expected: Vec<_> = (1..=50).rev().map(|ten| Duration::from_millis(10 * ten)).collect();
        assert_eq!(latencies, expected);
    }

    #[test]
    fn only_what_is_measured_counts() {
        let base = Instant::now();
        let counts = |index| SCHEDULE.latency(base, index, base).is_some();
        assert_eq!([4, 5, 104, 105].map(counts), [false, true, true, false]);
        assert_eq!(SCHEDULE.latency(base, 5, base), Some(Duration::ZERO), "never below zero");
    }
}
