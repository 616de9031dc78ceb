//! Work of the codec, the rules and the log with fixed inputs, which is timed by `benches/micro` and counted by
//! `benches/instructions`. Nothing here depends on chance, time or a disk.

pub mod codec;
pub mod log;
pub mod memory_disk;
pub mod rules;

/// Bytes of a body where nothing else is said.
pub const BODY_BYTES: usize = 200;

/// The numbers below `count`, far from their neighbours. `count` must not be a multiple of 7919.
pub fn scattered(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |index| index * 7919 % count)
}
