//! A loss of power takes what only the journal has made durable.
//!
//! What `kill -9` leaves in the logs the kernel has, so the test takes it away: of each log the end that stands in the
//! journal as well.

use std::{
    collections::HashSet,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::mpsc::{Sender, channel},
    thread,
};

use memchr::{memchr, memmem};

use crate::support::{Client, DEADLINE, Frame, Nsqd, commands, ours};

/// Logs that wait for the disk at the same time; the journal is used from eight on.
const TOPICS: usize = 32;
const ACKNOWLEDGED: usize = 4000;
/// What stands in a log before the body of a message that is a record by itself: the record's header and the size.
const BEFORE_BODY_BYTES: usize = 64 + 4;

#[test]
fn what_a_loss_of_power_takes_from_many_logs_comes_back() {
    if !ours() {
        return; // no such flag
    }
    let mut nsqd = Nsqd::with(&["--durability=power"]);
    for topic in 0..TOPICS {
        nsqd.post(&format!("/topic/create?topic=t{topic}"), b"");
        nsqd.post(&format!("/channel/create?topic=t{topic}&channel=c"), b"");
    }
    let acknowledged = publish_and_kill(&mut nsqd);
    let journal = journal(&nsqd.data_path().join("journal"));
    let journalled = bodies(&journal);
    let taken = acknowledged.iter().enumerate().map(|(topic, &count)| {
        let log = log(&nsqd.data_path().join(format!("topics/t{topic}")));
        take_end(&log, topic, count, &journalled)
    });
    let taken: usize = taken.sum();
    assert!(taken > ACKNOWLEDGED / 4, "{taken} of {acknowledged:?} were in the journal");
    nsqd.restart();
    nsqd.expect_logged(&["the journal had", "were put there"]);
    for (topic, &count) in acknowledged.iter().enumerate() {
        let mut consumer = nsqd.consumer(&format!("t{topic}"), "c", count);
        let expected: Vec<_> = (0..count).map(|number| body(topic, number)).collect();
        assert_eq!(consumer.finish_bodies(count), expected, "of topic {topic}");
    }
}

fn body(topic: usize, number: usize) -> String {
    format!("message {number:06} of topic {topic}.")
}

/// Each topic has a publisher that awaits every answer, until the process is killed. How many each has got.
fn publish_and_kill(nsqd: &mut Nsqd) -> Vec<usize> {
    let address = nsqd.tcp();
    let (tell, told) = channel();
    thread::scope(|scope| {
        let publish = |topic| {
            let tell = tell.clone();
            scope.spawn(move || publish(address, topic, &tell))
        };
        let publishers: Vec<_> = (0..TOPICS).map(publish).collect();
        let count = (0..ACKNOWLEDGED).take_while(|_| told.recv_timeout(DEADLINE).is_ok()).count();
        nsqd.kill9();
        assert_eq!(count, ACKNOWLEDGED, "publishing got stuck");
        publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect()
    })
}

fn publish(address: SocketAddr, topic: usize, tell: &Sender<()>) -> usize {
    let Ok(mut client) = Client::try_connect(address) else { return 0 };
    for number in 0.. {
        let command = commands::publish(&format!("t{topic}"), body(topic, number).as_bytes());
        if client.try_send(&command).is_err() {
            return number;
        }
        match client.next_frame(DEADLINE) {
            Ok(Frame::Response(text)) if text == "OK" => drop(tell.send(())),
            Ok(other) => panic!("{other:?}"),
            Err(_) => return number,
        }
    }
    unreachable!("numbers do not end")
}

fn files(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn journal(dir: &Path) -> Vec<u8> {
    files(dir).iter().flat_map(|path| fs::read(path).unwrap()).collect()
}

/// All bodies in the bytes of the journal.
fn bodies(journal: &[u8]) -> HashSet<&[u8]> {
    let body = |at| {
        let length = memchr(b'.', &journal[at..])?;
        Some(&journal[at..=at + length])
    };
    memmem::find_iter(journal, "message ").filter_map(body).collect()
}

/// The only segment of a topic.
fn log(topic_dir: &Path) -> PathBuf {
    let mut logs = files(topic_dir);
    logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    assert_eq!(logs.len(), 1);
    logs.remove(0)
}

/// Cuts off the newest acknowledged messages, as many as the journal has without a gap, and what follows. How many those are.
fn take_end(log: &Path, topic: usize, count: usize, journalled: &HashSet<&[u8]>) -> usize {
    let is_there = |number: &usize| journalled.contains(body(topic, *number).as_bytes());
    let taken = (0..count).rev().take_while(is_there).count();
    if taken > 0 {
        let first = body(topic, count - taken);
        let at = memmem::find(&fs::read(log).unwrap(), first.as_bytes()).unwrap();
        let file = File::options().write(true).open(log).unwrap();
        file.set_len((at - BEFORE_BODY_BYTES) as u64).unwrap();
    }
    taken
}
