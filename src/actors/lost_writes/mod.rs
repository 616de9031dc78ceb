//! Crashes after every I/O step of random histories, over a disk that loses what was not synced.
//!
//! [`store::Store`] does with the files what a topic, its log and its channels do, with the rules and
//! the storage that they use. [`ledger::Ledger`] remembers what publishers and consumers were told, and
//! judges what is found afterwards.

mod history;
mod ledger;
mod store;

use std::{fmt::Debug, path::Path};

use self::{
    history::{Action, history},
    ledger::Ledger,
    store::Store,
};
use crate::{
    config::Durability,
    storage::lossy_disk::{LossyDisk, SplitMix, Survival},
};

/// How a life of the store ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The process is killed: the operating system has everything.
    Kill,
    /// The power goes; this much of what was not synced is on the disk.
    Power(Survival),
}

/// Ends at the given step, judges what is left, goes on with the rest of the history, and ends again.
fn crash(
    dir: &Path,
    durability: Durability,
    actions: &[Action],
    step: usize,
    ends: [End; 2],
) -> bool {
    let disk = LossyDisk::new(dir);
    let mut ledger = Ledger::default();
    disk.stop_at(step);
    let done = live(dir, &disk, durability, &mut ledger, actions);
    let reached = disk.is_off();
    come_back(&disk, ends[0]);
    ledger.judge(dir, &disk, durability, ends[0]);
    live(dir, &disk, durability, &mut ledger, &actions[done..]);
    come_back(&disk, ends[1]);
    ledger.judge(dir, &disk, durability, ends[1]);
    reached
}

/// Runs until the disk stops, or to the end; tells how many actions were begun.
fn live(
    dir: &Path,
    disk: &LossyDisk,
    durability: Durability,
    ledger: &mut Ledger,
    actions: &[Action],
) -> usize {
    let Ok(mut store) = Store::open(dir, disk, durability) else {
        assert!(disk.is_off(), "start succeeds");
        return 0;
    };
    for (index, action) in actions.iter().enumerate() {
        if let Err(error) = store.act(action, ledger) {
            assert!(disk.is_off(), "{action:?}: {error}");
            return index + 1;
        }
    }
    actions.len()
}

fn come_back(disk: &LossyDisk, end: End) {
    match end {
        End::Kill => disk.come_back(),
        End::Power(survival) => disk.lose_power(survival),
    }
}

fn check_histories(durability: Durability, ends: fn(u64) -> [End; 2]) {
    let dir = tempfile::tempdir().unwrap();
    let asked_for = std::env::var(HISTORIES_VARIABLE).ok();
    let count = asked_for.map_or(HISTORIES, |count| count.parse().expect("a number"));
    for seed in 0..count {
        let actions = history(&mut SplitMix(seed));
        let mut step = 1;
        loop {
            let ends = ends(seed * 1000 + step as u64);
            let _explain = Explain(&actions, (durability, seed, step, ends));
            if !crash(dir.path(), durability, &actions, step, ends) {
                break;
            }
            step += 1;
        }
        assert!(step > 10, "seed {seed}: the history has no steps");
    }
}

/// Says which case it was when the test fails.
struct Explain<'a, C: Debug>(&'a [Action], C);

impl<C: Debug> Drop for Explain<'_, C> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?}\n{:#?}", self.1, self.0);
        }
    }
}

/// How many histories; more of them, in minutes instead of seconds: `just crashes`.
const HISTORIES_VARIABLE: &str = "LOST_WRITE_HISTORIES";
const HISTORIES: u64 = 12;

const NOTHING_SURVIVES: End = End::Power(Survival::Nothing);

fn something_survives(seed: u64) -> [End; 2] {
    let percent = [20, 50, 90, 100][seed as usize % 4];
    [seed, seed + 1].map(|seed| End::Power(Survival::Some { percent, seed }))
}

#[test]
fn a_process_that_is_killed_at_any_step_loses_nothing() {
    for durability in [Durability::Process, Durability::Power] {
        check_histories(durability, |_| [End::Kill, End::Kill]);
        check_histories(durability, |_| [End::Kill, NOTHING_SURVIVES]);
    }
}

#[test]
fn with_durability_process_a_power_loss_at_any_step_costs_only_what_was_not_synced() {
    check_histories(Durability::Process, |_| [NOTHING_SURVIVES; 2]);
    check_histories(Durability::Process, something_survives);
}

#[test]
fn with_durability_power_a_power_loss_at_any_step_costs_nothing_that_was_answered() {
    check_histories(Durability::Power, |_| [NOTHING_SURVIVES; 2]);
    check_histories(Durability::Power, something_survives);
}
