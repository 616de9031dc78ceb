//! nsqd as a client of nsqlookupd, against registries that do as they are told.

mod cluster;
mod creating;
mod following;
pub mod hosts;
mod network;
mod registering;
pub mod registry;
mod trouble;

use self::registry::Registry;
use crate::support::{Nsqd, http};

/// An nsqd that reports to these, and flags.
#[track_caller]
pub fn nsqd_with(registries: &[&Registry], flags: &[&str]) -> Nsqd {
    let named: Vec<_> = registries.iter().map(|registry| registry.flag()).collect();
    let flags: Vec<_> = named.iter().map(String::as_str).chain(flags.iter().copied()).collect();
    Nsqd::with(&flags)
}

/// Replaces the list of nsqlookupds.
#[track_caller]
fn configure(nsqd: &Nsqd, registries: &[&Registry]) {
    let addresses: Vec<_> = registries.iter().map(|it| it.address().to_string()).collect();
    let body = serde_json::to_vec(&addresses).unwrap();
    let put = http::request_bytes("PUT", "/config/nsqlookupd_tcp_addresses", &body);
    assert_eq!(http::exchange(nsqd.http_address(), &put).status, 200);
}
