//! A broker process, scripted peers, and what tests share.

mod bystander;
mod client;
pub mod commands;
mod frame;
pub mod http;
mod nsqd;
mod program;
mod random;
pub mod tls;
mod traffic;
mod wait;
mod wire;

pub use bystander::Bystander;
pub use client::{Client, Gone, connect_raw};
pub use frame::{Frame, NsqMessage};
pub use nsqd::Nsqd;
pub use program::{Ended, command, nsq_command, ours, run_to_end};
pub use random::Random;
pub use traffic::{Ledger, consume, drain, publish_until_cut, publish_until_told};
pub use wait::{DEADLINE, eventually};
