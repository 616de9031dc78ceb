//! `nsq completions` and `nsq man`: made from the declarations of the flags.

use std::io;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use super::{
    console::Console,
    exit_code::ExitCode,
    programs::{PROGRAMS, Program},
};

/// Prints what a shell needs to complete the command lines of `nsq` and of all programs.
pub(super) fn completions(shell: Shell, nsq: &Command, console: &mut Console<'_>) -> ExitCode {
    let mut script = Vec::new();
    let mut nsq = with_flags(nsq);
    clap_complete::generate(shell, &mut nsq, "nsq", &mut script);
    for program in PROGRAMS {
        clap_complete::generate(shell, &mut program.command(), program.name, &mut script);
    }
    write(&script, console)
}

/// Prints the manual page of a program.
pub(super) fn man(program: &str, nsq: &Command, console: &mut Console<'_>) -> ExitCode {
    let command = match Program::find(program) {
        Some(program) => program.command(),
        None => nsq.clone(),
    };
    let mut page = Vec::new();
    match Man::new(command).render(&mut page) {
        Ok(()) => write(&page, console),
        Err(error) => {
            console.complain(&format!("nsq man: {error}"));
            ExitCode::Failure
        }
    }
}

/// The command `nsq` with the flags of the programs behind their names.
fn with_flags(nsq: &Command) -> Command {
    let add = |nsq: Command, program: &Program| {
        let command = program.command();
        nsq.mut_subcommand(program.name, |_| command)
    };
    PROGRAMS.iter().fold(nsq.clone(), add)
}

fn write(bytes: &[u8], console: &mut Console<'_>) -> ExitCode {
    match console.write(bytes) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::Failure,
        Ok(()) | Err(_) => ExitCode::Success,
    }
}
