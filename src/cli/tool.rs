//! What the utilities have in common: how they read their command lines and how they complain.

use std::{collections::BTreeSet, io, time::Duration};

use jiff::Zoned;
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

use super::{console::Console, exit_code::ExitCode};
use crate::{
    client,
    config::{
        GoDuration, NSQ_VERSION,
        declaration::{Bounds, Options},
        flags::{self, FlagError, Parsed},
        typed::TypedOptions,
        usage::usage,
    },
    protocol::{ChannelName, TopicName},
};

/// Of `--max-in-flight`: none would come, or more than nsqd can count.
pub const IN_FLIGHT: Bounds = Bounds::new(1, 1 << 31, "must be [1,2147483648]");

/// Why a tool does not start, or ends early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Refusal {
    /// Anything that says why.
    #[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
    pub fn new(reason: impl ToString) -> Self {
        Self(reason.to_string())
    }

    /// Leaves the line that says why, as upstream's tools do.
    pub fn report(&self, console: &mut Console<'_>) -> ExitCode {
        console.complain(&format!("{} {}", Zoned::now().strftime("%Y/%m/%d %H:%M:%S"), self.0));
        ExitCode::Failure
    }
}

/// Refuses unless something holds.
pub fn require(holds: bool, text: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::new(text)) }
}

/// Reads the value of a flag, named without its dashes, that must be longer than nothing.
pub fn positive(flag: &str, duration: GoDuration) -> Result<Duration, Refusal> {
    let positive = duration.to_std().filter(|duration| !duration.is_zero());
    positive.ok_or_else(|| Refusal(format!("--{flag} should be positive")))
}

/// Reads the arguments behind a program's name. If there is nothing to run (help, a mistake), says so and gives the exit
/// code.
pub fn read<O: Options>(
    program: &str,
    arguments: &[String],
    console: &mut Console<'_>,
) -> Result<Parsed, ExitCode> {
    flags::parse(O::TABLE, arguments.iter().cloned()).map_err(|error| {
        let is_help = error == FlagError::Help;
        if !is_help {
            console.complain(&error.to_string());
        }
        console.complain(usage(program, O::TABLE, &TypedOptions::default()).trim_end());
        if is_help { ExitCode::Success } else { ExitCode::Usage }
    })
}

/// The same for tools that answer `--version` before they look at anything else, and that say which arguments they ignore.
fn read_with_version<O: Options>(
    program: &str,
    arguments: &[String],
    console: &mut Console<'_>,
) -> Result<TypedOptions, ExitCode> {
    let Parsed { options, ignored } = read::<O>(program, arguments, console)?;
    if options.is_on("version") {
        return Err(say_version(program, console));
    }
    if !ignored.is_empty() {
        console.complain(&format!("{program}: ignored, as flags end here: {}", ignored.join(" ")));
    }
    Ok(options)
}

/// Runs such a tool: reads its arguments and has `work` do what they ask for.
pub fn run<O: Options>(
    program: &str,
    arguments: &[String],
    console: &mut Console<'_>,
    work: impl FnOnce(&TypedOptions, &mut Console<'_>) -> Result<(), Refusal>,
) -> ExitCode {
    let typed = match read_with_version::<O>(program, arguments, console) {
        Ok(typed) => typed,
        Err(ended) => return ended,
    };
    match work(&typed, console) {
        Ok(()) => ExitCode::Success,
        Err(refusal) => refusal.report(console),
    }
}

/// Answers `--version`.
pub fn say_version(program: &str, console: &mut Console<'_>) -> ExitCode {
    console.say(&format!("{program} v{NSQ_VERSION}"))
}

/// Decides the options of a tool.
pub fn decide<O: Options>(typed: &TypedOptions) -> Result<O, Refusal> {
    O::decide(&[typed]).map_err(Refusal::new)
}

/// Checks that servers are named in exactly one of two ways: their flags without dashes, their addresses.
pub fn one_kind(
    (nsqd, nsqds): (&str, &[String]),
    (lookupd, lookupds): (&str, &[String]),
) -> Result<(), Refusal> {
    require(
        !nsqds.is_empty() || !lookupds.is_empty(),
        &format!("--{nsqd} or --{lookupd} required"),
    )?;
    require(
        nsqds.is_empty() || lookupds.is_empty(),
        &format!("use --{nsqd} or --{lookupd} not both"),
    )
}

/// Checks a value of `--consumer-opt` or `--producer-opt`.
pub fn check_client_option(text: &str) -> Result<(), String> {
    client::Options::default().set_text(text).map_err(|error| error.to_string())
}

/// The client's options, of which each was checked when it was read; says who the program is.
pub fn client_options(program: &str, texts: &[String]) -> Result<client::Options, Refusal> {
    let mut options = client::Options::default();
    for text in texts {
        options.set_text(text).map_err(Refusal::new)?;
    }
    options.user_agent = user_agent(program);
    options.check().map_err(Refusal::new)?;
    Ok(options)
}

/// Who a program says it is.
pub fn user_agent(program: &str) -> String {
    format!("{program}/{NSQ_VERSION} nsq-actors/{NSQ_VERSION}")
}

/// Reads a topic's name.
pub fn topic(name: &str) -> Result<TopicName, Refusal> {
    TopicName::parse(name).map_err(|_| Refusal::new("invalid topic name"))
}

/// Reads topics' names; each counts once.
pub fn topics(names: &[String]) -> Result<Vec<TopicName>, Refusal> {
    let names: BTreeSet<_> = names.iter().collect();
    names.into_iter().map(|name| topic(name)).collect()
}

/// Reads a channel's name.
pub fn channel(name: &str) -> Result<ChannelName, Refusal> {
    ChannelName::parse(name).map_err(|_| Refusal::new("invalid channel name"))
}

/// What a tool runs its connections on: the thread that uses it.
pub fn runtime() -> Result<Runtime, Refusal> {
    Builder::new_current_thread().enable_all().build().map_err(Refusal::new)
}

/// Runs a tool's work on its runtime. What still goes on elsewhere when it is done, such as the search for a name's
/// address, is not waited for.
pub fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Refusal> {
    let runtime = runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

/// SIGINT and SIGTERM; as long as this lives they do not end the process by themselves.
#[derive(Debug)]
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Listens from now on. To be called on a runtime.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for one of them.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Does `work`, such as connecting, unless one of them comes before it is done.
    pub async fn unless_stopped<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.next() => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_in_one_way() {
        let check = |nsqds: &[&str], lookupds: &[&str]| {
            let owned =
                |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
            one_kind(
                ("nsqd-tcp-address", &owned(nsqds)),
                ("lookupd-http-address", &owned(lookupds)),
            )
            .map_err(|refusal| refusal.0)
        };
        assert_eq!(check(&["a"], &[]), Ok(()));
        assert_eq!(check(&[], &["a", "b"]), Ok(()));
        let neither = "--nsqd-tcp-address or --lookupd-http-address required";
        assert_eq!(check(&[], &[]), Err(neither.to_owned()));
        let both = "use --nsqd-tcp-address or --lookupd-http-address not both";
        assert_eq!(check(&["a"], &["b"]), Err(both.to_owned()));
    }
}
