//! Upstream's files in a data path, by their names.

use std::{collections::BTreeMap, path::Path};

use super::{error::TakeOverError, topology::Topology};
use crate::{
    protocol::{ChannelName, TopicName},
    storage::disk::Disk,
};

/// Topics and channels.
pub(super) const TOPOLOGY: &str = "nsqd.dat";

const MARK: &str = ".diskqueue";
const METADATA_SUFFIX: &str = ".diskqueue.meta.dat";
const DATA_SUFFIX: &str = ".dat";
const NUMBER_DIGITS: usize = 6;

/// The files of one queue.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct QueueFiles {
    /// There is a file with its positions.
    pub has_positions: bool,
    /// Numbers of the files with messages, sorted.
    pub numbers: Vec<u64>,
}

/// Everything in a data path that upstream's nsqd has written.
#[derive(Debug, Default)]
pub(super) struct OldFiles {
    pub has_topology: bool,
    /// By the queue's name.
    queues: BTreeMap<String, QueueFiles>,
    /// Temporary files and those that upstream has given up.
    others: Vec<String>,
}

/// The queue of a topic, or of one of its channels.
pub(super) fn queue_name(topic: &TopicName, channel: Option<&ChannelName>) -> String {
    match channel {
        None => topic.to_string(),
        Some(channel) => format!("{topic}:{channel}"),
    }
}

/// The file with a queue's positions.
pub(super) fn positions_file(queue: &str) -> String {
    format!("{queue}{METADATA_SUFFIX}")
}

/// A file with messages of a queue.
pub(super) fn data_file(queue: &str, number: u64) -> String {
    format!("{queue}{MARK}.{number:0NUMBER_DIGITS$}{DATA_SUFFIX}")
}

impl OldFiles {
    pub fn list(disk: &dyn Disk, data_path: &Path) -> Result<Self, TakeOverError> {
        let names = disk.list(data_path).map_err(TakeOverError::io("list", data_path))?;
        let mut old = Self::default();
        names.iter().filter_map(|name| name.to_str()).for_each(|name| old.add(name));
        old.queues.values_mut().for_each(|queue| queue.numbers.sort_unstable());
        old.others.sort_unstable();
        Ok(old)
    }

    fn add(&mut self, name: &str) {
        if name == TOPOLOGY {
            self.has_topology = true;
        } else if let Some(queue) = name.strip_suffix(METADATA_SUFFIX) {
            self.queues.entry(queue.to_owned()).or_default().has_positions = true;
        } else if let Some((queue, number)) = parse_data_file(name) {
            self.queues.entry(queue.to_owned()).or_default().numbers.push(number);
        } else if is_other(name) {
            self.others.push(name.to_owned());
        }
    }

    /// The files of a queue, none if it has none.
    pub fn queue(&self, name: &str) -> QueueFiles {
        self.queues.get(name).cloned().unwrap_or_default()
    }

    /// What is imported: `nsqd.dat` and the files of the queues that it names.
    pub fn files_of(&self, topology: &Topology) -> Vec<String> {
        let named = topology.queues();
        let mut files = Vec::new();
        for (name, queue) in self.queues.iter().filter(|(name, _)| named.contains(*name)) {
            files.extend(files_of(name, queue));
        }
        files.push(TOPOLOGY.to_owned());
        files
    }

    /// What is not.
    pub fn left_alone(&self, topology: &Topology) -> Vec<String> {
        let named = topology.queues();
        let unnamed = self.queues.iter().filter(|(name, _)| !named.contains(*name));
        unnamed.flat_map(|(name, queue)| files_of(name, queue)).chain(self.others.clone()).collect()
    }
}

fn files_of(name: &str, queue: &QueueFiles) -> Vec<String> {
    let data = queue.numbers.iter().map(|&number| data_file(name, number));
    queue.has_positions.then(|| positions_file(name)).into_iter().chain(data).collect()
}

/// From the right: a name may hold any of what follows it.
fn parse_data_file(name: &str) -> Option<(&str, u64)> {
    let (queue, number) = name.strip_suffix(DATA_SUFFIX)?.rsplit_once('.')?;
    let queue = queue.strip_suffix(MARK)?;
    let number = number.parse().ok()?;
    (data_file(queue, number) == name).then_some((queue, number))
}

fn is_other(name: &str) -> bool {
    let of_queue = name.contains(".diskqueue.");
    let is_bad = of_queue && name.ends_with(".dat.bad");
    let is_temporary = (of_queue || name.starts_with("nsqd.dat.")) && name.ends_with(".tmp");
    is_bad || is_temporary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_names() {
        let mut old = OldFiles::default();
        for name in [
            "nsqd.dat",
            "t.diskqueue.meta.dat",
            "t.diskqueue.000007.dat",
            "t:c.diskqueue.1234567.dat",
            "t.diskqueue.diskqueue.000000.dat",
            "t.diskqueue.meta.diskqueue.meta.dat",
            "t.diskqueue.000001.dat.bad",
            "nsqd.dat.123.tmp",
            "t.diskqueue.meta.dat.99.tmp",
            "t.diskqueue.07.dat",
            "t.diskqueue.+00001.dat",
            "unrelated.dat",
            "topics",
        ] {
            old.add(name);
        }
        assert!(old.has_topology);
        let queue = |has_positions, numbers: &[u64]| QueueFiles {
            has_positions,
            numbers: numbers.to_vec(),
        };
        assert_eq!(old.queue("t"), queue(true, &[7]));
        assert_eq!(old.queue("t:c"), queue(false, &[1_234_567]));
        assert_eq!(old.queue("t.diskqueue"), queue(false, &[0]));
        assert_eq!(old.queue("t.diskqueue.meta"), queue(true, &[]));
        assert_eq!(old.queues.len(), 4);
        assert_eq!(old.others.len(), 3);
    }
}
