//! Replacing a small file so that a crash leaves the old or the new one, never half of either.

use std::{
    io::{self, IoSlice},
    path::Path,
};

use crate::storage::{
    disk::{Disk, write_all_at},
    file_name,
};

/// Writes `bytes` beside `path` and renames them into place; on the disk for good if `durable`.
pub(super) fn replace_file(
    disk: &dyn Disk,
    path: &Path,
    bytes: &[u8],
    durable: bool,
) -> io::Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let temporary = path.with_file_name(file_name::temporary(name));
    let written = write_temporary(disk, &temporary, bytes, durable)
        .and_then(|()| disk.rename(&temporary, path));
    if let Err(error) = written {
        // What is left of it goes at the next start if it cannot go now.
        let _ = disk.remove(&temporary);
        return Err(error);
    }
    match path.parent() {
        Some(dir) if durable => disk.sync_dir(dir),
        _ => Ok(()),
    }
}

fn write_temporary(disk: &dyn Disk, path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let file = disk.create(path)?;
    write_all_at(&*file, &mut [IoSlice::new(bytes)], 0)?;
    if durable { file.sync_data() } else { Ok(()) }
}
