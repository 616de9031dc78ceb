//! A reader of server-sent events.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::Value;

use crate::support::DEADLINE;

/// An event, or a comment as an event without a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub name: String,
    pub id: Option<u64>,
    pub data: Value,
}

/// An open stream.
pub struct Stream {
    pub status: u16,
    pub head: String,
    lines: BufReader<TcpStream>,
}

impl Stream {
    /// Asks for it, as anybody.
    #[track_caller]
    pub fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_with(address, path, "")
    }

    /// The same with further headers, each with its end of line.
    #[track_caller]
    pub fn open_with(address: SocketAddr, path: &str, headers: &str) -> Self {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n{headers}\r\n")
            .unwrap();
        let mut lines = BufReader::new(socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(lines.read_line(&mut head).unwrap() > 0, "the answer ends in its head: {head}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, lines }
    }

    /// The next event; none when the stream ends. Sizes of chunks stand between events; the last one is 0.
    #[track_caller]
    pub fn next(&mut self) -> Option<Event> {
        let (mut name, mut id) = (String::new(), None);
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 || line == "0\r\n" {
                return None;
            }
            if let Some(text) = line.strip_prefix("event: ") {
                text.trim_end().clone_into(&mut name);
            } else if let Some(text) = line.strip_prefix("id: ") {
                id = text.trim_end().parse().ok();
            } else if let Some(text) = line.strip_prefix("data: ") {
                return Some(Event { name, id, data: serde_json::from_str(text).unwrap() });
            }
        }
    }

    /// The next event of that name for which something holds; others are passed over.
    #[track_caller]
    pub fn expect(&mut self, name: &str, holds: impl Fn(&Value) -> bool) -> Event {
        let began = std::time::Instant::now();
        let mut last = None;
        while began.elapsed() < DEADLINE {
            let Some(event) = self.next() else {
                panic!("the stream ends, the last event: {last:?}")
            };
            if event.name == name && holds(&event.data) {
                return event;
            }
            last = Some(event);
        }
        panic!("no such {name} in time, the last event: {last:?}")
    }
}
