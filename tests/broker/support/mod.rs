//! A broker process, scripted peers, and what tests share.

mod bystander;
mod client;
pub mod commands;
mod frame;
pub mod http;
mod log;
mod lookup_client;
mod nsqadmin;
mod nsqd;
mod nsqlookupd;
mod program;
mod random;
mod small_disk;
pub mod tls;
mod traffic;
mod wait;
mod wire;

pub use bystander::Bystander;
pub use client::{Client, Gone, connect_raw};
pub use frame::{Frame, NsqMessage};
pub use lookup_client::{LookupClient, identify_json};
pub use nsqadmin::Nsqadmin;
pub use nsqd::Nsqd;
pub use nsqlookupd::Nsqlookupd;
pub use program::{Ended, command, free_address, nsq_command, ours, run_to_end, wait_for_exit};
pub use random::Random;
pub use small_disk::SmallDisk;
pub use traffic::{Ledger, body_of, consume, drain, key_of, publish_until_cut, publish_until_told};
pub use wait::{DEADLINE, eventually};
