//! Long delays, and very many of them.

use std::{env, time::Duration};

use crate::support::{Client, Nsqd, commands, eventually, ours};

const WEEK_MILLIS: u64 = 7 * 24 * 60 * 60 * 1000;

#[test]
fn delays_of_weeks_are_accepted_and_outlive_a_kill() {
    if !ours() {
        return;
    }
    let mut nsqd = Nsqd::with(&["--max-req-timeout=1000h", "--sync-timeout=20ms"]);
    let mut audit = nsqd.consumer("orders", "audit", 10);
    let mut publisher = nsqd.client();
    publisher.publish("orders", b"requeued");
    let requeued = audit.expect_body("requeued");
    audit.send(&commands::requeue(requeued.id, 4 * WEEK_MILLIS));
    publisher.send(&commands::publish_deferred("orders", 3 * WEEK_MILLIS, b"deferred"));
    publisher.expect_ok();
    nsqd.expect_channel("orders", "audit", &[("deferred_count", 2)]);
    // Beyond the maximum: DPUB is refused, REQ is cut.
    publisher.publish("orders", b"cut");
    let cut = audit.expect_body("cut");
    audit.send(&commands::requeue(cut.id, 100 * WEEK_MILLIS));
    publisher.send(&commands::publish_deferred("orders", 6 * WEEK_MILLIS, b"refused"));
    publisher.expect_fatal("E_INVALID DPUB timeout 3628800000 out of range 0-3600000000");
    nsqd.expect_channel("orders", "audit", &[("deferred_count", 3), ("in_flight_count", 0)]);
    // Their cursor is saved with that.
    nsqd.post("/channel/pause?topic=orders&channel=audit", b"");
    nsqd.post("/channel/unpause?topic=orders&channel=audit", b"");
    nsqd.kill9();
    nsqd.restart();
    let mut audit = nsqd.consumer("orders", "audit", 10);
    nsqd.expect_channel("orders", "audit", &[("deferred_count", 3), ("depth", 0)]);
    audit.expect_silence(Duration::from_millis(200));
}

/// The release build's figure for a million of them stands in docs/storage.md.
#[test]
fn a_deferred_message_costs_memory_for_its_place_and_time_only() {
    const FIRST: usize = 20_000;
    const COUNT: usize = 120_000;
    /// Beside its entry of 48 bytes: what the allocator and the record's way cost.
    const BYTES_EACH_MAX: usize = 120;
    if !ours() {
        return;
    }
    let nsqd = Nsqd::with(&["--mem-queue-size=100", "--max-req-timeout=1000h"]);
    let _audit = nsqd.consumer("orders", "audit", 1);
    let mut publisher = nsqd.client();
    defer(&mut publisher, FIRST);
    nsqd.expect_channel("orders", "audit", &[("deferred_count", FIRST as u64)]);
    let before = nsqd.resident_bytes();
    defer(&mut publisher, COUNT - FIRST);
    nsqd.expect_channel("orders", "audit", &[("deferred_count", COUNT as u64)]);
    // What the publishes took on their way is given back after a while.
    eventually("memory is what the deferred messages need", || {
        let more = nsqd.resident_bytes().saturating_sub(before) as usize;
        (more <= BYTES_EACH_MAX * (COUNT - FIRST)).then_some(())
    });
}

/// As many as this instead; a million with `just deferred`.
const COUNT_VARIABLE: &str = "DEFERRED";

/// At any time: while they are published, while a cursor of half of them is saved, and after a start that
/// reads it. Fewer have less, by 50 bytes each; the test above says what one of them costs.
#[test]
fn a_million_deferred_messages_take_less_than_150_megabytes() {
    const COUNT: u64 = 100_000;
    const MILLION: u64 = 1_000_000;
    const BYTES_MAX: u64 = 150_000_000;
    if !ours() {
        return;
    }
    let count = env::var(COUNT_VARIABLE).map_or(COUNT, |text| text.parse().expect("a number"));
    let bytes_max = BYTES_MAX - 50 * MILLION.saturating_sub(count);
    let mut nsqd = Nsqd::with(&["--mem-queue-size=100", "--max-req-timeout=1000h"]);
    let check = |nsqd: &Nsqd, when: &str| {
        nsqd.expect_channel("orders", "audit", &[("deferred_count", count)]);
        let peak = nsqd.peak_bytes();
        println!("{count} deferred, {when}: {peak} bytes of memory at most");
        assert!(peak <= bytes_max, "{when}: {peak} of {bytes_max} bytes");
    };
    let mut audit = nsqd.consumer("orders", "audit", AT_ONCE);
    let mut publisher = nsqd.client();
    // Half of them have been delivered: a cursor has to say of those when they are due.
    requeue(&mut publisher, &mut audit, count as usize / 2);
    defer(&mut publisher, count as usize / 2);
    check(&nsqd, "published and requeued");
    nsqd.terminate();
    nsqd.restart();
    let _audit = nsqd.consumer("orders", "audit", 1);
    check(&nsqd, "started again");
}

const AT_ONCE: usize = 200;
const BODY: [u8; 1000] = [b'x'; 1000];

/// Publishes that many, and has the consumer put them off until tomorrow.
fn requeue(publisher: &mut Client, audit: &mut Client, count: usize) {
    for _ in 0..count / AT_ONCE {
        publisher.send(&commands::publish_many("orders", &[BODY.as_slice(); AT_ONCE]));
        publisher.expect_ok();
        let requeues: Vec<_> = (0..AT_ONCE)
            .flat_map(|_| commands::requeue(audit.expect_message().id, WEEK_MILLIS / 7))
            .collect();
        audit.send(&requeues);
    }
}

/// Publishes that many messages of 1 kB for tomorrow.
fn defer(publisher: &mut Client, count: usize) {
    let day = WEEK_MILLIS / 7;
    for _ in 0..count / AT_ONCE {
        let deferred: Vec<_> = (0..AT_ONCE as u64)
            .flat_map(|at| commands::publish_deferred("orders", day + at % 7, &BODY))
            .collect();
        publisher.send(&deferred);
        (0..AT_ONCE).for_each(|_| publisher.expect_ok());
    }
}
