//! NSQ rebuilt as an actor-model broker on actix.
//!
//! Dependencies point one way:
//! `main -> cli, http -> actors -> broker, storage -> protocol`, and
//! `cli -> client, cluster -> requests, stream, tls -> protocol`; `cli -> bench -> protocol`.

pub mod actors;
pub mod bench;
pub mod broker;
pub mod cli;
pub mod client;
pub mod cluster;
pub mod config;
pub mod http;
pub mod os_error;
pub mod protocol;
pub mod requests;
pub mod storage;
pub mod stream;
pub mod tls;
