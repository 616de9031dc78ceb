//! `nsq completions` and `nsq man`: made from the declarations of the flags.

use std::{io, iter};

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

/// The manual pages beside those of the programs: of `nsq`, and of what it does itself.
pub(super) const PAGES: [&str; 18] = [
    "nsq",
    "nsq-up",
    "nsq-install",
    "nsq-log",
    "nsq-log-verify",
    "nsq-log-dump",
    "nsq-log-repair",
    "nsq-bench",
    "nsq-bench-publish",
    "nsq-bench-consume",
    "nsq-bench-both",
    "nsq-bench-fan-out",
    "nsq-bench-storm",
    "nsq-bench-idle",
    "nsq-bench-latency",
    "nsq-config-sample",
    "nsq-completions",
    "nsq-man",
];

/// Prints the manual page of that name.
pub(super) fn man(name: &str, nsq: &Command, console: &mut Console<'_>) -> ExitCode {
    let command = match Program::find(name) {
        Some(program) => program.command(),
        None => page(name, nsq),
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

/// The command whose page has that name, else `nsq` itself.
fn page(name: &str, nsq: &Command) -> Command {
    let mut built = nsq.clone();
    built.build();
    pages(&built).find(|command| command.get_display_name() == Some(name)).unwrap_or(nsq).clone()
}

/// All commands below one, but for those that are hidden.
pub(super) fn pages(command: &Command) -> Box<dyn Iterator<Item = &Command> + '_> {
    let is_shown = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    let shown = command.get_subcommands().filter(is_shown);
    Box::new(shown.flat_map(|command| iter::once(command).chain(pages(command))))
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
