//! A point in time as the rules see it.

use std::{ops::Add, time::Duration};

/// Nanoseconds on a clock that never steps back.
///
/// The actors anchor it at the Unix epoch when the process starts; the rules only compare and add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// Later than every moment that can be reached.
    pub const NEVER: Self = Self(u64::MAX);

    /// Time passed since `earlier`; zero when `earlier` lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}
