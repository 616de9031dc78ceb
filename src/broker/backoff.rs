//! How long to wait before something that failed is tried again.

use std::time::Duration;

/// The longest pause.
pub const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The first one; each that follows is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// Pauses that grow with each failure, up to [`PAUSE_MAX`]. Part of each is left to chance, so that the
/// many that lost the same peer do not come back to it at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: PAUSE_MIN }
    }
}

impl Backoff {
    /// The pause after something failed that had gone well for `lasted`. `random` is any number; it
    /// decides about one half of the pause.
    ///
    /// What has lasted longer than the longest pause counts as a success: pauses begin anew.
    pub fn after(&mut self, lasted: Duration, random: u64) -> Duration {
        if lasted > PAUSE_MAX {
            *self = Self::default();
        }
        let half = self.next / 2;
        self.next = (self.next * 2).min(PAUSE_MAX);
        half + part(half, random)
    }
}

/// Between nothing and all of `whole`.
fn part(whole: Duration, random: u64) -> Duration {
    let nanos = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(random % nanos.saturating_add(1).max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let halves: Vec<_> = (0..8).map(|_| backoff.after(Duration::ZERO, 0)).collect();
        let millis = [50, 100, 200, 400, 800, 1600, 2500, 2500];
        assert_eq!(halves, millis.map(Duration::from_millis));
    }

    #[test]
    fn what_lasted_begins_anew_and_what_did_not_goes_on() {
        let mut backoff = Backoff::default();
        for _ in 0..9 {
            backoff.after(Duration::ZERO, 0);
        }
        assert_eq!(backoff.after(PAUSE_MAX, 0), PAUSE_MAX / 2);
        assert_eq!(backoff.after(PAUSE_MAX + Duration::from_nanos(1), 0), PAUSE_MIN / 2);
        assert_eq!(backoff.after(Duration::ZERO, 0), PAUSE_MIN);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_pause_lies_between_its_half_and_its_whole(
            failures in 0..40u32, random in any::<u64>()
        ) {
            let mut backoff = Backoff::default();
            for _ in 0..failures {
                backoff.after(Duration::ZERO, random);
            }
            let whole = backoff.next;
            let pause = backoff.after(Duration::ZERO, random);
            prop_assert!(pause >= whole / 2 && pause <= whole, "{pause:?} of {whole:?}");
            prop_assert!(whole <= PAUSE_MAX);
        }
    }
}
