//! `nsqd`: reads its command line and runs the daemon.

use super::{
    config_file::{self, ConfigFileError},
    console::Console,
    exit_code::ExitCode,
    logging,
};
use crate::config::{
    NsqdOptions,
    file::ParsedFile,
    flags::{self, FlagError},
    options::NSQD_OPTIONS,
    typed::TypedOptions,
    usage::usage,
    value::Value,
    version::{version_line, version_text},
};

/// Runs an nsqd until it is told to stop; says once where it listens, as soon as clients can connect.
pub type Daemon = fn(NsqdOptions, &mut dyn FnMut(&Listening)) -> Result<(), DaemonError>;

/// The addresses a running nsqd can be reached at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// For NSQ's protocol: `host:port` with the real port, or the path of a unix socket.
    pub tcp: String,
    /// For HTTP, unless it is off.
    pub http: Option<String>,
    /// For HTTPS, if there is a certificate.
    pub https: Option<String>,
}

/// Why an nsqd ended otherwise than by being told to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DaemonError {
    /// Its configuration file cannot be used.
    #[error("{0}")]
    NotConfigured(String),
    /// It never ran: the data path is locked or missing, an address is in use.
    #[error("failed to instantiate nsqd - {0}")]
    NotStarted(String),
    /// Topics and channels could not be read or written at the start.
    #[error("failed to load metadata - {0}")]
    NotLoaded(String),
    /// It gave up on itself.
    #[error("{0}")]
    Broken(String),
}

impl DaemonError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NotConfigured(_) | Self::NotStarted(_) | Self::NotLoaded(_) => ExitCode::Failure,
            Self::Broken(_) => ExitCode::Internal,
        }
    }
}

impl From<ConfigFileError> for DaemonError {
    fn from(error: ConfigFileError) -> Self {
        Self::NotConfigured(error.to_string())
    }
}

/// What was decided, and what an operator should hear about it once there is a log.
#[derive(Debug)]
pub(super) struct Configured {
    pub(super) options: NsqdOptions,
    warnings: Vec<String>,
}

/// Runs `nsqd` with the arguments behind its name.
pub fn run(arguments: &[String], daemon: Daemon, console: &mut Console<'_>) -> ExitCode {
    match configure("nsqd", arguments, &TypedOptions::default(), console) {
        Ok(configured) => start(configured, daemon, |_listening, _console| {}, console),
        Err(ended) => ended,
    }
}

/// Decides the options: of the command line, else of the file that it names, else of `defaults`, else the declared
/// ones. If there is nothing to run, says why and gives the exit code.
pub(super) fn configure(
    program: &str,
    arguments: &[String],
    defaults: &TypedOptions,
    console: &mut Console<'_>,
) -> Result<Configured, ExitCode> {
    let parsed = flags::parse(NSQD_OPTIONS, arguments.iter().cloned())
        .map_err(|error| explain(program, &error, defaults, console))?;
    if !parsed.ignored.is_empty() {
        let ignored = parsed.ignored.join(" ");
        console.complain(&format!("{program}: ignored, as flags end here: {ignored}"));
    }
    if parsed.options.is_on("version") {
        return Err(console.say(&version_line("nsqd")));
    }
    decide(&parsed.options, defaults).map_err(|error| fail(&error, console))
}

fn decide(flags: &TypedOptions, defaults: &TypedOptions) -> Result<Configured, DaemonError> {
    let ParsedFile { options: in_file, mut warnings } = load_file(flags)?;
    let options = NsqdOptions::decide(&[flags, &in_file, defaults])
        .map_err(|error| DaemonError::NotStarted(error.to_string()))?;
    let unknown = options.unknown_experiments();
    warnings
        .extend(unknown.map(|name| format!("experiment={name} is not known and has no effect")));
    Ok(Configured { options, warnings })
}

/// The file of `--config`; nothing without one.
fn load_file(flags: &TypedOptions) -> Result<ParsedFile, ConfigFileError> {
    match flags.get("config") {
        Some(Value::Text(path)) if !path.is_empty() => config_file::load(path, NSQD_OPTIONS),
        _ => Ok(ParsedFile::default()),
    }
}

fn explain(
    program: &str,
    error: &FlagError,
    defaults: &TypedOptions,
    console: &mut Console<'_>,
) -> ExitCode {
    let help = *error == FlagError::Help;
    if !help {
        console.complain(&error.to_string());
    }
    console.complain(usage(program, NSQD_OPTIONS, defaults).trim_end());
    if help { ExitCode::Success } else { ExitCode::Usage }
}

/// Starts logging and runs the daemon; `on_ready` may tell where it listens.
pub(super) fn start(
    Configured { options, warnings }: Configured,
    daemon: Daemon,
    on_ready: impl Fn(&Listening, &mut Console<'_>),
    console: &mut Console<'_>,
) -> ExitCode {
    logging::init(&options.log_prefix, options.log_level);
    log::info!("nsqd {}", version_text());
    log::info!("ID: {}", options.node_id);
    for warning in warnings {
        log::warn!("{warning}");
    }
    match daemon(options, &mut |listening| on_ready(listening, console)) {
        Ok(()) => ExitCode::Success,
        Err(error) => fail(&error, console),
    }
}

/// Leaves the line that says why there is no nsqd.
pub(super) fn fail(error: &DaemonError, console: &mut Console<'_>) -> ExitCode {
    console.complain(&logging::fatal_line("nsqd", error));
    error.exit_code()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::{Ran, run_with};

    fn nsqd(arguments: &[&str], daemon: Daemon) -> Ran {
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
            on_ready(&Listening { tcp: "127.0.0.1:1".to_owned(), http: None, https: None });
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
                locked as Daemon,
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
