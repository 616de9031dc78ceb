//! Many nodes with many topics: how long a storm of registrations lasts, and what everybody else waits for meanwhile.
//!
//! `LOOKUPD_NODES` and `LOOKUPD_TOPICS` set the size, `LOOKUPD_WINDOW` how many REGISTERs a node sends before it waits for
//! their responses; `just lookupd-scale` runs the whole of it on a release build.

use std::{
    env,
    io::{self, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use actix_rt::{System, net::TcpStream as AsyncStream, time::sleep};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufStream};

use crate::support::{LookupClient, Nsqlookupd, commands, http, identify_json};

/// A storm of a thousand nodes is over in this time, on a release build.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);
/// When something is wrong, and the machine is not only slow.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Clone, Copy)]
struct Size {
    nodes: usize,
    topics: usize,
    /// 1 is what upstream's nsqd does, ours sends up to 1024.
    window: usize,
    /// The figures are held against what is promised.
    is_measured: bool,
}

impl Size {
    fn from_environment() -> Self {
        let number = |name| env::var(name).ok().map(|text| text.parse().unwrap());
        let (nodes, topics) = (number("LOOKUPD_NODES"), number("LOOKUPD_TOPICS"));
        Self {
            nodes: nodes.unwrap_or(60),
            topics: topics.unwrap_or(50),
            window: number("LOOKUPD_WINDOW").unwrap_or(1),
            is_measured: nodes.is_some() && !cfg!(debug_assertions),
        }
    }
}

/// Simulated nsqds, which come back whenever their links end.
struct Nodes {
    whole: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Nodes {
    fn start(address: SocketAddr, size: Size) -> Self {
        let (whole, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let thread = thread::spawn({
            let (whole, stop) = (Arc::clone(&whole), Arc::clone(&stop));
            move || {
                let nodes = (0..size.nodes).map(|node| live(address, node, size, &whole, &stop));
                System::new().block_on(join_all(nodes));
            }
        });
        Self { whole, stop, thread }
    }

    /// Waits until so many times a node has registered everything.
    fn wait_until_whole(&self, times: usize) -> Duration {
        let begun = Instant::now();
        while self.whole.load(SeqCst) < times {
            assert!(begun.elapsed() < PATIENCE, "{} of {times}", self.whole.load(SeqCst));
            thread::sleep(Duration::from_millis(2));
        }
        begun.elapsed()
    }

    fn finish(self, lookupd: Nsqlookupd) {
        self.stop.store(true, SeqCst);
        drop(lookupd); // every link ends
        self.thread.join().unwrap();
    }
}

async fn live(
    address: SocketAddr,
    node: usize,
    size: Size,
    whole: &AtomicUsize,
    stop: &AtomicBool,
) {
    while !stop.load(SeqCst) {
        if register(address, node, size, whole).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn register(
    address: SocketAddr,
    node: usize,
    size: Size,
    whole: &AtomicUsize,
) -> io::Result<()> {
    let stream = AsyncStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut stream = BufStream::new(stream);
    stream.write_all(b"  V1").await?;
    let identify = commands::identify(&identify_json(&format!("node{node}")));
    ask(&mut stream, &identify, 1).await?;
    for first in (0..size.topics).step_by(size.window) {
        let topics = first..size.topics.min(first + size.window);
        let lines: String =
            topics.clone().map(|topic| format!("REGISTER topic{topic}\n")).collect();
        ask(&mut stream, lines.as_bytes(), topics.len()).await?;
    }
    whole.fetch_add(1, SeqCst);
    let _ended = stream.read_u8().await; // nothing comes until the link ends
    Ok(())
}

async fn ask(
    stream: &mut BufStream<AsyncStream>,
    requests: &[u8],
    responses: usize,
) -> io::Result<()> {
    stream.write_all(requests).await?;
    stream.flush().await?;
    for _ in 0..responses {
        let size = stream.read_i32().await?;
        let mut response = vec![0; usize::try_from(size).map_err(io::Error::other)?];
        stream.read_exact(&mut response).await?;
        assert!(!response.starts_with(b"E_"), "{}", response.escape_ascii());
    }
    Ok(())
}

/// HTTP requests on one connection.
struct Reader(TcpStream);

impl Reader {
    fn new(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).unwrap())
    }

    fn get(&mut self, path: &str) -> http::Response {
        // In one piece: the second of two would wait for the peer's delayed acknowledgement of the first.
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        self.0.write_all(request.as_bytes()).unwrap();
        let response = http::try_read_response(&mut self.0, false).unwrap();
        assert_eq!(response.status, 200, "{}", response.text());
        response
    }
}

/// Times of something done again and again, from the shortest to the longest.
fn times(count: usize, mut work: impl FnMut(usize)) -> Vec<Duration> {
    let mut times: Vec<_> = (0..count)
        .map(|round| {
            let begun = Instant::now();
            work(round);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

fn told(what: &str, times: &[Duration]) -> Duration {
    let (median, p99) = (percentile(times, 50), percentile(times, 99));
    eprintln!("{what}: p50 {median:?}, p99 {p99:?}, longest {:?}", times[times.len() - 1]);
    p99
}

/// What a node waits for that says something while somebody reads all nodes.
fn pings_beside_nodes(lookupd: &Nsqlookupd, rounds: usize) -> (Vec<Duration>, Vec<Duration>) {
    let (address, stop) = (lookupd.tcp(), Arc::new(AtomicBool::new(false)));
    let pinging = thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let mut link = LookupClient::connect(address);
            link.identify("pinging");
            let mut all = Vec::new();
            while !stop.load(SeqCst) {
                all.extend(times(1, |_| link.ask("PING", "OK")));
                all.extend(times(1, |_| link.ask("REGISTER beside", "OK")));
                thread::sleep(Duration::from_millis(1));
            }
            all.sort_unstable();
            all
        }
    });
    let mut reader = Reader::new(lookupd.http_address());
    let nodes = times(rounds, |_| drop(reader.get("/nodes")));
    stop.store(true, SeqCst);
    (nodes, pinging.join().unwrap())
}

#[test]
fn storm_of_registrations_settles_and_holds_up_nobody() {
    let size = Size::from_environment();
    let lookupd = Nsqlookupd::with(&["--enable-experiment=chaos"]);
    let empty = lookupd.resident_bytes();
    let nodes = Nodes::start(lookupd.tcp(), size);
    let first = nodes.wait_until_whole(size.nodes);
    let worked = lookupd.cpu_time();
    eprintln!(
        "{} nodes with {} topics: registered in {first:?}, {worked:?} of CPU",
        size.nodes, size.topics
    );
    eprintln!("memory: {} KB, {empty} bytes empty", lookupd.resident_bytes() / 1024);

    lookupd.post("/debug/crash?actor=registry");
    let again = nodes.wait_until_whole(2 * size.nodes);
    eprintln!("registered again after a crash of the registry in {again:?}");
    let mut reader = Reader::new(lookupd.http_address());
    for topic in [0, size.topics - 1] {
        let producers = reader.get(&format!("/lookup?topic=topic{topic}")).json();
        assert_eq!(producers["producers"].as_array().unwrap().len(), size.nodes);
    }
    let all = reader.get("/nodes").json();
    let all = all["producers"].as_array().unwrap();
    assert_eq!(all.len(), size.nodes);
    assert!(all.iter().all(|node| node["topics"].as_array().unwrap().len() == size.topics));

    let lookups = times(500, |round| {
        drop(reader.get(&format!("/lookup?topic=topic{}", round % size.topics)));
    });
    let lookup = told("/lookup", &lookups);
    let (all, pings) = pings_beside_nodes(&lookupd, 20);
    let all = told("/nodes", &all);
    told("PING and REGISTER beside /nodes", &pings);
    eprintln!("memory: {} KB", lookupd.resident_bytes() / 1024);
    if size.is_measured {
        assert!(again < SETTLED_WITHIN, "{again:?}");
        assert!(lookup < Duration::from_millis(5), "{lookup:?}");
        assert!(all < Duration::from_millis(500), "{all:?}");
    }
    nodes.finish(lookupd);
}
