//! Picks the program: by the name it is called by, else by the first argument.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    path::Path,
    sync::LazyLock,
};

use clap::{CommandFactory, Parser};
use clap_complete::Shell;

use super::{
    bench::BenchTool,
    console::Console,
    exit_code::ExitCode,
    generating::{self, PAGES},
    install::Install,
    log::LogTool,
    nsq_stat, nsq_tail, nsq_to_file, nsq_to_http, nsq_to_nsq, nsqadmin, nsqd, nsqlookupd,
    programs::PROGRAMS,
    service::Daemon,
    to_nsq,
    up::{self, UpOptions},
};
use crate::config::{
    NsqadminOptions, NsqdOptions, NsqlookupdOptions,
    declaration::OptionSpec,
    options::{NSQADMIN_OPTIONS, NSQD_OPTIONS, NSQLOOKUPD_OPTIONS},
    sample::sample,
    version::version_text,
};

/// The programs that read a configuration file, and what may stand in it.
const CONFIGURABLE: [(&str, &[OptionSpec]); 3] =
    [("nsqd", NSQD_OPTIONS), ("nsqlookupd", NSQLOOKUPD_OPTIONS), ("nsqadmin", NSQADMIN_OPTIONS)];

static VERSION: LazyLock<String> = LazyLock::new(version_text);

/// The command line of `nsq` itself. `nsqd`, `nsqlookupd`, `nsqadmin` and `up` read their own, in the manner of Go, and stand here for the help.
#[derive(Debug, Parser)]
#[command(name = "nsq", about = "NSQ in one binary", version = VERSION.as_str(), disable_help_subcommand = true)]
enum Nsq {
    /// Run the broker; `nsq nsqd --help` lists its flags
    Nsqd,
    /// Run the directory of brokers; `nsq nsqlookupd --help` lists its flags
    Nsqlookupd,
    /// Run the web pages for a cluster; `nsq nsqadmin --help` lists its flags
    Nsqadmin,
    /// Show how a channel is doing; `nsq nsq_stat --help` lists the flags
    #[command(name = "nsq_stat")]
    Stat,
    /// Print messages; `nsq nsq_tail --help` lists the flags
    #[command(name = "nsq_tail")]
    Tail,
    /// Archive topics to files; `nsq nsq_to_file --help` lists the flags
    #[command(name = "nsq_to_file")]
    ToFile,
    /// Make an HTTP request for each message; `nsq nsq_to_http --help` lists the flags
    #[command(name = "nsq_to_http")]
    ToHttp,
    /// Publish messages to other brokers; `nsq nsq_to_nsq --help` lists the flags
    #[command(name = "nsq_to_nsq")]
    ToOthers,
    /// Publish standard input; `nsq to_nsq --help` lists the flags
    #[command(name = "to_nsq")]
    Publish,
    /// Quick start: run nsqd, nsqlookupd and nsqadmin for this machine alone, with their data in ./nsq-data; takes the flags of nsqd
    Up,
    /// Make links with the classic names of the programs
    Install(Install),
    /// Check, print or repair the data path of an nsqd that does not run
    #[command(subcommand)]
    Log(LogTool),
    /// Measure what a broker costs and how fast it is, and see that it keeps every message
    #[command(subcommand)]
    Bench(BenchTool),
    /// Print a configuration file with every key and its default
    ConfigSample {
        /// The program that is to read it
        #[arg(value_parser = CONFIGURABLE.map(|(program, _)| program))]
        program: String,
    },
    /// Print a script that completes command lines, to be sourced by the shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print a manual page: `nsq man nsqd | man -l -`, `nsq man nsq-bench-publish | man -l -`
    Man {
        /// Of which program, or of which command of nsq
        #[arg(value_parser = manuals(), default_value = "nsq")]
        program: String,
    },
}

/// What has a manual page.
fn manuals() -> Vec<&'static str> {
    PAGES.into_iter().chain(PROGRAMS.map(|program| program.name)).collect()
}

/// What runs once a daemon's command line is read.
#[derive(Clone, Copy)]
pub struct Daemons {
    /// The broker.
    pub nsqd: Daemon<NsqdOptions>,
    /// The directory.
    pub nsqlookupd: Daemon<NsqlookupdOptions>,
    /// The pages.
    pub nsqadmin: Daemon<NsqadminOptions>,
    /// All together.
    pub up: Daemon<UpOptions>,
}

/// Runs the program that the process was called for, on the process's own streams.
pub fn main(daemons: Daemons) -> ExitCode {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    run(env::args_os(), daemons, &mut Console::new(&mut out, &mut err))
}

/// Runs the program that a whole command line asks for, the name of the program included.
pub fn run(
    command_line: impl IntoIterator<Item = OsString>,
    daemons: Daemons,
    console: &mut Console<'_>,
) -> ExitCode {
    let mut command_line = command_line.into_iter();
    let called = command_line.next().unwrap_or_default();
    let arguments: Result<Vec<String>, OsString> =
        command_line.map(OsString::into_string).collect();
    let arguments = match arguments {
        Ok(arguments) => arguments,
        Err(argument) => {
            console.complain(&format!("argument is not valid UTF-8: {}", argument.display()));
            return ExitCode::Usage;
        }
    };
    let name = Path::new(&called).file_name().and_then(OsStr::to_str).unwrap_or_default();
    classic(name, &arguments, daemons, console).unwrap_or_else(|| nsq(&arguments, daemons, console))
}

/// Runs the program of that classic name, if it is one.
fn classic(
    name: &str,
    arguments: &[String],
    daemons: Daemons,
    console: &mut Console<'_>,
) -> Option<ExitCode> {
    match name {
        "nsqd" => Some(nsqd::run(arguments, daemons.nsqd, console)),
        "nsqlookupd" => Some(nsqlookupd::run(arguments, daemons.nsqlookupd, console)),
        "nsqadmin" => Some(nsqadmin::run(arguments, daemons.nsqadmin, console)),
        "nsq_stat" => Some(nsq_stat::run(arguments, console)),
        "nsq_tail" => Some(nsq_tail::run(arguments, console)),
        "nsq_to_file" => Some(nsq_to_file::run(arguments, console)),
        "nsq_to_http" => Some(nsq_to_http::run(arguments, console)),
        "nsq_to_nsq" => Some(nsq_to_nsq::run(arguments, console)),
        "to_nsq" => Some(to_nsq::run(arguments, io::stdin(), console)),
        _ => None,
    }
}

fn nsq(arguments: &[String], daemons: Daemons, console: &mut Console<'_>) -> ExitCode {
    if let Some((name, rest)) = arguments.split_first() {
        if let Some(code) = classic(name, rest, daemons, console) {
            return code;
        }
        if name == "up" {
            return up::run(rest, daemons.up, console);
        }
    }
    let command_line = ["nsq"].into_iter().chain(arguments.iter().map(String::as_str));
    match Nsq::try_parse_from(command_line) {
        Ok(command) => command.run(daemons, console),
        Err(answer) => explain(&answer, console),
    }
}

impl Nsq {
    fn run(self, daemons: Daemons, console: &mut Console<'_>) -> ExitCode {
        let bare = |name: &str, console: &mut Console<'_>| {
            classic(name, &[], daemons, console).unwrap_or(ExitCode::Usage)
        };
        match self {
            Self::Nsqd => bare("nsqd", console),
            Self::Nsqlookupd => bare("nsqlookupd", console),
            Self::Nsqadmin => bare("nsqadmin", console),
            Self::Stat => bare("nsq_stat", console),
            Self::Tail => bare("nsq_tail", console),
            Self::ToFile => bare("nsq_to_file", console),
            Self::ToHttp => bare("nsq_to_http", console),
            Self::ToOthers => bare("nsq_to_nsq", console),
            Self::Publish => bare("to_nsq", console),
            Self::Up => up::run(&[], daemons.up, console),
            Self::Install(links) => install(&links, console),
            Self::Log(tool) => tool.run(console),
            Self::Bench(tool) => tool.run(console),
            Self::ConfigSample { program } => config_sample(&program, console),
            Self::Completions { shell } => {
                generating::completions(shell, &Self::command(), console)
            }
            Self::Man { program } => generating::man(&program, &Self::command(), console),
        }
    }
}

fn install(links: &Install, console: &mut Console<'_>) -> ExitCode {
    match env::current_exe() {
        Ok(executable) => links.run(&executable, console),
        Err(error) => {
            console.complain(&format!("nsq install: cannot find this program: {error}"));
            ExitCode::Failure
        }
    }
}

fn config_sample(program: &str, console: &mut Console<'_>) -> ExitCode {
    let mut tables = CONFIGURABLE.iter().filter(|(name, _)| *name == program);
    match tables.next() {
        Some((name, table)) => console.say(sample(name, table).trim_end()),
        None => ExitCode::Usage,
    }
}

/// Help and version are answers, all else are complaints.
fn explain(answer: &clap::Error, console: &mut Console<'_>) -> ExitCode {
    let text = answer.render().to_string();
    if answer.use_stderr() {
        console.complain(text.trim_end());
        return ExitCode::Usage;
    }
    console.say(text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::{
            service::{DaemonError, Listening},
            testing::{Ran, run_with},
        },
        config::version::version_line,
    };

    fn unlisted(_: NsqlookupdOptions, _: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
        Err(DaemonError::NotStarted("no network".to_owned()))
    }

    fn together(_: UpOptions, _: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
        Err(DaemonError::NotStarted("no network".to_owned()))
    }

    fn unseen(_: NsqadminOptions, _: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
        Err(DaemonError::NotStarted("no network".to_owned()))
    }

    const NOWHERE: Daemons =
        Daemons { nsqd: nowhere, nsqlookupd: unlisted, nsqadmin: unseen, up: together };

    #[expect(clippy::needless_pass_by_value, reason = "a Daemon takes its options")]
    fn nowhere(options: NsqdOptions, _: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
        Err(DaemonError::NotStarted(format!("node {}", options.node_id)))
    }

    fn call(command_line: &[&str]) -> Ran {
        run_with(|console| run(command_line.iter().map(OsString::from), NOWHERE, console))
    }

    #[test]
    fn nsqd_runs_by_its_name_and_by_the_first_argument() {
        for command_line in [
            &["nsqd", "-node-id=7"][..],
            &["/usr/bin/nsqd", "-node-id", "7"],
            &["nsq", "nsqd", "-node-id=7"],
            &["/opt/other-name", "nsqd", "--node-id=7"],
        ] {
            let ran = call(command_line);
            assert_eq!(ran.code, ExitCode::Failure);
            assert!(ran.err.ends_with("failed to instantiate nsqd - node 7\n"), "{}", ran.err);
        }
    }

    #[test]
    fn the_other_daemons_run_by_their_names_and_by_the_first_argument() {
        for name in ["nsqlookupd", "nsqadmin"] {
            for command_line in [&[format!("/usr/bin/{name}").as_str()][..], &["nsq", name]] {
                let ran = call(command_line);
                assert_eq!(ran.code, ExitCode::Failure);
                let end = format!("failed to instantiate {name} - no network\n");
                assert!(ran.err.ends_with(&end), "{}", ran.err);
            }
        }
    }

    #[test]
    fn help_of_nsqd_is_its_own() {
        for command_line in [&["nsqd", "-h"][..], &["nsq", "nsqd", "--help"]] {
            let ran = call(command_line);
            assert_eq!((ran.code, ran.out.as_str()), (ExitCode::Success, ""));
            assert!(ran.err.starts_with("Usage of nsqd:\n"), "{}", ran.err);
        }
    }

    #[test]
    fn nsq_explains_itself() {
        let help = call(&["nsq", "--help"]);
        assert_eq!((help.code, help.err.as_str()), (ExitCode::Success, ""));
        for word in ["nsqd", "up", "install", "--version"] {
            assert!(help.out.contains(word), "{word} in {}", help.out);
        }
        let version = call(&["nsq", "--version"]);
        assert_eq!(version.code, ExitCode::Success);
        assert_eq!(version.out, format!("{}\n", version_line("nsq")));
    }

    #[test]
    fn completions_and_manual_pages_know_every_program() {
        for shell in ["bash", "zsh", "fish"] {
            let ran = call(&["nsq", "completions", shell]);
            assert_eq!((ran.code, ran.err.as_str()), (ExitCode::Success, ""));
            for flag in PROGRAMS.iter().flat_map(|program| program.options).map(|spec| spec.flag) {
                assert!(ran.out.contains(flag), "{shell} {flag}");
            }
        }
        for program in PROGRAMS {
            let ran = call(&["nsq", "man", program.name]);
            assert_eq!((ran.code, ran.err.as_str()), (ExitCode::Success, ""));
            assert!(ran.out.contains(program.about), "{}", ran.out);
            for spec in program.options {
                let escaped = spec.flag.replace('-', "\\-");
                assert!(ran.out.contains(&escaped), "{} {escaped}", program.name);
            }
        }
        assert!(call(&["nsq", "man"]).out.contains(".TH nsq 1"));
        assert_eq!(call(&["nsq", "man", "bogus"]).code, ExitCode::Usage);
        assert_eq!(call(&["nsq", "completions", "bogus"]).code, ExitCode::Usage);
    }

    #[test]
    fn every_command_of_nsq_has_a_manual_page_with_its_flags() {
        let mut nsq = Nsq::command();
        nsq.build();
        let commands = generating::pages(&nsq).filter(|page| {
            let name = page.get_name();
            PROGRAMS.iter().all(|program| program.name != name)
        });
        let mut names = vec!["nsq"];
        for command in commands {
            let name = command.get_display_name().unwrap();
            let ran = call(&["nsq", "man", name]);
            assert_eq!((ran.code, ran.err.as_str()), (ExitCode::Success, ""), "{name}");
            assert!(ran.out.contains(&format!(".TH {name} 1 ")), "{}", ran.out);
            let flags = command.get_arguments().filter(|argument| !argument.is_hide_set());
            for flag in flags.filter_map(|argument| argument.get_long()) {
                let escaped = flag.replace('-', "\\-");
                assert!(ran.out.contains(&escaped), "{name} {escaped}");
            }
            names.push(name);
        }
        assert!(names.contains(&"nsq-bench-fan-out"), "{names:?}");
        assert_eq!(names, PAGES);
    }

    #[test]
    fn tools_run_by_their_names_and_by_the_first_argument() {
        for name in ["nsq_stat", "nsq_tail", "nsq_to_file", "nsq_to_http", "nsq_to_nsq", "to_nsq"] {
            for command_line in [&[name, "-h"][..], &["nsq", name, "--help"]] {
                let ran = call(command_line);
                assert_eq!((ran.code, ran.out.as_str()), (ExitCode::Success, ""));
                assert!(ran.err.starts_with(&format!("Usage of {name}:\n")), "{}", ran.err);
            }
            assert_eq!(call(&["nsq", name]).code, ExitCode::Failure);
        }
    }

    #[test]
    fn a_configuration_file_is_printed_for_the_programs_that_read_one() {
        let ran = call(&["nsq", "config-sample", "nsqd"]);
        assert_eq!((ran.code, ran.err.as_str()), (ExitCode::Success, ""));
        assert_eq!(ran.out, sample("nsqd", NSQD_OPTIONS));
        let ran = call(&["nsq", "config-sample", "nsqlookupd"]);
        assert_eq!(ran.out, sample("nsqlookupd", NSQLOOKUPD_OPTIONS));
        let ran = call(&["nsq", "config-sample", "nsqadmin"]);
        assert_eq!(ran.out, sample("nsqadmin", NSQADMIN_OPTIONS));
        assert_eq!(call(&["nsq", "config-sample", "nsq_stat"]).code, ExitCode::Usage);
    }

    #[test]
    fn other_command_lines_are_refused() {
        for command_line in
            [&["nsq"][..], &["nsq", "bogus"], &["nsq", "--node-id=7"], &["nsq", "install"], &[]]
        {
            let ran = call(command_line);
            assert_eq!((ran.code, ran.out.as_str()), (ExitCode::Usage, ""), "{command_line:?}");
            assert!(ran.err.contains("Usage: nsq"), "{}", ran.err);
        }
    }

    #[test]
    fn arguments_that_are_no_text_are_refused() {
        use std::os::unix::ffi::OsStringExt;
        let argument = OsString::from_vec(b"--data-path=\xff".to_vec());
        let ran = run_with(|console| run(["nsqd".into(), argument], NOWHERE, console));
        assert_eq!(ran.code, ExitCode::Usage);
        assert!(ran.err.starts_with("argument is not valid UTF-8: --data-path="), "{}", ran.err);
    }
}
