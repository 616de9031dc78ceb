//! `nsq_stat`: how one channel is doing, line by line.

mod options;
mod table;

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use rustix::termios::tcgetwinsize;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

pub use self::options::{NSQ_STAT_OPTIONS, NsqStatOptions};
use self::table::{ByNode, ChannelCounts, Row, Width, head};
use super::{
    console::Console,
    exit_code::ExitCode,
    tool::{self, Refusal, StopSignals, positive, require},
};
use crate::{
    cluster::{Ask, AskError, Reach, Selection, Timeouts, producers, stats_at},
    config::typed::TypedOptions,
    protocol::{ChannelName, TopicName},
};

pub(super) const PROGRAM: &str = "nsq_stat";
/// Rounds from one head of the table to the next.
const HEAD_EVERY: u64 = 25;
/// What upstream's columns need.
const FULL_COLUMNS: u16 = 92;

/// Runs `nsq_stat` with the arguments behind its name.
pub fn run(arguments: &[String], console: &mut Console<'_>) -> ExitCode {
    tool::run::<NsqStatOptions>(PROGRAM, arguments, console, |typed, console| {
        let plan = Plan::new(typed)?;
        let ask = Ask::new(PROGRAM, plan.timeouts).map_err(Refusal::new)?;
        tool::block_on(Watch::new(plan, ask).run(console))?
    })
}

/// What was asked for, checked.
#[derive(Debug)]
struct Plan {
    topic: TopicName,
    channel: ChannelName,
    nsqds: Vec<String>,
    lookupds: Vec<String>,
    interval: Duration,
    rows: Option<u64>,
    timeouts: Timeouts,
}

impl Plan {
    fn new(typed: &TypedOptions) -> Result<Self, Refusal> {
        let options: NsqStatOptions = tool::decide(typed)?;
        let is_named = !options.topic.is_empty() && !options.channel.is_empty();
        require(is_named, "--topic and --channel are required")?;
        let interval = positive("interval", options.interval)?;
        let connect = positive("http-client-connect-timeout", options.http_client_connect_timeout)?;
        let request = positive("http-client-request-timeout", options.http_client_request_timeout)?;
        let rows = match typed.get("count") {
            Some(_) => Some(u64::try_from(options.count).unwrap_or(0)),
            None => None,
        };
        require(rows != Some(0), "--count should be positive")?;
        let (nsqds, lookupds) = (options.nsqd_http_addresses, options.lookupd_http_addresses);
        tool::one_kind(("nsqd-http-address", &nsqds), ("lookupd-http-address", &lookupds))?;
        without_scheme("nsqd-http-address", &nsqds)?;
        without_scheme("lookupd-http-address", &lookupds)?;
        Ok(Self {
            topic: tool::topic(&options.topic)?,
            channel: tool::channel(&options.channel)?,
            nsqds,
            lookupds,
            interval,
            rows,
            timeouts: Timeouts { connect, request },
        })
    }
}

fn without_scheme(flag: &str, addresses: &[String]) -> Result<(), Refusal> {
    let with_scheme = addresses.iter().any(|address| address.contains("://"));
    require(!with_scheme, &format!("--{flag} error - address should not contain scheme"))
}

/// Looks at the channel again and again.
struct Watch {
    plan: Plan,
    ask: Ask,
    width: Width,
    /// Who has said nothing the last time.
    failing: BTreeSet<String>,
}

impl Watch {
    fn new(plan: Plan, ask: Ask) -> Self {
        Self { plan, ask, width: width(), failing: BTreeSet::new() }
    }

    async fn run(mut self, console: &mut Console<'_>) -> Result<(), Refusal> {
        let mut stop = StopSignals::new().map_err(Refusal::new)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(Refusal::new)?;
        let printed = tokio::select! {
            printed = self.print_rows(console) => printed,
            () = stop.next() => Ok(()),
            _ = hangup.recv() => Ok(()),
        };
        match printed {
            Err(Ended::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(Ended::Output(error)) => Err(Refusal::new(error)),
            Err(Ended::Refused(refusal)) => Err(refusal),
            Ok(()) => Ok(()),
        }
    }

    async fn print_rows(&mut self, console: &mut Console<'_>) -> Result<(), Ended> {
        let mut ticks = interval(self.plan.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before: Option<(Instant, ByNode)> = None;
        for round in 0_u64.. {
            ticks.tick().await;
            let asked = Instant::now();
            let (known, failures) = self.look().await;
            if before.is_none() && known.is_empty() {
                return Err(Ended::Refused(self.nothing(&failures)));
            }
            if round % HEAD_EVERY == 0 {
                print(head(self.width), console)?;
            }
            self.complain(&failures, console);
            if let Some((then, before)) = &before {
                print(&Row::new(before, &known, asked - *then).line(self.width), console)?;
            }
            before = Some((asked, known));
            if self.plan.rows.is_some_and(|rows| round >= rows) {
                break;
            }
        }
        Ok(())
    }

    async fn look(&self) -> (ByNode, Vec<AskError>) {
        let Plan { topic, channel, nsqds, lookupds, .. } = &self.plan;
        let (nodes, mut failures) = match lookupds.is_empty() {
            true => (nsqds.clone(), Vec::new()),
            false => {
                let found = producers(&self.ask, lookupds, topic).await;
                let nodes = found.known.into_iter().flatten();
                (nodes.map(|node| node.address).collect(), found.failures)
            }
        };
        let select =
            Selection { topic: Some(topic), channel: Some(channel), ..Selection::default() };
        let nodes = nodes.into_iter().map(Reach::at);
        let stats = stats_at(&self.ask, nodes, select).await;
        failures.extend(stats.failures);
        let mut known = ByNode::new();
        for (node, stats) in stats.known {
            let mut channels = stats.topics.iter().flat_map(|topic| &topic.channels);
            known.extend(channels.next().map(|found| (node.address, ChannelCounts::from(found))));
        }
        (known, failures)
    }

    /// Why there is nothing to show: nobody has answered, or nobody knows the channel.
    fn nothing(&self, failures: &[AskError]) -> Refusal {
        let Plan { topic, channel, lookupds, .. } = &self.plan;
        let of_lookupds = failures.iter().all(|failure| lookupds.contains(&failure.address));
        let reasons: Vec<_> = failures.iter().map(ToString::to_string).collect();
        let reasons = reasons.join("; ");
        Refusal(match failures {
            [] => format!(
                "ERROR: failed to find channel({channel}) in stats metadata for topic({topic})"
            ),
            _ if of_lookupds && !lookupds.is_empty() => {
                format!("ERROR: failed to get topic producers - {reasons}")
            }
            _ => format!("ERROR: failed to get nsqd stats - {reasons}"),
        })
    }

    /// Says who does not answer, once until it has answered again.
    fn complain(&mut self, failures: &[AskError], console: &mut Console<'_>) {
        for failure in failures.iter().filter(|failure| !self.failing.contains(&failure.address)) {
            let _goes_on = Refusal(format!("ERROR: {failure}, left out")).report(console);
        }
        self.failing = failures.iter().map(|failure| failure.address.clone()).collect();
    }
}

enum Ended {
    Output(io::Error),
    Refused(Refusal),
}

fn print(line: &str, console: &mut Console<'_>) -> Result<(), Ended> {
    console.write(format!("{line}\n").as_bytes()).map_err(Ended::Output)
}

/// Upstream's columns, unless a terminal is too narrow for them.
fn width() -> Width {
    let stdout = io::stdout();
    let is_narrow = stdout.is_terminal()
        && tcgetwinsize(&stdout).is_ok_and(|size| (1..FULL_COLUMNS).contains(&size.ws_col));
    if is_narrow { Width::Narrow } else { Width::Full }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::{self, run_with};

    #[track_caller]
    fn refused(arguments: &[&str], reason: &str) {
        testing::refused(run, arguments, reason);
    }

    #[test]
    fn flags_are_checked_in_upstreams_order() {
        let mut flags = vec![
            "--interval=0s",
            "--http-client-connect-timeout=0s",
            "--http-client-request-timeout=-1s",
            "--count=0",
            "--nsqd-http-address=http://a:1",
            "--lookupd-http-address=https://b:1",
        ];
        refused(&flags, "--topic and --channel are required");
        flags.extend(["--topic=t", "--channel=c"]);
        for (repaired, reason) in [
            ("--interval=1s", "--interval should be positive"),
            (
                "--http-client-connect-timeout=1s",
                "--http-client-connect-timeout should be positive",
            ),
            (
                "--http-client-request-timeout=1s",
                "--http-client-request-timeout should be positive",
            ),
            ("--count=1", "--count should be positive"),
        ] {
            refused(&flags, reason);
            flags.push(repaired);
        }
        refused(&flags, "use --nsqd-http-address or --lookupd-http-address not both");
        let common = ["--topic=t", "--channel=c"];
        refused(&common, "--nsqd-http-address or --lookupd-http-address required");
        for flag in ["--nsqd-http-address", "--lookupd-http-address"] {
            let address = format!("{flag}=http://a:1");
            let reason = format!("{flag} error - address should not contain scheme");
            refused(&[common[0], common[1], &address], &reason);
        }
    }

    #[test]
    fn nobody_there_is_said_at_once() {
        for (flag, reason) in [
            ("--nsqd-http-address", "ERROR: failed to get nsqd stats - 127.0.0.1:1: "),
            ("--lookupd-http-address", "ERROR: failed to get topic producers - 127.0.0.1:1: "),
        ] {
            let arguments = ["--topic=t", "--channel=c", &format!("{flag}=127.0.0.1:1")];
            let ran = run_with(|console| run(&arguments.map(str::to_owned), console));
            assert_eq!((ran.code, ran.out.as_str()), (ExitCode::Failure, ""));
            assert!(ran.err[20..].starts_with(reason), "{}", ran.err);
            assert!(ran.err.ends_with("Connection refused (os error 111)\n"), "{}", ran.err);
        }
    }

    #[test]
    fn the_version_is_the_programs_own() {
        let ran = run_with(|console| run(&["--version".to_owned()], console));
        assert_eq!(ran.code, ExitCode::Success);
        assert_eq!(ran.out, format!("nsq_stat v{}\n", crate::config::NSQ_VERSION));
    }
}
