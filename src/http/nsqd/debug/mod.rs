//! `/debug`: looking into the process. As in upstream, nobody is asked who they are.

pub mod block_rate;
pub mod cpu_profile;
pub mod crash;
pub mod free_memory;
pub mod pprof;
