//! The options of each program.

pub mod nsqd;
pub mod nsqlookupd;

pub use nsqd::{CHAOS, NSQD_OPTIONS, NsqdOptions, TOPOLOGY_AWARE_CONSUMPTION};
pub use nsqlookupd::{NSQLOOKUPD_OPTIONS, NsqlookupdOptions};
