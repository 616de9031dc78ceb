//! How far a file is good that a process left behind in the middle of its work.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::{
    files::{OutFile, read_full_at},
    output::empty_member,
};

const CHUNK_BYTES: usize = 64 * 1024;
/// An empty member as Go's library writes it: behind its header an empty block, and zeros for checksum and length.
const EMPTY_OF_GO: [u8; 13] = [1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];

/// What is to be done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing: it was closed.
    Closed,
    /// Its end is missing, or it is torn behind that many bytes. What was torn was never acknowledged.
    WholeUpTo(u64),
}

/// Looks at the end of a file. Of a compressed one that was not closed, everything is read.
pub(super) fn examine(file: &dyn OutFile, gzip: bool) -> io::Result<Tail> {
    let size = file.size()?;
    if !gzip {
        let whole = behind_last_line(file, size)?;
        return Ok(if whole == size { Tail::Closed } else { Tail::WholeUpTo(whole) });
    }
    if has_closing_member(file, size)? {
        return Ok(Tail::Closed);
    }
    behind_last_member(file).map(Tail::WholeUpTo)
}

fn behind_last_line(file: &dyn OutFile, size: u64) -> io::Result<u64> {
    let mut end = size;
    let mut chunk = vec![0; CHUNK_BYTES];
    while end > 0 {
        let start = end.saturating_sub(CHUNK_BYTES as u64);
        let length = usize::try_from(end - start).map_err(io::Error::other)?;
        let read = read_full_at(file, &mut chunk[..length], start)?;
        if let Some(at) = memchr::memrchr(b'\n', &chunk[..read]) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn has_closing_member(file: &dyn OutFile, size: u64) -> io::Result<bool> {
    let ours = empty_member(1)?;
    let header = 10; // the compression level is in there
    for ending in [&ours[header..], &EMPTY_OF_GO] {
        let length = (header + ending.len()) as u64;
        let mut bytes = vec![0; header + ending.len()];
        let start = match size.checked_sub(length) {
            Some(start) => start,
            None => continue,
        };
        let read = read_full_at(file, &mut bytes, start)?;
        if bytes[..read].starts_with(&[0x1f, 0x8b, 8, 0]) && bytes[..read].ends_with(ending) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn behind_last_member(file: &dyn OutFile) -> io::Result<u64> {
    let mut input = Counted {
        inner: BufReader::with_capacity(CHUNK_BYTES, Reader { file, at: 0 }),
        consumed: 0,
    };
    let mut whole = 0;
    loop {
        if input.fill_buf()?.is_empty() {
            return Ok(whole);
        }
        match skip_member(&mut input) {
            Ok(()) => whole = input.consumed,
            Err(error) if is_damage(&error) => return Ok(whole),
            Err(error) => return Err(error),
        }
    }
}

fn skip_member(input: &mut Counted<'_>) -> io::Result<()> {
    io::copy(&mut GzDecoder::new(input), &mut io::sink()).map(drop)
}

/// What the bytes are to blame for, rather than the disk.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

struct Reader<'a> {
    file: &'a dyn OutFile,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Knows how much was taken out of a buffered reader.
struct Counted<'a> {
    inner: BufReader<Reader<'a>>,
    consumed: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.consumed += read as u64;
        Ok(read)
    }
}

impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.consumed += amount as u64;
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::cli::nsq_to_file::files::{Files, RealFiles};

    #[track_caller]
    fn examined(bytes: &[u8], gzip: bool) -> Tail {
        let dir = tempfile::tempdir().unwrap();
        let mut file = RealFiles.create_new(&dir.path().join("file")).unwrap();
        file.append(bytes).unwrap();
        examine(&*file, gzip).unwrap()
    }

    fn member(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn lines_are_whole_up_to_the_last_line_end() {
        let long = [b"line\n".as_slice(), &[b'x'; CHUNK_BYTES * 2]].concat();
        for (bytes, tail) in [
            (&b""[..], Tail::Closed),
            (b"one\ntwo\n", Tail::Closed),
            (b"one\ntw", Tail::WholeUpTo(4)),
            (b"one\ntwo\n\0\0", Tail::WholeUpTo(8)),
            (b"torn", Tail::WholeUpTo(0)),
            (&long, Tail::WholeUpTo(5)),
        ] {
            assert_eq!(examined(bytes, false), tail);
        }
    }

    #[test]
    fn compressed_files_are_whole_up_to_the_last_member_wherever_they_are_torn() {
        let (first, second) = (member("one\n"), member("two\nthree\n"));
        let whole = [first.clone(), second].concat();
        for length in 0..=whole.len() {
            let expected = match length {
                length if length == whole.len() => whole.len(),
                length if length >= first.len() => first.len(),
                _ => 0,
            };
            assert_eq!(
                examined(&whole[..length], true),
                Tail::WholeUpTo(expected as u64),
                "{length}"
            );
        }
        let mut wrong = whole.clone();
        let checksum = whole.len() - 6;
        wrong[checksum] ^= 1;
        assert_eq!(examined(&wrong, true), Tail::WholeUpTo(first.len() as u64));
    }

    #[test]
    fn closed_files_are_not_read() {
        let ours = [b"not looked at".to_vec(), empty_member(9).unwrap()].concat();
        assert_eq!(examined(&ours, true), Tail::Closed);
        let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        let of_go = [member("one\n"), header.to_vec(), EMPTY_OF_GO.to_vec()].concat();
        assert_eq!(examined(&of_go, true), Tail::Closed);
        assert_eq!(examined(&[0; 40], true), Tail::WholeUpTo(0));
    }
}
