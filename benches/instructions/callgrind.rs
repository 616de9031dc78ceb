//! Counting the instructions of one call with valgrind's callgrind.

use std::{
    env,
    ffi::OsString,
    fs,
    hint::black_box,
    path::Path,
    process::{Command, Output},
};

use crate::{Result, figures::Instructions};

/// Part of the name of [`counted`], however it is mangled.
const COUNTED: &str = "*callgrind*counted*";

/// Does the work. Callgrind counts while this function runs, which it knows by its name.
#[inline(never)]
pub fn counted(work: &mut dyn FnMut() -> u64) -> u64 {
    // Not the last thing to be done here, or the call would become a jump.
    black_box(work())
}

/// Counts a piece of work in a process of its own, which leaves nothing in `dir`.
pub fn count(name: &str, dir: &Path) -> Result<Instructions> {
    let profile = dir.join(format!("callgrind.{}", std::process::id()));
    let output = command(name, &profile)?
        .output()
        .map_err(|error| format!("cannot start valgrind: {error}"))?;
    let text = fs::read_to_string(&profile);
    let _ = fs::remove_file(&profile);
    check(name, &output)?;
    let counts = Instructions::from_profile(&text?, &env::current_exe()?);
    let counts = counts.filter(|counts| counts.program > 0.0);
    counts.ok_or_else(|| format!("callgrind has counted nothing for {name:?}").into())
}

fn command(name: &str, profile: &Path) -> Result<Command> {
    let mut out = OsString::from("--callgrind-out-file=");
    out.push(profile);
    let mut command = Command::new("valgrind");
    // The environment lies on the stack: another one may move what lies above it.
    command.env_clear().envs(env::var_os("PATH").map(|path| ("PATH", path)));
    command.args(["--tool=callgrind", "--collect-atstart=no", "--compress-strings=no"]);
    command.args(["--compress-pos=no", "--dump-line=no", "--cache-sim=no", "--branch-sim=no"]);
    command.arg(format!("--toggle-collect={COUNTED}")).arg(out);
    command.arg(env::current_exe()?).arg("--work").arg(name);
    Ok(command)
}

fn check(name: &str, output: &Output) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name:?} under valgrind ended with {}:\n{text}", output.status).into())
}
