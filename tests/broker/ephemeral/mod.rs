//! What lives in memory, and only as long as somebody wants it.

mod lifetimes;
mod names;
mod overflow;
mod races;
mod traces;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::support::{Client, Nsqd, eventually};

/// Long enough for what would come too much to come.
const A_WHILE: Duration = Duration::from_millis(300);
/// Stands in bodies, and must not stand in any file.
const MARK: &str = "never-on-any-disk";

fn consumer(nsqd: &Nsqd, topic: &str, channel: &str) -> Client {
    let mut consumer = nsqd.client();
    consumer.subscribe(topic, channel);
    consumer.ready(10);
    consumer
}

#[track_caller]
fn create(nsqd: &Nsqd, topic: &str, channel: &str) {
    let (topic, channel) = (topic.replace('#', "%23"), channel.replace('#', "%23"));
    nsqd.post(&format!("/topic/create?topic={topic}"), b"");
    nsqd.post(&format!("/channel/create?topic={topic}&channel={channel}"), b"");
}

/// Publishes `0`, `1`, … one by one, each of which is answered with OK.
#[track_caller]
fn publish_numbers(nsqd: &Nsqd, topic: &str, count: usize) {
    let mut publisher = nsqd.client();
    for number in 0..count {
        publisher.publish(topic, number.to_string().as_bytes());
    }
}

/// The next `count` messages are `0`, `1`, …, and there are no others.
#[track_caller]
fn expect_numbers(consumer: &mut Client, count: usize) {
    for number in 0..count {
        let message = consumer.expect_body(&number.to_string());
        consumer.finish(message.id);
    }
    consumer.expect_silence(A_WHILE);
}

#[track_caller]
fn expect_channel_gone(nsqd: &Nsqd, topic: &str, channel: &str) {
    eventually("the channel is gone", || nsqd.channel(topic, channel).is_null().then_some(()));
}

#[track_caller]
fn expect_topic_gone(nsqd: &Nsqd, topic: &str) {
    eventually("the topic is gone", || nsqd.topic(topic).is_null().then_some(()));
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() { [vec![path.clone()], files(&path)].concat() } else { vec![path] }
        })
        .collect()
}

/// No file of the data path is named after, or speaks of, anything ephemeral.
#[track_caller]
fn expect_nothing_on_disk(nsqd: &Nsqd) {
    for path in files(nsqd.data_path()) {
        assert!(!path.to_string_lossy().contains("ephemeral"), "{}", path.display());
        let bytes = if path.is_dir() { Vec::new() } else { fs::read(&path).unwrap() };
        for word in ["ephemeral", MARK] {
            let found = bytes.windows(word.len()).any(|bytes| bytes == word.as_bytes());
            assert!(!found, "{word:?} in {}", path.display());
        }
    }
}
