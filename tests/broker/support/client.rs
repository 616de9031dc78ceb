//! A scripted peer: it sends bytes and expects frames.

use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use socket2::SockRef;
use tokio_rustls::rustls::ClientConfig;

use super::{
    commands,
    frame::{Frame, MessageId, NsqMessage},
    wait::DEADLINE,
    wire::{self, Plain, Wire},
};

/// Why no frame came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// The broker has closed the connection.
    Closed,
    /// Nothing came in time; the connection stands.
    Silent,
}

impl fmt::Display for Gone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// A connection that has not said anything yet.
#[track_caller]
pub fn connect_raw(address: SocketAddr) -> Client {
    let stream = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
    Client::over(stream)
}

/// One connection to a broker. Whatever does not come in time, or not as expected, fails the test.
pub struct Client {
    socket: Arc<TcpStream>,
    /// What goes over the socket.
    wire: Box<dyn Wire>,
    received: Vec<u8>,
}

impl Client {
    /// Uses a connection made elsewhere.
    pub fn over(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        let socket = Arc::new(socket);
        let wire = Box::new(Plain(Arc::clone(&socket)));
        Self { socket, wire, received: Vec::new() }
    }

    /// Connects and says the magic.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        let mut client = connect_raw(address);
        client.send(commands::MAGIC);
        client
    }

    /// The same for a broker that may be gone.
    pub fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let mut client = Self::over(TcpStream::connect_timeout(&address, DEADLINE)?);
        client.try_send(commands::MAGIC)?;
        Ok(client)
    }

    /// Ends the connection as one that breaks does, whatever is on its way.
    pub fn reset(self) {
        SockRef::from(&*self.socket).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// What has been received beyond the frames that were taken.
    pub fn take_received(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }

    /// The connection itself.
    pub fn stream(&self) -> &TcpStream {
        &self.socket
    }

    /// Goes on inside TLS.
    #[track_caller]
    pub fn upgrade_to_tls(&mut self, config: &Arc<ClientConfig>) {
        self.wire = wire::tls(self.take_wire(), config).unwrap();
    }

    /// Goes on inside snappy.
    pub fn upgrade_to_snappy(&mut self) {
        self.wire = wire::snappy(self.take_wire());
    }

    /// Goes on inside DEFLATE.
    pub fn upgrade_to_deflate(&mut self) {
        self.wire = wire::deflate(self.take_wire());
    }

    /// What goes over the socket, with what has come already in front.
    fn take_wire(&mut self) -> Box<dyn Wire> {
        let wire = std::mem::replace(&mut self.wire, Box::new(io::empty()));
        wire::behind(std::mem::take(&mut self.received), wire)
    }

    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).unwrap();
    }

    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write_all(bytes)?;
        self.wire.flush()
    }

    /// Sends nothing more; can still receive.
    pub fn half_close(&mut self) {
        let _closed_by_the_peer = self.socket.shutdown(Shutdown::Write);
    }

    /// The next frame, if one comes within `wait`.
    pub fn try_frame(&mut self, wait: Duration) -> Result<Frame, Gone> {
        let end = Instant::now() + wait;
        loop {
            if let Some((frame, length)) = Frame::take(&self.received) {
                self.received.drain(..length);
                return Ok(frame);
            }
            self.receive(end)?;
        }
    }

    fn receive(&mut self, end: Instant) -> Result<(), Gone> {
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(left)).unwrap();
        let mut bytes = [0; 65536];
        match self.wire.read(&mut bytes) {
            Ok(0) => Err(Gone::Closed),
            Ok(count) => {
                self.received.extend_from_slice(&bytes[..count]);
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(Gone::Silent)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(_reset) => Err(Gone::Closed),
        }
    }

    /// The next frame that is no heartbeat; heartbeats are answered.
    pub fn next_frame(&mut self, wait: Duration) -> Result<Frame, Gone> {
        let end = Instant::now() + wait;
        loop {
            let frame = self.try_frame(end.saturating_duration_since(Instant::now()))?;
            if !frame.is_heartbeat() {
                return Ok(frame);
            }
            self.try_send(commands::NOP).map_err(|_reset| Gone::Closed)?;
        }
    }

    /// The next bytes, fewer if no more come.
    pub fn take_bytes(&mut self, count: usize) -> Vec<u8> {
        let end = Instant::now() + DEADLINE;
        while self.received.len() < count && self.receive(end).is_ok() {}
        let count = count.min(self.received.len());
        self.received.drain(..count).collect()
    }

    /// Exactly these bytes come next.
    #[track_caller]
    pub fn expect_bytes(&mut self, expected: &[u8]) {
        let came = self.take_bytes(expected.len());
        assert_eq!(came.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    #[track_caller]
    pub fn expect_frame(&mut self) -> Frame {
        match self.next_frame(DEADLINE) {
            Ok(frame) => frame,
            Err(gone) => panic!("no frame: {gone}"),
        }
    }

    #[track_caller]
    pub fn expect_response(&mut self, text: &str) {
        assert_eq!(self.expect_frame(), Frame::Response(text.to_owned()));
    }

    #[track_caller]
    pub fn expect_ok(&mut self) {
        self.expect_response("OK");
    }

    /// An error behind which the connection stands.
    #[track_caller]
    pub fn expect_error(&mut self, text: &str) {
        assert_eq!(self.expect_frame(), Frame::Error(text.to_owned()));
    }

    /// An error with which the connection ends.
    #[track_caller]
    pub fn expect_fatal(&mut self, text: &str) {
        self.expect_error(text);
        self.expect_closed();
    }

    #[track_caller]
    pub fn expect_closed(&mut self) {
        match self.next_frame(DEADLINE) {
            Err(Gone::Closed) => {}
            other => panic!("expected the end of the connection, found {other:?}"),
        }
    }

    /// TLS ends by saying so, and not only with the socket.
    #[track_caller]
    pub fn expect_end_of_tls(&mut self) {
        assert_eq!(self.wire.read(&mut [0; 64]).expect("the end in TLS's own words"), 0);
    }

    #[track_caller]
    pub fn expect_message(&mut self) -> NsqMessage {
        match self.expect_frame() {
            Frame::Message(message) => message,
            other => panic!("expected a message, found {other:?}"),
        }
    }

    /// The next message, which must have this body.
    #[track_caller]
    pub fn expect_body(&mut self, body: &str) -> NsqMessage {
        let message = self.expect_message();
        assert_eq!(message.text(), body);
        message
    }

    /// Several messages in any order, as a sorted list of bodies; each is finished.
    #[track_caller]
    pub fn finish_bodies(&mut self, count: usize) -> Vec<String> {
        let mut bodies: Vec<_> = (0..count)
            .map(|_| {
                let message = self.expect_message();
                self.finish(message.id);
                message.text()
            })
            .collect();
        bodies.sort_unstable();
        bodies
    }

    /// Nothing comes for this long, heartbeats aside.
    #[track_caller]
    pub fn expect_silence(&mut self, wait: Duration) {
        match self.next_frame(wait) {
            Err(Gone::Silent) => {}
            other => panic!("expected silence, found {other:?}"),
        }
    }

    /// The connection stands and obeys.
    #[track_caller]
    pub fn expect_alive(&mut self) {
        self.publish("is_it_alive", b"yes");
    }

    #[track_caller]
    pub fn subscribe(&mut self, topic: &str, channel: &str) {
        self.send(&commands::sub(topic, channel));
        self.expect_ok();
    }

    #[track_caller]
    pub fn ready(&mut self, count: usize) {
        self.send(&commands::rdy(count));
    }

    /// Closes a subscription once all that was sent is carried out. A socket that is closed with messages unread
    /// resets the connection, and what the peer has not read yet is lost.
    #[track_caller]
    pub fn leave(mut self) {
        self.send(commands::CLS);
        while self.expect_frame() != Frame::Response("CLOSE_WAIT".to_owned()) {}
    }

    #[track_caller]
    pub fn publish(&mut self, topic: &str, body: &[u8]) {
        self.send(&commands::publish(topic, body));
        self.expect_ok();
    }

    #[track_caller]
    pub fn finish(&mut self, id: MessageId) {
        self.send(&commands::finish(id));
    }
}
