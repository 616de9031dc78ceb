//! What is read, until somebody wants no more of it.

use std::{
    fs::File,
    io::{self, PipeReader, PipeWriter, Read, pipe},
    os::fd::AsFd,
};

use rustix::event::{PollFd, PollFlags, poll};

/// Where bytes come from.
pub trait Source {
    /// Waits for bytes and puts them into `buffer`; the input has ended when there are 0. `None` if no more are wanted.
    fn read_into(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>>;
}

impl<R: Read> Source for R {
    fn read_into(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.read(buffer).map(Some)
    }
}

/// A file that is read until its [`Stopper`] is gone. What a read has taken from it is always handed on: whoever waits for
/// bytes waits outside of `read`.
#[derive(Debug)]
pub struct Input {
    file: File,
    stop: PipeReader,
}

/// As long as this lives, more is wanted.
#[derive(Debug)]
pub struct Stopper {
    _pipe: PipeWriter,
}

impl Input {
    /// Reads what `file` is open for, with no buffer in between.
    pub fn new(file: impl AsFd) -> io::Result<(Self, Stopper)> {
        let file = File::from(file.as_fd().try_clone_to_owned()?);
        let (stop, writer) = pipe()?;
        Ok((Self { file, stop }, Stopper { _pipe: writer }))
    }
}

impl Source for Input {
    fn read_into(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut awaited =
            [PollFd::new(&self.stop, PollFlags::IN), PollFd::new(&self.file, PollFlags::IN)];
        poll(&mut awaited, None)?;
        if !awaited[0].revents().is_empty() {
            return Ok(None);
        }
        self.file.read(buffer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, thread};

    use super::*;

    #[test]
    fn a_stop_ends_the_wait_for_bytes_and_the_end_of_the_input_is_another_thing() {
        let (reader, mut writer) = pipe().unwrap();
        let (mut input, stopper) = Input::new(&reader).unwrap();
        let mut buffer = [0; 8];
        writer.write_all(b"one").unwrap();
        assert_eq!(input.read_into(&mut buffer).unwrap(), Some(3));
        let waiting = thread::spawn(move || {
            let read = input.read_into(&mut buffer).unwrap();
            (read, input)
        });
        drop(stopper);
        let (read, mut input) = waiting.join().unwrap();
        assert_eq!(read, None);
        writer.write_all(b"two").unwrap();
        assert_eq!(input.read_into(&mut buffer).unwrap(), None, "no more is taken");
        let (mut input, _stopper) = Input::new(&reader).unwrap();
        drop(writer);
        assert_eq!(input.read_into(&mut buffer).unwrap(), Some(3));
        assert_eq!(input.read_into(&mut buffer).unwrap(), Some(0));
    }
}
