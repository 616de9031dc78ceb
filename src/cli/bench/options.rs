//! Flags that several kinds have in common.

use std::{path::PathBuf, time::Duration};

use clap::ValueEnum;

use crate::{
    bench::{
        BODY_SIZE_MAX, BODY_SIZE_MIN, Bodies, Command, Door, Extent, Publishing, Target,
        usage::PID_MAX,
    },
    cli::bench::session::Session,
    config::GoDuration,
};

/// Connections of one run.
const CONNECTIONS_MAX: u64 = 60_000;
/// Topics of one run.
const TOPICS_MAX: u64 = 100_000;
/// Messages of one run: what has come is kept as a bit of each.
const MESSAGES_MAX: u64 = 10_000_000_000;
/// Messages of one run at a fixed rate: four bytes of each are kept.
pub(super) const SCHEDULED_MAX: u64 = 100_000_000;
/// Bytes of all buffers of a run.
const BUFFERS_MAX: usize = 2 << 30;
/// Upstream's --max-rdy-count.
pub(super) const RDY_MAX: u64 = 2500;
/// Bytes in flight to one consumer that checks or drains large messages.
const IN_FLIGHT_BYTES: usize = 64 << 20;

/// A number from 1 to this.
fn count(max: u64) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| match text.parse() {
        Ok(number) if (1..=max).contains(&number) => Ok(number as usize),
        Ok(_) => Err(format!("must be from 1 to {max}")),
        Err(error) => Err(format!("{error}")),
    }
}

pub(super) fn connections(text: &str) -> Result<usize, String> {
    count(CONNECTIONS_MAX)(text)
}

pub(super) fn topics(text: &str) -> Result<usize, String> {
    count(TOPICS_MAX)(text)
}

pub(super) fn channels(text: &str) -> Result<usize, String> {
    count(1_000)(text)
}

/// A number of messages.
pub(super) fn messages(text: &str) -> Result<u64, String> {
    count(MESSAGES_MAX)(text).map(|number| number as u64)
}

/// A number of messages that may be none.
pub(super) fn backlog(text: &str) -> Result<u64, String> {
    if text == "0" { Ok(0) } else { messages(text) }
}

pub(super) fn window(text: &str) -> Result<u64, String> {
    count(1_000_000)(text).map(|number| number as u64)
}

pub(super) fn rdy(text: &str) -> Result<u64, String> {
    count(1_000_000)(text).map(|number| number as u64)
}

/// Messages a second.
pub(super) fn rate(text: &str) -> Result<u64, String> {
    count(1_000_000)(text).map(|number| number as u64)
}

fn batch(text: &str) -> Result<u32, String> {
    count(100_000)(text).map(|number| number as u32)
}

pub(super) fn size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(size) if (BODY_SIZE_MIN..=BODY_SIZE_MAX).contains(&size) => Ok(size),
        Ok(_) => Err(format!("must be from {BODY_SIZE_MIN} to {BODY_SIZE_MAX}")),
        Err(error) => Err(format!("{error}")),
    }
}

/// As in `1m30s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration: GoDuration = text.parse().map_err(|error| format!("{error}"))?;
    let duration = duration.to_std().filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "must be greater than 0".to_owned())
}

/// Which server, and how long it is waited for.
#[derive(Debug, clap::Args)]
pub struct Server {
    /// Where the nsqd speaks NSQ's protocol
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) nsqd_tcp_address: String,
    /// Where the nsqd speaks HTTP; without it topics cannot be deleted afterwards (see --keep)
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) nsqd_http_address: Option<String>,
    /// The nsqd's process on this machine, to measure its CPU time and its memory
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..i64::from(PID_MAX)))]
    pub(super) pid: Option<u32>,
    /// How long the run may take, as in 90s or 5m
    #[arg(long, default_value = "3m", value_parser = duration)]
    pub(super) timeout: Duration,
    /// How long nothing may come before what is missing counts as lost
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub(super) patience: Duration,
    /// Leave the topics where they are
    #[arg(long)]
    pub(super) keep: bool,
    /// Write the result as JSON to this file, or instead of the table to standard output
    #[arg(long, value_name = "FILE|-")]
    pub(super) json: Option<PathBuf>,
    /// The server is one that stores nothing
    #[arg(long, hide = true)]
    pub(super) bare: bool,
}

impl Server {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.nsqd_http_address.is_none() && !self.keep && !self.bare {
            let text = "--nsqd-http-address is needed to delete topics afterwards, or --keep to leave them";
            return Err(text.to_owned());
        }
        Ok(())
    }

    pub(super) fn needs_http(&self, what: &str) -> Result<(), String> {
        match self.nsqd_http_address {
            Some(_) => Ok(()),
            None => Err(format!("{what} needs --nsqd-http-address")),
        }
    }
}

/// What messages there are.
#[derive(Debug, clap::Args)]
pub struct Payload {
    /// Bytes of each message, 10 to 1048576
    #[arg(long, default_value_t = 200, value_parser = size)]
    pub(super) size: usize,
    /// Topics over which connections are spread, in turn; where there are more topics than connections, each connection
    /// that publishes without a fixed rate takes turns with several
    #[arg(long, default_value = "1", value_parser = topics)]
    pub(super) topics: usize,
}

/// How many messages there are.
#[derive(Debug, clap::Args)]
pub struct Amount {
    /// How many messages
    #[arg(long, default_value = "100000", value_parser = messages, conflicts_with = "duration")]
    pub(super) messages: u64,
    /// How long messages are published, instead of how many
    #[arg(long, value_parser = duration)]
    pub(super) duration: Option<Duration>,
}

impl Amount {
    pub(super) fn extent(&self) -> Extent {
        match self.duration {
            None => Extent::Messages(self.messages),
            Some(duration) => Extent::Until(std::time::Instant::now() + duration),
        }
    }

    /// How many messages go at a fixed rate.
    pub(super) fn at_rate(&self, rate: u64) -> u64 {
        match self.duration {
            None => self.messages,
            Some(duration) => ((duration.as_secs_f64() * rate as f64) as u64).max(1),
        }
    }
}

/// Which command publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CommandName {
    /// One message
    Pub,
    /// Many at once
    Mpub,
    /// One message, held back for a while
    Dpub,
}

/// Who publishes.
#[derive(Debug, clap::Args)]
pub struct Publishers {
    /// Connections that publish
    #[arg(long, default_value = "1", value_parser = connections)]
    pub(super) connections: usize,
    /// How they publish
    #[arg(long, value_enum, default_value = "pub")]
    pub(super) command: CommandName,
    /// Messages of one mpub
    #[arg(long, default_value = "200", value_parser = batch)]
    pub(super) batch: u32,
    /// How long a dpub is held back
    #[arg(long, default_value = "1s", value_parser = duration)]
    pub(super) defer: Duration,
    /// Requests of a connection that may wait for their answer; 1 waits for each
    #[arg(long, default_value = "1", value_parser = window)]
    pub(super) window: u64,
    /// Publish over HTTP, by connections that are kept
    #[arg(long)]
    pub(super) http: bool,
}

impl Publishers {
    pub(super) fn command(&self) -> Command {
        match self.command {
            CommandName::Pub => Command::Pub,
            CommandName::Mpub => Command::Mpub(self.batch),
            CommandName::Dpub => Command::Dpub(self.defer),
        }
    }

    pub(super) fn check(&self, server: &Server, payload: &Payload) -> Result<(), String> {
        if self.http {
            server.needs_http("--http")?;
            if self.window > 1 {
                return Err("over HTTP every request waits for its answer: no --window".to_owned());
            }
        }
        let request = self.command().batch() as usize * (payload.size + 4);
        fits(self.connections.max(payload.topics) * request, "--connections with requests")
    }

    /// Who publishes these messages in a session.
    pub(super) fn publishing(&self, session: &Session, size: usize) -> Publishing {
        let command = self.command();
        let door = match session.http.filter(|_| self.http) {
            Some(http) => Door::Http(http),
            None => Door::Tcp(Target::plain(session.tcp)),
        };
        Publishing {
            door,
            connections: self.connections,
            window: self.window,
            command,
            bodies: Bodies::new(size, command.batch()),
            topics: session.topics.clone(),
        }
    }

    /// In words.
    pub(super) fn describe(&self, size: usize) -> String {
        let what = match self.command {
            CommandName::Pub => format!("PUB of {size} B"),
            CommandName::Mpub => format!("MPUB of {} × {size} B", self.batch),
            CommandName::Dpub => format!("DPUB of {size} B by {:?}", self.defer),
        };
        let (by, many) = (if self.http { "HTTP" } else { "TCP" }, self.connections);
        let waits = match self.window {
            1 => "each waits for its answer".to_owned(),
            window => format!("{window} unanswered on each"),
        };
        format!("{what} over {by}, {many} publishing, {waits}")
    }
}

/// Refuses what would take too much memory here.
pub(super) fn fits(bytes: usize, what: &str) -> Result<(), String> {
    if bytes > BUFFERS_MAX {
        let gibibytes = bytes as f64 / f64::from(1 << 30);
        return Err(format!("{what} of this size would need {gibibytes:.1} GiB of buffers"));
    }
    Ok(())
}

/// Buffers of consumers.
pub(super) fn consumers_fit(consumers: usize, size: usize) -> Result<(), String> {
    fits(consumers * (256 << 10).max(2 * size), "consumers of messages")
}

/// A credit with which so large messages do not pile up on their way.
pub(super) fn credit(rdy: u64, size: usize) -> u64 {
    rdy.min((IN_FLIGHT_BYTES / size) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(size("10"), Ok(10));
        assert_eq!(size("1048576"), Ok(1 << 20));
        for wrong in ["9", "1048577", "-1", "x", ""] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(connections("60000"), Ok(60_000));
        for wrong in ["0", "60001", "1.5"] {
            assert!(connections(wrong).is_err(), "{wrong}");
        }
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        for wrong in ["0s", "-1s", "1", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_and_a_time_make_a_number() {
        let amount = |duration| Amount { messages: 7, duration };
        assert_eq!(amount(None).at_rate(100), 7);
        assert_eq!(amount(Some(Duration::from_millis(2500))).at_rate(100), 250);
        assert_eq!(amount(Some(Duration::from_millis(1))).at_rate(1), 1);
    }

    #[test]
    fn large_messages_have_little_credit() {
        assert_eq!([credit(2500, 200), credit(2500, 1 << 20), credit(1, 10)], [2500, 64, 1]);
        assert!(consumers_fit(8_000, 200).is_ok() && consumers_fit(9_000, 200).is_err());
    }
}
