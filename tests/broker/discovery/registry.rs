//! A scripted nsqlookupd: it does with each command what it is told to, and remembers all of them.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::support::eventually;

/// What a registry does with everything it is asked, over TCP or HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Answers,
    /// After a while, one after the other.
    Slowly(Duration),
    /// Never, and the connection stays open.
    Silent,
}

/// What is seen of one nsqd.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// Connections, each with the lines that came over it, bodies as text behind their line.
    pub connections: Vec<Vec<String>>,
    /// Topics and channels (`topic`, `topic channel`) of the newest connection.
    pub registered: BTreeSet<String>,
    /// Targets of HTTP requests.
    pub requests: Vec<String>,
}

impl Seen {
    /// The lines of the newest connection.
    pub fn lines(&self) -> &[String] {
        self.connections.last().map_or(&[], Vec::as_slice)
    }

    /// What the nsqd says of itself, over the newest connection.
    pub fn identity(&self) -> Option<Value> {
        let line = self.lines().get(1)?;
        serde_json::from_str(line.strip_prefix("IDENTIFY ")?).ok()
    }

    fn note(&mut self, connection: usize, line: &str) {
        self.connections[connection].push(line.to_owned());
        let (word, name) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "REGISTER" => {
                let topic = name.split(' ').next().unwrap_or_default();
                self.registered.extend([topic.to_owned(), name.to_owned()]);
            }
            "UNREGISTER" => {
                self.registered.remove(name);
            }
            _ => {}
        }
    }
}

struct Shared {
    seen: Mutex<Seen>,
    open: Mutex<Vec<TcpStream>>,
    tcp: Manner,
    http: Manner,
    channels: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}

/// Stops when it goes out of scope.
pub struct Registry {
    shared: Arc<Shared>,
    tcp: SocketAddr,
    http: SocketAddr,
}

impl Registry {
    /// One that does as it should.
    pub fn start() -> Self {
        Self::with(Manner::Answers, Manner::Answers, &[])
    }

    /// One that knows channels of every topic.
    pub fn knowing(channels: &[&str]) -> Self {
        Self::with(Manner::Answers, Manner::Answers, channels)
    }

    pub fn with(tcp: Manner, http: Manner, channels: &[&str]) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), tcp, http, channels)
    }

    /// On the IPv6 loopback, if the machine has one.
    pub fn of_ipv6() -> Option<Self> {
        TcpListener::bind("[::1]:0").ok()?;
        let address = "[::1]:0".parse().unwrap();
        Some(Self::at(address, Manner::Answers, Manner::Answers, &[]))
    }

    /// At the address of one that has gone.
    pub fn again(address: SocketAddr) -> Self {
        Self::at(address, Manner::Answers, Manner::Answers, &[])
    }

    fn at(address: SocketAddr, tcp: Manner, http: Manner, channels: &[&str]) -> Self {
        let channels = channels.iter().map(|&name| name.to_owned()).collect();
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            open: Mutex::default(),
            tcp,
            http,
            channels: Mutex::new(channels),
            stopped: AtomicBool::new(false),
        });
        let http = listen("127.0.0.1:0".parse().unwrap(), &shared, serve_http);
        let port = http.port();
        let tcp = listen(address, &shared, move |shared, stream| serve_tcp(shared, stream, port));
        Self { shared, tcp, http }
    }

    /// The flag that names it.
    pub fn flag(&self) -> String {
        format!("--lookupd-tcp-address={}", self.tcp)
    }

    pub fn address(&self) -> SocketAddr {
        self.tcp
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Seen {
        self.shared.seen().clone()
    }

    /// Waits until the newest connection has registered exactly this.
    #[track_caller]
    pub fn expect_registered(&self, names: &[&str]) {
        let names: BTreeSet<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut seen = Seen::default();
        let is_so = || {
            seen = self.seen();
            (seen.registered == names).then_some(())
        };
        eventually(&format!("{names:?} registered"), is_so);
    }

    /// Waits for a line over the newest connection.
    #[track_caller]
    pub fn expect_line(&self, line: &str) {
        let came = || self.seen().lines().iter().any(|it| it == line).then_some(());
        eventually(&format!("the line {line:?}"), came);
    }

    /// Waits until so many connections have come.
    #[track_caller]
    pub fn expect_connections(&self, count: usize) {
        let came = || (self.seen().connections.len() >= count).then_some(());
        eventually(&format!("{count} connections"), came);
    }

    /// Waits until nsqd has closed all connections.
    #[track_caller]
    pub fn expect_left(&self) {
        let left = || self.shared.open.lock().unwrap().is_empty().then_some(());
        eventually("no connection", left);
    }

    /// Ends every connection and goes on listening.
    pub fn hang_up(&self) {
        for stream in self.shared.open.lock().unwrap().iter() {
            let _already_gone = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for address in [self.tcp, self.http] {
            let _wakes_up = TcpStream::connect(address);
        }
        self.hang_up();
    }
}

/// Accepts until the registry stops.
fn listen(
    address: SocketAddr,
    shared: &Arc<Shared>,
    serve: impl Fn(&Shared, TcpStream) -> Option<()> + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if shared.stopped.load(Ordering::SeqCst) {
                return;
            }
            let (shared, serve) = (Arc::clone(&shared), serve.clone());
            thread::spawn(move || serve(&shared, stream));
        }
    });
    address
}

/// Takes its time; `None` if there is to be no answer.
fn wait(manner: Manner) -> Option<()> {
    match manner {
        Manner::Answers => {}
        Manner::Slowly(time) => thread::sleep(time),
        Manner::Silent => return None,
    }
    Some(())
}

fn serve_tcp(shared: &Shared, stream: TcpStream, http_port: u16) -> Option<()> {
    let connection = {
        let mut seen = shared.seen();
        seen.connections.push(Vec::new());
        seen.registered.clear();
        seen.connections.len() - 1
    };
    let peer = stream.peer_addr().ok()?;
    shared.open.lock().unwrap().push(stream.try_clone().unwrap());
    let ended = converse(shared, stream, connection, http_port);
    shared.open.lock().unwrap().retain(|open| open.peer_addr().is_ok_and(|it| it != peer));
    ended
}

fn converse(
    shared: &Shared,
    mut stream: TcpStream,
    connection: usize,
    http_port: u16,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut magic = [0; 4];
    reader.read_exact(&mut magic).ok()?;
    shared.seen().note(connection, &String::from_utf8_lossy(&magic));
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut line = line.trim_end().to_owned();
        let mut answer = "OK".to_owned();
        if line == "IDENTIFY" {
            let mut size = [0; 4];
            reader.read_exact(&mut size).ok()?;
            let mut body = vec![0; u32::from_be_bytes(size) as usize];
            reader.read_exact(&mut body).ok()?;
            line = format!("IDENTIFY {}", String::from_utf8_lossy(&body));
            answer = format!(
                r#"{{"broadcast_address":"127.0.0.1","hostname":"h","http_port":{http_port},"tcp_port":1,"version":"1.3.0"}}"#
            );
        }
        shared.seen().note(connection, &line);
        if wait(shared.tcp).is_some() {
            let size = u32::try_from(answer.len()).unwrap().to_be_bytes();
            stream.write_all(&[&size, answer.as_bytes()].concat()).ok()?;
        }
    }
}

fn serve_http(shared: &Shared, mut stream: TcpStream) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let target = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    shared.seen().requests.push(target);
    if wait(shared.http).is_none() {
        let _until_the_end = stream.read(&mut [0; 64]);
        return None;
    }
    let channels = shared.channels.lock().unwrap().clone();
    let body = serde_json::json!({ "channels": channels }).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nX-NSQ-Content-Type: nsq; version=1.0\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).ok()
}
