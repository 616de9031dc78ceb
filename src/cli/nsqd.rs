//! `nsqd`: reads its command line and runs the daemon.

pub mod beside;
pub mod daemon;
mod take_over;

use super::{
    command_line::{Called, Configured},
    console::Console,
    exit_code::ExitCode,
    service::{self, Daemon, Listening},
};
use crate::config::{NsqdOptions, typed::TypedOptions};

pub(super) const PROGRAM: &str = "nsqd";

/// Runs `nsqd` with the arguments behind its name.
pub fn run(
    arguments: &[String],
    daemon: Daemon<NsqdOptions>,
    console: &mut Console<'_>,
) -> ExitCode {
    match configure(PROGRAM, arguments, &TypedOptions::default(), console) {
        Ok(configured) => start(configured, |options| options, daemon, |_, _| {}, console),
        Err(ended) => ended,
    }
}

/// Decides the options; `by` is what the help text calls the program.
pub(super) fn configure(
    by: &str,
    arguments: &[String],
    defaults: &TypedOptions,
    console: &mut Console<'_>,
) -> Result<Configured<NsqdOptions>, ExitCode> {
    let called = Called { program: PROGRAM, by, defaults };
    let mut configured: Configured<NsqdOptions> = service::configure(called, arguments, console)?;
    let more = warnings(&configured.options);
    configured.warnings.extend(more);
    Ok(configured)
}

fn warnings(options: &NsqdOptions) -> Vec<String> {
    let unknown = options.unknown_experiments();
    unknown.map(|name| format!("experiment={name} is not known and has no effect")).collect()
}

/// Starts logging and runs the daemon, which may want more than the options; `on_ready` may tell where it listens.
pub(super) fn start<O>(
    Configured { options, warnings }: Configured<NsqdOptions>,
    of_daemon: impl FnOnce(NsqdOptions) -> O,
    daemon: Daemon<O>,
    on_ready: impl Fn(&Listening, &mut Console<'_>),
    console: &mut Console<'_>,
) -> ExitCode {
    service::start_log(PROGRAM, &options.log_prefix, options.log_level);
    log::info!("ID: {}", options.node_id);
    for warning in warnings {
        log::warn!("{warning}");
    }
    let ended = daemon(of_daemon(options), &mut |listening| on_ready(listening, console));
    service::end(PROGRAM, ended, console)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::{
            service::DaemonError,
            testing::{Ran, run_with},
        },
        config::version::version_line,
    };

    fn nsqd(arguments: &[&str], daemon: Daemon<NsqdOptions>) -> Ran {
        run_with(|console| {
            run(&arguments.iter().map(|&text| text.into()).collect::<Vec<_>>(), daemon, console)
        })
    }

    fn never(
        _options: NsqdOptions,
        _on_ready: &mut dyn FnMut(&Listening),
    ) -> Result<(), DaemonError> {
        panic!("nothing may be started");
    }

    #[test]
    fn help_goes_to_stderr_and_is_success() {
        for argument in ["-h", "-help", "--help"] {
            let ran = nsqd(&[argument], never);
            assert_eq!((ran.code, ran.out.as_str()), (ExitCode::Success, ""));
            assert!(
                ran.err.starts_with("Usage of nsqd:\n  -auth-http-address value\n    \t"),
                "{}",
                ran.err
            );
        }
    }

    #[test]
    fn version_is_printed_and_nothing_else_is_read() {
        let ran = nsqd(&["-version", "--node-id=5000"], never);
        assert_eq!(ran.code, ExitCode::Success);
        assert_eq!(ran.out, format!("{}\n", version_line("nsqd")));
        assert_eq!(ran.err, "");
    }

    #[test]
    fn flag_errors_are_followed_by_the_usage() {
        for argument in ["--bogus", "--node_id=1"] {
            let ran = nsqd(&[argument], never);
            let name = argument.trim_start_matches('-').split('=').next().unwrap();
            assert_eq!((ran.code, ran.out.as_str()), (ExitCode::Usage, ""));
            let start = format!("flag provided but not defined: -{name}\nUsage of nsqd:\n");
            assert!(ran.err.starts_with(&start), "{}", ran.err);
        }
    }

    #[test]
    fn a_file_is_read_below_the_flags_and_above_the_defaults() {
        #[expect(clippy::needless_pass_by_value, reason = "a Daemon takes its options")]
        fn daemon(
            options: NsqdOptions,
            _on_ready: &mut dyn FnMut(&Listening),
        ) -> Result<(), DaemonError> {
            assert_eq!((options.node_id, options.max_rdy_count), (7, 20));
            assert_eq!(options.max_deflate_level, 6);
            Ok(())
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "id = 8\nmax_rdy_count = 20\nlog_level = 'error'\n").unwrap();
        let config = format!("--config={}", file.path().display());
        let ran = nsqd(&[&config, "--node-id=7"], daemon);
        assert_eq!((ran.code, ran.err.as_str()), (ExitCode::Success, ""));
        assert_eq!(nsqd(&["--config=", "--node-id=7", "--max-rdy-count=20"], daemon).err, "");
    }

    #[test]
    fn a_file_that_cannot_be_used_is_fatal() {
        let ran = nsqd(&["--config=/nope.toml"], never);
        assert_eq!((ran.code, ran.out.as_str()), (ExitCode::Failure, ""));
        let end = " FATAL: failed to load config file /nope.toml - \
                   open /nope.toml: no such file or directory\n";
        assert!(ran.err.ends_with(end), "{}", ran.err);
    }

    #[test]
    fn refused_values_are_fatal_whatever_the_prefix() {
        let ran = nsqd(&["--node-id=1024", "--log-prefix=x", "--log-level=fatal"], never);
        assert_eq!((ran.code, ran.out.as_str()), (ExitCode::Failure, ""));
        assert!(ran.err.starts_with("[nsqd] 2"), "{}", ran.err);
        let end = " FATAL: failed to instantiate nsqd - --node-id must be [0,1024)\n";
        assert!(ran.err.ends_with(end), "{}", ran.err);
    }

    #[test]
    fn daemon_gets_the_options_and_ignored_arguments_are_named() {
        #[expect(clippy::needless_pass_by_value, reason = "a Daemon takes its options")]
        fn daemon(
            options: NsqdOptions,
            on_ready: &mut dyn FnMut(&Listening),
        ) -> Result<(), DaemonError> {
            assert_eq!(options.node_id, 7);
            on_ready(&Listening { tcp: Some("127.0.0.1:1".to_owned()), http: None, https: None });
            Ok(())
        }
        let ran = nsqd(&["--node-id=7", "false", "--node-id=8"], daemon);
        assert_eq!((ran.code, ran.out.as_str()), (ExitCode::Success, ""));
        assert_eq!(ran.err, "nsqd: ignored, as flags end here: false --node-id=8\n");
    }

    #[test]
    fn failures_of_the_daemon_have_their_exit_codes() {
        fn locked(_: NsqdOptions, _: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
            Err(DaemonError::NotStarted("failed to lock data-path".to_owned()))
        }
        fn unreadable(_: NsqdOptions, _: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
            Err(DaemonError::NotLoaded("bad".to_owned()))
        }
        fn spent(_: NsqdOptions, _: &mut dyn FnMut(&Listening)) -> Result<(), DaemonError> {
            Err(DaemonError::Broken("restart budget is spent".to_owned()))
        }
        for (daemon, code, text) in [
            (
                locked as Daemon<NsqdOptions>,
                ExitCode::Failure,
                "FATAL: failed to instantiate nsqd - failed to lock data-path\n",
            ),
            (unreadable, ExitCode::Failure, "FATAL: failed to load metadata - bad\n"),
            (spent, ExitCode::Internal, "FATAL: restart budget is spent\n"),
        ] {
            let ran = nsqd(&[], daemon);
            assert_eq!(ran.code, code);
            assert!(ran.err.ends_with(text), "{}", ran.err);
        }
    }
}
