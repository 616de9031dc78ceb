//! Moving a finished file to where it stays, without ever replacing another.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::files::{Files, Lock, OutFile, create_dirs, dir_of, read_full_at};

const CHUNK_BYTES: usize = 256 * 1024;

/// Moves a file, durably; [`io::ErrorKind::AlreadyExists`] if another of that name is there. Where an earlier move was
/// interrupted behind the new name, only the old name is removed.
pub(super) fn place(files: &dyn Files, from: &Path, to: &Path) -> io::Result<()> {
    create_dirs(files, dir_of(to))?;
    match files.rename_new(from, to) {
        Ok(()) => {
            files.sync_dir(dir_of(to))?;
            files.sync_dir(dir_of(from))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            finish_interrupted(files, from, to, error)
        }
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy(files, from, to),
        Err(error) => Err(error),
    }
}

fn copy(files: &dyn Files, from: &Path, to: &Path) -> io::Result<()> {
    if files.exists(to)? {
        return finish_interrupted(files, from, to, io::ErrorKind::AlreadyExists.into());
    }
    let temporary = temporary(to);
    let copied = fill(files, from, &temporary).and_then(|_open| files.rename_new(&temporary, to));
    if let Err(error) = copied {
        // An earlier name for what is not complete; if it cannot go now it is used again or stays.
        let _left = files.remove(&temporary);
        return Err(error);
    }
    files.sync_dir(dir_of(to))?;
    remove(files, from)
}

/// Copies the contents and makes them durable. The file stays locked while it is returned.
fn fill(files: &dyn Files, from: &Path, temporary: &Path) -> io::Result<Box<dyn OutFile>> {
    let source = files.open(from)?;
    let mut copy = files.open_or_create(temporary)?;
    if !copy.lock(Lock::Exclusive)? || !copy.is_at(temporary)? {
        return Err(io::Error::other("another process copies to the same name"));
    }
    copy.cut(0)?; // what an interrupted copy left
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = 0;
    loop {
        let read = read_full_at(&*source, &mut chunk, at)?;
        if read == 0 {
            break;
        }
        copy.append(&chunk[..read])?;
        at += read as u64;
    }
    copy.set_modified(source.modified()?)?;
    copy.sync()?;
    Ok(copy)
}

/// `dir/.name.copying`, beside the file to be.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.copying"))
}

fn finish_interrupted(
    files: &dyn Files,
    from: &Path,
    to: &Path,
    taken: io::Error,
) -> io::Result<()> {
    let (source, other) = (files.open(from)?, files.open(to)?);
    if !source.is_at(to)? && !is_copy(&*source, &*other)? {
        return Err(taken);
    }
    files.sync_dir(dir_of(to))?;
    remove(files, from)
}

fn remove(files: &dyn Files, path: &Path) -> io::Result<()> {
    files.remove(path)?;
    files.sync_dir(dir_of(path))
}

/// A copy has the contents and the time of its source: another file with the same lines has not.
fn is_copy(source: &dyn OutFile, other: &dyn OutFile) -> io::Result<bool> {
    Ok(source.modified()? == other.modified()? && same_contents(source, other)?)
}

fn same_contents(one: &dyn OutFile, other: &dyn OutFile) -> io::Result<bool> {
    let size = one.size()?;
    if size != other.size()? {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    let mut at = 0;
    while at < size {
        let read = read_full_at(one, &mut left, at)?;
        if read == 0
            || read_full_at(other, &mut right, at)? != read
            || left[..read] != right[..read]
        {
            return Ok(false);
        }
        at += read as u64;
    }
    Ok(true)
}
