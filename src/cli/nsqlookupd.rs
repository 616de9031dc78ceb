//! `nsqlookupd`: reads its command line and runs the daemon.

pub mod daemon;

use super::{
    command_line::{Called, Configured},
    console::Console,
    exit_code::ExitCode,
    service::{self, Daemon},
};
use crate::config::{NsqlookupdOptions, typed::TypedOptions};

pub(super) const PROGRAM: &str = "nsqlookupd";

/// Runs `nsqlookupd` with the arguments behind its name.
pub fn run(
    arguments: &[String],
    daemon: Daemon<NsqlookupdOptions>,
    console: &mut Console<'_>,
) -> ExitCode {
    let called = Called { program: PROGRAM, by: PROGRAM, defaults: &TypedOptions::default() };
    match service::configure(called, arguments, console) {
        Ok(configured) => start(configured, daemon, console),
        Err(ended) => ended,
    }
}

fn start(
    Configured { options, warnings }: Configured<NsqlookupdOptions>,
    daemon: Daemon<NsqlookupdOptions>,
    console: &mut Console<'_>,
) -> ExitCode {
    service::start_log(PROGRAM, &options.log_prefix, options.log_level);
    let unknown = options.unknown_experiments();
    let unknown = unknown.map(|name| format!("experiment={name} is not known and has no effect"));
    for warning in warnings.into_iter().chain(unknown) {
        log::warn!("{warning}");
    }
    service::end(PROGRAM, daemon(options, &mut |_listening| {}), console)
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

    #[expect(clippy::needless_pass_by_value, reason = "a Daemon takes its options")]
    fn echo(options: NsqlookupdOptions, _: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
        Err(DaemonError::NotStarted(format!("{:?}", options.tombstone_lifetime)))
    }

    fn nsqlookupd(arguments: &[&str]) -> Ran {
        let arguments: Vec<_> = arguments.iter().map(|&text| text.into()).collect();
        run_with(|console| run(&arguments, echo, console))
    }

    #[test]
    fn help_and_version_are_answers() {
        let help = nsqlookupd(&["--help"]);
        assert_eq!((help.code, help.out.as_str()), (ExitCode::Success, ""));
        let start = "Usage of nsqlookupd:\n  -broadcast-address string\n    \t";
        assert!(help.err.starts_with(start), "{}", help.err);
        let version = nsqlookupd(&["-version"]);
        assert_eq!(version.out, format!("{}\n", version_line("nsqlookupd")));
    }

    #[test]
    fn flags_win_over_the_file_and_errors_name_the_program() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "tombstone_lifetime = '1m'\nlog_level = 'fatal'").unwrap();
        let config = format!("--config={}", file.path().display());
        let ends = |ran: &Ran, text: &str| {
            assert_eq!(ran.code, ExitCode::Failure);
            assert!(ran.err.starts_with("[nsqlookupd] 2"), "{}", ran.err);
            let end = format!(" FATAL: failed to instantiate nsqlookupd - {text}\n");
            assert!(ran.err.ends_with(&end), "{}", ran.err);
        };
        ends(&nsqlookupd(&[&config]), "60s");
        ends(&nsqlookupd(&[&config, "--tombstone-lifetime=2s"]), "2s");
        ends(
            &nsqlookupd(&["--tombstone-lifetime=-1s"]),
            "--tombstone-lifetime must not be negative",
        );
    }

    #[test]
    fn flags_of_nsqd_are_unknown() {
        let ran = nsqlookupd(&["--data-path=x"]);
        assert_eq!(ran.code, ExitCode::Usage);
        assert!(ran.err.starts_with("flag provided but not defined: -data-path\n"), "{}", ran.err);
    }
}
