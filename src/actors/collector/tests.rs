//! The actor against servers that say what a test wants.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::*;
use crate::{
    actors::testing::nobody,
    cluster::{Timeouts, snapshot::Rate},
};

const INTERVAL: Duration = Duration::from_millis(100);

/// An nsqd of one topic, which may be told not to answer.
struct Node {
    address: SocketAddr,
    /// Requests for statistics so far.
    asked: Arc<AtomicUsize>,
    /// Connections that were not answered and are held open.
    hangs: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Node {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, hangs) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
        let node = Self { address, asked: Arc::clone(&asked), hangs: Arc::clone(&hangs) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), address, &asked, &hangs);
            }
        });
        node
    }

    /// From now on it takes connections and says nothing.
    fn hang(&self) {
        *self.hangs.lock().unwrap() = Some(Vec::new());
    }

    fn goes_on(&self) {
        *self.hangs.lock().unwrap() = None;
    }
}

fn answer(
    mut stream: TcpStream,
    address: SocketAddr,
    asked: &AtomicUsize,
    hangs: &Mutex<Option<Vec<TcpStream>>>,
) {
    if let Some(held) = &mut *hangs.lock().unwrap() {
        held.push(stream);
        return;
    }
    let mut head = BufReader::new(&stream).lines().map_while(Result::ok);
    let line = head.next().unwrap_or_default();
    let _rest: Vec<_> = head.take_while(|line| !line.is_empty()).collect();
    let body = if line.contains("/info") {
        format!(
            r#"{{"version":"1.3.0","hostname":"h","broadcast_address":"127.0.0.1","http_port":{},"tcp_port":1}}"#,
            address.port()
        )
    } else {
        let count = asked.fetch_add(1, Ordering::SeqCst) * 10;
        format!(r#"{{"start_time":7,"topics":[{{"topic_name":"t","message_count":{count}}}]}}"#)
    };
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

fn spec(nodes: &[&Node]) -> CollectorSpec {
    let timeouts = Timeouts { connect: Duration::from_secs(1), request: Duration::from_secs(2) };
    let nsqds = nodes.iter().map(|node| node.address.to_string()).collect();
    CollectorSpec {
        ask: Ask::new("test", timeouts).unwrap(),
        sources: Arc::new(Sources::new(Vec::new(), nsqds)),
        poll_interval: INTERVAL,
        feed: Arc::new(Feed::new(INTERVAL)),
    }
}

/// Waits for a picture of which that holds.
async fn sees(feed: &Feed, what: impl Fn(&Seen) -> bool) -> Arc<Seen> {
    let mut watching = feed.watch();
    let seen = tokio::time::timeout(Duration::from_secs(20), watching.wait_for(|seen| what(seen)));
    Arc::clone(&*seen.await.expect("it is seen within 20 s").unwrap())
}

fn failing(seen: &Seen) -> usize {
    seen.picture.nodes.iter().filter(|node| node.failure.is_some()).count()
}

#[actix::test]
async fn polls_bring_counts_and_rates() {
    let (one, two) = (Node::start(), Node::start());
    let spec = spec(&[&one, &two]);
    let feed = Arc::clone(&spec.feed);
    let _collector = Collector::start(spec, nobody());
    let seen = sees(&feed, |seen| seen.picture.totals.counts.rates.input.known().is_some()).await;
    let topic = seen.picture.topic("t").unwrap();
    assert_eq!((topic.nodes.len(), seen.picture.nodes.len()), (2, 2));
    assert!(topic.counts.rates.input.known() > Rate::ZERO.known());
    assert!(feed.history().size().0 >= 4, "of the total, two nodes and the topic");
}

#[actix::test]
async fn a_node_that_hangs_holds_up_nobody() {
    let (quick, slow) = (Node::start(), Node::start());
    let spec = spec(&[&quick, &slow]);
    let feed = Arc::clone(&spec.feed);
    let _collector = Collector::start(spec, nobody());
    sees(&feed, |seen| seen.picture.topic("t").is_some_and(|topic| topic.nodes.len() == 2)).await;
    slow.hang();
    let seen = sees(&feed, |seen| failing(seen) == 1).await;
    let failure = &seen.picture.failures[0];
    assert_eq!((&*failure.text, failure.status), ("i/o timeout", None));
    assert_eq!(seen.picture.topic("t").unwrap().nodes.len(), 2, "its last data stays");
    let (poll, asked) = (seen.picture.poll, quick.asked.load(Ordering::SeqCst));
    sees(&feed, |seen| seen.picture.poll >= poll + 5).await;
    assert!(quick.asked.load(Ordering::SeqCst) >= asked + 4, "the other is asked in each poll");
    slow.goes_on();
    sees(&feed, |seen| failing(seen) == 0).await;
}

#[actix::test]
async fn a_panic_loses_no_history_and_polls_go_on() {
    let node = Node::start();
    let spec = spec(&[&node]);
    let feed = Arc::clone(&spec.feed);
    let collector = Collector::start(spec, nobody());
    let before = sees(&feed, |seen| seen.picture.poll >= 3).await;
    assert!(collector.send(Crash).await.is_err());
    let after = sees(&feed, |seen| seen.picture.poll >= before.picture.poll + 3).await;
    assert_eq!(feed.restarts.load(Ordering::Relaxed), 1);
    assert!(after.picture.topic("t").is_some());
    assert!(feed.history().size().0 >= 3);
}

#[actix::test]
async fn what_a_panic_has_left_half_written_begins_anew() {
    let node = Node::start();
    let spec = spec(&[&node]);
    let feed = Arc::clone(&spec.feed);
    let collector = Collector::start(spec, nobody());
    let before = sees(&feed, |seen| seen.picture.topic("t").is_some()).await;
    let broken = Arc::clone(&feed);
    let panicked = thread::spawn(move || {
        let _roster = broken.roster();
        panic!("in the middle of it");
    });
    assert!(panicked.join().is_err());
    assert!(collector.send(Crash).await.is_err());
    let later = before.picture.poll + 3;
    let seen = sees(&feed, |seen| seen.picture.poll >= later && seen.picture.topic("t").is_some());
    assert_eq!(failing(&*seen.await), 0);
}

#[actix::test]
async fn whoever_has_changed_something_waits_for_no_interval() {
    let node = Node::start();
    let mut spec = spec(&[&node]);
    spec.poll_interval = Duration::from_secs(3600);
    let feed = Arc::clone(&spec.feed);
    let collector = Collector::start(spec, nobody());
    sees(&feed, |seen| seen.picture.poll == 1).await;
    collector.send(LookNow).await.unwrap();
    sees(&feed, |seen| seen.picture.poll == 2).await;
}

#[actix::test]
async fn addresses_that_change_are_followed_at_once() {
    let node = Node::start();
    let mut spec = spec(&[&node]);
    spec.poll_interval = Duration::from_secs(3600);
    let (feed, sources) = (Arc::clone(&spec.feed), Arc::clone(&spec.sources));
    let _collector = Collector::start(spec, nobody());
    sees(&feed, |seen| seen.picture.nodes.len() == 1).await;
    sources.set_lookupds(vec![node.address.to_string()]).unwrap();
    sees(&feed, |seen| seen.picture.nodes.is_empty() && seen.picture.registries.len() == 1).await;
}
