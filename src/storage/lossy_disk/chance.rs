//! What outlives a loss of power, by chance.

/// How much of what was not synced outlives a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survival {
    Nothing,
    /// Chance in percent, for each sector and each name, by this seed.
    Some {
        percent: u64,
        seed: u64,
    },
}

/// The same decisions for the same seed.
#[derive(Debug)]
pub(super) struct Chance {
    percent: u64,
    random: SplitMix,
}

impl Chance {
    pub fn new(survival: Survival) -> Self {
        let (percent, seed) = match survival {
            Survival::Nothing => (0, 0),
            Survival::Some { percent, seed } => (percent, seed),
        };
        Self { percent, random: SplitMix(seed) }
    }

    pub fn keeps(&mut self) -> bool {
        self.random.below(100) < self.percent
    }
}

/// Random numbers that are the same on every machine and in every run.
#[derive(Debug)]
pub(crate) struct SplitMix(pub u64);

impl SplitMix {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}
