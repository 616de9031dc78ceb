//! Chance that can be repeated.

use std::{env, thread, time::SystemTime};

/// Random numbers from a seed that a failing test prints; `SEED=<number>` repeats it.
pub struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    /// A new seed, or the one asked for.
    pub fn new() -> Self {
        let given = env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
        Self::from_seed(given.unwrap_or_else(|| {
            let now = SystemTime::UNIX_EPOCH.elapsed().expect("the clock is past 1970");
            u64::from(now.subsec_nanos())
        }))
    }

    fn from_seed(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// An independent source, as for another thread.
    pub fn fork(&mut self) -> Self {
        Self { seed: self.seed, state: self.next() }
    }

    /// Splitmix64.
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end`, exclusive.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("less than a usize")
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Bytes of any value.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("to repeat this: SEED={}", self.seed);
        }
    }
}
