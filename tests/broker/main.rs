//! The broker from outside: a process, its sockets, its files. One module per behaviour.
//!
//! `NSQD_PROGRAM=/path/to/nsqd cargo test --test broker` runs the same tests against another nsqd;
//! what this one does differently on purpose is asked for only where [`support::ours`] says so.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says why"
)]

mod admin;
mod auth;
mod backlog;
mod client;
mod config_file;
mod conformance;
mod crash;
mod damage;
mod deferring;
mod descriptors;
mod discovery;
mod disk_full;
mod durability;
mod ephemeral;
mod hostile;
mod http;
mod instructions;
mod latency;
mod log_tool;
mod logging;
mod lookupd;
mod metrics;
mod panics;
mod process;
mod protocol;
mod sockets;
mod statsd;
mod stragglers;
mod support;
mod takeover;
mod tls;
mod tools;
mod upgrades;
