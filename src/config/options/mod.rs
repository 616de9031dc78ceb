//! The options of each program.

pub mod nsqd;

pub use nsqd::{CHAOS, NSQD_OPTIONS, NsqdOptions, TOPOLOGY_AWARE_CONSUMPTION};
