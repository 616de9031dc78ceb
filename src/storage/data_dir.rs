//! The data path: locked for one process, with one directory per topic.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::fs::{FlockOperation, flock};

use crate::{
    os_error::os_text,
    protocol::names::TopicName,
    storage::{
        disk::Disk,
        file_name,
        journal::{self, JournalError, Replayed},
    },
};

const TOPICS: &str = "topics";
const DELETED: &str = ".deleted-";
/// A topic that is being written anew.
const REPAIRING: &str = ".repairing-";

/// Why the data path cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It does not exist, is no directory, or is not ours to open.
    #[error("failed to lock data-path: open {}: {}", path.display(), os_text(source))]
    Open {
        /// The data path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "failed to lock data-path: cannot flock directory {} - {} \
         (possibly in use by another instance of nsqd)",
        path.display(),
        os_text(source)
    )]
    Lock {
        /// The data path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file system refused.
    #[error("cannot {action} {}: {}", path.display(), os_text(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The journal cannot be read, or what stands in it cannot be put where it belongs.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The data path. The lock is held as long as this lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    /// Topics whose deletion is not finished, each with its new name if it has that already. Locked while one gets it.
    retiring: Mutex<BTreeMap<TopicName, Option<PathBuf>>>,
    replayed: Replayed,
    _locked: File,
}

impl DataDir {
    /// Locks an existing directory, in the way of upstream's nsqd, so that the two keep each other
    /// out. Then finishes deletions and repairs that a crash has interrupted, and puts into the logs what only the
    /// journal has.
    pub fn open(path: &Path, disk: Arc<dyn Disk>) -> Result<Self, DataDirError> {
        let _locked = lock(path)?;
        let (retiring, replayed) = (Mutex::default(), Replayed::default());
        let mut data_dir = Self { path: path.to_owned(), disk, retiring, replayed, _locked };
        let topics = data_dir.topics_dir();
        data_dir.attempt("create", &topics, |disk| disk.create_dir(&topics))?;
        data_dir.attempt("sync", path, |disk| disk.sync_dir(path))?;
        // What a process that was killed had deleted must not come back into a new topic's place.
        data_dir.attempt("sync", &topics, |disk| disk.sync_dir(&topics))?;
        data_dir.remove_deleted()?;
        data_dir.finish_repairs()?;
        data_dir.replayed = journal::replay(&data_dir, &*data_dir.disk)?;
        Ok(data_dir)
    }

    /// What was found in the journal.
    pub fn replayed(&self) -> &Replayed {
        &self.replayed
    }

    /// The data path itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The topics that have a directory, sorted.
    pub fn topics(&self) -> Result<Vec<TopicName>, DataDirError> {
        let names = self.list_topics_dir()?;
        let mut topics: Vec<_> = names.iter().filter_map(|name| topic_of(name)).collect();
        topics.sort_unstable();
        Ok(topics)
    }

    /// The topic has a directory.
    pub fn has_topic(&self, topic: &TopicName) -> Result<bool, DataDirError> {
        let name = file_name::encode(topic.as_str());
        Ok(self.list_topics_dir()?.contains(&name))
    }

    /// Where a topic's files are, or would be.
    pub fn topic_dir(&self, topic: &TopicName) -> PathBuf {
        self.topics_dir().join(file_name::encode(topic.as_str()))
    }

    /// Creates a topic's directory; fine if it exists. The first sync of the log in it makes it
    /// durable.
    pub fn create_topic(&self, topic: &TopicName) -> Result<PathBuf, DataDirError> {
        let dir = self.topic_dir(topic);
        self.attempt("create", &dir, |disk| disk.create_dir(&dir))?;
        Ok(dir)
    }

    /// Removes a topic's directory with all that is in it; fine if there is none. A crash leaves
    /// all of the topic or nothing.
    pub fn remove_topic(&self, topic: &TopicName) -> Result<(), DataDirError> {
        match self.retire_topic(topic)? {
            Some(retired) => self.remove_retired(&retired),
            None => Ok(()),
        }
    }

    /// The first half of that, which is quick: the topic is gone for good, and another one of its
    /// name can be made. `None` if there was none. After an error it can be tried again.
    pub fn retire_topic(&self, topic: &TopicName) -> Result<Option<PathBuf>, DataDirError> {
        self.retire(topic, |_| true)
    }

    /// The same for a topic that could not be retired; `None` if there is no such. Before that, what
    /// is created by its name would find its files.
    pub fn finish_retiring(&self, topic: &TopicName) -> Result<Option<PathBuf>, DataDirError> {
        self.retire(topic, |retiring| retiring.contains_key(topic))
    }

    fn retire(
        &self,
        topic: &TopicName,
        is_meant: impl FnOnce(&BTreeMap<TopicName, Option<PathBuf>>) -> bool,
    ) -> Result<Option<PathBuf>, DataDirError> {
        let lock = || self.retiring.lock().unwrap_or_else(PoisonError::into_inner);
        let retired = {
            let mut retiring = lock();
            if !is_meant(&retiring) {
                return Ok(None);
            }
            let renamed = self.give_deleted_name(topic).inspect_err(|_| {
                retiring.entry(topic.clone()).or_default();
            })?;
            let retired = match (renamed, retiring.get(topic)) {
                (None, None) => return Ok(None),
                (None, Some(earlier)) => earlier.clone(),
                (renamed, _) => renamed,
            };
            retiring.insert(topic.clone(), retired.clone());
            retired
        };
        let topics = self.topics_dir();
        self.attempt("sync", &topics, |disk| disk.sync_dir(&topics))?;
        lock().remove(topic);
        Ok(retired)
    }

    /// Renames a topic's directory; `None` if there is none.
    fn give_deleted_name(&self, topic: &TopicName) -> Result<Option<PathBuf>, DataDirError> {
        let (dir, retired) = (self.topic_dir(topic), self.unused_deleted_name()?);
        match self.disk.rename(&dir, &retired) {
            Ok(()) => Ok(Some(retired)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io_error("rename", &dir, source)),
        }
    }

    /// The second half, which takes as long as there are bytes to give back. If it fails, the next
    /// opening of the data path does it.
    pub fn remove_retired(&self, retired: &Path) -> Result<(), DataDirError> {
        self.attempt("remove", retired, |disk| disk.remove_dir(retired))
    }

    /// An empty directory to write a topic into anew.
    pub(super) fn begin_repair(&self, topic: &TopicName) -> Result<PathBuf, DataDirError> {
        let anew = self.repair_dir(topic);
        self.attempt("create", &anew, |disk| disk.create_dir(&anew))?;
        Ok(anew)
    }

    /// Moves a topic's directory into `aside` and puts what was written anew in its place. If a crash
    /// comes in between, the next opening does the second half.
    pub(super) fn finish_repair(
        &self,
        topic: &TopicName,
        aside: &Path,
    ) -> Result<(), DataDirError> {
        let (dir, topics) = (self.topic_dir(topic), self.topics_dir());
        let old = aside.join(file_name::encode(topic.as_str()));
        self.attempt("sync", &topics, |disk| disk.sync_dir(&topics))?;
        self.attempt("move", &dir, |disk| disk.rename(&dir, &old))?;
        self.attempt("sync", aside, |disk| disk.sync_dir(aside))?;
        self.put_in_place(&self.repair_dir(topic), &dir)
    }

    fn repair_dir(&self, topic: &TopicName) -> PathBuf {
        self.topics_dir().join(format!("{REPAIRING}{}", file_name::encode(topic.as_str())))
    }

    fn put_in_place(&self, anew: &Path, dir: &Path) -> Result<(), DataDirError> {
        let topics = self.topics_dir();
        self.attempt("rename", anew, |disk| disk.rename(anew, dir))?;
        self.attempt("sync", &topics, |disk| disk.sync_dir(&topics))
    }

    /// Only what is complete has lost its old one.
    fn finish_repairs(&self) -> Result<(), DataDirError> {
        let names = self.list_topics_dir()?;
        for name in &names {
            let Some(topic) = name.strip_prefix(REPAIRING) else { continue };
            let anew = self.topics_dir().join(name);
            if names.iter().any(|name| name == topic) {
                self.attempt("remove", &anew, |disk| disk.remove_dir(&anew))?;
            } else {
                self.put_in_place(&anew, &self.topics_dir().join(topic))?;
            }
        }
        Ok(())
    }

    pub(super) fn topics_dir(&self) -> PathBuf {
        self.path.join(TOPICS)
    }

    fn list_topics_dir(&self) -> Result<Vec<String>, DataDirError> {
        let topics = self.topics_dir();
        let names = self.attempt("list", &topics, |disk| disk.list(&topics))?;
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    fn unused_deleted_name(&self) -> Result<PathBuf, DataDirError> {
        let names = self.list_topics_dir()?;
        let numbers =
            names.iter().filter_map(|name| name.strip_prefix(DELETED)?.parse::<u64>().ok());
        let number = numbers.max().map_or(1, |number| number.wrapping_add(1));
        Ok(self.topics_dir().join(format!("{DELETED}{number}")))
    }

    fn remove_deleted(&self) -> Result<(), DataDirError> {
        for name in self.list_topics_dir()? {
            if name.starts_with(DELETED) {
                let dir = self.topics_dir().join(name);
                self.attempt("remove", &dir, |disk| disk.remove_dir(&dir))?;
            }
        }
        Ok(())
    }

    fn attempt<T>(
        &self,
        action: &'static str,
        path: &Path,
        step: impl FnOnce(&dyn Disk) -> io::Result<T>,
    ) -> Result<T, DataDirError> {
        step(&*self.disk).map_err(|source| io_error(action, path, source))
    }
}

fn lock(path: &Path) -> Result<File, DataDirError> {
    let open_error = |source| DataDirError::Open { path: path.to_owned(), source };
    let directory = File::open(path).map_err(open_error)?;
    if !directory.metadata().map_err(open_error)?.is_dir() {
        return Err(open_error(rustix::io::Errno::NOTDIR.into()));
    }
    flock(&directory, FlockOperation::NonBlockingLockExclusive)
        .map_err(|error| DataDirError::Lock { path: path.to_owned(), source: error.into() })?;
    Ok(directory)
}

fn topic_of(name: &str) -> Option<TopicName> {
    TopicName::parse(file_name::decode(name)?).ok()
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> DataDirError {
    DataDirError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{
        disk::RealDisk,
        failing_disk::{FailingDisk, Faults},
    };

    fn open(path: &Path) -> Result<DataDir, DataDirError> {
        DataDir::open(path, Arc::new(RealDisk))
    }

    #[test]
    fn errors_are_worded_as_upstream_words_them() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        assert_eq!(
            open(&missing).unwrap_err().to_string(),
            format!(
                "failed to lock data-path: open {}: no such file or directory",
                missing.display()
            )
        );
        let _first = open(dir.path()).unwrap();
        assert_eq!(
            open(dir.path()).unwrap_err().to_string(),
            format!(
                "failed to lock data-path: cannot flock directory {} - resource temporarily \
                 unavailable (possibly in use by another instance of nsqd)",
                dir.path().display()
            )
        );
    }

    #[test]
    fn a_file_is_no_data_path() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let text = open(&file).unwrap_err().to_string();
        assert!(text.ends_with("file: not a directory"), "{text}");
    }

    #[test]
    fn the_lock_goes_with_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path()).unwrap());
        open(dir.path()).unwrap();
    }

    #[test]
    fn topics_are_created_listed_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = open(dir.path()).unwrap();
        let topics = [".", "..", ".deleted-1", "a", "t#ephemeral"]
            .map(|name| TopicName::parse(name).unwrap());
        for topic in &topics {
            let topic_dir = data_dir.create_topic(topic).unwrap();
            assert_eq!(topic_dir.parent(), Some(dir.path().join("topics").as_path()));
            data_dir.create_topic(topic).unwrap();
            std::fs::write(topic_dir.join("some file"), "").unwrap();
        }
        assert_eq!(data_dir.topics().unwrap(), topics);
        for topic in &topics {
            data_dir.remove_topic(topic).unwrap();
            data_dir.remove_topic(topic).unwrap();
        }
        assert_eq!(data_dir.topics().unwrap(), []);
        assert_eq!(std::fs::read_dir(dir.path().join("topics")).unwrap().count(), 0);
    }

    #[test]
    fn an_interrupted_deletion_is_finished() {
        let dir = tempfile::tempdir().unwrap();
        let left_over = dir.path().join("topics/.deleted-7");
        std::fs::create_dir_all(left_over.join("sub")).unwrap();
        let data_dir = open(dir.path()).unwrap();
        assert!(!left_over.exists());
        assert_eq!(data_dir.topics().unwrap(), []);
    }

    #[test]
    fn a_deletion_that_fails_can_be_tried_again_and_is_finished_before_the_name_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let disk = FailingDisk::default();
        let data_dir = DataDir::open(dir.path(), Arc::new(disk.clone())).unwrap();
        let topic = TopicName::parse("t").unwrap();
        for faults in [
            Faults { rename: true, ..Faults::default() },
            Faults { sync: true, ..Faults::default() },
        ] {
            for retry in [DataDir::retire_topic, DataDir::finish_retiring] {
                assert_eq!(data_dir.finish_retiring(&topic).unwrap(), None, "nothing has failed");
                std::fs::write(data_dir.create_topic(&topic).unwrap().join("old"), "").unwrap();
                assert_eq!(data_dir.finish_retiring(&topic).unwrap(), None, "it is alive");
                disk.set(faults.clone());
                assert!(data_dir.retire_topic(&topic).is_err());
                assert!(retry(&data_dir, &topic).is_err());
                disk.set(Faults::default());
                let retired = retry(&data_dir, &topic).unwrap().expect("there is what was retired");
                assert!(retired.join("old").exists() && data_dir.topics().unwrap().is_empty());
                data_dir.remove_retired(&retired).unwrap();
                assert_eq!(data_dir.retire_topic(&topic).unwrap(), None);
            }
        }
    }

    #[test]
    fn a_topic_that_could_only_be_renamed_does_not_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let disk = FailingDisk::default();
        let data_dir = DataDir::open(dir.path(), Arc::new(disk.clone())).unwrap();
        let topic = TopicName::parse("t").unwrap();
        for _ in 0..2 {
            data_dir.create_topic(&topic).unwrap();
            disk.set(Faults { remove: true, ..Faults::default() });
            assert!(data_dir.remove_topic(&topic).is_err());
            assert_eq!(data_dir.topics().unwrap(), []);
            disk.set(Faults::default());
        }
        drop(data_dir);
        open(dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path().join("topics")).unwrap().count(), 0);
    }
}
