//! One topic on its way to files: a consumer, and a thread that writes what comes.

use std::{
    mem::ManuallyDrop,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, TryRecvError},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, task::spawn_blocking};

use super::{
    archive::{Archive, ArchiveError, ArchiveSpec, Failure, Now},
    files::RealFiles,
};
use crate::{
    cli::progress::Progress,
    client::{Consumer, ConsumerBuilder, Delivery, Messages},
};

/// Messages that are handed to the writer together.
const TOGETHER_MAX: usize = 256;
/// Messages that wait for a sync are kept from timing out: this often, or at half of the time that nsqd gives.
const TOUCH_INTERVAL_MAX: Duration = Duration::from_secs(10);
const TOUCH_INTERVAL_MIN: Duration = Duration::from_millis(10);
/// How long the end of a writer that has failed waits until nsqd knows which messages are finished.
const LEAVING_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no logger for a topic.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoggerError {
    /// Files.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// The consumer.
    #[error("{0}")]
    Consumer(#[from] crate::client::SetupError),
    /// The writer.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// What the writer hears. Deliveries are as many at most as may be in flight.
enum Event {
    Arrived(Vec<Waiting>),
    /// Close the file.
    HangUp,
    /// No more is asked for: sync whatever is there.
    Drain,
    /// Nothing more comes.
    End,
}

/// A message that is finished once it is synced. One for which it never comes to that is given back at once; without an answer
/// the end of the connection does so.
struct Waiting(ManuallyDrop<Delivery>);

impl Waiting {
    fn new(delivery: Delivery) -> Self {
        Self(ManuallyDrop::new(delivery))
    }

    fn finish(self) {
        // Where that comes too late it is delivered again, and written twice.
        let _gone = ManuallyDrop::into_inner(self.0).finish();
    }

    fn give_back(self) {
        let _gone = ManuallyDrop::into_inner(self.0).requeue(Duration::ZERO);
    }
}

impl AsRef<[u8]> for Waiting {
    fn as_ref(&self) -> &[u8] {
        self.0.body()
    }
}

/// A running logger.
pub(super) struct Logger {
    consumer: Consumer,
    events: mpsc::Sender<Event>,
}

impl Logger {
    /// Takes over leftovers and starts to consume. The second value comes with the end.
    pub async fn start(
        spec: ArchiveSpec,
        consumer: ConsumerBuilder,
        sync_interval: Duration,
    ) -> Result<(Self, oneshot::Receiver<Result<(), ArchiveError>>), LoggerError> {
        let opening = spawn_blocking(|| Archive::open(spec, Arc::new(RealFiles)));
        let archive = opening.await.map_err(std::io::Error::other)??;
        let messages = consumer.stream().await?;
        let (events, heard) = mpsc::channel();
        let (ended, end) = oneshot::channel();
        let consumer = messages.consumer().clone();
        let writer = Writer {
            archive,
            consumer: consumer.clone(),
            sync_interval,
            touch_interval: TOUCH_INTERVAL_MAX,
            drains: false,
        };
        thread::Builder::new().name("writer".into()).spawn(move || {
            let _ = ended.send(writer.run(&heard)); // who waits for it may have failed
        })?;
        tokio::spawn(hand_over(messages, events.clone()));
        Ok((Self { consumer, events }, end))
    }

    /// Has the file closed; the next message opens another.
    pub fn hang_up(&self) {
        self.tell(Event::HangUp);
    }

    /// Takes no more messages, finishes those in flight and ends.
    pub fn begin_stop(&self) {
        self.consumer.begin_stop();
        self.tell(Event::Drain);
    }

    fn tell(&self, event: Event) {
        let _ = self.events.send(event); // it may have ended
    }
}

async fn hand_over(mut messages: Messages, events: mpsc::Sender<Event>) {
    loop {
        let deliveries = messages.next_many(TOGETHER_MAX).await;
        let is_last = deliveries.is_empty();
        let arrived = || deliveries.into_iter().map(Waiting::new).collect();
        let event = if is_last { Event::End } else { Event::Arrived(arrived()) };
        if events.send(event).is_err() || is_last {
            return;
        }
    }
}

struct Writer {
    archive: Archive<Waiting>,
    consumer: Consumer,
    sync_interval: Duration,
    touch_interval: Duration,
    drains: bool,
}

impl Writer {
    fn run(mut self, events: &mpsc::Receiver<Event>) -> Result<(), ArchiveError> {
        let result = self.archive_all(events);
        if result.is_err() {
            self.leave(events);
        }
        result
    }

    fn archive_all(&mut self, events: &mpsc::Receiver<Event>) -> Result<(), ArchiveError> {
        let progress = Progress::start();
        let (mut next_sync, mut touched_at) = (Instant::now() + self.sync_interval, Instant::now());
        loop {
            let next_touch = touched_at + self.touch_interval;
            let wait = next_sync.min(next_touch).saturating_duration_since(Instant::now());
            match next_event(events, wait, || self.idle())? {
                Some(Event::Arrived(messages)) => self.write(messages, &progress)?,
                Some(Event::HangUp) => settle(self.archive.close())?,
                Some(Event::Drain) => self.drains = true,
                Some(Event::End) => return settle(self.archive.close()),
                None => {}
            }
            let now = Instant::now();
            if now >= next_sync {
                settle(self.archive.tick(&Now::read()))?;
                next_sync = now + self.sync_interval;
            }
            if now >= touched_at + self.touch_interval {
                self.archive.unsynced().iter().for_each(|waiting| {
                    waiting.0.touch();
                });
                touched_at = now;
            }
        }
    }

    fn write(&mut self, messages: Vec<Waiting>, progress: &Progress) -> Result<(), ArchiveError> {
        let now = Now::read();
        let (count, mut bytes) = (messages.len(), 0);
        let mut messages = messages.into_iter();
        while let Some(message) = messages.next() {
            bytes += message.as_ref().len();
            let half = (message.0.timeout() / 2).max(TOUCH_INTERVAL_MIN);
            self.touch_interval = self.touch_interval.min(half);
            if let Err(error) = settle(self.archive.write(message, &now)) {
                messages.for_each(Waiting::give_back);
                return Err(error);
            }
        }
        progress.add(count, bytes);
        Ok(())
    }

    /// Nothing has come for the moment: lets others read what is written, and syncs it if hardly any more would come before.
    fn idle(&mut self) -> Result<(), ArchiveError> {
        if self.drains || self.consumer.is_starved() {
            settle(self.archive.sync())?;
        }
        settle(self.archive.flush().map(|()| Vec::new()))
    }

    /// Gives back what still comes until the consumer has ended: by then nsqd has heard what is finished.
    fn leave(&self, events: &mpsc::Receiver<Event>) {
        self.consumer.begin_stop();
        let end = Instant::now() + LEAVING_TIMEOUT;
        loop {
            match events.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Event::Arrived(messages)) => messages.into_iter().for_each(Waiting::give_back),
                Ok(Event::HangUp | Event::Drain) => {}
                Ok(Event::End) | Err(_) => return,
            }
        }
    }
}

/// The next event, unless none comes for a while; `idle` is called before that is waited for.
fn next_event(
    events: &mpsc::Receiver<Event>,
    wait: Duration,
    idle: impl FnOnce() -> Result<(), ArchiveError>,
) -> Result<Option<Event>, ArchiveError> {
    match events.try_recv() {
        Ok(event) => return Ok(Some(event)),
        Err(TryRecvError::Disconnected) => return Ok(Some(Event::End)),
        Err(TryRecvError::Empty) => idle()?,
    }
    match events.recv_timeout(wait) {
        Ok(event) => Ok(Some(event)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Ok(Some(Event::End)),
    }
}

/// Answers for messages, also when a step has failed.
fn settle(result: Result<Vec<Waiting>, Failure<Waiting>>) -> Result<(), ArchiveError> {
    let (synced, failed) = match result {
        Ok(synced) => (synced, None),
        Err(Failure { error, synced, unsynced }) => (synced, Some((error, unsynced))),
    };
    synced.into_iter().for_each(Waiting::finish);
    let Some((error, unsynced)) = failed else { return Ok(()) };
    unsynced.into_iter().for_each(Waiting::give_back);
    Err(error)
}
