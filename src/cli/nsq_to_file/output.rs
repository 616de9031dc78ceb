//! A file that messages are written to, plain or compressed.

use std::{io, io::Write};

use flate2::{Compression, GzBuilder, write::GzEncoder};

use super::files::OutFile;

/// Bytes that are gathered for one write.
const BUFFER_BYTES: usize = 64 * 1024;
/// What gzip says of a file that was written nowhere in particular.
const UNKNOWN_SYSTEM: u8 = 255;

/// A gzip file consists of members, one for what each sync makes durable. A last one without contents says that the file was closed.
#[derive(Debug)]
pub(super) struct Output {
    file: Box<dyn OutFile>,
    encoding: Encoding,
    /// What is ready to be written.
    buffer: Vec<u8>,
    /// Size at the opening, and what was written since, before compression.
    bytes: u64,
}

#[derive(Debug)]
enum Encoding {
    Plain,
    Gzip { level: u32, member: Option<Box<GzEncoder<Vec<u8>>>> },
}

impl Output {
    /// Goes on at the end of `file`; compresses if there is a level.
    pub fn new(file: Box<dyn OutFile>, gzip_level: Option<u32>) -> io::Result<Self> {
        let encoding = match gzip_level {
            Some(level) => Encoding::Gzip { level, member: None },
            None => Encoding::Plain,
        };
        Ok(Self { bytes: file.size()?, file, encoding, buffer: Vec::new() })
    }

    /// Size at the opening, and what was written since, before compression.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes a line.
    pub fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        self.bytes += line.len() as u64 + 1;
        match &mut self.encoding {
            Encoding::Plain => {
                self.buffer.extend_from_slice(line);
                self.buffer.push(b'\n');
            }
            Encoding::Gzip { level, member } => {
                let member = member.get_or_insert_with(|| Box::new(new_member(*level)));
                member.write_all(line)?;
                member.write_all(b"\n")?;
                self.buffer.append(member.get_mut());
            }
        }
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Hands on what is ready, for others to read. It is not durable yet.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.file.append(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Makes everything that was written durable.
    pub fn sync(&mut self) -> io::Result<()> {
        self.end_member()?;
        self.flush()?;
        self.file.sync()
    }

    /// The same, and the file is complete. It is given back, still locked.
    pub fn close(mut self) -> io::Result<Box<dyn OutFile>> {
        self.end_member()?;
        if let Encoding::Gzip { level, .. } = self.encoding {
            self.buffer.extend(empty_member(level)?);
        }
        self.flush()?;
        self.file.sync()?;
        Ok(self.file)
    }

    fn end_member(&mut self) -> io::Result<()> {
        if let Encoding::Gzip { member, .. } = &mut self.encoding
            && let Some(member) = member.take()
        {
            self.buffer.extend(member.finish()?);
        }
        Ok(())
    }
}

fn new_member(level: u32) -> GzEncoder<Vec<u8>> {
    GzBuilder::new().operating_system(UNKNOWN_SYSTEM).write(Vec::new(), Compression::new(level))
}

/// What closes a compressed file.
pub(super) fn empty_member(level: u32) -> io::Result<Vec<u8>> {
    new_member(level).finish()
}
