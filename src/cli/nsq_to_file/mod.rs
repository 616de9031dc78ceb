//! `nsq_to_file`: archives topics to files.

pub mod archive;
#[cfg(test)]
mod archive_tests;
#[cfg(test)]
mod dying_files;
pub mod file_names;
pub mod files;
mod leftovers;
mod logger;
mod options;
mod output;
mod placing;
mod plan;
mod tail;
mod time_format;

use std::{collections::BTreeMap, future::pending};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time::{Interval, MissedTickBehavior, interval},
};

pub use self::options::{NSQ_TO_FILE_OPTIONS, NsqToFileOptions};
use self::{
    archive::ArchiveError,
    logger::Logger,
    plan::{Plan, Topics},
};
use super::{
    console::Console,
    exit_code::ExitCode,
    logging::{self, OwnLines},
    tool::{self, Refusal, StopSignals},
};
use crate::{
    client::{Consumer, Lookupds, Options},
    cluster::Timeouts,
    config::{LogLevel, flags::Parsed},
    protocol::TopicName,
};

pub(super) const PROGRAM: &str = "nsq_to_file";

/// Runs `nsq_to_file` with the arguments behind its name.
pub fn run(arguments: &[String], console: &mut Console<'_>) -> ExitCode {
    let parsed = match tool::read::<NsqToFileOptions>(PROGRAM, arguments, console) {
        Ok(parsed) => parsed,
        Err(ended) => return ended,
    };
    match start(&parsed, console) {
        Ok(code) => code,
        Err(refusal) => refusal.report(console),
    }
}

fn start(parsed: &Parsed, console: &mut Console<'_>) -> Result<ExitCode, Refusal> {
    if !parsed.ignored.is_empty() {
        return Err(Refusal(format!("unknown arguments: [{}]", parsed.ignored.join(" "))));
    }
    let options: NsqToFileOptions = tool::decide(&parsed.options)?;
    let level: LogLevel =
        options.log_level.parse().map_err(|_| Refusal::new("--log-level is invalid"))?;
    if parsed.options.is_on("version") {
        return Ok(tool::say_version(PROGRAM, console));
    }
    let prefix = options.log_prefix.clone();
    let plan = Plan::new(options)?;
    logging::init_utility(OwnLines::Prefixed(prefix.clone(), level));
    plan.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    if let Err(error) = tool::block_on(Archiving::new(plan).run()).flatten() {
        console.complain(&logging::fatal_line_with(&prefix, error));
        return Ok(ExitCode::Failure);
    }
    Ok(ExitCode::Success)
}

type End = oneshot::Receiver<Result<(), ArchiveError>>;

/// All topics that are archived.
struct Archiving {
    plan: Plan,
    loggers: BTreeMap<TopicName, Logger>,
    ends: FuturesUnordered<End>,
}

impl Archiving {
    fn new(plan: Plan) -> Self {
        Self { plan, loggers: BTreeMap::new(), ends: FuturesUnordered::new() }
    }

    async fn run(mut self) -> Result<(), Refusal> {
        let mut stop = StopSignals::new().map_err(Refusal::new)?;
        let mut result = self.archive(&mut stop).await;
        if let Err(error) = &result {
            log::error!("stopping, as there is no way to go on: {error}");
        }
        self.loggers.values().for_each(Logger::begin_stop);
        loop {
            tokio::select! {
                end = self.ends.next() => match end {
                    Some(end) => result = result.and(ended(end)),
                    None => return result,
                },
                () = stop.next() => {
                    log::warn!("second signal, exiting at once");
                    return result;
                }
            }
        }
    }

    /// Until it is told to stop, or one topic fails.
    async fn archive(&mut self, stop: &mut StopSignals) -> Result<(), Refusal> {
        let mut hangup = signal(SignalKind::hangup()).map_err(Refusal::new)?;
        let Some(begun) = stop.unless_stopped(self.begin()).await else { return Ok(()) };
        let (lookupds, mut looks) = begun?;
        loop {
            tokio::select! {
                () = stop.next() => return Ok(()),
                _ = hangup.recv() => self.loggers.values().for_each(Logger::hang_up),
                () = next(&mut looks) => {
                    let looking = self.look(lookupds.as_ref());
                    if stop.unless_stopped(looking).await.is_none() {
                        return Ok(());
                    }
                }
                Some(end) = self.ends.next() => ended(end)?,
            }
        }
    }

    /// Starts the topics that are fixed; for others, whom to ask for them, and when.
    async fn begin(&mut self) -> Result<(Option<Lookupds>, Option<Interval>), Refusal> {
        let refresh = match &self.plan.topics {
            Topics::Fixed(topics) => {
                for topic in topics.clone() {
                    self.log(&topic).await.map_err(Refusal)?;
                }
                return Ok((None, None));
            }
            Topics::Matching(_, refresh) => *refresh,
        };
        let Timeouts { connect, request } = self.plan.http_timeouts;
        let options = Options { lookupd_poll_timeout: request, ..self.plan.client.clone() };
        let lookupds = Lookupds::with_connect_timeout(&self.plan.lookupds, &options, connect)
            .map_err(Refusal::new)?;
        self.look(Some(&lookupds)).await;
        let looks = refresh.map(|refresh| {
            let mut looks = interval(refresh);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            looks.reset();
            looks
        });
        Ok((Some(lookupds), looks))
    }

    /// Starts topics that are new and match. What one nsqlookupd does not say another may.
    async fn look(&mut self, lookupds: Option<&Lookupds>) {
        let (Some(lookupds), Topics::Matching(pattern, _)) = (lookupds, &self.plan.topics) else {
            return;
        };
        let found = lookupds.topics().await;
        for failure in found.failures {
            log::warn!("could not retrieve topic list: {failure}");
        }
        let mut topics = found.known;
        topics
            .retain(|topic| pattern.is_match(topic.as_str()) && !self.loggers.contains_key(topic));
        for topic in topics {
            if let Err(error) = self.log(&topic).await {
                log::error!("{error}"); // the next look tries again
            }
        }
    }

    async fn log(&mut self, topic: &TopicName) -> Result<(), String> {
        let failed =
            |error: String| format!("couldn't create logger for new topic {topic}: {error}");
        let spec = self.plan.archive(topic).map_err(|error| failed(error.to_string()))?;
        let consumer = Consumer::builder(topic.clone(), self.plan.channel.clone())
            .options(self.plan.client.clone())
            .nsqds(self.plan.nsqds.clone())
            .lookupds(self.plan.lookupds.clone());
        let started = Logger::start(spec, consumer, self.plan.sync_interval).await;
        let (logger, end) = started.map_err(|error| failed(error.to_string()))?;
        self.loggers.insert(topic.clone(), logger);
        self.ends.push(end);
        Ok(())
    }
}

async fn next(looks: &mut Option<Interval>) {
    match looks {
        Some(looks) => drop(looks.tick().await),
        None => pending().await,
    }
}

/// A logger ends when it is told to, or fails.
fn ended(end: Result<Result<(), ArchiveError>, oneshot::error::RecvError>) -> Result<(), Refusal> {
    match end {
        Ok(result) => result.map_err(Refusal::new),
        Err(_) => Err(Refusal::new("a writer has failed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::{self, Ran};

    fn ran(arguments: &[&str]) -> Ran {
        testing::call(run, arguments)
    }

    #[track_caller]
    fn refused(arguments: &[&str], reason: &str) {
        testing::refused(run, arguments, reason);
    }

    #[test]
    fn messages_in_flight_are_one_at_least_and_no_more_than_nsqd_can_count() {
        for count in ["0", "-1", "2147483649", "5000000000"] {
            let flag = format!("--max-in-flight={count}");
            refused(&[&flag], "--max-in-flight must be [1,2147483648]");
        }
        refused(&["--max-in-flight=2147483648", "--channel="], "--channel is required");
    }

    #[test]
    fn flags_are_checked_in_upstreams_order() {
        let mut flags = vec![
            "--channel=",
            "--http-client-connect-timeout=0",
            "--http-client-request-timeout=0s",
            "--gzip-level=10",
            "--sync-interval=0",
            "--log-level=loud",
        ];
        refused(
            &[flags.as_slice(), &["surplus", "--version"]].concat(),
            "unknown arguments: [surplus --version]",
        );
        refused(&flags, "--log-level is invalid");
        for (repaired, reason) in [
            ("--log-level=info", "--channel is required"),
            ("--channel=c", "--http-client-connect-timeout should be positive"),
            (
                "--http-client-connect-timeout=1s",
                "--http-client-request-timeout should be positive",
            ),
            (
                "--http-client-request-timeout=1s",
                "--nsqd-tcp-address or --lookupd-http-address required.",
            ),
            ("--nsqd-tcp-address=127.0.0.1:1", "invalid --gzip-level value (10), should be 1-9"),
            ("--gzip-level=9", "--topic or --topic-pattern required"),
            (
                "--topic-pattern=(",
                "--lookupd-http-address must be specified when no --topic specified",
            ),
            ("--topic=t", "--sync-interval should be positive"),
        ] {
            flags.push(repaired);
            refused(&flags, reason);
        }
        flags.push("--lookupd-http-address=a:1");
        refused(&flags, "use --nsqd-tcp-address or --lookupd-http-address not both");
    }

    #[test]
    fn the_version_comes_behind_arguments_and_log_level() {
        let version = ran(&["--version"]);
        assert_eq!(version.code, ExitCode::Success);
        assert_eq!(version.out, format!("nsq_to_file v{}\n", crate::config::NSQ_VERSION));
        refused(&["--version", "--log-level=loud"], "--log-level is invalid");
    }

    #[track_caller]
    fn fails(arguments: &[&str], reason: &str) {
        let ran = ran(arguments);
        assert_eq!(ran.code, ExitCode::Failure);
        assert!(ran.err.starts_with("[nsq_to_file] 2") && ran.err.contains(reason), "{}", ran.err);
    }

    #[test]
    fn what_cannot_begin_ends_the_program() {
        let nsqd = "--nsqd-tcp-address=127.0.0.1:1";
        let dir = tempfile::tempdir().unwrap();
        let output = format!("--output-dir={}", dir.path().display());
        let common = ["--topic=t", nsqd, &output];
        fails(&common, "FATAL: couldn't create logger for new topic t: (127.0.0.1:1) dial tcp");
        let without = [&common[..], &["--gzip", "--filename-format=<TOPIC>"]].concat();
        fails(
            &without,
            "missing <REV> in --filename-format when gzip, rotation, or work dir enabled",
        );
    }

    #[test]
    fn topics_must_match_the_pattern_and_the_pattern_must_be_one() {
        let nsqd = "--nsqd-tcp-address=127.0.0.1:1";
        refused(&[nsqd, "--topic=t", "--topic-pattern=x"], "no --topic matches --topic-pattern");
        let ran = ran(&[nsqd, "--topic=t", "--topic-pattern=("]);
        assert!(ran.err.contains("--topic-pattern is no regular expression"), "{}", ran.err);
    }
}
