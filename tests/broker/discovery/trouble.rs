//! Registries that die, are slow or say nothing: nobody else notices.

use std::time::{Duration, Instant};

use super::{
    nsqd_with,
    registry::{Manner, Registry},
};
use crate::support::{Nsqd, eventually, ours};

#[test]
fn a_registry_that_comes_back_is_told_everything_anew() {
    let (registry, other) = (Registry::start(), Registry::start());
    let nsqd = nsqd_with(&[&registry, &other], &[]);
    nsqd.client().subscribe("orders", "archive");
    registry.expect_registered(&["orders", "orders archive"]);
    let address = registry.address();
    drop(registry);
    nsqd.client().publish("clicks", b"x");
    nsqd.post("/channel/delete?topic=orders&channel=archive", b"");
    other.expect_registered(&["clicks", "orders"]);
    let registry = Registry::again(address);
    if ours() {
        registry.expect_registered(&["clicks", "orders"]);
    } else {
        nsqd.post("/topic/create?topic=clicks2", b""); // upstream comes back with the next change
        registry.expect_registered(&["clicks", "clicks2", "orders"]);
    }
    assert_eq!(other.seen().connections.len(), 1);
}

#[test]
fn a_link_that_breaks_is_made_again_and_nothing_is_lost_meanwhile() {
    if !ours() {
        return; // Upstream comes back after seconds.
    }
    let registry = Registry::start();
    let nsqd = nsqd_with(&[&registry], &[]);
    let mut expected = Vec::new();
    for number in 0..10 {
        let name = format!("t{number}");
        nsqd.client().publish(&name, b"x");
        registry.hang_up();
        expected.push(name);
    }
    let names: Vec<_> = expected.iter().map(String::as_str).collect();
    registry.expect_registered(&names);
    assert!(registry.seen().connections.len() > 1);
}

/// Publishes and subscribes on new topics, again and again, and says how long the slowest took.
fn slowest(nsqd: &Nsqd) -> Duration {
    let mut slowest = Duration::ZERO;
    for number in 0..20 {
        let begun = Instant::now();
        let topic = format!("t{number}");
        let mut consumer = nsqd.client();
        consumer.subscribe(&topic, "archive");
        nsqd.client().publish(&topic, b"x");
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}

/// The registry that is no trouble hears of all twenty topics.
fn expect_twenty(registry: &Registry) {
    let names = (0..20).map(|number| format!("t{number}"));
    let names: Vec<_> = names.flat_map(|name| [name.clone(), format!("{name} archive")]).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    registry.expect_registered(&names);
}

#[test]
fn a_registry_that_accepts_and_never_answers_delays_nobody() {
    if !ours() {
        return; // Upstream's registrations of all wait for it.
    }
    let good = Registry::start();
    let silent = Registry::with(Manner::Silent, Manner::Silent, &[]);
    let nsqd = nsqd_with(&[&silent, &good], &[]);
    assert!(slowest(&nsqd) < Duration::from_secs(5), "somebody waited for the silent registry");
    expect_twenty(&good);
    let address = silent.address();
    nsqd.expect_line(&format!("LOOKUPD({address}): IDENTIFY - no answer within 5s"));
    silent.expect_connections(2);
    nsqd.client().publish("afterwards", b"x");
    good.expect_line("REGISTER afterwards");
    assert_eq!(good.seen().connections.len(), 1);
}

#[test]
fn a_slow_registry_hears_of_everything_and_delays_nobody() {
    if !ours() {
        return;
    }
    let good = Registry::start();
    let slow = Registry::with(Manner::Slowly(Duration::from_millis(50)), Manner::Answers, &[]);
    let nsqd = nsqd_with(&[&slow, &good], &[]);
    assert!(slowest(&nsqd) < Duration::from_secs(5), "somebody waited for the slow registry");
    expect_twenty(&good);
    expect_twenty(&slow);
    assert_eq!(slow.seen().connections.len(), 1);
}

#[test]
fn registries_that_cannot_be_reached_are_reported_once() {
    if !ours() {
        return;
    }
    let nsqd = Nsqd::with(&[
        "--lookupd-tcp-address=127.0.0.1:1",
        "--lookupd-tcp-address=no.such.host.invalid:4160",
        "--lookupd-tcp-address=nonsense",
    ]);
    nsqd.expect_line("LOOKUPD(127.0.0.1:1): failed to connect: ");
    nsqd.expect_line("LOOKUPD(nonsense): failed to connect: address not found: ");
    nsqd.expect_line("LOOKUPD(no.such.host.invalid:4160): failed to connect: address not found");
    eventually("several attempts", || {
        let stats = nsqd.stats();
        let peers = stats["nsqlookupds"].as_array()?.clone();
        let refused = peers.iter().find(|peer| peer["address"] == "127.0.0.1:1")?;
        (refused["error_count"].as_u64()? >= 4).then_some(())
    });
    let lines = nsqd.logged();
    let told = lines.lines().filter(|line| line.contains("LOOKUPD(127.0.0.1:1)")).count();
    assert_eq!(told, 1, "{lines}");
}
