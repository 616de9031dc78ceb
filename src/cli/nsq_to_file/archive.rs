//! The files of one topic: opened, rotated, synced and put away. Messages are acknowledged when they are durable.

use std::{
    fmt::Display,
    io, mem,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Zoned;

use crate::config::GoDuration;

use super::{
    file_names::{FileName, FileNames},
    files::{Files, Lock, OutFile, create_dirs, dir_of},
    leftovers,
    output::Output,
    placing::place,
};

/// Where files are written and where they go.
#[derive(Debug, Clone)]
pub struct Place {
    /// Finished files.
    pub output_dir: PathBuf,
    /// Files that are written to; the same as `output_dir` if they do not move.
    pub work_dir: PathBuf,
    /// Level of gzip, 1 to 9; none for plain files.
    pub gzip_level: Option<u32>,
}

impl Place {
    /// True if finished files move.
    pub fn is_separate(&self) -> bool {
        self.output_dir != self.work_dir
    }
}

/// When files end and messages are acknowledged.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// A file that is larger, before compression, takes no further message; 0 for no limit.
    pub rotate_size: u64,
    /// Nor does one that was opened longer ago; zero for no limit.
    pub rotate_interval: Duration,
    /// Opens files for messages only.
    pub skip_empty_files: bool,
    /// Messages that are written are synced when there are so many.
    pub unsynced_max: usize,
}

/// A moment, on both clocks.
#[derive(Debug, Clone)]
pub struct Now {
    /// What files are named by.
    pub wall: Zoned,
    /// What their age is measured by.
    pub instant: Instant,
}

impl Now {
    /// The present moment.
    pub fn read() -> Self {
        Self { wall: Zoned::now(), instant: Instant::now() }
    }
}

/// Why an archive takes no more messages.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A step failed.
    #[error("failed to {step} {path}: {source}")]
    Failed {
        /// What was to be done.
        step: &'static str,
        /// To what.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// An earlier step failed.
    #[error("not usable since an earlier error")]
    Broken,
}

/// What an archive that takes no more messages does with those that it has.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failure<M> {
    /// Why.
    pub error: ArchiveError,
    /// Are durable, and can be acknowledged: what has failed came after that.
    pub synced: Vec<M>,
    /// Are not known to be durable.
    pub unsynced: Vec<M>,
}

/// Another file is needed.
enum Due {
    NoFile,
    Because(String),
}

/// What is to become of one topic.
#[derive(Debug, Clone)]
pub struct ArchiveSpec {
    /// In front of lines of the log: `[topic/channel]`.
    pub label: String,
    /// Where.
    pub place: Place,
    /// When.
    pub rules: Rules,
    /// By what names.
    pub names: FileNames,
}

/// One topic's files; `M` is a message that wants to be acknowledged.
#[derive(Debug)]
pub struct Archive<M> {
    label: String,
    place: Place,
    rules: Rules,
    names: FileNames,
    files: Arc<dyn Files>,
    open: Option<OpenFile>,
    /// Of the newest file, whether it is open or not.
    name: Option<FileName>,
    unsynced: Vec<M>,
    /// Made durable by the step under way.
    synced: Vec<M>,
    broken: bool,
}

#[derive(Debug)]
struct OpenFile {
    output: Output,
    relative: String,
    path: PathBuf,
    opened: Instant,
    /// The time that its name is known to fit.
    checked_second: i64,
    /// Its directory has been synced since it was created.
    dir_synced: bool,
}

impl<M: AsRef<[u8]>> Archive<M> {
    /// Takes over what an earlier process left.
    pub fn open(spec: ArchiveSpec, files: Arc<dyn Files>) -> Result<Self, ArchiveError> {
        let ArchiveSpec { label, place, rules, names } = spec;
        leftovers::recover(&*files, &place, &names)
            .map_err(|error| failed("take over", &place.work_dir, error))?;
        let (open, name, broken) = (None, None, false);
        let (unsynced, synced) = (Vec::new(), Vec::new());
        Ok(Self { label, place, rules, names, files, open, name, unsynced, synced, broken })
    }

    /// Writes a message; returns messages that are durable now, this one possibly among them.
    pub fn write(&mut self, message: M, now: &Now) -> Result<Vec<M>, Failure<M>> {
        let mut message = Some(message);
        let mut written = self.guarded(|archive| {
            let due = archive.rotation_due(now);
            if let Some(due) = &due {
                archive.rotate(due, now)?;
            }
            if let Some(message) = message.take() {
                archive.append_line(message)?;
            }
            if due.is_some() || archive.unsynced.len() >= archive.rules.unsynced_max {
                archive.sync_open()?;
            }
            Ok(())
        });
        if let Err(failure) = &mut written {
            failure.unsynced.extend(message);
        }
        written
    }

    /// Hands what was written to the operating system, for others to read.
    pub fn flush(&mut self) -> Result<(), Failure<M>> {
        let flushed = self.guarded(|archive| match &mut archive.open {
            Some(open) => open.output.flush().map_err(|error| failed("write", &open.path, error)),
            None => Ok(()),
        });
        flushed.map(drop)
    }

    /// Makes everything durable that was written.
    pub fn sync(&mut self) -> Result<Vec<M>, Failure<M>> {
        self.guarded(Self::sync_open)
    }

    /// What is to be done from time to time: rotates if that is due, and syncs.
    pub fn tick(&mut self, now: &Now) -> Result<Vec<M>, Failure<M>> {
        self.guarded(|archive| {
            if let Some(due) = archive.rotation_due(now) {
                match archive.rules.skip_empty_files {
                    true => archive.close_open()?,
                    false => archive.rotate(&due, now)?,
                }
            }
            if !archive.unsynced.is_empty() {
                log::info!("{} syncing {} records to disk", archive.label, archive.unsynced.len());
            }
            archive.sync_open()
        })
    }

    /// Closes the file and puts it away; the next message or tick opens another.
    pub fn close(&mut self) -> Result<Vec<M>, Failure<M>> {
        self.guarded(Self::close_open)
    }

    /// Messages that were written and are not durable yet.
    pub fn unsynced(&self) -> &[M] {
        &self.unsynced
    }

    /// After an error nothing may claim success: a second sync would say nothing about what the first one lost. What was
    /// durable before the error remains so.
    fn guarded(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<(), ArchiveError>,
    ) -> Result<Vec<M>, Failure<M>> {
        let result = if self.broken { Err(ArchiveError::Broken) } else { step(self) };
        let synced = mem::take(&mut self.synced);
        match result {
            Ok(()) => Ok(synced),
            Err(error) => {
                self.broken = true;
                self.open = None;
                Err(Failure { error, synced, unsynced: mem::take(&mut self.unsynced) })
            }
        }
    }

    fn append_line(&mut self, message: M) -> Result<(), ArchiveError> {
        let written = match &mut self.open {
            Some(open) => open
                .output
                .write_line(message.as_ref())
                .map_err(|error| failed("write", &open.path, error)),
            None => Ok(()),
        };
        self.unsynced.push(message);
        written
    }

    /// Why another file is needed, if one is.
    fn rotation_due(&mut self, now: &Now) -> Option<Due> {
        let Some(open) = &mut self.open else { return Some(Due::NoFile) };
        let second = now.wall.timestamp().as_second();
        if open.checked_second != second {
            open.checked_second = second;
            let revision = self.name.as_ref().map_or(0, |name| name.revision);
            let next = self.names.path(&FileName { time: self.names.time(&now.wall), revision });
            if next != open.relative {
                return Some(Due::Because(format!("new filename {next}, rotating...")));
            }
        }
        let age = now.instant.saturating_duration_since(open.opened);
        if self.rules.rotate_interval > Duration::ZERO && age > self.rules.rotate_interval {
            let age = GoDuration::from(age);
            return Some(Due::Because(format!("{age} since last open, rotating...")));
        }
        let (bytes, bytes_max) = (open.output.bytes(), self.rules.rotate_size);
        if bytes_max > 0 && bytes > bytes_max {
            let text =
                format!("{} currently {bytes} bytes (> {bytes_max}), rotating...", open.relative);
            return Some(Due::Because(text));
        }
        None
    }

    fn rotate(&mut self, due: &Due, now: &Now) -> Result<(), ArchiveError> {
        if let Due::Because(reason) = due {
            log::info!("{} {reason}", self.label);
        }
        self.close_open()?;
        self.open_next(now)
    }

    fn open_next(&mut self, now: &Now) -> Result<(), ArchiveError> {
        let time = self.names.time(&now.wall);
        let mut name = match self.name.take() {
            Some(last) if last.time == time => FileName { time, revision: last.revision + 1 },
            _ => FileName { time, revision: 0 },
        };
        loop {
            let relative = self.names.path(&name);
            let path = self.place.work_dir.join(&relative);
            let output =
                self.try_open(&relative, &path).map_err(|error| failed("open", &path, error))?;
            if let Some(output) = output {
                log::info!("{} opening {}", self.label, path.display());
                let (opened, checked_second) = (now.instant, now.wall.timestamp().as_second());
                self.open = Some(OpenFile {
                    output,
                    relative,
                    path,
                    opened,
                    checked_second,
                    dir_synced: false,
                });
                self.name = Some(name);
                return Ok(());
            }
            name.revision += 1;
        }
    }

    /// Opens the file of that name, unless another must be taken.
    fn try_open(&self, relative: &str, path: &Path) -> io::Result<Option<Output>> {
        let finished = self.place.output_dir.join(relative);
        if self.place.is_separate() && self.files.exists(&finished)? {
            log::warn!("output file already exists: {}", finished.display());
            return Ok(None);
        }
        create_dirs(&*self.files, dir_of(path))?;
        let opened = match self.is_exclusive() {
            true => self.create(path)?,
            false => self.append(path)?,
        };
        let Some(file) = opened else { return Ok(None) };
        let output = Output::new(file, self.place.gzip_level)?;
        let is_full = self.rules.rotate_size > 0 && output.bytes() > self.rules.rotate_size;
        Ok(if is_full { None } else { Some(output) })
    }

    /// Files of which nobody can say where another process's part ends, or how old it is, are never appended to.
    fn is_exclusive(&self) -> bool {
        self.place.gzip_level.is_some() || self.rules.rotate_interval > Duration::ZERO
    }

    fn create(&self, path: &Path) -> io::Result<Option<Box<dyn OutFile>>> {
        let file = match self.files.create_new(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                log::warn!("working file already exists: {}", path.display());
                return Ok(None);
            }
            file => file?,
        };
        // A process that starts takes a file without a lock for a leftover.
        Ok(Some(file).filter(|file| is_locked(&**file, Lock::Exclusive, path)))
    }

    fn append(&self, path: &Path) -> io::Result<Option<Box<dyn OutFile>>> {
        let mut file = self.files.open_or_create(path)?;
        if is_locked(&*file, Lock::Exclusive, path) {
            leftovers::mend(&mut *file, path, None)?;
        }
        if is_locked(&*file, Lock::Shared, path) {
            return Ok(Some(file));
        }
        if self.names.have_revisions() {
            Ok(None)
        } else {
            Err(io::Error::other("in use by another process"))
        }
    }

    /// A file that other processes append to is moved by the last of them.
    fn may_move(&self, file: &dyn OutFile, path: &Path) -> bool {
        let may = is_locked(file, Lock::Exclusive, path);
        if !may {
            log::info!(
                "{} {} stays for another process that writes to it",
                self.label,
                path.display()
            );
        }
        may
    }

    fn sync_open(&mut self) -> Result<(), ArchiveError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if self.unsynced.is_empty() {
            return Ok(());
        }
        open.output.sync().map_err(|error| failed("sync", &open.path, error))?;
        if !open.dir_synced {
            let dir = dir_of(&open.path);
            self.files.sync_dir(dir).map_err(|error| failed("sync", dir, error))?;
            open.dir_synced = true;
        }
        self.synced.append(&mut self.unsynced);
        Ok(())
    }

    fn close_open(&mut self) -> Result<(), ArchiveError> {
        self.sync_open()?;
        let Some(open) = self.open.take() else { return Ok(()) };
        // Held until the file has moved: without a lock it is a leftover to any process that starts.
        let file = open.output.close().map_err(|error| failed("close", &open.path, error))?;
        if self.place.is_separate() && self.may_move(&*file, &open.path) {
            move_out(&*self.files, &self.place, &self.names, &open.relative)
                .map_err(|error| failed("move", &open.path, error))?;
        }
        Ok(())
    }
}

fn failed(step: &'static str, path: &Path, source: io::Error) -> ArchiveError {
    ArchiveError::Failed { step, path: path.display().to_string(), source }
}

/// True if we have the lock on the file that is still of that name, or if locks are not to be had there.
fn is_locked(file: &dyn OutFile, lock: Lock, path: &Path) -> bool {
    file.lock(lock).unwrap_or(true) && file.is_at(path).unwrap_or(false)
}

/// Moves a finished file from the work directory to the output directory, under the next revision that is free.
pub(super) fn move_out(
    files: &dyn Files,
    from: &Place,
    names: &FileNames,
    relative: &str,
) -> io::Result<PathBuf> {
    let source = from.work_dir.join(relative);
    let mut relative = relative.to_owned();
    let mut is_renamed = false;
    loop {
        let target = from.output_dir.join(&relative);
        match place(files, &source, &target) {
            Ok(()) => {
                log_move(&source, &target, is_renamed);
                return Ok(target);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                log::warn!("destination file already exists: {}", target.display());
                relative = names.next_revision(&relative).ok_or(error)?;
                is_renamed = true;
            }
            Err(error) => return Err(error),
        }
    }
}

fn log_move(source: &Path, target: &Path, is_renamed: bool) {
    let said: (&dyn Display, &dyn Display) = (&source.display(), &target.display());
    match is_renamed {
        false => log::info!("moved finished file {} to {}", said.0, said.1),
        true => log::info!("renamed finished file {} to {} to avoid overwrite", said.0, said.1),
    }
}
