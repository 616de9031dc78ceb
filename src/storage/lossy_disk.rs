//! A disk in memory that loses, when the power goes, what was not synced: any of it, in any order.
//!
//! Writes are torn at sectors, lengths and contents come apart, and names that were created, renamed
//! or removed without a sync of their directory may be as before.

mod chance;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io::{self, IoSlice},
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use self::chance::Chance;
pub(crate) use self::chance::{SplitMix, Survival};
use crate::storage::disk::{Disk, DiskFile};

/// What a disk writes as a whole.
const SECTOR_BYTES: u64 = 512;
const ROOT: usize = 0;

#[derive(Debug, Clone)]
pub(crate) struct LossyDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    path: PathBuf,
    nodes: Vec<Node>,
    /// Of renames from one directory to another, those that are durable, or have not become so.
    moves: Vec<Option<bool>>,
    /// Calls so far that change something.
    steps: usize,
    /// This one is not carried out, a write only in part, and no call after it.
    last_step: usize,
    is_off: bool,
    sync_fails: bool,
}

#[derive(Debug)]
enum Node {
    File(File),
    Dir(Dir),
}

#[derive(Debug, Default)]
struct File {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    SetLen(u64),
}

#[derive(Debug, Default)]
struct Dir {
    now: BTreeMap<OsString, usize>,
    durable: BTreeMap<OsString, usize>,
    unsynced: Vec<EntryChange>,
}

#[derive(Debug, Clone)]
enum EntryChange {
    Link(OsString, usize),
    Unlink(OsString),
    Rename {
        from: OsString,
        to: OsString,
        node: usize,
    },
    /// Half of a rename to another directory; both halves become durable, or none.
    MoveOut {
        name: OsString,
        id: usize,
    },
    MoveIn {
        name: OsString,
        node: usize,
        id: usize,
    },
}

impl LossyDisk {
    /// An empty disk; `path` leads to its root.
    pub fn new(path: &Path) -> Self {
        Self(Arc::new(Mutex::new(State {
            path: path.to_owned(),
            nodes: vec![Node::Dir(Dir::default())],
            moves: Vec::new(),
            steps: 0,
            last_step: usize::MAX,
            is_off: false,
            sync_fails: false,
        })))
    }

    /// The process, or the machine, ends at this step.
    pub fn stop_at(&self, step: usize) {
        self.state().last_step = step;
    }

    /// Calls so far that change something.
    pub fn steps(&self) -> usize {
        self.state().steps
    }

    /// Nothing works any more.
    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// Syncs report an error from now on, or no more.
    pub fn set_sync_fails(&self, fails: bool) {
        self.state().sync_fails = fails;
    }

    /// Only the process has ended: the operating system still has everything.
    pub fn come_back(&self) {
        let mut state = self.state();
        (state.is_off, state.last_step) = (false, usize::MAX);
    }

    /// The power goes and comes back.
    pub fn lose_power(&self, survival: Survival) {
        self.come_back();
        let mut chance = Chance::new(survival);
        let State { nodes, moves, .. } = &mut *self.state();
        for node in nodes {
            match node {
                Node::File(file) => file.lose_power(&mut chance),
                Node::Dir(dir) => dir.lose_power(&mut chance, moves),
            }
        }
    }

    /// A disk of its own, with its root at `path`, that holds what this one would after a loss of
    /// power now.
    pub fn after_power_loss(&self, path: &Path, survival: Survival) -> Self {
        let state = self.state();
        let nodes = state.nodes.iter().map(Node::copy).collect();
        let moves = state.moves.clone();
        let copy = State { path: path.to_owned(), nodes, moves, ..*state };
        let copy = Self(Arc::new(Mutex::new(copy)));
        copy.lose_power(survival);
        copy
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn file(&self, id: usize) -> Arc<dyn DiskFile> {
        Arc::new(LossyFile { disk: self.clone(), id })
    }
}

fn off() -> io::Error {
    io::Error::other("the power is off")
}

impl State {
    fn check_on(&self) -> io::Result<()> {
        if self.is_off { Err(off()) } else { Ok(()) }
    }

    fn step(&mut self) -> io::Result<()> {
        self.check_on()?;
        self.steps += 1;
        self.is_off = self.steps >= self.last_step;
        self.check_on()
    }

    fn sync_step(&mut self) -> io::Result<()> {
        self.step()?;
        if self.sync_fails { Err(io::Error::other("injected")) } else { Ok(()) }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let below = path.strip_prefix(&self.path).map_err(io::Error::other)?;
        below.components().try_fold(ROOT, |node, part| match (part, &self.nodes[node]) {
            (Component::Normal(name), Node::Dir(dir)) => {
                dir.now.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
            }
            _ => Err(io::ErrorKind::NotADirectory.into()),
        })
    }

    /// The directory that an entry is in, and its name there.
    fn parent<'a>(&mut self, path: &'a Path) -> io::Result<(&mut Dir, &'a OsStr)> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let id = self.find(parent)?;
        Ok((self.dir(id)?, name))
    }

    fn dir(&mut self, id: usize) -> io::Result<&mut Dir> {
        match &mut self.nodes[id] {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn contents(&mut self, id: usize) -> io::Result<&mut File> {
        match &mut self.nodes[id] {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn link(&mut self, path: &Path, node: Node) -> io::Result<usize> {
        let id = self.nodes.len();
        let (dir, name) = self.parent(path)?;
        dir.change(EntryChange::Link(name.to_owned(), id));
        self.nodes.push(node);
        Ok(id)
    }
}

impl Node {
    fn copy(&self) -> Self {
        match self {
            Self::File(file) => Self::File(file.copy()),
            Self::Dir(dir) => Self::Dir(Dir {
                now: dir.now.clone(),
                durable: dir.durable.clone(),
                unsynced: dir.unsynced.clone(),
            }),
        }
    }
}

impl File {
    fn copy(&self) -> Self {
        let copy = |change: &Change| match change {
            Change::Write { at, bytes } => Change::Write { at: *at, bytes: bytes.clone() },
            Change::SetLen(len) => Change::SetLen(*len),
        };
        let unsynced = self.unsynced.iter().map(copy).collect();
        Self { now: self.now.clone(), durable: self.durable.clone(), unsynced }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.unsynced.push(change);
    }

    fn sync(&mut self) {
        self.durable.clone_from(&self.now);
        self.unsynced.clear();
    }

    fn lose_power(&mut self, chance: &mut Chance) {
        for change in std::mem::take(&mut self.unsynced) {
            let kept = change.sectors().into_iter().filter(|_| chance.keeps());
            kept.for_each(|sector| sector.apply(&mut self.durable));
        }
        self.now.clone_from(&self.durable);
    }
}

impl Change {
    fn apply(&self, contents: &mut Vec<u8>) {
        match self {
            Self::SetLen(len) => contents.resize(*len as usize, 0),
            Self::Write { at, bytes } => {
                let at = *at as usize;
                contents.resize(contents.len().max(at + bytes.len()), 0);
                contents[at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
    }

    /// The parts that reach the disk or not, each by itself.
    fn sectors(self) -> Vec<Self> {
        let Self::Write { mut at, bytes } = self else { return vec![self] };
        let (mut bytes, mut sectors) = (bytes.as_slice(), Vec::new());
        while !bytes.is_empty() {
            let room = (SECTOR_BYTES - at % SECTOR_BYTES) as usize;
            let (sector, rest) = bytes.split_at(room.min(bytes.len()));
            sectors.push(Self::Write { at, bytes: sector.to_vec() });
            at += sector.len() as u64;
            bytes = rest;
        }
        sectors
    }
}

impl Dir {
    fn change(&mut self, change: EntryChange) {
        change.apply(&mut self.now);
        self.unsynced.push(change);
    }

    /// Returns the moves that are durable by that.
    fn sync(&mut self) -> Vec<usize> {
        self.durable.clone_from(&self.now);
        std::mem::take(&mut self.unsynced).iter().filter_map(EntryChange::move_id).collect()
    }

    fn lose_power(&mut self, chance: &mut Chance, moves: &mut [Option<bool>]) {
        for change in std::mem::take(&mut self.unsynced) {
            let keeps = match change.move_id() {
                Some(id) => *moves[id].get_or_insert_with(|| chance.keeps()),
                None => chance.keeps(),
            };
            if keeps {
                change.apply(&mut self.durable);
            }
        }
        self.now.clone_from(&self.durable);
    }
}

impl EntryChange {
    fn move_id(&self) -> Option<usize> {
        match self {
            Self::MoveOut { id, .. } | Self::MoveIn { id, .. } => Some(*id),
            _ => None,
        }
    }

    fn apply(&self, entries: &mut BTreeMap<OsString, usize>) {
        match self {
            Self::Link(name, node) | Self::MoveIn { name, node, .. } => {
                entries.insert(name.clone(), *node);
            }
            Self::Unlink(name) | Self::MoveOut { name, .. } => {
                entries.remove(name);
            }
            Self::Rename { from, to, node } => {
                entries.remove(from);
                entries.insert(to.clone(), *node);
            }
        }
    }
}

impl Disk for LossyDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.step()?;
        let id = match state.find(path) {
            Ok(id) => {
                state.contents(id)?.change(Change::SetLen(0));
                id
            }
            Err(_) => state.link(path, Node::File(File::default()))?,
        };
        Ok(self.file(id))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.check_on()?;
        let id = state.find(path)?;
        state.contents(id)?;
        Ok(self.file(id))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let node = state.find(from)?;
        if from.parent() == to.parent() {
            let (dir, name) = state.parent(from)?;
            let to = to.file_name().unwrap_or_default().to_owned();
            dir.change(EntryChange::Rename { from: name.to_owned(), to, node });
            return Ok(());
        }
        let id = state.moves.len();
        let (dir, name) = state.parent(to)?;
        dir.change(EntryChange::MoveIn { name: name.to_owned(), node, id });
        let (dir, name) = state.parent(from)?;
        dir.change(EntryChange::MoveOut { name: name.to_owned(), id });
        state.moves.push(None);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        state.find(path)?;
        let (dir, name) = state.parent(path)?;
        dir.change(EntryChange::Unlink(name.to_owned()));
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        if state.find(path).is_err() {
            state.link(path, Node::Dir(Dir::default()))?;
        }
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.sync_step()?;
        let id = state.find(path)?;
        let durable = state.dir(id)?.sync();
        durable.into_iter().for_each(|id| state.moves[id] = Some(true));
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let mut state = self.state();
        state.check_on()?;
        let id = state.find(path)?;
        Ok(state.dir(id)?.now.keys().cloned().collect())
    }
}

#[derive(Debug)]
struct LossyFile {
    disk: LossyDisk,
    id: usize,
}

impl DiskFile for LossyFile {
    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let mut state = self.disk.state();
        state.check_on()?;
        let stopped = state.step();
        let len = if stopped.is_ok() { bytes.len() } else { bytes.len() / 2 };
        let change = Change::Write { at: offset, bytes: bytes[..len].to_vec() };
        state.contents(self.id)?.change(change);
        stopped.map(|()| len)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.check_on()?;
        let contents = state.contents(self.id)?;
        let from = contents.now.get(offset as usize..).unwrap_or_default();
        let len = from.len().min(buffer.len());
        buffer[..len].copy_from_slice(&from[..len]);
        Ok(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.sync_step()?;
        state.contents(self.id)?.sync();
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.step()?;
        state.contents(self.id)?.change(Change::SetLen(len));
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.check_on()?;
        Ok(state.contents(self.id)?.now.len() as u64)
    }
}
