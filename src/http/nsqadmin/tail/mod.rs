//! `GET api/v1/tail`: messages of a topic as they come, through an ephemeral channel of its own.
//!
//! A topic hands its whole backlog to its first channel, and an ephemeral one would lose it; so nodes where the topic has no
//! channel that lasts are left alone, and are left when they have none any more.

mod facts;
mod nodes;
mod pace;
mod query;
mod source;

use std::{convert::Infallible, time::Duration};

use actix_web::{
    HttpResponse,
    rt::time::{Instant, sleep_until},
    web::Bytes,
};
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::sync::mpsc;

use self::{
    facts::Facts,
    nodes::Tailed,
    pace::{Counts, Pace},
    query::Query,
    source::{Heard, Source},
};
use super::{
    AdminOnly, Caller, State,
    sse::{self, HEARTBEAT, Seat},
};
use crate::{
    cluster::Ask,
    http::{HttpError, Params, reply},
    protocol::ChannelName,
};

/// Tails that are open at once.
pub const TAILS_MAX: usize = 16;
/// A tail ends by itself after so long.
const TIME_MAX: Duration = Duration::from_secs(600);
/// Messages that wait to be shown, of all nodes.
const WAITING_MAX: usize = 256;
/// How often counts are told of, if there is anything new.
const COUNTS_INTERVAL: Duration = Duration::from_secs(1);
/// A quiet tail says something this often.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// Begins a tail. Whoever does is written down, as messages may hold what is not for everybody.
pub(super) async fn stream(
    _: AdminOnly,
    admin: State,
    caller: Caller,
    params: Params,
) -> Result<HttpResponse, HttpError> {
    let query = Query::read(&params)?;
    let seat = admin.tails.take()?;
    let found = nodes::find(&admin, &query).await;
    let mut entry = caller.audit_entry("tail", query.topic.as_str());
    entry.node.clone_from(&query.node);
    if let Err(error) = &found {
        (entry.ok, entry.text) = (false, error.to_string());
    }
    admin.audit.record(entry).await;
    let tail = Tail::start(&admin.ask, &query, found?, seat)?;
    Ok(sse::answer(unfold(tail, |mut tail| async move {
        let event = tail.next().await?;
        Some((Ok::<_, Infallible>(event), tail))
    })))
}

#[derive(Serialize)]
struct Started<'a> {
    nodes: &'a [String],
    channel: &'a str,
}

#[derive(Serialize)]
struct Failed {
    node: String,
    text: String,
}

#[derive(Serialize)]
struct End {
    reason: &'static str,
}

struct Tail {
    heard: mpsc::Receiver<Heard>,
    source: Source,
    pace: Pace,
    /// What was told of last.
    told: Counts,
    limit: Option<u64>,
    shown: u64,
    began: Instant,
    counts_at: Instant,
    last_at: Instant,
    /// Events that stand before all others.
    first: Vec<Bytes>,
    has_ended: bool,
    _seat: Seat,
}

impl Tail {
    fn start(ask: &Ask, query: &Query, found: Tailed, seat: Seat) -> Result<Self, HttpError> {
        let channel = channel_name();
        let started = Started { nodes: &found.addresses(), channel: channel.as_str() };
        let mut first = vec![event("started", &started)?];
        for (node, text) in &found.left_out {
            first.push(event("failure", &Failed { node: node.clone(), text: text.clone() })?);
        }
        first.reverse();
        let (sender, heard) = mpsc::channel(WAITING_MAX);
        let now = Instant::now();
        let source = Source::start(query, &channel, found, &sender, ask, now + TIME_MAX);
        Ok(Self {
            heard,
            source,
            pace: Pace::default(),
            told: Counts::default(),
            limit: query.limit,
            shown: 0,
            began: now,
            counts_at: now + COUNTS_INTERVAL,
            last_at: now,
            first,
            has_ended: false,
            _seat: seat,
        })
    }

    /// The next event; none when all is said.
    async fn next(&mut self) -> Option<Bytes> {
        let event = match self.first.pop() {
            Some(event) => event,
            None if self.has_ended => return None,
            None => self.wait().await,
        };
        self.last_at = Instant::now();
        Some(event)
    }

    async fn wait(&mut self) -> Bytes {
        loop {
            if self.limit.is_some_and(|limit| self.shown >= limit) {
                return self.end("limit");
            }
            let (end, heartbeat) = (self.began + TIME_MAX, self.last_at + HEARTBEAT_INTERVAL);
            tokio::select! {
                biased;
                () = sleep_until(end) => return self.end("time"),
                () = sleep_until(self.counts_at) => {
                    self.counts_at = Instant::now() + COUNTS_INTERVAL;
                    if let Some(event) = self.counts() {
                        return event;
                    }
                }
                () = sleep_until(heartbeat) => return HEARTBEAT,
                heard = self.heard.recv() => match heard {
                    Some(Heard::Message(facts)) => {
                        if let Some(event) = self.message(&facts) {
                            return event;
                        }
                    }
                    Some(Heard::Failed { node, text }) => {
                        return written(event("failure", &Failed { node, text }));
                    }
                    None if Instant::now() >= end => return self.end("time"),
                    None => return self.end("stopped"),
                }
            }
        }
    }

    /// A message, unless there were too many in this second.
    fn message(&mut self, facts: &Facts) -> Option<Bytes> {
        if !self.pace.admits(self.began.elapsed()) {
            self.source.counts.drop_one();
            return None;
        }
        self.shown += 1;
        Some(written(event("message", facts)))
    }

    fn counts(&mut self) -> Option<Bytes> {
        let counts = self.source.counts.now();
        if counts == self.told {
            return None;
        }
        self.told = counts;
        Some(written(event("stats", &counts)))
    }

    /// The counts come to their end, then nothing more.
    fn end(&mut self, reason: &'static str) -> Bytes {
        self.has_ended = true;
        let end = written(event("end", &End { reason }));
        match self.counts() {
            Some(counts) => {
                self.first.push(end);
                counts
            }
            None => end,
        }
    }
}

fn event(name: &str, body: &impl Serialize) -> Result<Bytes, HttpError> {
    Ok(sse::event(name, None, &reply::to_json(body)?))
}

/// Texts and numbers can be written; if not, the log has a line of it.
fn written(event: Result<Bytes, HttpError>) -> Bytes {
    event.unwrap_or(HEARTBEAT)
}

/// A name that nobody else has, for a channel that goes with its last consumer.
fn channel_name() -> ChannelName {
    let name = format!("nsqadmin_tail_{:08x}#ephemeral", fastrand::u32(..));
    ChannelName::parse(name).expect("letters, digits and the suffix are a name")
}
