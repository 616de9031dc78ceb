//! The client library against our broker, and against scripted peers where the broker would not do what is asked for.

mod backing_off;
mod connecting;
mod consuming;
mod discovering;
mod example;
mod producing;
mod scripted;
mod settling;

use std::time::Duration;

use nsq_actors::client::{
    ChannelName, Consumer, ConsumerBuilder, Messages, Options, Producer, TopicName,
};

use self::scripted::{Peer, ScriptedNsqd};
use crate::support::{DEADLINE, Nsqd};

fn topic(name: &str) -> TopicName {
    TopicName::parse(name).unwrap()
}

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

/// Options as one would give them on a command line.
#[track_caller]
fn options(texts: &[&str]) -> Options {
    let mut options = Options::default();
    for text in texts {
        options.set_text(text).unwrap();
    }
    options
}

fn producer(nsqd: &Nsqd) -> Producer {
    Producer::new(nsqd.tcp().to_string(), &Options::default()).unwrap()
}

/// A consumer of `orders` and `audit`.
fn audit(texts: &[&str]) -> ConsumerBuilder {
    Consumer::builder(topic("orders"), channel("audit")).options(options(texts))
}

/// The messages of a scripted nsqd, and its end of the connection.
async fn stream_of(texts: &[&str]) -> (ScriptedNsqd, Messages, Peer) {
    let nsqd = ScriptedNsqd::start().await;
    let stream = audit(texts).nsqd(nsqd.address().to_string()).stream();
    let (messages, peer) = tokio::join!(stream, nsqd.consumer());
    (nsqd, messages.unwrap(), peer)
}

/// Waits until it holds, and lets the runtime go on meanwhile.
#[track_caller]
fn until(mut holds: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let end = tokio::time::Instant::now() + DEADLINE;
        while !holds() {
            assert!(tokio::time::Instant::now() < end, "never came true: {caller}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
