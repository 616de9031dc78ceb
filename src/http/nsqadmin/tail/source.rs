//! Consumers, one for each node, so that each can fail by itself.

use std::{sync::Arc, time::Duration};

use memchr::memmem;
use tokio::{
    sync::mpsc,
    time::{Instant, interval, sleep, sleep_until},
};

use super::{
    Facts, Query, Tailed,
    nodes::{TailedNode, harm},
    pace::Counters,
};
use crate::{
    client::{Consumer, Delivery, Messages, Options, SetupError},
    cluster::{Ask, Selection},
    config::NSQ_VERSION,
    protocol::{ChannelName, TopicName},
};

/// Messages of a node that are under way.
const IN_FLIGHT_MAX: u32 = 200;
/// Messages that are taken from a node per second; what comes beside them its channel drops, as it is ephemeral.
const TAKEN_PER_SECOND_MAX: usize = 5000;
/// Messages that are taken at once.
const TOGETHER_MAX: usize = 64;
/// How often it is looked whether a connection still stands.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How often a node is asked whether a tail still does no harm there.
const GUARD_INTERVAL: Duration = Duration::from_secs(2);

/// What a node has to say.
#[derive(Debug)]
pub(super) enum Heard {
    Message(Facts),
    Failed { node: String, text: String },
}

/// All consumers; they end when their messages cannot be told of any more.
pub(super) struct Source {
    pub(super) counts: Arc<Counters>,
}

impl Source {
    pub(super) fn start(
        query: &Query,
        channel: &ChannelName,
        found: Tailed,
        sender: &mpsc::Sender<Heard>,
        ask: &Ask,
        until: Instant,
    ) -> Self {
        let counts = Arc::new(Counters::default());
        for node in found.nodes {
            let tailing = Tailing {
                topic: query.topic.clone(),
                channel: channel.clone(),
                sample: query.sample,
                filter: query.filter.clone(),
                node,
                sender: sender.clone(),
                counts: Arc::clone(&counts),
                ask: ask.clone(),
                until,
            };
            tokio::spawn(tailing.run());
        }
        Self { counts }
    }
}

/// One of them.
struct Tailing {
    topic: TopicName,
    channel: ChannelName,
    sample: u8,
    filter: Option<String>,
    node: TailedNode,
    sender: mpsc::Sender<Heard>,
    counts: Arc<Counters>,
    ask: Ask,
    /// It ends then, whether somebody reads what it says or not.
    until: Instant,
}

impl Tailing {
    async fn run(self) {
        let text = tokio::select! {
            text = self.tail() => text,
            text = self.harm() => Some(text),
            () = sleep_until(self.until) => None,
            () = self.sender.closed() => None,
        };
        if let Some(text) = text {
            let failed = Heard::Failed { node: self.node.address.clone(), text };
            let _ = self.sender.send(failed).await; // nobody may be there any more
        }
    }

    /// Why it ends, if nobody has wanted it to.
    async fn tail(&self) -> Option<String> {
        match self.connect().await {
            Ok(messages) => self.listen(messages).await,
            Err(error) => Some(error.to_string()),
        }
    }

    /// Waits until the tail would lose messages, or nobody knows whether it does, and says so.
    async fn harm(&self) -> String {
        let select = Selection { topic: Some(&self.topic), ..Selection::default() };
        loop {
            sleep(GUARD_INTERVAL).await;
            match self.ask.stats(&self.node.reach, select).await {
                Ok(stats) => match harm(&stats) {
                    Some(reason) => return reason.to_owned(),
                    None => continue,
                },
                Err(error) => return format!("it does not tell of its channels: {}", error.text),
            }
        }
    }

    async fn connect(&self) -> Result<Messages, SetupError> {
        let mut failed = SetupError::NoAddress;
        for address in &self.node.tcp {
            let consumer = Consumer::builder(self.topic.clone(), self.channel.clone())
                .options(self.options())
                .nsqd(address.clone());
            match consumer.stream().await {
                Ok(messages) => return Ok(messages),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn options(&self) -> Options {
        Options {
            max_in_flight: IN_FLIGHT_MAX,
            sample_rate: if self.sample < 100 { self.sample } else { 0 },
            max_attempts: 0,
            user_agent: format!("nsqadmin/{NSQ_VERSION}"),
            ..Options::default()
        }
    }

    /// The same of one that is connected.
    async fn listen(&self, mut messages: Messages) -> Option<String> {
        let mut look = interval(LOOK_INTERVAL);
        let mut taken = Taken { since: Instant::now(), count: 0 };
        loop {
            tokio::select! {
                deliveries = messages.next_many(TOGETHER_MAX) => {
                    if deliveries.is_empty() {
                        return Some("the connection has ended".to_owned());
                    }
                    taken.count += deliveries.len();
                    deliveries.into_iter().for_each(|delivery| self.take(delivery));
                    taken.wait().await;
                }
                // It would connect again, and make a topic and a channel that may have gone for good.
                _ = look.tick() => if messages.consumer().stats().connections == 0 {
                    return Some("the connection has ended".to_owned());
                }
            }
        }
    }

    fn take(&self, delivery: Delivery) {
        self.counts.receive_one();
        let is_wanted = self
            .filter
            .as_ref()
            .is_none_or(|filter| memmem::find(delivery.body(), filter.as_bytes()).is_some());
        if is_wanted {
            self.counts.match_one();
            let facts = Facts::of(&delivery, &self.node.address);
            if self.sender.try_send(Heard::Message(facts)).is_err() {
                self.counts.drop_one();
            }
        }
        delivery.finish();
    }
}

/// What was taken in the present second.
struct Taken {
    since: Instant,
    count: usize,
}

impl Taken {
    /// Lets the second pass if it has had its messages.
    async fn wait(&mut self) {
        let end = self.since + Duration::from_secs(1);
        if self.count >= TAKEN_PER_SECOND_MAX {
            sleep_until(end).await;
        }
        if Instant::now() >= end {
            *self = Self { since: Instant::now(), count: 0 };
        }
    }
}
