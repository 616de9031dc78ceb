//! Room on the disk that is kept for cursors, so that consumers go on when the disk is full.

use std::{
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::io::Errno;

use crate::storage::disk::{Disk, DiskFile, write_all_at};

const FILE_NAME: &str = "reserve";
/// Room for some 250 small files that are replaced at the same moment. A file that is replaced needs
/// room only until the old one is gone. Where a file is larger, the room is a multiple of this.
pub const RESERVE_BYTES: usize = 1 << 20;

/// Pause before it is tried again whether there is room: for as much as before, or for more.
pub const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// A file that takes up room. On a full disk it is removed, and nothing but cursors and the like is
/// written until it could be made again.
#[derive(Debug)]
pub struct Reserve {
    /// `None` where there is nothing to keep room for.
    file: Option<PathBuf>,
    disk: Arc<dyn Disk>,
    is_held: AtomicBool,
    /// Bytes that are to be kept.
    wanted: AtomicUsize,
    /// Taken by whoever changes the file. Before this moment there is no use in another attempt to keep more.
    changing: Mutex<Option<Instant>>,
}

impl Reserve {
    /// The reserve in the data path, not taken yet.
    pub fn new(data_path: &Path, disk: Arc<dyn Disk>) -> Self {
        Self { file: Some(data_path.join(FILE_NAME)), ..Self::held(disk, false) }
    }

    /// No room is kept.
    pub fn none(disk: Arc<dyn Disk>) -> Self {
        Self::held(disk, true)
    }

    fn held(disk: Arc<dyn Disk>, is_held: bool) -> Self {
        Self {
            file: None,
            disk,
            is_held: AtomicBool::new(is_held),
            wanted: AtomicUsize::new(RESERVE_BYTES),
            changing: Mutex::default(),
        }
    }

    /// What needs new room may be written. Costs nothing.
    pub fn is_held(&self) -> bool {
        self.is_held.load(Ordering::Relaxed)
    }

    /// Takes the room, unless it is held. Waits for the disk.
    pub fn take(&self) -> io::Result<()> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = self.file.as_ref().filter(|_| !self.is_held()) else { return Ok(()) };
        let wanted = self.wanted.load(Ordering::Relaxed);
        if !self.has(file, wanted) {
            let written = self.disk.create(file).and_then(|file| fill(&*file, 0, wanted));
            written.inspect_err(|_| {
                let _ = self.disk.remove(file); // what could be written of it is no use
            })?;
        }
        self.is_held.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Keeps room for the next replacement of a file that has so many bytes now. Where there is none,
    /// what is held stays, and nothing is tried for [`PROBE_PAUSE`]. Waits for the disk if it must be
    /// more than before.
    pub fn keep_for(&self, bytes: usize, now: Instant) {
        let wanted = room_for(bytes);
        if wanted <= self.wanted.load(Ordering::Relaxed) {
            return;
        }
        let mut not_before = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let extended = match self.file.as_ref().filter(|_| self.is_held()) {
            Some(_) if not_before.is_some_and(|not_before| now < not_before) => return,
            Some(file) => self.extend(file, wanted),
            None => Ok(()), // so much is taken the next time
        };
        *not_before = extended.is_err().then(|| now + PROBE_PAUSE);
        if extended.is_ok() {
            self.wanted.fetch_max(wanted, Ordering::Relaxed);
        }
    }

    /// Gives the room back, for a file of so many bytes that is to be replaced next. Waits for the
    /// disk.
    pub fn give_back(&self, bytes: usize) {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = &self.file else { return };
        self.is_held.store(false, Ordering::Relaxed);
        self.wanted.store(room_for(bytes), Ordering::Relaxed);
        let _ = self.disk.remove(file); // it may be gone
        // Some file systems have the room only when the removal is on the disk.
        if let Some(dir) = file.parent() {
            let _ = self.disk.sync_dir(dir);
        }
    }

    fn has(&self, file: &Path, bytes: usize) -> bool {
        let size = self.disk.open(file).and_then(|file| file.size());
        size.is_ok_and(|size| size >= bytes as u64)
    }

    fn extend(&self, file: &Path, bytes: usize) -> io::Result<()> {
        let file = self.disk.open(file)?;
        let held = file.size()?;
        let whole_parts = usize::try_from(held).unwrap_or(usize::MAX) / RESERVE_BYTES;
        fill(&*file, whole_parts * RESERVE_BYTES, bytes).inspect_err(|_| {
            let _ = file.set_len(held);
        })
    }
}

/// A file of so many bytes needs as much beside it while it is replaced, and may have grown until then.
fn room_for(bytes: usize) -> usize {
    (bytes + bytes / 4).div_ceil(RESERVE_BYTES).max(1) * RESERVE_BYTES
}

/// Fills a file between two multiples of [`RESERVE_BYTES`].
fn fill(file: &dyn DiskFile, from: usize, to: usize) -> io::Result<()> {
    for offset in (from..to).step_by(RESERVE_BYTES) {
        write_all_at(file, &mut [IoSlice::new(&noise(offset as u64))], offset as u64)?;
    }
    file.sync_data()
}

/// Bytes that no file system can store in less room; others with each seed.
fn noise(seed: u64) -> Vec<u8> {
    let mut word = 0x9e37_79b9_7f4a_7c15 ^ seed;
    let words = (0..RESERVE_BYTES / size_of::<u64>()).flat_map(|_| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_le_bytes()
    });
    words.collect()
}

/// There is no room left, on the disk or in what the user may have of it.
pub(super) fn is_disk_full(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOSPC | Errno::DQUOT))
        || matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{
        disk::RealDisk,
        failing_disk::{FailingDisk, Faults},
    };

    fn size(dir: &Path) -> Option<u64> {
        std::fs::metadata(dir.join(FILE_NAME)).ok().map(|metadata| metadata.len())
    }

    #[test]
    fn room_is_taken_given_back_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(dir.path(), Arc::new(RealDisk));
        assert!(!reserve.is_held());
        reserve.take().unwrap();
        assert_eq!((reserve.is_held(), size(dir.path())), (true, Some(RESERVE_BYTES as u64)));
        let disk = FailingDisk::default();
        disk.set(Faults { space: Some(0), ..Faults::default() });
        let next = Reserve::new(dir.path(), Arc::new(disk));
        next.take().expect("an earlier process has written it");
        next.give_back(1);
        assert_eq!((next.is_held(), size(dir.path())), (false, None));
    }

    #[test]
    fn there_is_room_for_the_largest_file() {
        let (dir, disk) = (tempfile::tempdir().unwrap(), FailingDisk::default());
        let reserve = Reserve::new(dir.path(), Arc::new(disk.clone()));
        let (large, now) = (3 * RESERVE_BYTES, Instant::now());
        reserve.take().unwrap();
        for small in [0, 1, RESERVE_BYTES / 5 * 4] {
            reserve.keep_for(small, now);
            assert_eq!(size(dir.path()), Some(RESERVE_BYTES as u64), "{small}");
        }
        disk.set(Faults { space: Some(RESERVE_BYTES), ..Faults::default() });
        reserve.keep_for(large, now);
        assert_eq!((reserve.is_held(), size(dir.path())), (true, Some(RESERVE_BYTES as u64)));
        disk.set(Faults::default());
        reserve.keep_for(large, now + PROBE_PAUSE);
        assert_eq!((reserve.is_held(), size(dir.path())), (true, Some(4 * RESERVE_BYTES as u64)));
        reserve.give_back(large);
        reserve.take().unwrap();
        assert_eq!(size(dir.path()), Some(4 * RESERVE_BYTES as u64), "it is needed again");
        reserve.give_back(1);
        reserve.keep_for(large / 2, now);
        reserve.take().unwrap();
        assert_eq!(size(dir.path()), Some(2 * RESERVE_BYTES as u64), "what was saved last counts");
    }

    #[test]
    fn what_cannot_grow_is_not_tried_again_with_every_file() {
        let (dir, disk) = (tempfile::tempdir().unwrap(), FailingDisk::default());
        let reserve = Reserve::new(dir.path(), Arc::new(disk.clone()));
        reserve.take().unwrap();
        let mut now = Instant::now();
        for _ in 0..2 {
            disk.set(Faults { space: Some(0), ..Faults::default() });
            reserve.keep_for(2 * RESERVE_BYTES, now);
            disk.set(Faults::default());
            for later in [Duration::ZERO, PROBE_PAUSE - Duration::from_nanos(1)] {
                reserve.keep_for(2 * RESERVE_BYTES, now + later);
                assert_eq!(size(dir.path()), Some(RESERVE_BYTES as u64), "{later:?}");
            }
            now += PROBE_PAUSE;
        }
        reserve.keep_for(2 * RESERVE_BYTES, now);
        assert_eq!(size(dir.path()), Some(3 * RESERVE_BYTES as u64));
        reserve.keep_for(5 * RESERVE_BYTES, now);
        assert_eq!(size(dir.path()), Some(7 * RESERVE_BYTES as u64), "there is no pause any more");
    }

    #[test]
    fn what_is_taken_is_all_or_nothing() {
        let (dir, disk) = (tempfile::tempdir().unwrap(), FailingDisk::default());
        let reserve = Reserve::new(dir.path(), Arc::new(disk.clone()));
        for faults in [
            Faults { space: Some(RESERVE_BYTES - 1), ..Faults::default() },
            Faults { sync: true, ..Faults::default() },
        ] {
            disk.set(faults);
            assert!(reserve.take().is_err());
            assert_eq!((reserve.is_held(), size(dir.path())), (false, None));
        }
        disk.set(Faults::default());
        std::fs::write(dir.path().join(FILE_NAME), "half").unwrap();
        reserve.take().unwrap();
        assert_eq!(size(dir.path()), Some(RESERVE_BYTES as u64));
    }
}
