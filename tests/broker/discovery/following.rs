//! The list of nsqlookupds changes while nsqd runs.

use super::{configure, nsqd_with, registry::Registry};
use crate::support::{Nsqd, ours};

#[test]
fn added_registries_are_told_everything_and_removed_ones_are_left() {
    let (first, second) = (Registry::start(), Registry::start());
    let nsqd = nsqd_with(&[&first], &[]);
    nsqd.client().subscribe("orders", "archive");
    first.expect_registered(&["orders", "orders archive"]);
    configure(&nsqd, &[&first, &second]);
    second.expect_registered(&["orders", "orders archive"]);
    configure(&nsqd, &[&second]);
    first.expect_left();
    nsqd.client().publish("clicks", b"x");
    second.expect_registered(&["clicks", "orders", "orders archive"]);
    assert_eq!(first.seen().connections.len(), 1);
    assert_eq!(second.seen().connections.len(), 1);
}

#[test]
fn a_registry_may_come_to_a_node_that_had_none_and_go_again() {
    let registry = Registry::start();
    let nsqd = Nsqd::start();
    nsqd.client().publish("orders", b"x");
    configure(&nsqd, &[&registry]);
    registry.expect_registered(&["orders"]);
    configure(&nsqd, &[]);
    registry.expect_left();
    if ours() {
        let address = registry.address();
        nsqd.expect_line(&format!("LOOKUP({address}): removing peer"));
        assert!(nsqd.stats().get("nsqlookupds").is_none());
    }
    configure(&nsqd, &[&registry]);
    registry.expect_connections(2);
    registry.expect_registered(&["orders"]);
}

#[test]
fn an_address_that_is_given_twice_is_one_registry() {
    if !ours() {
        return;
    }
    let registry = Registry::start();
    let nsqd = nsqd_with(&[&registry, &registry], &[]);
    nsqd.client().publish("orders", b"x");
    registry.expect_registered(&["orders"]);
    assert_eq!(registry.seen().connections.len(), 1);
}

#[test]
fn an_address_may_be_of_ipv6() {
    let Some(registry) = Registry::of_ipv6() else {
        return; // There is none on this machine.
    };
    let nsqd = nsqd_with(&[&registry], &[]);
    nsqd.client().publish("orders", b"x");
    registry.expect_registered(&["orders"]);
}

#[test]
fn a_name_may_stand_for_any_of_its_addresses() {
    let registry = Registry::start();
    let flag = format!("--lookupd-tcp-address=localhost:{}", registry.address().port());
    let nsqd = Nsqd::with(&[&flag]);
    nsqd.client().publish("orders", b"x");
    registry.expect_registered(&["orders"]);
}
