//! Describing a consumer, and starting it.

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::spawn_blocking,
};

use super::{
    Consumer, Handle, Lines, Messages,
    discovery::{Discovery, Search},
    manager::{Common, Manager, Source},
    message::{Failure, Message, Terms},
    queue::Queue,
    working::{Gate, GiveUp, Worker},
};
use crate::{
    client::{
        delay::GrowingDelay,
        dial::{self, Connected, Settings},
        error::SetupError,
        lookup::Lookupds,
        options::Options,
        subject::Subject,
    },
    protocol::{ChannelName, TopicName},
};

/// How long a stop may take unless something else is said.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A consumer that is not running yet.
#[must_use = "a consumer does nothing before it is started"]
pub struct ConsumerBuilder {
    topic: TopicName,
    channel: ChannelName,
    options: Options,
    nsqds: Vec<String>,
    lookupds: Vec<String>,
    give_up: Option<GiveUp>,
    waits_for_nsqds: bool,
    stop_timeout: Duration,
}

impl ConsumerBuilder {
    pub(super) fn new(topic: TopicName, channel: ChannelName) -> Self {
        Self {
            topic,
            channel,
            options: Options::default(),
            nsqds: Vec::new(),
            lookupds: Vec::new(),
            give_up: None,
            waits_for_nsqds: false,
            stop_timeout: STOP_TIMEOUT,
        }
    }

    /// Sets the options, of which `max_in_flight` is the first to look at: its default is 1.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Adds the address of an nsqd, `host:port`.
    pub fn nsqd(mut self, address: impl Into<String>) -> Self {
        self.nsqds.push(address.into());
        self
    }

    /// Adds addresses of nsqds.
    pub fn nsqds<A: Into<String>>(mut self, addresses: impl IntoIterator<Item = A>) -> Self {
        self.nsqds.extend(addresses.into_iter().map(Into::into));
        self
    }

    /// Adds the address of an nsqlookupd, `host:port` or a URL.
    pub fn lookupd(mut self, address: impl Into<String>) -> Self {
        self.lookupds.push(address.into());
        self
    }

    /// Adds addresses of nsqlookupds.
    pub fn lookupds<A: Into<String>>(mut self, addresses: impl IntoIterator<Item = A>) -> Self {
        self.lookupds.extend(addresses.into_iter().map(Into::into));
        self
    }

    /// Starts even if a given nsqd cannot be reached yet, and goes on trying. Otherwise that is an error.
    pub fn wait_for_nsqds(mut self) -> Self {
        self.waits_for_nsqds = true;
        self
    }

    /// Sets how long a stop may wait for what is in flight: 30 s unless something else is said.
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.stop_timeout = timeout;
        self
    }

    /// Has `hook` called with each message that has been tried more than `max_attempts` times, instead of the handler or
    /// the stream. The message is finished when the hook has succeeded, and given back when it fails. Without a hook
    /// such a message is finished at once, which deletes it.
    pub fn on_give_up<H, F>(mut self, hook: H) -> Self
    where
        H: Fn(Message) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.give_up = Some(Arc::new(move |message| Box::pin(hook(message))));
        self
    }

    /// Starts the consumer. `handler` is called for up to `concurrency` messages at once. A message is finished when the
    /// handler has succeeded; when it has failed or panicked, the message is given back and the consumer backs off.
    pub async fn handle<H, F>(self, concurrency: usize, handler: H) -> Result<Consumer, SetupError>
    where
        H: Fn(Message) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let started = self.start().await?;
        let handler = Arc::new(handler);
        for _ in 0..concurrency.max(1) {
            let (queue, gate) = (Arc::clone(&started.queue), started.gate.clone());
            let worker = Worker { queue, gate, handler: Arc::clone(&handler) };
            tokio::spawn(worker.supervise(Arc::clone(&started.alive)));
        }
        Ok(started.consumer)
    }

    /// Starts the consumer, whose messages are taken from the stream.
    pub async fn stream(self) -> Result<Messages, SetupError> {
        let Started { consumer, queue, gate, .. } = self.start().await?;
        Ok(Messages { consumer, queue, gate })
    }

    async fn start(self) -> Result<Started, SetupError> {
        match (self.nsqds.is_empty(), self.lookupds.is_empty()) {
            (true, true) => return Err(SetupError::NoAddress),
            (false, false) => return Err(SetupError::BothAddresses),
            _ => {}
        }
        let options = self.options.clone();
        let settings = read(move || Settings::new(&options)).await?;
        let subject = Subject::consumer(&self.topic, &self.channel);
        let terms = Arc::new(Terms::new(subject, &self.options));
        let (events, received) = mpsc::unbounded_channel();
        let queue = Arc::new(Queue::default());
        let common = Common {
            topic: self.topic.clone(),
            channel: self.channel.clone(),
            settings,
            terms: Arc::clone(&terms),
            queue: Arc::clone(&queue),
            events: events.clone(),
            stop_timeout: self.stop_timeout,
        };
        let lines = Arc::new(Lines::default());
        let stop_timeout = self.stop_timeout;
        let handle = Arc::new(Handle { events, lines: Arc::clone(&lines), stop_timeout });
        let (alive, is_alive) = watch::channel(());
        let alive = Arc::new(alive);
        let manager = self.manager(common, received, lines).await?;
        let manager_lives = Arc::clone(&alive);
        tokio::spawn(async move {
            manager.run().await;
            drop(manager_lives);
        });
        let gate = Gate { max_attempts: self.options.max_attempts, give_up: self.give_up, terms };
        Ok(Started { consumer: Consumer { handle, alive: is_alive }, queue, gate, alive })
    }

    async fn manager(
        &self,
        common: Common,
        received: mpsc::UnboundedReceiver<super::Event>,
        lines: Arc<Lines>,
    ) -> Result<Manager, SetupError> {
        if !self.lookupds.is_empty() {
            let source = self.discover(&common).await?;
            return Ok(Manager::new(common, received, source, lines));
        }
        let longest = self.options.lookupd_poll_interval;
        let mut addresses = self.nsqds.clone();
        addresses.sort();
        addresses.dedup();
        let delays =
            addresses.iter().map(|address| (address.clone(), GrowingDelay::up_to(longest)));
        let source = Source::Given(delays.collect::<HashMap<_, _>>());
        if self.waits_for_nsqds {
            let mut manager = Manager::new(common, received, source, lines);
            addresses.into_iter().for_each(|address| manager.connect(address));
            return Ok(manager);
        }
        let connected = connect_all(addresses, &common.settings).await?;
        let mut manager = Manager::new(common, received, source, lines);
        for (address, connected) in connected {
            manager.adopt(address, connected);
        }
        Ok(manager)
    }

    /// Begins to ask nsqlookupds.
    async fn discover(&self, common: &Common) -> Result<Source, SetupError> {
        let (addresses, options) = (self.lookupds.clone(), self.options.clone());
        let hurry = Arc::new(Notify::new());
        let discovery = Discovery {
            lookupds: read(move || Lookupds::new(&addresses, &options)).await?,
            topic: self.topic.clone(),
            options: Arc::clone(&common.settings.options),
            subject: common.terms.subject.clone(),
            hurry: Arc::clone(&hurry),
            events: common.events.clone(),
        };
        let task = tokio::spawn(discovery.run()).abort_handle();
        Ok(Source::Discovered(Search::new(task, hurry, self.options.lookupd_poll_interval)))
    }
}

/// A consumer, and what its handlers or its stream need.
struct Started {
    consumer: Consumer,
    queue: Arc<Queue>,
    gate: Gate,
    alive: Arc<watch::Sender<()>>,
}

/// Reads certificates where that may take its time: other consumers of the runtime have heartbeats to answer.
async fn read<T: Send + 'static>(
    reads: impl FnOnce() -> Result<T, SetupError> + Send + 'static,
) -> Result<T, SetupError> {
    match spawn_blocking(reads).await {
        Ok(read) => read,
        Err(error) => Err(SetupError::Tls(format!("certificates are not read: {error}"))),
    }
}

async fn connect_all(
    addresses: Vec<String>,
    settings: &Settings,
) -> Result<Vec<(String, Connected)>, SetupError> {
    try_join_all(addresses.into_iter().map(|address| async move {
        match dial::connect(&address, settings).await {
            Ok(connected) => Ok((address, connected)),
            Err(error) => Err(SetupError::Connect { address, error }),
        }
    }))
    .await
}
