//! A scripted nsqd: it expects bytes and sends frames.

use std::{future::Future, net::SocketAddr};

use nsq_actors::protocol::{MessageId, frame};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::support::DEADLINE;

/// What must come within the deadline of everything.
#[track_caller]
pub fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        match timeout(DEADLINE, future).await {
            Ok(output) => output,
            Err(_elapsed) => panic!("nothing came of {caller}"),
        }
    }
}

pub struct ScriptedNsqd {
    listener: TcpListener,
}

impl ScriptedNsqd {
    pub async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// A client that has introduced itself, and what it said.
    pub async fn introduced(&self) -> (Peer, Value) {
        self.introduced_with(r#"{"max_rdy_count":2500}"#).await
    }

    /// The same with another answer.
    pub async fn introduced_with(&self, answer: &str) -> (Peer, Value) {
        self.introduced_behind(answer, b"").await
    }

    /// The same with more bytes that come at once with the answer.
    pub async fn introduced_behind(&self, answer: &str, more: &[u8]) -> (Peer, Value) {
        let (stream, _) = within(self.listener.accept()).await.unwrap();
        let mut peer = Peer { stream };
        peer.expect(b"  V2IDENTIFY\n").await;
        let size = within(peer.stream.read_u32()).await.unwrap();
        let json = peer.read(size as usize).await;
        let mut out = Vec::new();
        frame::put_response(&mut out, answer.as_bytes());
        out.extend_from_slice(more);
        peer.send(&out).await;
        (peer, serde_json::from_slice(&json).unwrap())
    }

    /// A client that has introduced itself.
    pub async fn client(&self) -> Peer {
        self.introduced().await.0
    }

    /// A client that has subscribed to `orders` and `audit`, and was let.
    pub async fn consumer(&self) -> Peer {
        let mut peer = self.client().await;
        peer.expect(b"SUB orders audit\n").await;
        peer.respond("OK").await;
        peer
    }
}

/// The client at the other end.
pub struct Peer {
    stream: TcpStream,
}

impl Peer {
    /// Exactly these bytes come next.
    #[track_caller]
    pub fn expect(&mut self, bytes: &[u8]) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let found = timeout(DEADLINE, self.read_up_to(bytes.len())).await;
            let found =
                found.unwrap_or_else(|_| panic!("{caller}: {} never came", bytes.escape_ascii()));
            assert!(
                found == bytes,
                "{caller}: expected {}, found {}",
                bytes.escape_ascii(),
                found.escape_ascii()
            );
        }
    }

    /// The next line, without its end.
    pub async fn line(&mut self) -> String {
        let mut line = Vec::new();
        loop {
            match within(self.stream.read_u8()).await {
                Ok(b'\n') => return String::from_utf8(line).unwrap(),
                Ok(byte) => line.push(byte),
                Err(error) => panic!("{error} behind {}", line.escape_ascii()),
            }
        }
    }

    /// The client closes the connection, whatever it says before.
    pub async fn expect_end(&mut self) {
        let mut rest = Vec::new();
        let _reset = within(self.stream.read_to_end(&mut rest)).await;
    }

    pub async fn respond(&mut self, text: &str) {
        let mut out = Vec::new();
        frame::put_response(&mut out, text.as_bytes());
        self.send(&out).await;
    }

    pub async fn refuse(&mut self, text: &str) {
        let mut out = Vec::new();
        out.extend_from_slice(&u32::try_from(4 + text.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&frame::FRAME_ERROR.to_be_bytes());
        out.extend_from_slice(text.as_bytes());
        self.send(&out).await;
    }

    /// Delivers a message; its id is `id` as a number.
    pub async fn deliver(&mut self, id: u64, attempts: u16, body: &str) {
        let mut out = Vec::new();
        frame::put_message(
            &mut out,
            1_700_000_000_000_000_000,
            attempts,
            MessageId(id),
            body.as_bytes(),
        );
        self.send(&out).await;
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn read(&mut self, count: usize) -> Vec<u8> {
        let bytes = within(self.read_up_to(count)).await;
        assert_eq!(bytes.len(), count, "the client has closed");
        bytes
    }

    /// Fewer only if the client closes.
    async fn read_up_to(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let mut length = 0;
        while length < count {
            match self.stream.read(&mut bytes[length..]).await {
                Ok(0) | Err(_) => break,
                Ok(more) => length += more,
            }
        }
        bytes.truncate(length);
        bytes
    }
}
