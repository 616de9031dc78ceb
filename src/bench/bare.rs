//! The limit: a socket loop on one thread that finds where commands end, answers, and stores nothing.
//!
//! It answers publishes with OK, and sends a subscriber as many messages as it has credit for, up to a number.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    BenchError, Bodies, Result,
    wire::{self, CLOSE_WAIT_FRAME, OK_FRAME},
};

const INPUT: usize = 256 << 10;
/// Upstream's largest; messages for so many, twice, are kept ready.
const CREDIT_MAX: u64 = 2500;
/// Bytes of the messages that are kept ready.
const RING_MAX: usize = 256 << 20;

/// What a subscriber is sent.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// Messages on each connection.
    pub messages: u64,
    /// Bytes of each.
    pub size: usize,
}

/// Serves until it is dropped. Somebody who does what it does not understand only loses the connection.
pub async fn serve(listener: TcpListener, offer: Offer) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let peer = Peer::new(stream, offer);
        tokio::spawn(async move {
            if let Err(error) = peer.run().await {
                log::debug!("a connection ended: {error}");
            }
        });
    }
}

struct Peer {
    stream: TcpStream,
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// How much of a body is still to come, and what is said when it has.
    skip: usize,
    afterwards: &'static [u8],
    answers: Vec<u8>,
    credit: u64,
    /// Messages not yet sent.
    left: u64,
    /// Bytes of each.
    size: usize,
    /// Made at SUB.
    frames: Ring,
}

impl Peer {
    fn new(stream: TcpStream, Offer { messages: left, size }: Offer) -> Self {
        let (input, answers) = (vec![0; INPUT], Vec::new());
        let (skip, afterwards) = (wire::MAGIC.len(), b"".as_slice());
        let frames = Ring::default();
        Self {
            stream,
            input,
            start: 0,
            end: 0,
            skip,
            afterwards,
            answers,
            credit: 0,
            left,
            size,
            frames,
        }
    }

    async fn run(mut self) -> Result<()> {
        loop {
            let length = self.stream.read(&mut self.input[self.end..]).await?;
            if length == 0 {
                return Ok(());
            }
            self.end += length;
            while self.take_command()? {}
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            self.write().await?;
        }
    }

    /// Takes one command off the input; false when more must be read for it.
    fn take_command(&mut self) -> Result<bool> {
        if self.skip > 0 {
            return Ok(self.skip_body());
        }
        let ready = &self.input[self.start..self.end];
        let Some(line) = memchr::memchr(b'\n', ready) else { return Ok(false) };
        match ready[0] {
            b'P' | b'M' | b'I' | b'D' => return self.open_body(line + 1),
            b'F' => self.credit += 1,
            b'R' => self.credit = credit(&ready[..line])?,
            b'S' => {
                self.frames = Ring::new(self.size);
                self.answers.extend_from_slice(OK_FRAME);
            }
            b'C' => self.answers.extend_from_slice(CLOSE_WAIT_FRAME),
            b'N' => {}
            other => {
                let text = format!("a command that starts with {other}");
                return Err(BenchError::Protocol(text));
            }
        }
        self.start += line + 1;
        Ok(true)
    }

    fn open_body(&mut self, line_length: usize) -> Result<bool> {
        let after_line = &self.input[self.start + line_length..self.end];
        let Some((size, _)) = after_line.split_first_chunk::<4>() else { return Ok(false) };
        self.skip = u32::from_be_bytes(*size) as usize;
        self.afterwards = OK_FRAME;
        self.start += line_length + 4;
        Ok(true)
    }

    fn skip_body(&mut self) -> bool {
        let length = self.skip.min(self.end - self.start);
        self.start += length;
        self.skip -= length;
        if self.skip == 0 {
            self.answers.extend_from_slice(self.afterwards);
        }
        self.skip == 0
    }

    async fn write(&mut self) -> Result<()> {
        if !self.answers.is_empty() {
            self.stream.write_all(&self.answers).await?;
            self.answers.clear();
        }
        let count = self.credit.min(self.left).min(self.frames.length as u64);
        if count > 0 {
            self.stream.write_all(self.frames.next(count as usize)).await?;
            self.credit -= count;
            self.left -= count;
        }
        Ok(())
    }
}

/// What RDY gives.
fn credit(line: &[u8]) -> Result<u64> {
    let credit =
        std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix("RDY ")?.parse().ok());
    credit.ok_or_else(|| BenchError::Protocol("RDY without a number".to_owned()))
}

/// Message frames made beforehand, sent round and round.
#[derive(Default)]
struct Ring {
    bytes: Vec<u8>,
    frame_size: usize,
    /// Different positions, and the most that are sent at once.
    length: usize,
    position: usize,
}

impl Ring {
    fn new(size: usize) -> Self {
        let frame_size = wire::message_frame(0, Bodies::new(size, 1).at(0)).len();
        let length = (CREDIT_MAX as usize).min(RING_MAX / 2 / frame_size).max(1);
        let mut ring = Self { bytes: Vec::new(), frame_size, length, position: 0 };
        // Twice as many as are sent at once, so that every slice is in one piece.
        let bodies = Bodies::new(size, 1);
        for id in 0..2 * length as u64 {
            ring.bytes.extend(wire::message_frame(id, bodies.at(id)));
        }
        ring
    }

    fn next(&mut self, count: usize) -> &[u8] {
        let from = self.position;
        self.position = (from + count) % self.length;
        &self.bytes[from * self.frame_size..(from + count) * self.frame_size]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_sent_round_and_round_in_one_piece() {
        let mut ring = Ring::new(20);
        let frame = ring.frame_size;
        let first = ring.next(2000).to_vec();
        assert_eq!((first.len(), first[..frame] == ring.bytes[..frame]), (2000 * frame, true));
        assert_eq!(ring.next(2000).len(), 2000 * frame);
        assert_eq!(ring.position, 1500);
    }

    #[test]
    fn credit_is_a_number() {
        assert_eq!(credit(b"RDY 2500").unwrap(), 2500);
        for wrong in [&b"RDY"[..], b"RDY x", b"RDY -1", b"R"] {
            assert!(credit(wrong).is_err(), "{wrong:?}");
        }
    }
}
