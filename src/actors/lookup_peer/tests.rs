//! Links to registries that do as they are told.

use std::sync::Arc;

use actix_rt::time::{Instant, sleep};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::watch,
};

use super::{
    link::{ANSWER_TIMEOUT, Link, LinkError, PING_INTERVAL},
    status::PeerStatus,
};
use crate::{
    actors::directory::Directory,
    broker::Incarnation,
    protocol::{
        ChannelName, TopicName,
        lookup::{IdentifyAnswer, PeerInfo},
    },
};

const BUFFER: usize = 1 << 20;

fn topic(name: &str) -> TopicName {
    TopicName::parse(name).unwrap()
}

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

fn identity() -> PeerInfo {
    PeerInfo {
        broadcast_address: "node".into(),
        tcp_port: 1,
        http_port: 2,
        version: "3".into(),
        ..PeerInfo::default()
    }
}

/// The registry's end.
struct Script(DuplexStream);

impl Script {
    async fn expect(&mut self, bytes: &[u8]) {
        let mut read = vec![0; bytes.len()];
        self.0.read_exact(&mut read).await.unwrap();
        let texts = [&read, bytes].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert_eq!(texts[0], texts[1]);
    }

    async fn answer(&mut self, text: &str) {
        let size = i32::try_from(text.len()).unwrap().to_be_bytes();
        self.0.write_all(&[&size, text.as_bytes()].concat()).await.unwrap();
    }

    async fn expect_identify(&mut self) {
        let body = identity().to_json();
        let size = i32::try_from(body.len()).unwrap().to_be_bytes();
        self.expect(&[b"  V1IDENTIFY\n", &size[..], &body].concat()).await;
    }

    async fn ended(mut self) {
        assert_eq!(self.0.read(&mut [0; 64]).await.unwrap(), 0, "the link is still there");
    }
}

/// A link that is kept by a task of its own.
struct Kept {
    directory: Arc<Directory>,
    status: Arc<watch::Sender<PeerStatus>>,
    ended: tokio::task::JoinHandle<LinkError>,
}

async fn open(answer: &str) -> (Result<(Link<DuplexStream>, IdentifyAnswer), LinkError>, Script) {
    let (ours, theirs) = duplex(BUFFER);
    let mut script = Script(theirs);
    let identity = identity();
    let asked = Link::open(ours, "registry:4160", &identity);
    let answered = async {
        script.expect_identify().await;
        script.answer(answer).await;
    };
    let (opened, ()) = futures_util::future::join(asked, answered).await;
    (opened, script)
}

async fn keep(directory: Directory) -> (Kept, Script) {
    let (opened, script) = open(r#"{"broadcast_address":"b","http_port":4161}"#).await;
    let (mut link, _) = opened.unwrap();
    let (directory, status) = (Arc::new(directory), Arc::new(watch::Sender::default()));
    let ended = actix_rt::spawn({
        let (directory, status) = (Arc::clone(&directory), Arc::clone(&status));
        async move { link.keep(&directory, &status).await }
    });
    (Kept { directory, status, ended }, script)
}

fn directory_of(count: usize) -> (Directory, Vec<Incarnation>) {
    let directory = Directory::default();
    let names = (0..count).map(|number| topic(&format!("t{number:04}")));
    let incarnations = names.map(|name| directory.add_topic(&name)).collect();
    (directory, incarnations)
}

#[actix::test]
async fn the_answer_to_identify_is_what_the_registry_says_of_itself() {
    let (opened, _script) = open(
        r#"{"broadcast_address":"b","hostname":"h","http_port":2,"tcp_port":1,"version":"v"}"#,
    )
    .await;
    let (_, answer) = opened.unwrap();
    assert_eq!((answer.broadcast_address.as_str(), answer.http_port), ("b", 2));
}

#[actix::test]
async fn whatever_is_no_answer_to_identify_ends_the_link() {
    for (answer, text) in [
        ("E_INVALID", "IDENTIFY - E_INVALID"),
        ("E_BAD_BODY IDENTIFY missing fields", "IDENTIFY - E_BAD_BODY IDENTIFY missing fields"),
        ("OK", "IDENTIFY - parsing response: "),
        ("", "IDENTIFY - parsing response: "),
    ] {
        let (opened, _script) = open(answer).await;
        let error = opened.err().unwrap().to_string();
        assert!(error.starts_with(text), "{error}");
    }
}

#[actix::test]
async fn a_thousand_topics_are_told_before_the_first_answer() {
    let (directory, _) = directory_of(1000);
    let (kept, mut script) = keep(directory).await;
    for number in 0..1000 {
        script.expect(format!("REGISTER t{number:04}\n").as_bytes()).await;
    }
    assert_eq!(kept.status.borrow().registrations, 1000);
}

#[actix::test]
async fn what_changes_while_registrations_are_under_way_comes_behind_them() {
    let (directory, incarnations) = directory_of(1500);
    let (kept, mut script) = keep(directory).await;
    for number in 0..1024 {
        script.expect(format!("REGISTER t{number:04}\n").as_bytes()).await;
    }
    kept.directory.add_channel(&topic("t0000"), incarnations[0], &channel("c"));
    kept.directory.remove_topic(&topic("t0001"));
    for _ in 0..1024 {
        script.answer("OK").await;
    }
    let changed = b"REGISTER t0000 c\nUNREGISTER t0001\n";
    script.expect(changed).await;
    for number in 1024..1500 {
        script.expect(format!("REGISTER t{number:04}\n").as_bytes()).await;
    }
    assert_eq!(kept.status.borrow().registrations, 1500);
}

#[actix::test]
async fn a_ping_comes_every_fifteen_seconds() {
    let (kept, mut script) = keep(Directory::default()).await;
    tokio::time::pause();
    let begun = Instant::now();
    for number in 1..=3 {
        script.expect(b"PING\n").await;
        assert_eq!(begun.elapsed().as_secs(), number * PING_INTERVAL.as_secs());
        script.answer("OK").await;
    }
    sleep(ANSWER_TIMEOUT).await;
    assert!(kept.status.borrow().last_ping.is_some());
    assert!(!kept.ended.is_finished());
}

#[actix::test]
async fn a_registry_that_falls_silent_is_left() {
    let (directory, _) = directory_of(2);
    let (kept, mut script) = keep(directory).await;
    script.expect(b"REGISTER t0000\nREGISTER t0001\n").await;
    tokio::time::pause();
    sleep(ANSWER_TIMEOUT * 3 / 4).await;
    script.answer("OK").await;
    sleep(ANSWER_TIMEOUT * 3 / 4).await;
    assert!(!kept.ended.is_finished(), "every answer gives time for the next");
    let error = kept.ended.await.unwrap();
    assert_eq!(error.to_string(), "topic REGISTER t0001 - no answer within 5s");
    script.ended().await;
}

#[actix::test]
async fn commands_that_leave_are_no_sign_of_life() {
    let (directory, _) = directory_of(1);
    let (kept, mut script) = keep(directory).await;
    script.expect(b"REGISTER t0000\n").await;
    tokio::time::pause();
    let begun = Instant::now();
    for number in 1..=4 {
        sleep(ANSWER_TIMEOUT / 5).await;
        kept.directory.add_topic(&topic(&format!("new{number}")));
        script.expect(format!("REGISTER new{number}\n").as_bytes()).await;
    }
    let error = kept.ended.await.unwrap();
    assert_eq!(error.to_string(), "topic REGISTER t0000 - no answer within 5s");
    assert!(begun.elapsed() < ANSWER_TIMEOUT * 3 / 2, "{:?}", begun.elapsed());
}

#[actix::test]
async fn a_registry_that_says_nothing_at_all_is_left() {
    let (ours, theirs) = duplex(BUFFER);
    let mut script = Script(theirs);
    tokio::time::pause();
    let identity = identity();
    let opened = Link::open(ours, "registry:4160", &identity).await;
    assert_eq!(opened.err().unwrap().to_string(), "IDENTIFY - no answer within 5s");
    script.expect_identify().await;
    script.ended().await;
}

#[actix::test]
async fn refusals_and_nonsense_end_the_link() {
    for (bytes, text) in [
        (&b"\0\0\0\x0bE_BAD_TOPIC"[..], "topic REGISTER t0000 - E_BAD_TOPIC"),
        (b"\0\0\0\x02OK\0\0\0\x02OK", "an answer that nothing was asked for"),
        (b"\xff\xff\xff\xff", "invalid response size -1"),
        (b"\0\x01\0\x01", "response too big 65537 > 65536"),
    ] {
        let (directory, _) = directory_of(1);
        let (kept, mut script) = keep(directory).await;
        script.expect(b"REGISTER t0000\n").await;
        script.0.write_all(bytes).await.unwrap();
        assert_eq!(kept.ended.await.unwrap().to_string(), text);
    }
}

#[actix::test]
async fn the_words_of_an_answer_are_of_no_interest_unless_they_are_an_error() {
    let (directory, _) = directory_of(1);
    let (kept, mut script) = keep(directory).await;
    script.expect(b"REGISTER t0000\n").await;
    script.answer("whatever").await;
    kept.directory.add_topic(&topic("next"));
    script.expect(b"REGISTER next\n").await;
    script.0.shutdown().await.unwrap();
    drop(script);
    assert_eq!(kept.ended.await.unwrap().to_string(), "connection closed by nsqlookupd");
}
