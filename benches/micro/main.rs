//! How long the codec, the rules and the log take for one message, command or record, in memory.
//!
//! `cargo bench --bench micro [-- NAME …]`; the throughput is in what the name says after "per".

mod codec;
mod log;
mod rules;
#[path = "../workload/mod.rs"]
mod work;

use std::time::Duration;

/// Of each bench, and of its preparation.
const TIME_MAX: Duration = Duration::from_secs(1);

fn main() {
    divan::Divan::from_args().max_time(TIME_MAX).main();
}
