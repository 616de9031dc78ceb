//! Where a record stands in a log.

use std::{fmt, ops::Add};

/// Running byte offset over the whole life of a log. Only records count, segment headers do not,
/// so whoever appends can tell the position of the next record before it is written.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition(pub u64);

impl LogPosition {
    /// Where a fresh log begins.
    pub const START: Self = Self(0);

    /// Bytes from `earlier` up to here; 0 if `earlier` lies beyond.
    pub fn bytes_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<u64> for LogPosition {
    type Output = Self;

    /// Saturates: a position read from a damaged file must not overflow.
    fn add(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Debug for LogPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}
