//! The options of each program.

pub mod nsqadmin;
pub mod nsqd;
pub mod nsqlookupd;

pub use nsqadmin::{NSQADMIN_OPTIONS, NsqadminOptions};
pub use nsqd::{CHAOS, NSQD_OPTIONS, NsqdOptions, TOPOLOGY_AWARE_CONSUMPTION};
pub use nsqlookupd::{NSQLOOKUPD_OPTIONS, NsqlookupdOptions};
