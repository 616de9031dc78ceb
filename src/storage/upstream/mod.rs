//! Taking over the data path of upstream's nsqd: topics, channels, pauses and every unread message.
//!
//! All of it is first built in a directory of its own, which then changes its name: that is the
//! moment from which it counts. Before it an interrupted takeover starts over, after it the next
//! start finishes what is left to do, and reads none of the old files again.

mod error;
mod file_names;
#[cfg(test)]
mod fixtures;
mod manifest;
mod positions;
mod queue_file;
mod staged_log;
mod staged_topic;
#[cfg(test)]
mod tests;
mod topology;

use std::{
    collections::BTreeSet,
    fmt, io,
    path::{Path, PathBuf},
};

pub use self::error::TakeOverError;
use self::{
    file_names::{OldFiles, TOPOLOGY},
    manifest::Manifest,
    staged_topic::StagedTopic,
    topology::Topology,
};
use crate::storage::{BATCH_BYTES_CEILING, DataDir, LogOptions, disk::Disk, file_name};

/// Being built; removed by whoever finds it.
const STAGING: &str = ".importing";
/// Complete; on its way to where it belongs.
const STAGED: &str = ".imported";

/// Where a takeover tells what it does, and hears whether to go on.
pub struct Observer<'a> {
    /// Takes a line for the operator.
    pub say: &'a mut dyn FnMut(log::Level, fmt::Arguments<'_>),
    /// True when the process is to stop. Asked about every MiB.
    pub is_cancelled: &'a dyn Fn() -> bool,
}

impl Observer<'_> {
    fn info(&mut self, text: fmt::Arguments<'_>) {
        (self.say)(log::Level::Info, text);
    }

    fn warn(&mut self, text: fmt::Arguments<'_>) {
        (self.say)(log::Level::Warn, text);
    }

    fn error(&mut self, text: fmt::Arguments<'_>) {
        (self.say)(log::Level::Error, text);
    }
}

/// Imports what upstream's nsqd has left in the data path, if anything, and moves its files into
/// `imported-<time>`. To be called before any topic is opened. After an error, or if it was
/// interrupted, it can be called again: nothing is lost, and nothing is there twice.
pub fn take_over(
    data_dir: &DataDir,
    options: &LogOptions,
    time: &str,
    observer: &mut Observer<'_>,
) -> Result<(), TakeOverError> {
    // Whatever the limits say now, what is there must not be lost.
    let options = LogOptions { batch_bytes_max: BATCH_BYTES_CEILING, ..options.clone() };
    let mut take_over = TakeOver { data_dir, options, observer };
    take_over.finish_earlier()?;
    let old = OldFiles::list(take_over.disk(), data_dir.path())?;
    if old.has_topology {
        take_over.import(&old, time)?;
    }
    Ok(())
}

/// A takeover under way.
struct TakeOver<'a, 'b> {
    data_dir: &'a DataDir,
    options: LogOptions,
    observer: &'a mut Observer<'b>,
}

impl TakeOver<'_, '_> {
    fn disk(&self) -> &dyn Disk {
        &*self.options.disk
    }

    /// An error if the process is to stop.
    fn go_on(&self) -> Result<(), TakeOverError> {
        if (self.observer.is_cancelled)() { Err(TakeOverError::Cancelled) } else { Ok(()) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.data_dir.path().join(name)
    }

    fn import(&mut self, old: &OldFiles, time: &str) -> Result<(), TakeOverError> {
        let (disk, path) = (&*self.options.disk, self.data_dir.path().join(TOPOLOGY));
        let topology = Topology::load(disk, &path, self.observer)?;
        self.report_left_alone(old, &topology);
        let staging = self.path(STAGING);
        self.create_dir(&staging)?;
        let mut messages = 0;
        for topic in &topology.topics {
            messages += StagedTopic::build(self, topic, old, &staging)?;
        }
        let files = old.files_of(&topology);
        let manifest = Manifest { aside: self.unused_name(time)?, files };
        manifest.save(self.disk(), &staging)?;
        self.commit(&staging)?;
        self.finish(&manifest)?;
        let (topics, aside) = (topology.topics.len(), &manifest.aside);
        self.observer.info(format_args!(
            "took over the data path of upstream's nsqd: {topics} topics, {messages} messages; \
             its files are in {aside} and are not needed any more"
        ));
        Ok(())
    }

    /// From here on the imported topics count, and the old files do not.
    fn commit(&self, staging: &Path) -> Result<(), TakeOverError> {
        let disk = self.disk();
        disk.sync_dir(staging).map_err(TakeOverError::io("sync", staging))?;
        disk.rename(staging, &self.path(STAGED)).map_err(TakeOverError::io("rename", staging))?;
        self.sync_dir(self.data_dir.path())
    }

    /// Goes on where an earlier process was interrupted.
    fn finish_earlier(&mut self) -> Result<(), TakeOverError> {
        let names = self.list(self.data_dir.path())?;
        if names.contains(STAGED) {
            match Manifest::load(self.disk(), &self.path(STAGED))? {
                Some(manifest) => self.finish(&manifest)?,
                None => self.remove_dir(STAGED)?,
            }
        }
        if names.contains(STAGING) {
            self.remove_dir(STAGING)?;
        }
        Ok(())
    }

    /// Brings everything to its place. Whatever of it has been done before is done again without
    /// effect.
    fn finish(&self, manifest: &Manifest) -> Result<(), TakeOverError> {
        self.install()?;
        let (staged, aside) = (self.path(STAGED), self.path(&manifest.aside));
        self.create_dir(&aside)?;
        self.sync_dir(self.data_dir.path())?;
        for file in &manifest.files {
            self.move_file(&self.path(file), &aside.join(file))?;
        }
        self.sync_dir(&aside)?;
        self.sync_dir(self.data_dir.path())?;
        // Without its list the directory says nothing about files that may come later.
        Manifest::remove(self.disk(), &staged)?;
        self.remove_dir(STAGED)
    }

    fn install(&self) -> Result<(), TakeOverError> {
        let (staged, topics) = (self.path(STAGED), self.data_dir.topics_dir());
        let mut names = self.list(&staged)?;
        names.retain(|name| !name.starts_with('.'));
        names.iter().try_for_each(|name| self.create_dir(&topics.join(name)))?;
        // Nothing moves to where a loss of power could leave no way to it.
        self.sync_dir(&topics)?;
        names.iter().try_for_each(|name| self.move_files(&staged.join(name), &topics.join(name)))
    }

    fn move_files(&self, from: &Path, to: &Path) -> Result<(), TakeOverError> {
        for file in self.list(from)?.iter().filter(|name| !file_name::is_temporary(name)) {
            self.move_file(&from.join(file), &to.join(file))?;
        }
        self.sync_dir(to)
    }

    /// Moves a file that may have been moved before.
    fn move_file(&self, from: &Path, to: &Path) -> Result<(), TakeOverError> {
        match self.disk().rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result.map_err(TakeOverError::io("move", from)),
        }
    }

    fn report_left_alone(&mut self, old: &OldFiles, topology: &Topology) {
        let left = old.left_alone(topology);
        if let Some(first) = left.first() {
            let count = left.len();
            self.observer.warn(format_args!(
                "{count} files of upstream's nsqd belong to no topic or channel in {TOPOLOGY} or \
                 were set aside by it, and are left alone: {first}{}",
                if count > 1 { ", …" } else { "" }
            ));
        }
    }

    fn unused_name(&self, time: &str) -> Result<String, TakeOverError> {
        let taken = self.list(self.data_dir.path())?;
        let plain = format!("imported-{time}");
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let free =
            std::iter::once(plain.clone()).chain(numbered).find(|name| !taken.contains(name));
        Ok(free.unwrap_or(plain))
    }

    fn list(&self, dir: &Path) -> Result<BTreeSet<String>, TakeOverError> {
        let names = self.disk().list(dir).map_err(TakeOverError::io("list", dir))?;
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    fn create_dir(&self, dir: &Path) -> Result<(), TakeOverError> {
        self.disk().create_dir(dir).map_err(TakeOverError::io("create", dir))
    }

    fn remove_dir(&self, name: &str) -> Result<(), TakeOverError> {
        let dir = self.path(name);
        self.disk().remove_dir(&dir).map_err(TakeOverError::io("remove", &dir))
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), TakeOverError> {
        self.disk().sync_dir(dir).map_err(TakeOverError::io("sync", dir))
    }
}
