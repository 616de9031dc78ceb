//! A scripted auth server.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};

use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::DEADLINE;

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method, target and version.
    pub line: String,
    headers: HashMap<String, String>,
    pub body: String,
}

/// What a server does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Status and reason, further headers, body.
    Answer(&'static str, Vec<(&'static str, String)>, Vec<u8>),
    /// Nothing, and the connection stays open.
    Nothing,
    /// Closes the connection.
    Close,
}

impl Reply {
    /// A grant of `ttl_s` seconds with these authorizations as JSON.
    pub fn grant(ttl_s: u64, authorizations: &str) -> Self {
        let body = format!(
            r#"{{"ttl":{ttl_s},"identity":"joe","identity_url":"http://x/joe","authorizations":[{authorizations}]}}"#
        );
        Self::ok(body.as_bytes())
    }

    /// A grant for an hour that allows everything.
    pub fn everything() -> Self {
        Self::grant(3600, EVERYTHING)
    }

    pub fn ok(body: &[u8]) -> Self {
        Self::Answer("200 OK", Vec::new(), body.to_vec())
    }

    pub fn status(status: &'static str) -> Self {
        Self::Answer(status, Vec::new(), b"no".to_vec())
    }
}

/// The entry of a grant that allows everything.
pub const EVERYTHING: &str =
    r#"{"topic":".*","channels":[".*"],"permissions":["subscribe","publish"]}"#;

type Script = Box<dyn Fn(&Request, usize) -> Reply + Send + Sync>;

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
}

/// Answers on threads of its own until the test's process ends.
pub struct AuthServer {
    address: SocketAddr,
    seen: Arc<Seen>,
}

impl AuthServer {
    /// Answers every request in the same way.
    pub fn always(reply: Reply) -> Self {
        Self::scripted(move |_, _| reply.clone())
    }

    /// Answers as `script` says, given a request and how many came before it.
    pub fn scripted(script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(Box::new(script), None)
    }

    /// Speaks TLS, and answers every request in the same way.
    pub fn over_tls(config: ServerConfig, reply: Reply) -> Self {
        Self::start(Box::new(move |_, _| reply.clone()), Some(Arc::new(config)))
    }

    fn start(script: Script, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, script): (Arc<Seen>, Arc<Script>) = (Arc::default(), Arc::new(script));
        thread::spawn({
            let seen = Arc::clone(&seen);
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                    stream.set_read_timeout(Some(DEADLINE)).unwrap();
                    let tls = tls.clone();
                    thread::spawn(move || match tls {
                        None => serve(stream, &seen, &script),
                        Some(config) => {
                            let connection = ServerConnection::new(config).unwrap();
                            serve(StreamOwned::new(connection, stream), &seen, &script);
                        }
                    });
                }
            }
        });
        Self { address, seen }
    }

    /// Where it listens on this machine.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The flag that makes nsqd ask it.
    pub fn flag(&self) -> String {
        format!("--auth-http-address={}", self.address)
    }

    /// All requests until now.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap().clone()
    }
}

impl Request {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn has_secret(&self, secret: &str) -> bool {
        self.line.contains(&format!("secret={secret}&"))
    }
}

fn serve(mut stream: impl Read + Write, seen: &Seen, script: &Script) {
    let Some(request) = read_request(&mut stream) else { return };
    let before = {
        let mut requests = seen.requests.lock().unwrap();
        requests.push(request.clone());
        requests.len() - 1
    };
    match script(&request, before) {
        Reply::Answer(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            let _peer_has_enough = stream.write_all(&[head.as_bytes(), b"\r\n", &body].concat());
        }
        Reply::Nothing => {
            let _until_the_peer_gives_up = stream.read(&mut [0]);
        }
        Reply::Close => {}
    }
}

fn read_request(stream: &mut impl Read) -> Option<Request> {
    let mut received = Vec::new();
    loop {
        if let Some(request) = parse(&received) {
            return Some(request);
        }
        let mut bytes = [0; 65536];
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => return None,
            Ok(count) => received.extend_from_slice(&bytes[..count]),
        }
    }
}

fn parse(received: &[u8]) -> Option<Request> {
    let text = String::from_utf8_lossy(received);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers: HashMap<_, _> =
        headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    (body.len() >= length).then(|| Request { line, headers, body: body.to_owned() })
}
