//! Connections that take messages.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, futures::Notified, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    BenchError, Result,
    bodies::Number,
    link::{Link, Target},
    tally::Tally,
    wire::{self, Frame, Inbox},
};

/// Hears of the first delivery of each message, and when it was read.
type Watch = Box<dyn Fn(Number, Instant) + Send + Sync>;

/// What has come in one channel, over all of its consumers.
pub struct Arrivals {
    topic: String,
    channel: String,
    tally: Mutex<Tally>,
    /// How many are to come, once that is known.
    expected: OnceLock<u64>,
    complete: watch::Sender<bool>,
    taken: Notify,
    watch: Option<Watch>,
}

impl fmt::Debug for Arrivals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, channel, tally, .. } = self;
        formatter
            .debug_struct("Arrivals")
            .field("topic", topic)
            .field("channel", channel)
            .field("tally", tally)
            .finish()
    }
}

impl Arrivals {
    /// Nothing has come.
    pub fn new(topic: &str, channel: &str, tally: Tally) -> Self {
        Self {
            topic: topic.to_owned(),
            channel: channel.to_owned(),
            tally: Mutex::new(tally),
            expected: OnceLock::new(),
            complete: watch::Sender::new(false),
            taken: Notify::new(),
            watch: None,
        }
    }

    /// The same, with somebody who hears of the first delivery of each message.
    pub fn watched(self, watch: impl Fn(Number, Instant) + Send + Sync + 'static) -> Self {
        Self { watch: Some(Box::new(watch)), ..self }
    }

    /// Whose messages.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Which channel.
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Deliveries until now.
    pub fn received(&self) -> u64 {
        self.tally().received()
    }

    /// Messages that have come until now.
    pub fn distinct(&self) -> u64 {
        self.tally().distinct()
    }

    /// Waits for the next deliveries.
    pub(super) fn taken(&self) -> Notified<'_> {
        self.taken.notified()
    }

    /// Nothing more is published: what was is what is to come.
    pub fn expect_no_more(&self) {
        let tally = self.tally();
        let _known = self.expected.set(tally.expected());
        self.look(&tally);
    }

    /// Waits until everything has come. If nothing comes for as long as `patience`, the rest counts as lost.
    pub async fn complete(&self, patience: Duration) -> Result<()> {
        let mut complete = self.complete.subscribe();
        let mut received = self.received();
        while timeout(patience, complete.wait_for(|complete| *complete)).await.is_err() {
            let now = self.received();
            if now == received {
                return Err(self.lost(patience));
            }
            received = now;
        }
        Ok(())
    }

    fn lost(&self, silence: Duration) -> BenchError {
        let tally = self.tally();
        let expected = self.expected.get().copied().unwrap_or_else(|| tally.expected());
        let missing = expected.saturating_sub(tally.distinct());
        let (topic, channel) = (self.topic.clone(), self.channel.clone());
        BenchError::Lost { topic, channel, missing, expected, silence }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, tally: &Tally) {
        if self.expected.get().is_some_and(|expected| tally.distinct() >= *expected) {
            self.complete.send_if_modified(|complete| !std::mem::replace(complete, true));
        }
    }

    /// Counts what was read and adds what is to be answered; true when the server sends no more messages.
    pub(super) fn take(&self, inbox: &mut Inbox, commands: &mut Vec<u8>) -> Result<bool> {
        let (now, mut tally, mut is_last) = (Instant::now(), self.tally(), false);
        while let Some(frame) = inbox.next_frame()? {
            match frame {
                Frame::Message { id, body } => {
                    let first = tally.count(body)?;
                    if let (Some(first), Some(watch)) = (first, &self.watch) {
                        watch(first, now);
                    }
                    wire::push_fin(commands, id);
                }
                Frame::Heartbeat => commands.extend_from_slice(wire::NOP),
                Frame::CloseWait => is_last = true,
                Frame::Ok => {
                    let text = "an OK that nothing asked for".to_owned();
                    return Err(BenchError::Protocol(text));
                }
            }
        }
        self.look(&tally);
        self.taken.notify_waiters();
        Ok(is_last)
    }
}

/// A subscribed connection without credit.
#[derive(Debug)]
pub struct Consumer {
    link: Link,
    /// FINs of one read, which leave in one write.
    commands: Vec<u8>,
}

impl Consumer {
    /// Connects and subscribes.
    pub async fn subscribe(
        target: &Target,
        topic: &str,
        channel: &str,
        inbox: Inbox,
    ) -> Result<Self> {
        let mut link = Link::connect(target, inbox).await?;
        link.send(format!("SUB {topic} {channel}\n").as_bytes()).await?;
        link.expect_ok().await?;
        Ok(Self { link, commands: Vec::new() })
    }

    /// Finishes every message until the channel is complete and the server has read the last FIN.
    pub async fn run(mut self, rdy: u64, arrivals: Arc<Arrivals>) -> Result<()> {
        let mut complete = arrivals.complete.subscribe();
        self.commands.extend(format!("RDY {rdy}\n").bytes());
        while !*complete.borrow_and_update() {
            self.send_commands().await?;
            tokio::select! {
                read = self.link.read() => read?,
                _ = complete.changed() => {}
            }
            arrivals.take(&mut self.link.inbox, &mut self.commands)?;
        }
        self.close(&arrivals).await
    }

    async fn close(mut self, arrivals: &Arrivals) -> Result<()> {
        self.commands.extend(b"CLS\n");
        self.send_commands().await?;
        while !arrivals.take(&mut self.link.inbox, &mut self.commands)? {
            self.link.read().await?;
        }
        Ok(())
    }

    /// Leaves without having taken anything.
    pub async fn leave(mut self) -> Result<()> {
        self.link.send(b"CLS\n").await?;
        loop {
            match self.link.inbox.next_frame()? {
                Some(Frame::CloseWait) => return Ok(()),
                Some(_) => {}
                None => self.link.read().await?,
            }
        }
    }

    /// Gives credit and does nothing but answer heartbeats. Ends only with an error.
    pub async fn idle(mut self) -> Result<()> {
        self.link.send(b"RDY 1\n").await?;
        loop {
            match self.link.inbox.next_frame()? {
                Some(Frame::Heartbeat) => self.link.send(wire::NOP).await?,
                Some(frame) => {
                    let text = format!("{frame:?} to an idle consumer");
                    return Err(BenchError::Protocol(text));
                }
                None => self.link.read().await?,
            }
        }
    }

    async fn send_commands(&mut self) -> Result<()> {
        if !self.commands.is_empty() {
            self.link.send(&self.commands).await?;
            self.commands.clear();
        }
        Ok(())
    }
}

/// Consumers of some channels, at work.
#[derive(Debug)]
pub struct Consumers {
    running: JoinSet<Result<()>>,
    channels: Vec<Arc<Arrivals>>,
}

impl Consumers {
    /// Gives credit to each.
    pub fn start(consumers: Vec<(Consumer, Arc<Arrivals>)>, rdy: u64) -> Self {
        let mut channels: Vec<Arc<Arrivals>> = Vec::new();
        let mut running = JoinSet::new();
        for (consumer, arrivals) in consumers {
            if !channels.iter().any(|known| Arc::ptr_eq(known, &arrivals)) {
                channels.push(Arc::clone(&arrivals));
            }
            running.spawn(consumer.run(rdy, arrivals));
        }
        Self { running, channels }
    }

    /// Waits until every channel has everything that `published` leaves in it, and all consumers have left. The first
    /// trouble on either side ends both.
    pub async fn finish<T>(
        mut self,
        published: impl Future<Output = Result<T>>,
        patience: Duration,
    ) -> Result<T> {
        let channels = std::mem::take(&mut self.channels);
        let publishing = async {
            let published = published.await?;
            channels.iter().for_each(|channel| channel.expect_no_more());
            for channel in &channels {
                channel.complete(patience).await?;
            }
            Ok(published)
        };
        let (published, ()) = tokio::try_join!(publishing, joined(&mut self.running))?;
        Ok(published)
    }
}

/// Waits until all of them have ended; the first error is the result.
pub(super) async fn joined<T: 'static>(running: &mut JoinSet<Result<T>>) -> Result<()> {
    while let Some(ended) = running.join_next().await {
        ended.map_err(std::io::Error::from)??;
    }
    Ok(())
}
