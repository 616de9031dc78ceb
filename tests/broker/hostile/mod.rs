//! Peers that mean harm, or are broken. Each gets the stated error or a closed connection; memory
//! stays bounded, and everybody else is served as always.

mod bytes;
mod compressed;
mod flood;
mod http;
mod sizes;

use crate::support::{Bystander, Nsqd};

/// How much memory a broker may gain while it is attacked.
const GROWTH_MAX: u64 = 64 << 20;

/// A broker under attack, with somebody on the side to whom nothing may happen.
struct Attacked {
    nsqd: Nsqd,
    bystander: Bystander,
    resident_before: u64,
}

impl Attacked {
    #[track_caller]
    fn with(flags: &[&str]) -> Self {
        let nsqd = Nsqd::with(flags);
        let bystander = Bystander::start(&nsqd);
        nsqd.client().expect_alive();
        let resident_before = nsqd.resident_bytes();
        Self { nsqd, bystander, resident_before }
    }

    /// To be asked while the attack is at its height.
    #[track_caller]
    fn expect_bounded(&self) {
        let growth = self.nsqd.resident_bytes().saturating_sub(self.resident_before);
        assert!(growth < GROWTH_MAX, "grown by {} MiB", growth >> 20);
    }

    /// The attack is over, and has changed nothing.
    #[track_caller]
    fn finish(self) {
        self.expect_bounded();
        self.nsqd.client().expect_alive();
        self.bystander.finish();
    }
}
