//! Changes per second, which may be unknown.

use std::{iter::Sum, ops::Add};

/// Something per second, or not known. A sum is known if all its parts are.
#[derive(Debug, Clone, Copy)]
pub struct Rate(f32);

impl Rate {
    /// Nobody can tell.
    pub const UNKNOWN: Self = Self(f32::NAN);
    /// Nothing happens.
    pub const ZERO: Self = Self(0.0);

    /// So many per second.
    pub fn new(per_second: f64) -> Self {
        Self(per_second as f32)
    }

    /// The number, if it is known.
    pub fn known(self) -> Option<f64> {
        (!self.0.is_nan()).then_some(f64::from(self.0))
    }

    /// How fast a counter rose. One that went back was begun anew, and nobody knows what happened in between.
    pub fn of_counter(before: u64, now: u64, seconds: f64) -> Self {
        match now.checked_sub(before) {
            Some(risen) if seconds > 0.0 => Self::new(risen as f64 / seconds),
            _ => Self::UNKNOWN,
        }
    }
}

impl Rate {
    /// The sum of those of the two that are known; unknown if neither is.
    fn plus_known(self, other: Self) -> Self {
        match (self.known(), other.known()) {
            (None, _) => other,
            (_, None) => self,
            _ => self + other,
        }
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

/// Two rates are equal when both are unknown, or the same.
impl PartialEq for Rate {
    fn eq(&self, other: &Self) -> bool {
        self.known() == other.known()
    }
}

impl Add for Rate {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sum for Rate {
    fn sum<I: Iterator<Item = Self>>(rates: I) -> Self {
        rates.fold(Self::ZERO, Self::add)
    }
}

/// What happens to a topic or a channel per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Messages that come.
    pub input: Rate,
    /// Messages that are done with.
    pub output: Rate,
    /// Messages that are given back.
    pub requeues: Rate,
    /// Messages that are not answered in time.
    pub timeouts: Rate,
}

impl Rates {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        input: Rate::UNKNOWN,
        output: Rate::UNKNOWN,
        requeues: Rate::UNKNOWN,
        timeouts: Rate::UNKNOWN,
    };
    /// Nothing happens.
    pub const ZERO: Self =
        Self { input: Rate::ZERO, output: Rate::ZERO, requeues: Rate::ZERO, timeouts: Rate::ZERO };
}

impl Rates {
    /// Of each rate, the sum of what is known.
    #[must_use]
    pub fn plus_known(self, other: Self) -> Self {
        Self {
            input: self.input.plus_known(other.input),
            output: self.output.plus_known(other.output),
            requeues: self.requeues.plus_known(other.requeues),
            timeouts: self.timeouts.plus_known(other.timeouts),
        }
    }
}

impl Add for Rates {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input: self.input + other.input,
            output: self.output + other.output,
            requeues: self.requeues + other.requeues,
            timeouts: self.timeouts + other.timeouts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_goes_back_tells_nothing() {
        assert_eq!(Rate::of_counter(10, 30, 2.0), Rate::new(10.0));
        assert_eq!(Rate::of_counter(10, 10, 2.0), Rate::ZERO);
        assert_eq!(Rate::of_counter(10, 9, 2.0), Rate::UNKNOWN);
        assert_eq!(Rate::of_counter(10, 30, 0.0), Rate::UNKNOWN);
    }

    #[test]
    fn one_part_that_is_unknown_makes_the_sum_unknown() {
        assert_eq!([Rate::new(1.0), Rate::new(2.0)].into_iter().sum::<Rate>(), Rate::new(3.0));
        assert_eq!([Rate::new(1.0), Rate::UNKNOWN].into_iter().sum::<Rate>(), Rate::UNKNOWN);
        assert_eq!(Rates::ZERO + Rates::UNKNOWN, Rates::UNKNOWN);
    }
}
