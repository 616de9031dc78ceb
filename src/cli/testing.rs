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

/// Runs `program` with these arguments.
pub(super) fn call(
    program: impl FnOnce(&[String], &mut Console<'_>) -> ExitCode,
    arguments: &[&str],
) -> Ran {
    let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    run_with(|console| program(&arguments, console))
}

/// The program says this alone, behind the time, and fails.
#[track_caller]
pub(super) fn refused(
    program: impl FnOnce(&[String], &mut Console<'_>) -> ExitCode,
    arguments: &[&str],
    reason: &str,
) {
    let ran = call(program, arguments);
    assert_eq!((ran.code, ran.out.as_str()), (ExitCode::Failure, ""));
    assert_eq!(ran.err.get(20..), Some(format!("{reason}\n").as_str()), "{}", ran.err);
}
