//! A cluster of many nodes with many topics: how long a page waits for its data, and what nsqadmin needs for it.
//!
//! `ADMIN_NODES` and `ADMIN_TOPICS` set the size; `just admin-scale` runs the whole of it on a release build.

use std::{
    env,
    fmt::Write as _,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use actix_rt::{
    System,
    net::{TcpListener, TcpStream},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stream::Stream;
use crate::support::{Nsqadmin, eventually};

/// Promised for 200 nodes with 500 topics each.
const PAGE_WITHIN: Duration = Duration::from_millis(300);
/// Promised for the same.
const PEAK_BYTES_MAX: u64 = 300_000_000;
/// What a topic or channel on a node may take in a cluster of any size: several times what it takes in the smallest, a
/// debug build too, so that this fails for what takes many times as much and for nothing else.
const ENTRY_BYTES_MAX: u64 = 10_000;
/// Of each topic.
const CHANNELS: [&str; 2] = ["archive", "billing"];
/// Every so many channels there is a consumer.
const CHANNELS_PER_CLIENT: usize = 4;
/// Polls after which each view is asked for.
const ROUNDS: usize = 5;

#[derive(Debug, Clone, Copy)]
struct Size {
    nodes: usize,
    topics: usize,
    /// The figures are held against what is promised. A debug build promises nothing.
    is_measured: bool,
}

impl Size {
    fn from_environment() -> Self {
        let number = |name| env::var(name).ok().map(|text| text.parse().unwrap());
        let (nodes, topics) = (number("ADMIN_NODES"), number("ADMIN_TOPICS"));
        Self {
            nodes: nodes.unwrap_or(20),
            topics: topics.unwrap_or(30),
            is_measured: nodes.is_some() && !cfg!(debug_assertions),
        }
    }
}

/// A body with numbers that rise from one answer to the next, and others that are the node's own, all of ten digits.
struct Body {
    bytes: Vec<u8>,
    rising: Vec<usize>,
    own: Vec<usize>,
}

/// Stands for a number that rises.
const FIRST: u64 = 1_000_000_000;
/// Stands for the node, in names that no two nodes have in common.
const NODE: u64 = 2_000_000_000;

impl Body {
    fn new(text: &str) -> Self {
        let places =
            |of: u64| text.match_indices(&of.to_string()).map(|(at, _)| at).collect::<Vec<_>>();
        Self { bytes: text.as_bytes().to_vec(), rising: places(FIRST), own: places(NODE) }
    }

    fn answer(&self, number: u64, node: u64) -> Vec<u8> {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.bytes.len()
        );
        let mut answer = head.into_bytes();
        let start = answer.len();
        answer.extend_from_slice(&self.bytes);
        for (places, number) in [(&self.rising, FIRST + number), (&self.own, NODE + node)] {
            let digits = number.to_string();
            for at in places {
                answer[start + at..start + at + digits.len()].copy_from_slice(digits.as_bytes());
            }
        }
        answer
    }
}

/// `/stats` as upstream writes it, with and without clients.
fn stats(topics: usize, with_clients: bool) -> Body {
    let latency = r#""e2e_processing_latency":{"count":3,"percentiles":[{"quantile":0.99,"value":3379059},{"quantile":0.5,"value":337905}]}"#;
    let mut text =
        String::from(r#"{"version":"1.3.0","health":"OK","start_time":1795367506,"topics":["#);
    let mut count = 0;
    for topic in 0..topics {
        let comma = if topic == 0 { "" } else { "," };
        write!(text, r#"{comma}{{"topic_name":"topic_of_some_length_{topic}","channels":["#)
            .unwrap();
        for channel in CHANNELS {
            let comma = if channel == CHANNELS[0] { "" } else { "," };
            count += 1;
            let has_client = count % CHANNELS_PER_CLIENT == 0;
            write!(text, r#"{comma}{{"channel_name":"{channel}","depth":100,"backend_depth":0,"in_flight_count":1,"deferred_count":0,"message_count":{FIRST},"requeue_count":0,"timeout_count":0,"client_count":{},"clients":["#, u8::from(has_client)).unwrap();
            if has_client && with_clients {
                write!(text, r#"{{"client_id":"worker{topic}-{NODE}","hostname":"worker{topic}-{NODE}.example.com","version":"V2","remote_address":"{NODE}:{}","state":3,"ready_count":5,"in_flight_count":1,"message_count":{FIRST},"finish_count":{FIRST},"requeue_count":0,"connect_ts":1795367506,"sample_rate":0,"deflate":false,"snappy":false,"user_agent":"go-nsq/1.1.0","tls":false,"tls_cipher_suite":"","tls_version":""}}"#, 10_000 + topic).unwrap();
            }
            write!(text, r#"],"paused":false,{latency}}}"#).unwrap();
        }
        write!(text, r#"],"depth":0,"backend_depth":0,"message_count":{FIRST},"message_bytes":{FIRST},"paused":false,{latency}}}"#).unwrap();
    }
    text.push_str(r#"],"producers":null}"#);
    Body::new(&text)
}

/// `/nodes` of a registry that knows them all.
fn nodes(ports: &[u16], topics: usize) -> Body {
    let names: Vec<_> =
        (0..topics).map(|topic| format!("\"topic_of_some_length_{topic}\"")).collect();
    let (names, hidden) = (names.join(","), vec!["false"; topics].join(","));
    let node = |port: &u16| {
        format!(
            r#"{{"remote_address":"10.0.0.5:{port}","hostname":"host{port}","broadcast_address":"127.0.0.1","tcp_port":{port},"http_port":{port},"version":"1.3.0","tombstones":[{hidden}],"topics":[{names}]}}"#
        )
    };
    let list = ports.iter().map(node).collect::<Vec<_>>().join(",");
    Body::new(&format!(r#"{{"producers":[{list}]}}"#))
}

/// All nodes and their registry, on one thread.
struct Large {
    registry: u16,
    nodes: Vec<u16>,
}

impl Large {
    fn start(size: Size) -> Self {
        let (sender, started) = std::sync::mpsc::channel();
        thread::spawn(move || System::new().block_on(serve(size, sender)));
        let (registry, nodes) = started.recv().unwrap();
        Self { registry, nodes }
    }
}

async fn serve(size: Size, started: std::sync::mpsc::Sender<(u16, Vec<u16>)>) {
    let bodies = Arc::new([stats(size.topics, true), stats(size.topics, false)]);
    let mut ports = Vec::new();
    for node in 0..size.nodes as u64 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        ports.push(listener.local_addr().unwrap().port());
        let (bodies, polls) = (Arc::clone(&bodies), Arc::new(AtomicU64::new(0)));
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (bodies, polls) = (Arc::clone(&bodies), Arc::clone(&polls));
                actix_rt::spawn(async move {
                    let pick = |line: &str| {
                        let index = usize::from(line.contains("include_clients=false"));
                        Some(bodies[index].answer(polls.fetch_add(1, Relaxed) * 100, node))
                    };
                    let _ = answer(stream, pick).await;
                });
            }
        });
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let registry = listener.local_addr().unwrap().port();
    let list = nodes(&ports, size.topics);
    started.send((registry, ports)).unwrap();
    let topics: Vec<_> =
        (0..size.topics).map(|of| format!("\"topic_of_some_length_{of}\"")).collect();
    let topics = Body::new(&format!(r#"{{"topics":[{}]}}"#, topics.join(",")));
    while let Ok((stream, _)) = listener.accept().await {
        let pick = |line: &str| match line {
            line if line.contains("/nodes") => Some(list.answer(0, 0)),
            line if line.contains("/topics") => Some(topics.answer(0, 0)),
            _ => None,
        };
        let _ = answer(stream, pick).await;
    }
}

/// Answers the one request of a connection.
async fn answer(mut stream: TcpStream, pick: impl Fn(&str) -> Option<Vec<u8>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let line = String::from_utf8_lossy(&head);
    let line = line.lines().next().unwrap_or_default();
    let none = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let answer = pick(line).unwrap_or_else(|| none.to_vec());
    stream.write_all(&answer).await?;
    stream.shutdown().await
}

/// Asks for each view after each of some polls: how long the slowest one took, and which one that was.
fn slowest_page(admin: &Nsqadmin, views: &[&str]) -> (Duration, String) {
    let mut slowest = (Duration::ZERO, String::new());
    let mut polls = Stream::open(admin.http_address(), "/api/v1/events?view=counter");
    for _ in 0..ROUNDS {
        let poll_ms = polls.expect("view", |_| true).data["poll_ms"].as_u64().unwrap();
        for view in views {
            let began = Instant::now();
            let response = admin.http("GET", &format!("/api/v1/{view}"), "");
            let took = began.elapsed();
            assert_eq!(response.status, 200, "{view}");
            let bytes = response.body.len();
            slowest =
                slowest.max((took, format!("{view}, {bytes} bytes, a poll every {poll_ms} ms")));
        }
    }
    slowest
}

/// What nsqadmin takes where there is nothing to look at.
fn peak_bytes_of_none() -> u64 {
    let admin = Nsqadmin::alone(&[]);
    admin.get("/api/v1/overview");
    admin.peak_bytes()
}

#[test]
fn a_page_of_a_large_cluster_has_its_data_in_time_and_in_little_memory() {
    let size = Size::from_environment();
    let large = Large::start(size);
    let flag = format!("--lookupd-http-address=127.0.0.1:{}", large.registry);
    let admin = Nsqadmin::with(&[&flag]);
    let overview = eventually("all nodes have answered", || {
        let overview = admin.get("/api/v1/overview");
        let known = overview["topic_count"].as_u64() == Some(size.topics as u64)
            && overview["node_count"].as_u64() == Some(size.nodes as u64)
            && overview["totals"]["in_rate"].is_number();
        known.then_some(overview)
    });
    assert_eq!(overview["failures"], serde_json::json!([]));
    let topics = (size.nodes * size.topics) as u64;
    let messages = admin.get("/api/v1/counter")["messages"].as_u64().unwrap();
    assert!(messages >= FIRST * topics, "each topic of each node counts");

    let topic = "topics/topic_of_some_length_7";
    let channel = format!("{topic}/billing");
    let node = format!("nodes/127.0.0.1:{}", large.nodes[0]);
    let views = ["overview", "topics", topic, &channel, "nodes", &node, "registries", "counter"];
    let (took, page) = slowest_page(&admin, &views);
    let peak = admin.peak_bytes();
    println!(
        "{} nodes with {} topics: the slowest page ({page}) after {} ms, {} MB of memory at most",
        size.nodes,
        size.topics,
        took.as_millis(),
        peak / 1_000_000
    );
    let entries = topics * (1 + CHANNELS.len() as u64);
    let grown = peak.saturating_sub(peak_bytes_of_none());
    assert!(grown < entries * ENTRY_BYTES_MAX, "{grown} for {entries} topics and channels");
    if size.is_measured {
        assert!(took < PAGE_WITHIN, "{page}: {took:?}");
        assert!(peak < PEAK_BYTES_MAX, "{peak}");
    }
}
