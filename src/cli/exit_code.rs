//! How a program ends, as seen by the shell.

/// Why the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// It did what it was asked to do.
    Success = 0,
    /// It could not be configured or started, or did only a part.
    Failure = 1,
    /// The command line was not understood.
    Usage = 2,
    /// It gave up on itself, for instance because a restart budget is spent (`EX_SOFTWARE` of sysexits.h).
    Internal = 70,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
