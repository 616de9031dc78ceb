//! Where a program talks to the person who started it.

use std::io::{self, ErrorKind, Write};

use super::exit_code::ExitCode;

/// Standard output and standard error, or what a test puts in their place.
pub struct Console<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl<'a> Console<'a> {
    /// Answers go to `out`, complaints to `err`.
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self { out, err }
    }

    /// Writes an answer and its line end. A reader that has gone away, as behind a pipe, is no failure.
    pub fn say(&mut self, text: &str) -> ExitCode {
        match writeln!(self.out, "{text}").and_then(|()| self.out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => ExitCode::Failure,
            Ok(()) | Err(_) => ExitCode::Success,
        }
    }

    /// Writes many lines at once, each with its line end; an error once nobody reads them any more.
    pub fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.out.write_all(lines)?;
        self.out.flush()
    }

    /// Writes a complaint and its line end. Where nobody can read it nothing is left to do.
    pub fn complain(&mut self, text: &str) {
        let _unread = writeln!(self.err, "{text}");
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn broken_pipe_is_success_and_a_full_disk_is_not() {
        for (kind, code) in [
            (ErrorKind::BrokenPipe, ExitCode::Success),
            (ErrorKind::StorageFull, ExitCode::Failure),
        ] {
            let (mut out, mut err) = (Failing(kind), Failing(kind));
            let mut console = Console::new(&mut out, &mut err);
            console.complain("nobody reads this");
            assert_eq!(console.say("nor this"), code);
        }
    }
}
