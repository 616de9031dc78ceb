//! `nsq log dump`: messages as lines of JSON.

use std::{
    collections::HashMap,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;

use super::{DataPath, unreadable, worse};
use crate::{
    cli::{Console, ExitCode},
    protocol::{ChannelName, TopicName},
    storage::{
        Batch, Cursor, LogError, PendingMessage, ReadOnlyDisk, StoredTopic,
        inspection::{for_each_batch, read_only},
    },
};

/// What is written at a time.
const WRITE_BYTES: usize = 64 << 10;

/// Which messages to print.
#[derive(Debug, clap::Args)]
pub struct Dump {
    /// The --data-path of an nsqd
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Only this topic
    #[arg(long, value_name = "TOPIC", value_parser = parse_topic)]
    topic: Option<TopicName>,
    /// Only what this channel has not finished, with the deliveries and times that it knows of
    #[arg(long, value_name = "CHANNEL", value_parser = parse_channel)]
    channel: Option<ChannelName>,
}

fn parse_topic(name: &str) -> Result<TopicName, String> {
    TopicName::parse(name).map_err(|error| error.to_string())
}

fn parse_channel(name: &str) -> Result<ChannelName, String> {
    ChannelName::parse(name).map_err(|error| error.to_string())
}

/// A line.
#[derive(Serialize)]
struct Line<'a> {
    topic: &'a str,
    seq: u64,
    id: String,
    /// ns since the epoch.
    timestamp: i64,
    attempts: u16,
    /// ns since the epoch; 0 for at once.
    due: i64,
    /// The one channel that it is meant for.
    audience: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// Why a topic was not printed to its end.
enum Ended {
    Unreadable(String),
    Output(io::Error),
}

impl From<LogError> for Ended {
    fn from(error: LogError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl Dump {
    pub(super) fn run(&self, console: &mut Console<'_>) -> ExitCode {
        let opened = DataPath::open(&self.dir, Arc::new(ReadOnlyDisk));
        let (data_dir, mut topics) =
            match opened.and_then(|data_dir| data_dir.topics().map(|topics| (data_dir, topics))) {
                Ok(opened) => opened,
                Err(error) => return unreadable(error, console),
            };
        if let Some(wanted) = &self.topic {
            topics.retain(|topic| topic == wanted);
            if topics.is_empty() {
                return unreadable(format_args!("topic={wanted} does not exist"), console);
            }
        }
        let mut code = ExitCode::Success;
        let missing = data_dir.replayed().restored;
        if missing > 0 {
            console.complain(&format!(
                "nsq log: {missing} records that only the journal has are not printed; the next start, or nsq log \
                 repair, puts them into the logs"
            ));
            code = ExitCode::Failure;
        }
        for topic in topics {
            match self.dump(&topic, &data_dir.topic_dir(&topic), console) {
                Ok(ended) => code = worse(code, ended),
                Err(Ended::Output(error)) if error.kind() == ErrorKind::BrokenPipe => return code,
                Err(Ended::Output(error)) => return unreadable(error, console),
                Err(Ended::Unreadable(reason)) => {
                    code = worse(code, unreadable(format_args!("topic={topic} {reason}"), console));
                }
            }
        }
        code
    }

    fn dump(
        &self,
        topic: &TopicName,
        dir: &Path,
        console: &mut Console<'_>,
    ) -> Result<ExitCode, Ended> {
        let unreadable = |error: String| Ended::Unreadable(error);
        let stored =
            StoredTopic::open(dir, read_only()).map_err(|error| unreadable(error.to_string()))?;
        let Some(filter) = self.filter(&stored, dir).map_err(unreadable)? else {
            return Ok(ExitCode::Success);
        };
        let (mut code, mut lines) = (ExitCode::Success, Vec::new());
        for_each_batch(&stored, |read| {
            match read {
                Ok(batch) => put_lines(&mut lines, topic, &batch, &filter),
                Err(damage) => {
                    console.complain(&format!("nsq log: topic={topic} damaged: {damage}; skipped"));
                    code = ExitCode::Failure;
                }
            }
            if lines.len() >= WRITE_BYTES {
                console.write(&lines).map_err(Ended::Output)?;
                lines.clear();
            }
            Ok::<_, Ended>(())
        })?;
        console.write(&lines).map_err(Ended::Output)?;
        Ok(code)
    }

    /// `None` if the topic has no such channel.
    fn filter(&self, stored: &StoredTopic, dir: &Path) -> Result<Option<Filter>, String> {
        let Some(channel) = &self.channel else { return Ok(Some(Filter::default())) };
        if !stored.channels.contains(channel) {
            return Ok(None);
        }
        let cursor =
            Cursor::load(&ReadOnlyDisk, dir, channel).map_err(|error| error.to_string())?;
        let mut cursor = cursor.unwrap_or_default();
        let pending = std::mem::take(&mut cursor.pending);
        let pending = pending.into_iter().map(|pending| (pending.seq, pending)).collect();
        Ok(Some(Filter { channel: Some((channel.clone(), cursor)), pending }))
    }
}

/// What a channel still has to deliver; without one, everything.
#[derive(Default)]
struct Filter {
    channel: Option<(ChannelName, Cursor)>,
    pending: HashMap<u64, PendingMessage>,
}

impl Filter {
    fn has(&self, batch: &Batch, seq: u64) -> bool {
        let Some((channel, cursor)) = &self.channel else { return true };
        let after = cursor.finished.partition_point(|range| range.end <= seq);
        let is_finished = seq < cursor.floor
            || cursor.finished.get(after).is_some_and(|range| range.contains(&seq));
        // A record for one channel counts once that channel's cursor knows of it.
        let is_meant = match batch.audience() {
            None => true,
            Some(audience) => audience == channel.as_str() && self.pending.contains_key(&seq),
        };
        is_meant && !is_finished
    }
}

fn put_lines(lines: &mut Vec<u8>, topic: &TopicName, batch: &Batch, filter: &Filter) {
    for (seq, body) in (batch.first_seq()..).zip(batch.bodies()) {
        if filter.has(batch, seq) {
            let line = line(topic, batch, seq, body, filter.pending.get(&seq));
            // Nothing in a line can fail to be written, and a Vec takes everything.
            let _ = serde_json::to_writer(&mut *lines, &line);
            lines.push(b'\n');
        }
    }
}

fn line<'a>(
    topic: &'a TopicName,
    batch: &'a Batch,
    seq: u64,
    body: &'a [u8],
    pending: Option<&PendingMessage>,
) -> Line<'a> {
    let text = std::str::from_utf8(body).ok();
    Line {
        topic: topic.as_str(),
        seq,
        id: batch.id(seq).to_string(),
        timestamp: batch.timestamp_ns(),
        attempts: pending.map_or(batch.attempts(), |pending| pending.attempts),
        due: pending.map_or(batch.due_ns(), |pending| pending.due_ns),
        audience: batch.audience(),
        body: text,
        body_base64: text.is_none().then(|| BASE64_STANDARD.encode(body)),
    }
}
