//! The programs by their classic names: what each is for and which flags it has.

use clap::{Arg, ArgAction, Command, ValueHint};

use super::{
    nsq_stat::{self, NSQ_STAT_OPTIONS},
    nsq_tail::{self, NSQ_TAIL_OPTIONS},
    nsq_to_file::{self, NSQ_TO_FILE_OPTIONS},
    nsq_to_http::{self, NSQ_TO_HTTP_OPTIONS},
    nsq_to_nsq::{self, NSQ_TO_NSQ_OPTIONS},
    nsqadmin, nsqd, nsqlookupd,
    to_nsq::{self, TO_NSQ_OPTIONS},
};
use crate::config::{
    NSQ_VERSION,
    declaration::OptionSpec,
    options::{NSQADMIN_OPTIONS, NSQD_OPTIONS, NSQLOOKUPD_OPTIONS},
    value::Kind,
};

/// A program that reads its flags in the manner of Go.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its classic name.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Its signals and exit codes.
    details: &'static str,
    /// Its flags.
    pub options: &'static [OptionSpec],
}

/// Those that this version has.
pub const PROGRAMS: [Program; 9] = [
    Program {
        name: nsqd::PROGRAM,
        about: "The broker: receives, keeps and delivers messages",
        details: "SIGTERM and SIGINT stop it gracefully, a second one at once. SIGHUP reads TLS certificates again.\n\
                  Exit codes: 0 stopped, 1 not started, 2 wrong flags, 70 gave up on itself.",
        options: NSQD_OPTIONS,
    },
    Program {
        name: nsqlookupd::PROGRAM,
        about: "The directory: tells consumers which brokers have a topic",
        details: "SIGTERM and SIGINT stop it.\n\
                  Exit codes: 0 stopped, 1 not started, 2 wrong flags, 70 gave up on itself.",
        options: NSQLOOKUPD_OPTIONS,
    },
    Program {
        name: nsqadmin::PROGRAM,
        about: "The web pages and the API for those who look after a cluster",
        details: "SIGTERM and SIGINT stop it.\n\
                  Exit codes: 0 stopped, 1 not started, 2 wrong flags, 70 gave up on itself.",
        options: NSQADMIN_OPTIONS,
    },
    Program {
        name: nsq_stat::PROGRAM,
        about: "Shows how a channel is doing, line by line",
        details: "Ends with SIGTERM, SIGINT and SIGHUP. Nodes that do not answer are named and left out.\n\
                  Exit codes: 0 stopped, 1 nothing to show, 2 wrong flags.",
        options: NSQ_STAT_OPTIONS,
    },
    Program {
        name: nsq_tail::PROGRAM,
        about: "Prints messages",
        details: "SIGTERM and SIGINT stop it gracefully; a reader that has gone away, as behind a pipe, does, too.\n\
                  Exit codes: 0 stopped, 1 not started, 2 wrong flags.",
        options: NSQ_TAIL_OPTIONS,
    },
    Program {
        name: nsq_to_file::PROGRAM,
        about: "Archives topics to files",
        details: "A message is finished when it is on the disk. SIGHUP closes the files, the next message opens others. \
                  SIGTERM and SIGINT stop it gracefully, a second one at once.\n\
                  Exit codes: 0 stopped, 1 not started or a file cannot be written, 2 wrong flags.",
        options: NSQ_TO_FILE_OPTIONS,
    },
    Program {
        name: nsq_to_http::PROGRAM,
        about: "Makes an HTTP request for each message",
        details: "A message is finished when an address has answered with a status of success. Where one address fails \
                  the next is tried; where all fail the message goes back to its nsqd, and nothing is taken for a while.\n\
                  SIGTERM and SIGINT stop it when all requests are answered, a second one at once.\n\
                  Exit codes: 0 stopped, 1 not started, 2 wrong flags.",
        options: NSQ_TO_HTTP_OPTIONS,
    },
    Program {
        name: nsq_to_nsq::PROGRAM,
        about: "Publishes messages to other brokers",
        details: "A message is finished when one destination has stored it. Where one destination fails the next is \
                  tried; where all fail the message goes back to its nsqd, and nothing is taken for a while. Order is \
                  not kept, and a message may be stored twice when a connection breaks.\n\
                  SIGTERM and SIGINT stop it when everything under way is answered, a second one at once.\n\
                  Exit codes: 0 stopped, 1 not started, 2 wrong flags.",
        options: NSQ_TO_NSQ_OPTIONS,
    },
    Program {
        name: to_nsq::PROGRAM,
        about: "Publishes what it reads from standard input",
        details: "SIGTERM and SIGINT end it as soon as what is on its way is stored.\n\
                  Exit codes: 0 all is stored, 1 something is not, 2 wrong flags.",
        options: TO_NSQ_OPTIONS,
    },
];

impl Program {
    /// The program of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        PROGRAMS.iter().find(|program| program.name == name)
    }

    /// The flags in the form from which completions and manual pages are made. They are not read with it.
    pub fn command(&self) -> Command {
        let mut specs: Vec<_> = self.options.iter().collect();
        specs.sort_by_key(|spec| spec.flag);
        let flags = "Flags may be written with one dash or two, their values behind = or as the next argument.";
        Command::new(self.name)
            .version(NSQ_VERSION)
            .about(self.about)
            .after_help(format!("{flags}\n{}", self.details))
            .disable_version_flag(true)
            .args(specs.into_iter().map(argument))
    }
}

fn argument(spec: &OptionSpec) -> Arg {
    let default = spec.example_value();
    let help = match (default.is_zero(), spec.depends_on_host()) {
        (true, _) => spec.help.to_owned(),
        (false, true) => format!("{} (default depends on the host)", spec.help),
        (false, false) => format!("{} (default {default})", spec.help),
    };
    let argument = Arg::new(spec.flag).help(help);
    let argument = match spec.flag.chars().next() {
        Some(letter) if spec.flag.len() == 1 => argument.short(letter),
        _ => argument.long(spec.flag),
    };
    if spec.kind.implied().is_some() {
        return argument.action(ArgAction::SetTrue);
    }
    let names_path = ["config", "-dir", "-path", "-cert", "-key", "-file"];
    let is_path = names_path.iter().any(|ending| spec.flag.ends_with(ending));
    let hint = if is_path { ValueHint::AnyPath } else { ValueHint::Other };
    let action = match spec.kind {
        Kind::List | Kind::Floats => ArgAction::Append,
        _ => ArgAction::Set,
    };
    argument.value_name(spec.kind.name()).value_hint(hint).action(action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_in_the_command() {
        for program in PROGRAMS {
            let command = program.command();
            command.clone().debug_assert();
            for spec in program.options {
                let found = command.get_arguments().find(|argument| argument.get_id() == spec.flag);
                let help =
                    found.and_then(Arg::get_help).map(ToString::to_string).unwrap_or_default();
                assert!(help.starts_with(spec.help), "{} of {}", spec.flag, program.name);
            }
        }
    }

    #[test]
    fn names_are_told_apart() {
        assert_eq!(Program::find("nsq_tail").map(|program| program.name), Some("nsq_tail"));
        assert!(Program::find("nsq").is_none());
    }
}
