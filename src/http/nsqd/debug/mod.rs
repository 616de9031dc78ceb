//! `/debug`, but for the profiles: looking into the broker. As in upstream, nobody is asked who they are.

pub mod block_rate;
pub mod crash;
pub mod free_memory;
