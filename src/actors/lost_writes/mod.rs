//! Crashes after every I/O step of random histories, over a disk that loses what was not synced.
//!
//! [`store::Store`] does with the files what a topic, its log and its channels do, with the rules and
//! the storage that they use. [`ledger::Ledger`] remembers what publishers and consumers were told, and
//! judges what is found afterwards.

mod history;
mod ledger;
mod node;
mod store;

use std::{error::Error, fmt::Debug, path::Path, sync::Arc};

use self::{
    history::{Step, history, history_of},
    ledger::{Contract, Ledger},
    node::Node,
    store::{Store, topic_name},
};
use crate::{
    config::Durability,
    storage::{
        DataDir,
        lossy_disk::{LossyDisk, SplitMix, Survival},
    },
};

/// What every history does at least: it creates a topic.
const CREATION_STEPS: usize = 7;
/// What a start does before it comes to the journal.
const DATA_DIR_STEPS: usize = 3;
/// What it does then with up to three logs and two files, and a little more.
const REPLAY_STEPS: usize = 13;

/// How a life of the store ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The process is killed: the operating system has everything.
    Kill,
    /// The power goes; this much of what was not synced is on the disk.
    Power(Survival),
}

/// What a history is lived with.
#[derive(Debug, Clone, Copy)]
struct Setting {
    durability: Durability,
    topics: usize,
    with_journal: bool,
}

impl Setting {
    fn one_topic(durability: Durability) -> Self {
        Self { durability, topics: 1, with_journal: false }
    }

    fn history(self, seed: u64) -> Vec<Step> {
        let random = &mut SplitMix(seed);
        match self.topics {
            1 => history(random).into_iter().map(|action| Step::Topic(0, action)).collect(),
            topics => history_of(topics, random),
        }
    }
}

/// Ends at the given step, judges what is left, goes on with the rest of the history, and ends again. Tells whether the
/// step was reached, and how many records the journal had to restore.
fn crash(dir: &Path, setting: Setting, steps: &[Step], last: usize, ends: [End; 2]) -> (bool, u64) {
    let disk = LossyDisk::new(dir);
    let mut ledgers: Vec<_> = (0..setting.topics).map(|_| Ledger::default()).collect();
    disk.stop_at(last);
    let done = live(dir, &disk, setting, &mut ledgers, steps);
    let reached = disk.is_off();
    come_back(&disk, ends[0]);
    if setting.with_journal {
        interrupt_start(dir, &disk, last % REPLAY_STEPS, ends[0]);
    }
    let mut restored = judge(dir, &disk, setting, &mut ledgers, ends[0]);
    live(dir, &disk, setting, &mut ledgers, &steps[done..]);
    come_back(&disk, ends[1]);
    restored += judge(dir, &disk, setting, &mut ledgers, ends[1]);
    (reached, restored)
}

/// A start that ends as well, at some step of what it does with the journal.
fn interrupt_start(dir: &Path, disk: &LossyDisk, step: usize, end: End) {
    disk.stop_at(disk.steps() + DATA_DIR_STEPS + step);
    if let Err(error) = DataDir::open(dir, Arc::new(disk.clone())) {
        assert!(disk.is_off(), "{error}");
    }
    come_back(disk, end);
}

/// Runs until the disk stops, or to the end; tells how many steps were begun.
fn live(
    dir: &Path,
    disk: &LossyDisk,
    setting: Setting,
    ledgers: &mut [Ledger],
    steps: &[Step],
) -> usize {
    let open = || {
        let node = Node::open(dir, disk, setting.durability, setting.with_journal)?;
        (0..setting.topics).map(|number| Store::open(&node, topic_name(number))).collect()
    };
    let opened: Result<Vec<Store>, _> = open();
    let Ok(mut stores) = opened else {
        assert!(disk.is_off(), "start succeeds");
        return 0;
    };
    for (index, step) in steps.iter().enumerate() {
        if let Err(error) = take(step, index, &mut stores, ledgers) {
            assert!(disk.is_off(), "{step:?}: {error}");
            return index + 1;
        }
    }
    steps.len()
}

fn take(
    step: &Step,
    index: usize,
    stores: &mut [Store],
    ledgers: &mut [Ledger],
) -> Result<(), Box<dyn Error>> {
    match step {
        Step::PublishToAll(sizes) => Store::publish_to_all(stores, ledgers, sizes)?,
        Step::Topic(number, action) => stores[*number].act(action, &mut ledgers[*number])?,
    }
    // Not at once: the journal is to be full now and then.
    let number = index % stores.len();
    stores[number].drain(&mut ledgers[number])
}

/// Opens what is there and holds it against what was told.
fn judge(dir: &Path, disk: &LossyDisk, setting: Setting, ledgers: &mut [Ledger], end: End) -> u64 {
    let contract = Contract { durability: setting.durability, end };
    let data = DataDir::open(dir, Arc::new(disk.clone())).expect("start succeeds");
    assert!(data.replayed().damage.is_empty(), "{:?}", data.replayed());
    for (number, ledger) in ledgers.iter_mut().enumerate() {
        ledger.judge(&topic_name(number), &data, disk, contract);
    }
    data.replayed().restored
}

fn come_back(disk: &LossyDisk, end: End) {
    match end {
        End::Kill => disk.come_back(),
        End::Power(survival) => disk.lose_power(survival),
    }
}

fn check_histories(setting: Setting, ends: fn(u64) -> [End; 2]) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let asked_for = std::env::var(HISTORIES_VARIABLE).ok();
    let count = asked_for.map_or(HISTORIES, |count| count.parse().expect("a number"));
    let mut restored = 0;
    for seed in 0..count {
        let steps = setting.history(seed);
        for last in 1.. {
            let ends = ends(seed * 1000 + last as u64);
            let _explain = Explain(&steps, (setting, seed, last, ends));
            let (reached, by_journal) = crash(dir.path(), setting, &steps, last, ends);
            restored += by_journal;
            if !reached {
                assert!(last > CREATION_STEPS, "seed {seed}: the history does nothing");
                break;
            }
        }
    }
    restored
}

/// Says which case it was when the test fails.
struct Explain<'a, C: Debug>(&'a [Step], C);

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
        check_histories(Setting::one_topic(durability), |_| [End::Kill, End::Kill]);
        check_histories(Setting::one_topic(durability), |_| [End::Kill, NOTHING_SURVIVES]);
    }
}

#[test]
fn with_durability_process_a_power_loss_at_any_step_costs_only_what_was_not_synced() {
    check_histories(Setting::one_topic(Durability::Process), |_| [NOTHING_SURVIVES; 2]);
    check_histories(Setting::one_topic(Durability::Process), something_survives);
}

#[test]
fn with_durability_power_a_power_loss_at_any_step_costs_nothing_that_was_answered() {
    check_histories(Setting::one_topic(Durability::Power), |_| [NOTHING_SURVIVES; 2]);
    check_histories(Setting::one_topic(Durability::Power), something_survives);
}

const MANY_TOPICS: Setting =
    Setting { durability: Durability::Power, topics: 3, with_journal: true };

#[test]
fn with_a_journal_for_many_topics_a_process_that_is_killed_at_any_step_loses_nothing() {
    check_histories(MANY_TOPICS, |_| [End::Kill, End::Kill]);
    let restored = check_histories(MANY_TOPICS, |_| [End::Kill, NOTHING_SURVIVES]);
    assert!(restored > 100, "the journal was needed for {restored} records only");
}

#[test]
fn with_a_journal_for_many_topics_a_power_loss_at_any_step_costs_nothing_that_was_answered() {
    let restored = check_histories(MANY_TOPICS, |_| [NOTHING_SURVIVES; 2]);
    assert!(restored > 100, "the journal was needed for {restored} records only");
    let restored = check_histories(MANY_TOPICS, something_survives);
    assert!(restored > 100, "the journal was needed for {restored} records only");
}
