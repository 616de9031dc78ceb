//! The load generator: requests made beforehand, one task per connection, every answer counted.

use std::time::Duration;

use tokio::{task::JoinSet, time::timeout};

use crate::{
    Result,
    link::{Link, Target},
    wire::{self, Frame, Request},
};

/// No run takes longer than this; one that does is an error.
pub const RUN_LIMIT: Duration = Duration::from_secs(180);

/// Replies to publishes are short and there can be many connections.
const REPLIES: usize = 4 << 10;

/// Connections that publish, each with at most `window` requests waiting for their OK.
pub struct Publishers {
    idle: Vec<Publisher>,
}

impl Publishers {
    pub async fn connect(
        target: &Target,
        connections: usize,
        window: u64,
        request: &Request,
    ) -> Result<Self> {
        let mut idle = Vec::with_capacity(connections);
        for _ in 0..connections {
            let link = Link::connect(target, REPLIES).await?;
            idle.push(Publisher { link, window, request: request.clone() });
        }
        Ok(Self { idle })
    }

    /// Publishes messages numbered from 0, shared out evenly, and returns how many there were when
    /// the last one has its OK: `messages`, less what does not fill a request on each connection.
    pub async fn publish(&mut self, messages: u64) -> Result<u64> {
        let mut running = JoinSet::new();
        let mut first = 0;
        let share = messages / self.idle.len() as u64;
        for publisher in self.idle.drain(..) {
            let requests = share / publisher.request.count();
            let count = requests * publisher.request.count();
            running.spawn(publisher.run(first, requests));
            first += count;
        }
        let all = async {
            while let Some(publisher) = running.join_next().await {
                self.idle.push(publisher??);
            }
            Result::Ok(first)
        };
        timeout(RUN_LIMIT, all).await.map_err(|_elapsed| "publishing took too long")?
    }
}

struct Publisher {
    link: Link,
    window: u64,
    request: Request,
}

impl Publisher {
    async fn run(mut self, first: u64, requests: u64) -> Result<Self> {
        let (mut sent, mut answered) = (0, 0);
        while answered < requests {
            while sent < requests && sent - answered < self.window {
                let number = first + sent * self.request.count();
                self.link.send(self.request.numbered(number)).await?;
                sent += 1;
            }
            answered += read_answers(&mut self.link).await?;
            if answered > sent {
                return Err("more answers than publishes".into());
            }
        }
        Ok(self)
    }
}

/// Reads once and counts the OKs.
async fn read_answers(link: &mut Link) -> Result<u64> {
    link.read().await?;
    let (mut answers, mut heartbeat) = (0, false);
    while let Some(frame) = link.inbox.next_frame()? {
        match frame {
            Frame::Ok => answers += 1,
            Frame::Heartbeat => heartbeat = true,
            other => return Err(format!("{other:?} on a publisher's connection").into()),
        }
    }
    if heartbeat {
        link.send(wire::NOP).await?;
    }
    Ok(answers)
}

/// A subscribed connection without credit.
pub struct Consumer {
    link: Link,
    /// FINs of one read, which leave in one write.
    commands: Vec<u8>,
}

impl Consumer {
    pub async fn subscribe(target: &Target, topic: &str, channel: &str) -> Result<Self> {
        let mut link = Link::connect(target, 256 << 10).await?;
        link.send(format!("SUB {topic} {channel}\n").as_bytes()).await?;
        link.expect_ok().await?;
        Ok(Self { link, commands: Vec::new() })
    }

    /// Finishes every message until the tally is complete and the server has read the last FIN.
    pub async fn drain(self, rdy: u64, tally: Tally) -> Result<Tally> {
        let drain = self.drain_without_limit(rdy, tally);
        timeout(RUN_LIMIT, drain).await.map_err(|_elapsed| "draining took too long")?
    }

    /// The same, however long it takes.
    pub async fn drain_without_limit(mut self, rdy: u64, mut tally: Tally) -> Result<Tally> {
        self.commands.extend(format!("RDY {rdy}\n").bytes());
        while !tally.is_complete() {
            self.send_commands().await?;
            self.link.read().await?;
            self.take_frames(&mut tally)?;
        }
        self.commands.extend(b"CLS\n");
        self.send_commands().await?;
        while !self.take_frames(&mut tally)? {
            self.link.read().await?;
        }
        Ok(tally)
    }

    async fn send_commands(&mut self) -> Result<()> {
        self.link.send(&self.commands).await?;
        self.commands.clear();
        Ok(())
    }

    /// Counts what was read; true when it ended with CLOSE_WAIT.
    fn take_frames(&mut self, tally: &mut Tally) -> Result<bool> {
        while let Some(frame) = self.link.inbox.next_frame()? {
            match frame {
                Frame::Message { id, body } => {
                    tally.count(wire::number_of(body)?)?;
                    wire::push_fin(&mut self.commands, id);
                }
                Frame::Heartbeat => self.commands.extend_from_slice(wire::NOP),
                Frame::CloseWait => return Ok(true),
                Frame::Ok => return Err("an OK that nothing asked for".into()),
            }
        }
        Ok(false)
    }
}

/// Which messages have come.
pub struct Tally {
    expected: u64,
    received: u64,
    distinct: u64,
    /// One bit per message.
    seen: Vec<u64>,
    /// The bare loop sends the same messages round and round; they are only counted.
    repeats: bool,
}

impl Tally {
    pub fn new(expected: u64, repeats: bool) -> Self {
        let words = expected.div_ceil(64) as usize;
        Self { expected, received: 0, distinct: 0, seen: vec![0; words], repeats }
    }

    /// Any `expected` messages, only counted.
    pub fn of_any(expected: u64) -> Self {
        Self { expected, received: 0, distinct: 0, seen: Vec::new(), repeats: true }
    }

    pub fn expected(&self) -> u64 {
        self.expected
    }

    pub fn received(&self) -> u64 {
        self.received
    }

    fn is_complete(&self) -> bool {
        let counted = if self.repeats { self.received } else { self.distinct };
        counted >= self.expected
    }

    fn count(&mut self, number: u64) -> Result<()> {
        if self.seen.is_empty() {
            self.received += 1;
            return Ok(());
        }
        if number >= self.expected {
            return Err(format!("message {number} was never published").into());
        }
        let (word, bit) = (&mut self.seen[(number / 64) as usize], 1 << (number % 64));
        self.received += 1;
        self.distinct += u64::from(*word & bit == 0);
        *word |= bit;
        Ok(())
    }
}
