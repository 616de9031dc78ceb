//! The process ends without warning while topics and channels are created and deleted, and messages
//! wait for their time.
//!
//! After every kill, and in the end after all that is left was consumed, this holds:
//!
//! - Every message answered with OK was delivered to every channel whose creation was answered before
//!   the message was sent, unless somebody has asked to delete the channel or its topic since.
//! - Nothing is delivered that was never published, or with another body, or from another topic.
//! - No `DPUB` is delivered before its time, in this process or a later one. No `REQ` is, in the
//!   process that was asked.
//! - Attempts only rise within a process; over a kill, for all that was delivered before the channel's
//!   cursor was saved.
//! - Nothing that a channel had comes back in a later process once its deletion was answered.
//! - In the end every channel is at rest: nothing waits, nothing is in flight, nothing is deferred.

use std::{
    env,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    ledger::Ledger,
    peers::{Process, names},
};
use crate::support::{Nsqd, Random, eventually, ours};

/// Kills over both modes; `KILLS=<number>` asks for more.
const KILLS: usize = 20;
const PUBLISHERS: usize = 4;
const CONSUMERS_PER_CHANNEL: usize = 2;
/// A round ends before more messages than these are acknowledged, or a little after.
const ACKNOWLEDGED_MAX: usize = 600;
/// Some rounds last so much longer, so that what is deferred falls due, and cursors are saved.
const LINGER_MS_MAX: usize = 600;

#[test]
fn nothing_is_lost_or_early_while_topics_and_channels_come_and_go() {
    kill_again_and_again(&["--sync-timeout=20ms"]);
}

#[test]
fn nothing_is_lost_or_early_with_durability_power() {
    kill_again_and_again(&["--durability=power", "--sync-timeout=50ms"]);
}

fn kill_again_and_again(flags: &[&str]) {
    if !ours() {
        return; // nsqd 1.3 forgets what is in memory
    }
    let kills = env::var("KILLS").map_or(KILLS, |kills| kills.parse().expect("KILLS is a number"));
    let (begun, mut random, ledger) = (Instant::now(), Random::new(), Ledger::default());
    let mut nsqd = Nsqd::with(&[flags, &["--max-bytes-per-file=50000"]].concat());
    for round in 0..kills.div_ceil(2) {
        run_and_kill(&mut nsqd, &ledger, round, &mut random);
        nsqd.restart();
    }
    drain(&nsqd, &ledger, kills);
    eprintln!("{} kills in {:?}: {}", kills.div_ceil(2), begun.elapsed(), ledger.summary());
}

fn process<'a>(nsqd: &Nsqd, ledger: &'a Ledger, round: usize) -> Process<'a> {
    Process { tcp: nsqd.tcp(), http: nsqd.http_address(), round, ledger }
}

fn run_and_kill(nsqd: &mut Nsqd, ledger: &Ledger, round: usize, random: &mut Random) {
    let process = process(nsqd, ledger, round);
    process.begin();
    let goal = ledger.acknowledged_count() + random.below(ACKNOWLEDGED_MAX);
    let longer_ms = if random.one_in(3) { random.below(LINGER_MS_MAX) } else { random.below(5) };
    thread::scope(|scope| {
        for number in 0..PUBLISHERS {
            let random = random.fork();
            scope.spawn(move || process.publish(&format!("round{round}by{number}"), random));
        }
        for name in names() {
            for _ in 0..CONSUMERS_PER_CHANNEL {
                let random = random.fork();
                scope.spawn(move || process.consume(name, random));
            }
        }
        let operator = random.fork();
        scope.spawn(move || process.operate(operator));
        let _killed_in_the_end = Killing(nsqd); // whose peers would not end without that
        eventually("publishing goes on", || (ledger.acknowledged_count() >= goal).then_some(()));
        thread::sleep(Duration::from_millis(longer_ms as u64));
    });
}

struct Killing<'a>(&'a mut Nsqd);

impl Drop for Killing<'_> {
    fn drop(&mut self) {
        self.0.kill9();
    }
}

/// Consumes all that is left.
fn drain(nsqd: &Nsqd, ledger: &Ledger, round: usize) {
    let (process, stop) = (process(nsqd, ledger, round), AtomicBool::new(false));
    process.begin();
    thread::scope(|scope| {
        for name in names() {
            let stop = &stop;
            scope.spawn(move || process.finish(name, stop));
        }
        let drained = thread::scope(|scope| {
            scope.spawn(|| eventually("all is delivered", || at_rest(nsqd, ledger))).join()
        });
        stop.store(true, Ordering::Relaxed);
        if drained.is_err() {
            panic!("left over: {:?} {}", ledger.debts(), nsqd.stats());
        }
    });
}

/// Nothing is owed, and the counters say so too.
fn at_rest(nsqd: &Nsqd, ledger: &Ledger) -> Option<()> {
    let is_busy = |(topic, channel)| {
        let seen = nsqd.channel(topic, channel);
        ["depth", "in_flight_count", "deferred_count"].iter().any(|&counter| seen[counter] != 0)
    };
    (ledger.debts().is_none() && !names().any(is_busy)).then_some(())
}
