//! The one way to the archive's files: a small trait, so that tests can fail or end any step.

use std::{
    fmt::Debug,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};

/// A file system. Every call may block.
pub trait Files: Debug + Send + Sync {
    /// True if there is something of that name.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Creates a directory; fine if it exists.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Creates a file; an error if the name is taken.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn OutFile>>;
    /// Opens a file, creating it if there is none.
    fn open_or_create(&self, path: &Path) -> io::Result<Box<dyn OutFile>>;
    /// Opens a file that exists.
    fn open(&self, path: &Path) -> io::Result<Box<dyn OutFile>>;
    /// Gives a file another name in the same file system; an error if that name is taken.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// What is in a directory, in no order.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
}

/// Something in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name; what is no UTF-8 is not listed.
    pub name: String,
    /// A directory rather than a file.
    pub is_dir: bool,
    /// When it was last written to.
    pub modified: SystemTime,
}

/// An open file. What is written goes to its end.
pub trait OutFile: Debug + Send {
    /// Writes all of `bytes`.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Reads from `offset` on. May read less than asked; 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Makes the contents and the length durable.
    fn sync(&self) -> io::Result<()>;
    /// The length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// When it was last written to.
    fn modified(&self) -> io::Result<SystemTime>;
    /// Says that it was last written to at that time.
    fn set_modified(&self, time: SystemTime) -> io::Result<()>;
    /// Cuts the file.
    fn cut(&self, size: u64) -> io::Result<()>;
    /// Locks the file, or turns its lock into another, unless another process's lock speaks against it; true if that
    /// is done. A lock ends with the file or the process.
    fn lock(&self, lock: Lock) -> io::Result<bool>;
    /// True if this is still the file of that name.
    fn is_at(&self, path: &Path) -> io::Result<bool>;
}

/// What a lock lets others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Nobody else writes.
    Exclusive,
    /// Others may append, too.
    Shared,
}

/// The file system of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFiles;

impl Files for RealFiles {
    fn exists(&self, path: &Path) -> io::Result<bool> {
        match fs::symlink_metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o770).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            result => result,
        }
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn OutFile>> {
        boxed(open_options().create_new(true).open(path))
    }

    fn open_or_create(&self, path: &Path) -> io::Result<Box<dyn OutFile>> {
        boxed(open_options().create(true).open(path))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OutFile>> {
        boxed(open_options().open(path))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // The file system cannot: NFS, for one. A crash between the two leaves both names.
            Err(Errno::INVAL | Errno::NOSYS) => {
                fs::hard_link(from, to)?;
                fs::remove_file(from)
            }
            result => Ok(result?),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let metadata = match entry.metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue, // gone meanwhile
                metadata => metadata?,
            };
            if metadata.is_dir() || metadata.is_file() {
                entries.push(Entry {
                    name,
                    is_dir: metadata.is_dir(),
                    modified: metadata.modified()?,
                });
            }
        }
        Ok(entries)
    }
}

fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(0o666);
    options
}

fn boxed(file: io::Result<File>) -> io::Result<Box<dyn OutFile>> {
    Ok(Box::new(RealFile(file?)))
}

#[derive(Debug)]
struct RealFile(File);

impl OutFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(&self.0, buffer, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn modified(&self) -> io::Result<SystemTime> {
        self.0.metadata()?.modified()
    }

    fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.0.set_modified(time)
    }

    fn cut(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    fn lock(&self, lock: Lock) -> io::Result<bool> {
        let locked = match lock {
            Lock::Exclusive => self.0.try_lock(),
            Lock::Shared => self.0.try_lock_shared(),
        };
        match locked {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let ours = self.0.metadata()?;
        match fs::metadata(path) {
            Ok(theirs) => Ok((ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The directory that a file is in.
pub(super) fn dir_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// Creates a directory and what is missing above it, for good.
pub(super) fn create_dirs(files: &dyn Files, dir: &Path) -> io::Result<()> {
    let mut missing: Vec<PathBuf> = Vec::new();
    for dir in dir.ancestors() {
        if dir.as_os_str().is_empty() || files.exists(dir)? {
            break;
        }
        missing.push(dir.to_owned());
    }
    for dir in missing.iter().rev() {
        files.create_dir(dir)?;
        files.sync_dir(dir_of(dir))?;
    }
    Ok(())
}

/// Fills `buffer` as far as the file goes and tells how far that was.
pub(super) fn read_full_at(
    file: &dyn OutFile,
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
