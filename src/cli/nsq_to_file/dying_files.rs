//! Real files in the hands of a process that may be killed at any step, on a machine that may lose power. What is synced is
//! remembered, not synced.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::SystemTime,
};

use super::files::{Entry, Files, Lock, OutFile, RealFiles, dir_of};

/// Clones share one fate.
#[derive(Debug, Clone)]
pub(super) struct DyingFiles(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Changes until the process is killed, in the middle of the last one.
    steps: Option<usize>,
    taken: usize,
    /// Directories that are another file system.
    foreign: Option<PathBuf>,
    /// What fails although the process lives.
    fails: Option<&'static str>,
    trash: PathBuf,
    /// Not durable yet: how to undo it, and the directory that must be synced.
    changes: Vec<(PathBuf, Change)>,
    /// Every file that was opened, with the length that is durable.
    lengths: Vec<(File, u64)>,
}

#[derive(Debug)]
enum Change {
    Created(PathBuf),
    Moved { from: PathBuf, to: PathBuf },
}

impl DyingFiles {
    /// Files that are removed are kept in `trash` until that is durable.
    pub fn new(trash: PathBuf) -> Self {
        let (steps, taken, foreign, fails) = (None, 0, None, None);
        let (changes, lengths) = (Vec::new(), Vec::new());
        Self(Arc::new(Mutex::new(State { steps, taken, foreign, fails, trash, changes, lengths })))
    }

    fn state<T>(&self, use_it: impl FnOnce(&mut State) -> T) -> T {
        use_it(&mut self.0.lock().unwrap())
    }

    /// Kills the process in the middle of its `steps`th change from now.
    pub fn die_after(&self, steps: usize) {
        self.state(|state| state.steps = Some(steps));
    }

    /// True once it was killed.
    pub fn is_dead(&self) -> bool {
        self.state(|state| state.steps == Some(0))
    }

    /// Lets one kind of step fail from now on.
    pub fn fail(&self, step: &'static str) {
        self.state(|state| state.fails = Some(step));
    }

    /// Puts another file system under `dir`.
    pub fn mount(&self, dir: &Path) {
        self.state(|state| state.foreign = Some(dir.to_owned()));
    }

    /// Undoes all that was not synced, the last first.
    pub fn lose_power(&self) {
        self.state(|state| {
            for (file, durable) in &state.lengths {
                if file.metadata().unwrap().len() > *durable {
                    file.set_len(*durable).unwrap();
                }
            }
            for (_, change) in state.changes.drain(..).rev() {
                match change {
                    Change::Created(path) if path.is_dir() => {
                        std::fs::remove_dir_all(path).unwrap();
                    }
                    Change::Created(path) => drop(std::fs::remove_file(path)),
                    Change::Moved { from, to } => std::fs::rename(to, from).unwrap(),
                }
            }
        });
    }

    /// One change; an error once the process is dead or if that step fails.
    fn step(&self, name: &'static str) -> io::Result<()> {
        self.state(|state| {
            if state.fails == Some(name) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.taken += 1;
            match &mut state.steps {
                Some(steps) => {
                    *steps = steps.saturating_sub(1);
                    if *steps == 0 { Err(io::Error::other("killed")) } else { Ok(()) }
                }
                None => Ok(()),
            }
        })
    }

    fn remember(&self, change: Change) {
        let path = match &change {
            Change::Created(path) => path,
            Change::Moved { to, .. } => to,
        };
        let dir = dir_of(path).to_owned();
        self.state(|state| state.changes.push((dir, change)));
    }

    fn file(&self, path: &Path, file: Box<dyn OutFile>) -> io::Result<Box<dyn OutFile>> {
        let own = File::options().read(true).write(true).open(path)?;
        let index = self.state(|state| {
            let durable = known_length(state, &own).unwrap_or(own.metadata().unwrap().len());
            state.lengths.push((own, durable));
            state.lengths.len() - 1
        });
        Ok(Box::new(DyingFile { files: self.clone(), file, index }))
    }
}

/// The durable length of a file that was open before.
fn known_length(state: &State, file: &File) -> Option<u64> {
    let same = |other: &File| is_same(file, other);
    state.lengths.iter().rev().find(|(other, _)| same(other)).map(|(_, durable)| *durable)
}

fn is_same(one: &File, other: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |file: &File| file.metadata().map(|data| (data.dev(), data.ino())).ok();
    id(one) == id(other)
}

impl Files for DyingFiles {
    fn exists(&self, path: &Path) -> io::Result<bool> {
        RealFiles.exists(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.step("create dir")?;
        RealFiles.create_dir(path)?;
        self.remember(Change::Created(path.to_owned()));
        Ok(())
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn OutFile>> {
        self.step("create")?;
        let file = RealFiles.create_new(path)?;
        self.remember(Change::Created(path.to_owned()));
        self.file(path, file)
    }

    fn open_or_create(&self, path: &Path) -> io::Result<Box<dyn OutFile>> {
        if RealFiles.exists(path)? { self.open(path) } else { self.create_new(path) }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OutFile>> {
        self.file(path, RealFiles.open(path)?)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename")?;
        let is_foreign = |path: &Path| {
            self.state(|state| state.foreign.as_ref().is_some_and(|dir| path.starts_with(dir)))
        };
        if is_foreign(from) != is_foreign(to) {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        RealFiles.rename_new(from, to)?;
        self.remember(Change::Moved { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step("remove")?;
        let trash = self.state(|state| state.trash.join(state.taken.to_string()));
        std::fs::rename(path, &trash)?;
        let change = Change::Moved { from: path.to_owned(), to: trash };
        self.state(|state| state.changes.push((dir_of(path).to_owned(), change)));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step("sync dir")?;
        self.state(|state| state.changes.retain(|(dir, _)| dir != path));
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        RealFiles.list(path)
    }
}

#[derive(Debug)]
struct DyingFile {
    files: DyingFiles,
    file: Box<dyn OutFile>,
    index: usize,
}

impl OutFile for DyingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.files.step("write") {
            // The last thing that it did, and not to the end.
            if self.files.is_dead() {
                self.file.append(&bytes[..bytes.len() / 2])?;
                self.files.state(|state| state.steps = Some(0));
            }
            return Err(error);
        }
        self.file.append(bytes)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.files.step("sync")?;
        let length = self.file.size()?;
        self.files.state(|state| {
            let synced = state.lengths[self.index].0.try_clone().unwrap();
            for (file, durable) in &mut state.lengths {
                if is_same(file, &synced) {
                    *durable = length;
                }
            }
        });
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn modified(&self) -> io::Result<SystemTime> {
        self.file.modified()
    }

    fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.files.step("set modified")?;
        self.file.set_modified(time)
    }

    fn cut(&self, size: u64) -> io::Result<()> {
        self.files.step("cut")?;
        self.file.cut(size)
    }

    fn lock(&self, lock: Lock) -> io::Result<bool> {
        self.file.lock(lock)
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }
}
