//! What a publisher sends.

use std::time::Duration;

use super::bodies::{Bodies, Number};

/// How messages are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// One message.
    Pub,
    /// So many at once.
    Mpub(u32),
    /// One message, to be delivered after so long; whole milliseconds.
    Dpub(Duration),
}

impl Command {
    /// How many messages one request carries.
    pub fn batch(self) -> u32 {
        match self {
            Self::Mpub(batch) => batch,
            Self::Pub | Self::Dpub(_) => 1,
        }
    }

    /// How long messages are held back.
    pub fn delay(self) -> Duration {
        match self {
            Self::Dpub(delay) => delay,
            Self::Pub | Self::Mpub(_) => Duration::ZERO,
        }
    }
}

/// A request made once and sent many times, each time with other numbers in its bodies.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Vec<u8>,
    first_body: usize,
    stride: usize,
    count: u64,
}

impl Request {
    /// A command of the protocol.
    pub fn over_tcp(command: Command, topic: &str, bodies: &Bodies) -> Self {
        let line = match command {
            Command::Pub => format!("PUB {topic}\n"),
            Command::Mpub(_) => format!("MPUB {topic}\n"),
            Command::Dpub(delay) => format!("DPUB {topic} {}\n", delay.as_millis()),
        };
        let payload = Payload::new(command, bodies);
        let mut bytes = line.into_bytes();
        bytes.extend((payload.bytes.len() as u32).to_be_bytes());
        payload.behind(bytes)
    }

    /// The same by HTTP, over a connection that is kept.
    pub fn over_http(command: Command, topic: &str, bodies: &Bodies) -> Self {
        let target = match command {
            Command::Pub => format!("/pub?topic={topic}"),
            Command::Mpub(_) => format!("/mpub?topic={topic}&binary=true"),
            Command::Dpub(delay) => format!("/pub?topic={topic}&defer={}", delay.as_millis()),
        };
        let payload = Payload::new(command, bodies);
        let length = payload.bytes.len();
        let head =
            format!("POST {target} HTTP/1.1\r\nHost: bench\r\nContent-Length: {length}\r\n\r\n");
        payload.behind(head.into_bytes())
    }

    /// How many messages it carries.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Bytes of all of it.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The request with its bodies numbered from `first`.
    pub fn numbered(&mut self, first: Number) -> &[u8] {
        let (mut at, mut number) = (self.first_body, first);
        for _ in 0..self.count {
            let bytes = number.to_bytes();
            self.bytes[at..at + bytes.len()].copy_from_slice(&bytes);
            at += self.stride;
            number.sequence += 1;
        }
        &self.bytes
    }
}

/// What follows the line and the size of it, or the head.
struct Payload {
    bytes: Vec<u8>,
    first_body: usize,
    stride: usize,
    count: u64,
}

impl Payload {
    fn new(command: Command, bodies: &Bodies) -> Self {
        let Command::Mpub(count) = command else {
            return Self { bytes: bodies.at(0).to_vec(), first_body: 0, stride: 0, count: 1 };
        };
        let (stride, count) = (4 + bodies.size(), u64::from(count));
        let mut bytes = Vec::with_capacity(4 + stride * count as usize);
        bytes.extend((count as u32).to_be_bytes());
        for place in 0..count {
            bytes.extend((bodies.size() as u32).to_be_bytes());
            bytes.extend_from_slice(bodies.at(place));
        }
        Self { bytes, first_body: 8, stride, count }
    }

    fn behind(self, mut head: Vec<u8>) -> Request {
        let first_body = head.len() + self.first_body;
        head.extend_from_slice(&self.bytes);
        Request { bytes: head, first_body, stride: self.stride, count: self.count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Number = Number { publisher: 3, sequence: 10 };

    #[test]
    fn commands_are_those_of_the_protocol() {
        let bodies = Bodies::new(12, 2);
        let mut single = Request::over_tcp(Command::Pub, "orders", &bodies);
        let sent = single.numbered(FIRST);
        assert!(sent.starts_with(b"PUB orders\n\x00\x00\x00\x0c"), "{sent:?}");
        assert_eq!(Number::of(&sent[15..]).unwrap(), FIRST);
        assert_eq!((sent.len(), single.count()), (27, 1));

        let delayed = Command::Dpub(Duration::from_millis(1500));
        let mut delayed = Request::over_tcp(delayed, "orders", &bodies);
        assert!(delayed.numbered(FIRST).starts_with(b"DPUB orders 1500\n\x00\x00\x00\x0c"));

        let mut many = Request::over_tcp(Command::Mpub(2), "orders", &bodies);
        let sent = many.numbered(FIRST);
        assert_eq!(sent[..20], *b"MPUB orders\n\x00\x00\x00\x24\x00\x00\x00\x02");
        for (at, sequence) in [(20, 10), (36, 11)] {
            assert_eq!(sent[at..at + 4], [0, 0, 0, 12]);
            assert_eq!(Number::of(&sent[at + 4..]).unwrap(), Number { sequence, ..FIRST });
        }
        assert_eq!((sent.len(), many.count()), (52, 2));
    }

    #[test]
    fn requests_over_http_say_how_long_they_are() {
        let bodies = Bodies::new(12, 2);
        let heads = [
            (
                Command::Pub,
                "POST /pub?topic=t HTTP/1.1\r\nHost: bench\r\nContent-Length: 12\r\n\r\n",
            ),
            (
                Command::Dpub(Duration::from_secs(1)),
                "POST /pub?topic=t&defer=1000 HTTP/1.1\r\nHost: bench\r\nContent-Length: 12\r\n\r\n",
            ),
            (
                Command::Mpub(2),
                "POST /mpub?topic=t&binary=true HTTP/1.1\r\nHost: bench\r\nContent-Length: 36\r\n\r\n",
            ),
        ];
        for (command, head) in heads {
            let mut request = Request::over_http(command, "t", &bodies);
            let sent = request.numbered(FIRST).to_vec();
            assert!(sent.starts_with(head.as_bytes()), "{}", String::from_utf8_lossy(&sent));
            let body = if matches!(command, Command::Mpub(_)) { 8 } else { 0 };
            assert_eq!(Number::of(&sent[head.len() + body..]).unwrap(), FIRST);
        }
    }
}
