//! The client library against our broker, and against scripted peers where the broker would not do what is asked for.

mod consuming;
mod producing;

use nsq_actors::client::{ChannelName, Options, Producer, TopicName};

use crate::support::Nsqd;

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
