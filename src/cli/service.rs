//! What the daemons have in common: how they are configured, run and end.

use std::fmt::Display;

use actix::{Actor, Addr, Context, Handler, System};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::oneshot;

use super::{
    command_line::{self, Called, ConfigError, Configured},
    console::Console,
    exit_code::ExitCode,
    logging,
    signals::Signals,
};
use crate::{
    actors::{socket::Bound, supervisor::ChildFailed},
    config::{ListenAddress, LogLevel, declaration::Options, version::version_text},
};

/// Runs a daemon until it is told to stop; says once where it listens, as soon as clients can connect.
pub type Daemon<O> = fn(O, &mut dyn FnMut(&Listening)) -> Result<(), DaemonError>;

/// The addresses a running daemon can be reached at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// For NSQ's protocols: `host:port` with the real port, or the path of a unix socket; none where HTTP is all.
    pub tcp: Option<String>,
    /// For HTTP, unless it is off.
    pub http: Option<String>,
    /// For HTTPS, if there is a certificate.
    pub https: Option<String>,
}

/// Why a daemon ended otherwise than by being told to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DaemonError {
    /// Its configuration file cannot be used.
    NotConfigured(String),
    /// It never ran: a value is refused, the data path is locked or missing, an address is in use.
    NotStarted(String),
    /// Topics and channels could not be read or written at the start.
    NotLoaded(String),
    /// It gave up on itself.
    Broken(String),
}

impl DaemonError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NotConfigured(_) | Self::NotStarted(_) | Self::NotLoaded(_) => ExitCode::Failure,
            Self::Broken(_) => ExitCode::Internal,
        }
    }

    fn text(&self, program: &str) -> String {
        match self {
            Self::NotStarted(reason) => format!("failed to instantiate {program} - {reason}"),
            Self::NotLoaded(reason) => format!("failed to load metadata - {reason}"),
            Self::NotConfigured(reason) | Self::Broken(reason) => reason.clone(),
        }
    }
}

impl From<ConfigError> for DaemonError {
    fn from(error: ConfigError) -> Self {
        let text = error.to_string();
        match error {
            ConfigError::File(_) => Self::NotConfigured(text),
            ConfigError::Value(_) => Self::NotStarted(text),
        }
    }
}

/// Reads a daemon's command line and decides its options. If there is nothing to run, says why and gives the exit code.
pub(super) fn configure<O: Options>(
    called: Called<'_>,
    arguments: &[String],
    console: &mut Console<'_>,
) -> Result<Configured<O>, ExitCode> {
    let flags = command_line::read::<O>(called, arguments, console)?;
    command_line::decide(&flags, called.defaults)
        .map_err(|error| fail(called.program, &error.into(), console))
}

/// Starts the log, with the version as its first line.
pub(super) fn start_log(program: &str, prefix: &str, level: LogLevel) {
    logging::init(prefix, level);
    log::info!("{program} {}", version_text());
}

/// What a daemon's end means for the process.
pub(super) fn end(
    program: &str,
    ended: Result<(), DaemonError>,
    console: &mut Console<'_>,
) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::Success,
        Err(error) => fail(program, &error, console),
    }
}

/// Leaves the line that says why there is no daemon.
pub(super) fn fail(program: &str, error: &DaemonError, console: &mut Console<'_>) -> ExitCode {
    console.complain(&logging::fatal_line(program, error.text(program)));
    error.exit_code()
}

pub(super) fn not_started(error: impl Display) -> DaemonError {
    DaemonError::NotStarted(format!("{error}"))
}

/// Takes an address: connections queue from here on.
pub(super) fn bind(address: &ListenAddress) -> Result<Bound, DaemonError> {
    let failed = |error| not_started(format!("listen ({address}) failed - {error}"));
    Bound::new(address).map_err(failed)
}

/// As Go's runtime does for upstream: every connection is a descriptor, and the soft limit is usually
/// made for programs that know only small numbers of them.
pub(super) fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        log::warn!("NSQ: the limit of open files stays {:?}: {error}", limit.current);
    }
}

/// Files that the process may have open, connections among them.
pub(super) fn open_files_max() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

pub(super) fn log_listening(listening: &Listening) {
    if let Some(tcp) = &listening.tcp {
        log::info!("TCP: listening on {tcp}");
    }
    if let Some(http) = &listening.http {
        log::info!("HTTP: listening on {http}");
    }
    if let Some(https) = &listening.https {
        log::info!("HTTPS: listening on {https}");
    }
}

/// A panic is reported like everything else; the supervisor then says what it does about it.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("unknown");
        log::error!("panic at {location}: {text}");
    }));
}

/// An actor failed more often than the restart budgets of all above it allow.
pub(super) fn failed_for_good(failed: Option<ChildFailed>) -> DaemonError {
    let failed = failed.map(|failed| format!("{} failed for good: {}", failed.child, failed.cause));
    DaemonError::Broken(failed.unwrap_or_default())
}

/// The top of the tree: hears of the root actors' failures and ends the process.
pub struct Root {
    failed: Option<oneshot::Sender<ChildFailed>>,
}

impl Root {
    /// The second value has the first failure.
    pub(super) fn start_new() -> (Addr<Self>, oneshot::Receiver<ChildFailed>) {
        let (failed, hears) = oneshot::channel();
        (Self { failed: Some(failed) }.start(), hears)
    }
}

impl Actor for Root {
    type Context = Context<Self>;
}

impl Handler<ChildFailed> for Root {
    type Result = ();

    fn handle(&mut self, child_failed: ChildFailed, _: &mut Self::Context) {
        if let Some(failed) = self.failed.take() {
            let _ = failed.send(child_failed); // the process is stopping anyway
        }
    }
}

/// Runs what `start` makes until the process is told to stop; `on_ready` hears when it can be reached. A second signal ends
/// it at once.
pub(super) fn serve<D: Serving>(
    start: impl FnOnce(&Addr<Root>) -> Result<D, DaemonError>,
    on_ready: &mut dyn FnMut(&Listening),
) -> Result<(), DaemonError> {
    log_panics();
    raise_descriptor_limit();
    System::new().block_on(async {
        let mut signals = Signals::new().map_err(not_started)?;
        let (root, failed) = Root::start_new();
        let serving = start(&root)?;
        on_ready(serving.listening());
        tokio::select! {
            () = signals.until_stop(None) => {}
            failed = failed => return Err(failed_for_good(failed.ok())),
        }
        tokio::select! {
            () = serving.stop() => {}
            () = signals.until_stop(None) => log::warn!("second signal, exiting at once"),
        }
        Ok(())
    })
}

/// A daemon that serves.
pub(super) trait Serving {
    /// Where it can be reached.
    fn listening(&self) -> &Listening;

    /// Brings to an end what has been begun.
    fn stop(&self) -> impl Future<Output = ()>;
}
