//! Chance, for consumers that want a sample only.

use std::hash::{BuildHasher, RandomState};

/// Draws numbers (xorshift64*). Each channel has its own, so that two of one topic do not pick the
/// same messages.
#[derive(Debug)]
pub struct Sampler(u64);

impl Sampler {
    /// One that nobody can foresee.
    pub fn new() -> Self {
        Self(RandomState::new().hash_one(()) | 1)
    }

    /// A number from 0 to 99, each as likely.
    pub fn draw(&mut self) -> u8 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        // The upper half, scaled: a remainder would favour small numbers.
        (((mixed >> 32) * 100) >> 32) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_as_likely() {
        const DRAWS: usize = 1_000_000;
        let mut sampler = Sampler(0x9e37_79b9_7f4a_7c15);
        let mut counts = [0usize; 100];
        for _ in 0..DRAWS {
            counts[usize::from(sampler.draw())] += 1;
        }
        // Six times the standard deviation of a count.
        let expected = DRAWS / counts.len();
        for (number, count) in counts.into_iter().enumerate() {
            assert!(count.abs_diff(expected) < 600, "{number} was drawn {count} times");
        }
    }
}
