//! The positions of a queue: how far it has been read and written.

use std::{io, path::Path};

use crate::storage::disk::{Disk, read_file};

const FILE_BYTES_MAX: u64 = 4096;

/// The contents of a queue's `.diskqueue.meta.dat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Positions {
    /// Messages that were unread when it was written.
    pub depth: i64,
    /// The next one to read.
    pub read: Place,
    /// Behind the last one written.
    pub write: Place,
}

/// A place in the files of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub file: u64,
    pub offset: u64,
}

impl Positions {
    /// `None` if the file is not what upstream writes.
    pub fn load(disk: &dyn Disk, path: &Path) -> io::Result<Option<Self>> {
        let bytes = match read_file(disk, path, FILE_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => None,
            result => result?,
        };
        Ok(bytes.and_then(|bytes| Self::parse(std::str::from_utf8(&bytes).ok()?)))
    }

    /// Three lines: depth, place of reading, place of writing.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let depth = lines.next()?.parse().ok()?;
        let (read, write) = (Place::parse(lines.next()?)?, Place::parse(lines.next()?)?);
        lines.next().is_none().then_some(Self { depth, read, write })
    }

    /// How many of the files from reading to writing are not there, though they should be.
    pub fn missing(&self, numbers: &[u64]) -> u64 {
        if self.read >= self.write {
            return 0; // nothing is unread
        }
        // A file that has just been begun, or read to its end, may not exist.
        let end = if self.write.offset == 0 { self.write.file } else { self.write.file + 1 };
        let there = numbers.iter().filter(|number| (self.read.file..end).contains(number)).count();
        end.saturating_sub(self.read.file).saturating_sub(there as u64)
    }
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let (file, offset) = text.split_once(',')?;
        // Upstream's numbers are signed.
        let number = |text: &str| text.parse().ok().filter(|number| *number < i64::MAX as u64);
        Some(Self { file: number(file)?, offset: number(offset)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_upstream_writes_them() {
        let expected = Positions {
            depth: 9,
            read: Place { file: 0, offset: 32 },
            write: Place { file: 3, offset: 326 },
        };
        assert_eq!(Positions::parse("9\n0,32\n3,326\n"), Some(expected));
        assert_eq!(Positions::parse("9\n0,32\n3,326"), Some(expected));
        let negative = Positions { depth: -2, ..expected };
        assert_eq!(Positions::parse("-2\n0,32\n3,326\n"), Some(negative));
    }

    #[test]
    fn all_else_is_garbage() {
        for garbage in [
            "",
            "\n",
            "9",
            "9\n0,32",
            "9\n0,32\n3",
            "x\n0,32\n3,326\n",
            "9\n-1,32\n3,326\n",
            "9\n0,32\n3,326\nmore",
            "9\n0,32\n3,9223372036854775807\n",
        ] {
            assert_eq!(Positions::parse(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn files_are_missed_only_between_reading_and_writing() {
        for (text, numbers, missing) in [
            ("0\n0,0\n0,0\n", &[][..], 0),
            ("0\n2,90\n2,90\n", &[], 0),
            ("1\n2,0\n2,90\n", &[], 1),
            ("3\n2,0\n4,0\n", &[2, 3], 0),
            ("3\n2,0\n4,1\n", &[2], 2),
            ("3\n5,0\n4,1\n", &[], 0),
            ("3\n0,0\n9223372036854775806,1\n", &[7], 9_223_372_036_854_775_806),
        ] {
            let positions = Positions::parse(text).unwrap();
            assert_eq!(positions.missing(numbers), missing, "{text:?}");
        }
    }
}
