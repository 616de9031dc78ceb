//! Short random histories of a topic.

use crate::storage::lossy_disk::SplitMix;

/// Names of the channels that come and go.
pub const CHANNELS: [&str; 2] = ["a", "b"];
const ACTIONS: u64 = 14;
/// With several topics in one history.
const STEPS: u64 = 24;
/// Some records are smaller than a sector, some reach over several.
const BODY_BYTES_MAX: u64 = 900;

/// Something that a node is asked to do, or does by itself.
#[derive(Debug, Clone)]
pub enum Action {
    /// Turns of batches, by the sizes of their only message; written one turn after the other, then
    /// answered.
    Publish(Vec<Vec<usize>>),
    /// The background's sync.
    Sync,
    CreateChannel(&'static str),
    DeleteChannel(&'static str),
    /// A consumer finishes the unfinished messages whose number leaves this remainder of 3.
    Finish(&'static str, u64),
    /// The oldest unfinished messages are carried forward, at most so many.
    Carry(&'static str, usize),
    /// The cursor is saved, and the log trimmed after that.
    Save(&'static str),
    Pause(bool),
    DeleteTopic,
    /// A graceful stop and a new start.
    Restart,
}

/// An action, and the topic that it is about.
#[derive(Debug, Clone)]
pub enum Step {
    Topic(usize, Action),
    /// Every topic is published to; all of that is made durable together, and answered.
    PublishToAll(Vec<usize>),
}

pub fn history_of(topics: usize, random: &mut SplitMix) -> Vec<Step> {
    let step = |random: &mut SplitMix| match random.below(4) {
        0 => Step::PublishToAll(turn(random)),
        _ => Step::Topic(random.below(topics as u64) as usize, action(random)),
    };
    (0..10 + random.below(STEPS - 10)).map(|_| step(random)).collect()
}

pub fn history(random: &mut SplitMix) -> Vec<Action> {
    (0..6 + random.below(ACTIONS - 6)).map(|_| action(random)).collect()
}

fn action(random: &mut SplitMix) -> Action {
    let channel = CHANNELS[random.below(2) as usize];
    match random.below(20) {
        0..=6 => Action::Publish(turns(random)),
        7 => Action::Sync,
        8..=10 => Action::CreateChannel(channel),
        11 => Action::DeleteChannel(channel),
        12..=14 => Action::Finish(channel, random.below(4)),
        15 => Action::Save(channel),
        16 => Action::Carry(channel, 1 + random.below(3) as usize),
        17 => Action::Pause(random.below(2) == 0),
        18 if random.below(2) == 0 => Action::DeleteTopic,
        _ => Action::Restart,
    }
}

fn turns(random: &mut SplitMix) -> Vec<Vec<usize>> {
    vec![turn(random), turn(random)]
}

fn turn(random: &mut SplitMix) -> Vec<usize> {
    let count = 1 + random.below(3);
    (0..count).map(|_| random.below(BODY_BYTES_MAX) as usize).collect()
}
