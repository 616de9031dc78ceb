//! A real disk whose next steps can be told to fail.

use std::{
    ffi::OsString,
    io::{self, IoSlice},
    path::Path,
    sync::{Arc, Mutex},
};

use crate::storage::disk::{Disk, DiskFile, RealDisk};

/// The errors to come. All `false` and `None`: an honest disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Bytes that still fit; then writes are short, then fail. What is removed or cut off makes room.
    pub space: Option<usize>,
    pub set_len: bool,
    pub sync: bool,
    /// No file or directory can be opened.
    pub descriptors: bool,
    pub rename: bool,
    pub remove: bool,
    /// Longest write in one call.
    pub write_max: Option<usize>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct FailingDisk {
    faults: Arc<Mutex<Faults>>,
}

impl FailingDisk {
    pub fn set(&self, faults: Faults) {
        *self.faults.lock().unwrap() = faults;
    }

    fn get(&self) -> Faults {
        self.faults.lock().unwrap().clone()
    }

    fn check_descriptors(&self) -> io::Result<()> {
        if self.get().descriptors { Err(rustix::io::Errno::MFILE.into()) } else { Ok(()) }
    }

    fn file(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(FailingFile { disk: self.clone(), file })
    }

    /// Takes up to `wanted` bytes of the space that is left.
    fn take_space(&self, wanted: usize) -> io::Result<usize> {
        let mut faults = self.faults.lock().unwrap();
        let wanted = wanted.min(faults.write_max.unwrap_or(usize::MAX));
        match &mut faults.space {
            None => Ok(wanted),
            Some(0) => Err(io::ErrorKind::StorageFull.into()),
            Some(space) => {
                let taken = wanted.min(*space);
                *space -= taken;
                Ok(taken)
            }
        }
    }

    fn give_space(&self, bytes: u64) {
        if let Some(space) = &mut self.faults.lock().unwrap().space {
            *space += usize::try_from(bytes).unwrap();
        }
    }
}

fn check(fails: bool) -> io::Result<()> {
    if fails { Err(io::Error::other("injected")) } else { Ok(()) }
}

/// 0 for no file.
fn size_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

impl Disk for FailingDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.file(RealDisk.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.check_descriptors()?;
        Ok(self.file(RealDisk.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        check(self.get().rename)?;
        let replaced = size_of(to);
        RealDisk.rename(from, to)?;
        self.give_space(replaced);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        check(self.get().remove)?;
        let removed = size_of(path);
        RealDisk.remove(path)?;
        self.give_space(removed);
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        check(self.get().remove)?;
        RealDisk.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.check_descriptors()?;
        check(self.get().sync)?;
        RealDisk.sync_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        RealDisk.list(path)
    }
}

#[derive(Debug)]
struct FailingFile {
    disk: FailingDisk,
    file: Arc<dyn DiskFile>,
}

impl DiskFile for FailingFile {
    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let taken = self.disk.take_space(bytes.len())?;
        self.file.write_at(&[IoSlice::new(&bytes[..taken])], offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        check(self.disk.get().sync)?;
        self.file.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        check(self.disk.get().set_len)?;
        let before = self.file.size()?;
        self.file.set_len(len)?;
        self.disk.give_space(before.saturating_sub(len));
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
}
