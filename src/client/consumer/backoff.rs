//! Back-off: how long a consumer takes nothing when messages fail, and how it finds its way back.

use std::time::Duration;

use crate::client::options::{BackoffStrategy, Options};

/// How the handling of a message has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Failure,
    /// Given back on purpose; says nothing about how things go.
    Neutral,
}

/// What is to be done after an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Nothing,
    /// Take nothing for so long, then try one message.
    BackOff {
        level: u32,
        pause: Duration,
    },
    /// Take as much as ever.
    Recovered,
}

/// The rules of one consumer, over all its connections.
#[derive(Debug)]
pub(crate) struct Backoff {
    strategy: BackoffStrategy,
    multiplier: Duration,
    max: Duration,
    /// 0 while all is well.
    level: u32,
    /// Takes nothing; what ends meanwhile was begun before and does not count.
    is_paused: bool,
}

impl Backoff {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            strategy: options.backoff_strategy,
            multiplier: options.backoff_multiplier,
            max: options.max_backoff_duration,
            level: 0,
            is_paused: false,
        }
    }

    /// Learns how a message has ended; `chance` gives numbers from 0 up to 1.
    pub(crate) fn hear(&mut self, outcome: Outcome, chance: &mut impl FnMut() -> f64) -> Step {
        if self.is_paused {
            return Step::Nothing;
        }
        match outcome {
            Outcome::Success if self.level == 1 => {
                self.level = 0;
                return Step::Recovered;
            }
            Outcome::Success => self.level = self.level.saturating_sub(1),
            Outcome::Failure if self.may_rise(chance) => self.level += 1,
            Outcome::Failure | Outcome::Neutral => {}
        }
        if self.level == 0 {
            return Step::Nothing;
        }
        self.is_paused = true;
        let pause = self.pause(self.level, chance).min(self.max);
        Step::BackOff { level: self.level, pause }
    }

    /// The pause is over: the next outcome counts.
    pub(crate) fn resume(&mut self) {
        self.is_paused = false;
    }

    /// Not all is well.
    pub(crate) fn is_active(&self) -> bool {
        self.level > 0
    }

    /// The first level is reached whatever the longest pause is, unless there is to be no back-off at all.
    fn may_rise(&self, chance: &mut impl FnMut() -> f64) -> bool {
        let first = self.level == 0 && !self.multiplier.is_zero();
        !self.max.is_zero() && (first || self.pause(self.level + 1, chance) <= self.max)
    }

    fn pause(&self, level: u32, chance: &mut impl FnMut() -> f64) -> Duration {
        let factor = 1u32.checked_shl(level).unwrap_or(u32::MAX);
        let longest = self.multiplier.saturating_mul(factor);
        match self.strategy {
            BackoffStrategy::Exponential => longest,
            BackoffStrategy::FullJitter => longest.mul_f64(chance()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn backoff(change: impl FnOnce(&mut Options)) -> Backoff {
        let mut options = Options::default();
        change(&mut options);
        Backoff::new(&options)
    }

    /// The outcome of the one message that is tried after each pause.
    fn try_one(backoff: &mut Backoff, outcome: Outcome) -> Step {
        backoff.resume();
        backoff.hear(outcome, &mut || 0.5)
    }

    fn back_off(level: u32, secs: u64) -> Step {
        Step::BackOff { level, pause: Duration::from_secs(secs) }
    }

    #[test]
    fn pauses_double_until_the_next_would_be_too_long() {
        let mut backoff = backoff(|_| {});
        for (level, secs) in [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 64), (6, 64)] {
            assert_eq!(try_one(&mut backoff, Outcome::Failure), back_off(level, secs));
        }
    }

    #[test]
    fn each_success_lowers_the_level_by_one_and_the_last_ends_it() {
        let mut backoff = backoff(|_| {});
        for _ in 0..3 {
            try_one(&mut backoff, Outcome::Failure);
        }
        assert_eq!(try_one(&mut backoff, Outcome::Success), back_off(2, 4));
        assert_eq!(try_one(&mut backoff, Outcome::Neutral), back_off(2, 4));
        assert_eq!(try_one(&mut backoff, Outcome::Success), back_off(1, 2));
        assert_eq!(try_one(&mut backoff, Outcome::Success), Step::Recovered);
        assert!(!backoff.is_active());
        assert_eq!(try_one(&mut backoff, Outcome::Success), Step::Nothing);
    }

    #[test]
    fn what_ends_during_a_pause_does_not_count() {
        let mut backoff = backoff(|_| {});
        assert_eq!(backoff.hear(Outcome::Failure, &mut || 0.0), back_off(1, 2));
        for outcome in [Outcome::Failure, Outcome::Success, Outcome::Neutral] {
            assert_eq!(backoff.hear(outcome, &mut || 0.0), Step::Nothing);
        }
        assert_eq!(try_one(&mut backoff, Outcome::Failure), back_off(2, 4));
    }

    #[test]
    fn jitter_takes_a_random_part() {
        let mut backoff = backoff(|options| options.backoff_strategy = BackoffStrategy::FullJitter);
        assert_eq!(try_one(&mut backoff, Outcome::Failure), back_off(1, 1));
        let step = backoff_with_chance(&mut backoff, 0.0);
        assert_eq!(step, back_off(2, 0));
    }

    fn backoff_with_chance(backoff: &mut Backoff, chance: f64) -> Step {
        backoff.resume();
        backoff.hear(Outcome::Failure, &mut || chance)
    }

    #[test]
    fn zero_turns_it_off_and_a_short_one_does_not() {
        let mut off = backoff(|options| options.max_backoff_duration = Duration::ZERO);
        assert_eq!(try_one(&mut off, Outcome::Failure), Step::Nothing);
        let mut short = backoff(|options| options.max_backoff_duration = Duration::from_secs(1));
        assert_eq!(try_one(&mut short, Outcome::Failure), back_off(1, 1));
        assert_eq!(try_one(&mut short, Outcome::Failure), back_off(1, 1));
        assert_eq!(try_one(&mut short, Outcome::Success), Step::Recovered);
    }

    proptest! {
        #[test]
        fn enough_successes_always_end_it_and_no_pause_is_too_long(
            outcomes in prop::collection::vec((0..3u8, 0.0..1.0f64), 0..100),
            jitter: bool,
            multiplier_ms in 0..5_000u64,
            max_ms in 0..100_000u64,
        ) {
            let max = Duration::from_millis(max_ms);
            let mut backoff = backoff(|options| {
                options.backoff_multiplier = Duration::from_millis(multiplier_ms);
                options.max_backoff_duration = max;
                if jitter {
                    options.backoff_strategy = BackoffStrategy::FullJitter;
                }
            });
            let mut failures = 0;
            for (outcome, chance) in outcomes {
                let outcome =
                    [Outcome::Success, Outcome::Failure, Outcome::Neutral][usize::from(outcome)];
                failures += u32::from(outcome == Outcome::Failure);
                backoff.resume();
                if let Step::BackOff { level, pause } = backoff.hear(outcome, &mut || chance) {
                    prop_assert!(pause <= max && level >= 1 && level <= failures);
                }
            }
            for _ in 0..failures {
                try_one(&mut backoff, Outcome::Success);
            }
            prop_assert!(!backoff.is_active());
        }
    }
}
