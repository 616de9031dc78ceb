//! `nsqadmin`: reads its command line and runs the daemon.

pub mod daemon;
mod plan;

use super::{
    command_line::{Called, Configured},
    console::Console,
    exit_code::ExitCode,
    service::{self, Daemon},
};
use crate::config::{NsqadminOptions, typed::TypedOptions};

pub(super) const PROGRAM: &str = "nsqadmin";

/// Runs `nsqadmin` with the arguments behind its name.
pub fn run(
    arguments: &[String],
    daemon: Daemon<NsqadminOptions>,
    console: &mut Console<'_>,
) -> ExitCode {
    let called = Called { program: PROGRAM, by: PROGRAM, defaults: &TypedOptions::default() };
    match service::configure(called, arguments, console) {
        Ok(configured) => start(configured, daemon, console),
        Err(ended) => ended,
    }
}

fn start(
    Configured { options, warnings }: Configured<NsqadminOptions>,
    daemon: Daemon<NsqadminOptions>,
    console: &mut Console<'_>,
) -> ExitCode {
    service::start_log(PROGRAM, &options.log_prefix, options.log_level);
    for warning in warnings {
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
    fn echo(options: NsqadminOptions, _: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
        Err(DaemonError::NotStarted(format!("{:?}", options.nsqlookupd_http_addresses)))
    }

    fn nsqadmin(arguments: &[&str]) -> Ran {
        let arguments: Vec<_> = arguments.iter().map(|&text| text.into()).collect();
        run_with(|console| run(&arguments, echo, console))
    }

    #[test]
    fn help_and_version_are_answers() {
        let help = nsqadmin(&["--help"]);
        assert_eq!((help.code, help.out.as_str()), (ExitCode::Success, ""));
        let start = "Usage of nsqadmin:\n  -acl-http-header string\n    \t";
        assert!(help.err.starts_with(start), "{}", help.err);
        let version = nsqadmin(&["-version"]);
        assert_eq!(version.out, format!("{}\n", version_line("nsqadmin")));
    }

    #[test]
    fn flags_win_over_the_file_and_errors_name_the_program() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "nsqlookupd_http_addresses = ['a:1']\nlog_level = 'fatal'")
            .unwrap();
        let config = format!("--config={}", file.path().display());
        let ends = |ran: &Ran, text: &str| {
            assert_eq!(ran.code, ExitCode::Failure);
            assert!(ran.err.starts_with("[nsqadmin] 2"), "{}", ran.err);
            let end = format!(" FATAL: failed to instantiate nsqadmin - {text}\n");
            assert!(ran.err.ends_with(&end), "{}", ran.err);
        };
        ends(&nsqadmin(&[&config]), "[\"a:1\"]");
        let flags = [&config, "--lookupd-http-address=b:1", "--lookupd-http-address=c:1"];
        ends(&nsqadmin(&flags), "[\"b:1\", \"c:1\"]");
        ends(&nsqadmin(&["--poll-interval=1ms"]), "--poll-interval must be [100ms,1h]");
    }
}
