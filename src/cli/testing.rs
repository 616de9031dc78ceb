//! Runs programs inside tests.

use super::{Console, ExitCode};

/// What a program left behind.
pub(super) struct Ran {
    pub(super) code: ExitCode,
    pub(super) out: String,
    pub(super) err: String,
}

/// Runs `program` on a console that remembers.
pub(super) fn run_with(program: impl FnOnce(&mut Console<'_>) -> ExitCode) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = program(&mut Console::new(&mut out, &mut err));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code, out: text(out), err: text(err) }
}
