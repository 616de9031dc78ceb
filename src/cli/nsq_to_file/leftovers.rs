//! What an earlier process left behind: a file that it was writing when it ended.
//!
//! Such a file is good up to its last whole line or compressed member; what is torn behind that was never acknowledged and is
//! delivered again. A file that a living process writes is locked and left alone.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    archive::{Place, move_out},
    file_names::FileNames,
    files::{Files, Lock, OutFile, dir_of},
    output::empty_member,
    tail::{Tail, examine},
};

/// Where files stay where they were written, only the newest are looked at: others were closed long ago.
const NEWEST: usize = 16;

/// Mends all leftovers of one topic and moves them to where they belong. Says in the log what it did.
pub(super) fn recover(files: &dyn Files, place: &Place, names: &FileNames) -> io::Result<()> {
    for path in find(files, place, names)? {
        match recover_one(files, place, names, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // another process was faster
            Err(error) => {
                let path = place.work_dir.join(&path);
                return Err(io::Error::new(
                    error.kind(),
                    format!("recover {}: {error}", path.display()),
                ));
            }
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Paths below the work directory.
fn find(files: &dyn Files, place: &Place, names: &FileNames) -> io::Result<Vec<String>> {
    let mut found = vec![(None, String::new())];
    let levels = names.levels();
    for (depth, level) in levels.iter().enumerate() {
        let is_last = depth + 1 == levels.len();
        let mut below = Vec::new();
        for (_, dir) in found {
            for entry in list(files, &place.work_dir.join(&dir))? {
                if entry.is_dir != is_last && level.is_match(&entry.name) {
                    let separator = if dir.is_empty() { "" } else { "/" };
                    below.push((Some(entry.modified), format!("{dir}{separator}{}", entry.name)));
                }
            }
        }
        found = below;
    }
    found.retain(|(_, path)| names.recognise(path));
    found.sort();
    let skipped = if place.is_separate() { 0 } else { found.len().saturating_sub(NEWEST) };
    Ok(found.into_iter().skip(skipped).map(|(_, path)| path).collect())
}

fn list(files: &dyn Files, dir: &Path) -> io::Result<Vec<super::files::Entry>> {
    match files.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        result => result,
    }
}

fn recover_one(
    files: &dyn Files,
    place: &Place,
    names: &FileNames,
    relative: &str,
) -> io::Result<()> {
    let path = place.work_dir.join(relative);
    let mut file = files.open(&path)?;
    if !is_left(&*file, &path) {
        return Ok(());
    }
    let is_empty = mend(&mut *file, &path, place.gzip_level)? == 0;
    if !place.is_separate() {
        return Ok(());
    }
    if is_empty {
        log::info!("removing empty leftover {}", path.display());
        files.remove(&path)?;
        return files.sync_dir(dir_of(&path));
    }
    log::info!("recovering {}, left by an earlier process", path.display());
    let _target: PathBuf = move_out(files, place, names, relative)?;
    Ok(())
}

/// True if no process writes to it; if that cannot be known it is taken for written to.
fn is_left(file: &dyn OutFile, path: &Path) -> bool {
    match file.lock(Lock::Exclusive) {
        Ok(locked) => locked && file.is_at(path).unwrap_or(false),
        Err(error) => {
            log::warn!("{}: cannot be locked, left as it is: {error}", path.display());
            false
        }
    }
}

/// Cuts what is torn and closes what was open; how many bytes were whole. Nobody else may write to the file.
pub(super) fn mend(
    file: &mut dyn OutFile,
    path: &Path,
    gzip_level: Option<u32>,
) -> io::Result<u64> {
    let size = file.size()?;
    let Tail::WholeUpTo(whole) = examine(file, gzip_level.is_some())? else { return Ok(size) };
    if whole < size {
        log::warn!(
            "{}: cutting {} bytes behind byte {whole}, torn and never acknowledged",
            path.display(),
            size - whole
        );
        file.cut(whole)?;
    }
    if let Some(level) = gzip_level {
        file.append(&empty_member(level)?)?;
    }
    file.sync()?;
    Ok(whole)
}
