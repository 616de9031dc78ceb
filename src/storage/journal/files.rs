//! Writing the journal.

use std::{
    io::IoSlice,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    DIR, Entry, JournalError, Round,
    entry::{FILE_HEADER_BYTES, Place, file_header},
    file_name,
};
use crate::storage::disk::{Disk, DiskFile, write_all_at};

/// The files of the journal, one of which is written to. After an error it is not known what they hold, and nothing
/// more may be written.
#[derive(Debug)]
pub struct JournalFiles {
    data_path: PathBuf,
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    len: u64,
}

impl JournalFiles {
    /// A journal without files, below `data_path`; they come with the first round.
    pub fn new(data_path: &Path, disk: Arc<dyn Disk>) -> Self {
        Self { data_path: data_path.to_owned(), dir: data_path.join(DIR), disk, open: None }
    }

    /// Does what the round says, writes `entries`, and makes all of that durable.
    pub fn carry_out(&mut self, round: &Round, entries: &[Entry]) -> Result<(), JournalError> {
        round.done.iter().try_for_each(|&number| self.remove(number))?;
        if entries.is_empty() {
            return Ok(());
        }
        if self.open.as_ref().is_none_or(|open| open.number != round.number) {
            self.open = None; // should the next one fail
            self.open = Some(self.begin(round.number)?);
        }
        match &mut self.open {
            Some(open) => open.write(entries),
            None => Ok(()),
        }
    }

    /// Removes a file for good, before any other one is removed: what a later one says of topics that were deleted
    /// must not be gone before what they have left here.
    fn remove(&mut self, number: u64) -> Result<(), JournalError> {
        if self.open.as_ref().is_some_and(|open| open.number == number) {
            self.open = None;
        }
        let path = self.dir.join(file_name(number));
        self.disk.remove(&path).map_err(|source| JournalError::io("remove", &path, source))?;
        self.sync_dir(&self.dir)
    }

    /// A new file, on the disk for good.
    fn begin(&self, number: u64) -> Result<Open, JournalError> {
        let (disk, path) = (&*self.disk, self.dir.join(file_name(number)));
        disk.create_dir(&self.dir)
            .map_err(|source| JournalError::io("create", &self.dir, source))?;
        self.sync_dir(&self.data_path)?;
        let file =
            disk.create(&path).map_err(|source| JournalError::io("create", &path, source))?;
        let open = Open { number, path, file, len: FILE_HEADER_BYTES as u64 };
        open.write_at(&mut [IoSlice::new(&file_header(number))], 0)?;
        self.sync_dir(&self.dir)?;
        Ok(open)
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), JournalError> {
        self.disk.sync_dir(dir).map_err(|source| JournalError::io("sync", dir, source))
    }
}

impl Open {
    fn write(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        let mut end = self.len;
        let mut heads = Vec::with_capacity(entries.len());
        for entry in entries {
            let place = Place { file: self.number, offset: end, round: self.len };
            heads.push(entry.head(place));
            end += entry.encoded_len() as u64;
        }
        let parts = entries.iter().zip(&heads).flat_map(|(entry, head)| entry.slices(head));
        self.write_at(&mut parts.collect::<Vec<_>>(), self.len)?;
        self.len = end;
        Ok(())
    }

    /// On the disk for good.
    fn write_at(&self, parts: &mut [IoSlice<'_>], offset: u64) -> Result<(), JournalError> {
        let failed = |action| move |source| JournalError::io(action, &self.path, source);
        write_all_at(&*self.file, parts, offset).map_err(failed("write"))?;
        self.file.sync_data().map_err(failed("sync"))
    }
}
