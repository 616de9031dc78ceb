//! The limit: a socket loop on one thread that finds where commands end, answers, stores nothing.

use std::{
    env,
    io::{Read, stdin},
    process, thread,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime,
};

use crate::{
    Result, cases,
    wire::{self, CLOSE_WAIT_FRAME, OK_FRAME},
};

/// The hidden first argument that turns the bench into this loop; the messages to send follow.
pub const FLAG: &str = "--bare";

const INPUT: usize = 256 << 10;
const CREDIT_MAX: u64 = cases::RDY;

/// Says whether this process was started as the bare loop.
pub fn messages_asked_for() -> Option<u64> {
    let mut arguments = env::args().skip(1);
    let flag = arguments.next()?;
    let messages = arguments.next()?.parse().ok()?;
    (flag == FLAG).then_some(messages)
}

/// Serves until it is killed or standard input ends.
pub fn serve(messages: u64) -> Result<()> {
    thread::spawn(|| {
        let _ = stdin().read(&mut [0]);
        process::exit(0);
    });
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(accept(messages))
}

async fn accept(messages: u64) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    eprintln!("TCP: listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let peer = Peer::new(stream, messages);
        tokio::spawn(async move {
            if let Err(error) = peer.run().await {
                eprintln!("{error}");
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
    /// Made at SUB.
    frames: Ring,
}

impl Peer {
    fn new(stream: TcpStream, left: u64) -> Self {
        let (input, answers) = (vec![0; INPUT], Vec::new());
        let (skip, afterwards) = (wire::MAGIC.len(), b"".as_slice());
        let frames = Ring::default();
        Self { stream, input, start: 0, end: 0, skip, afterwards, answers, credit: 0, left, frames }
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
            b'P' | b'M' | b'I' => return self.open_body(line + 1),
            b'F' => self.credit += 1,
            b'R' => self.credit = std::str::from_utf8(&ready[4..line])?.parse()?,
            b'S' => {
                self.frames = Ring::new();
                self.answers.extend_from_slice(OK_FRAME);
            }
            b'C' => self.answers.extend_from_slice(CLOSE_WAIT_FRAME),
            b'N' => {}
            other => return Err(format!("a command that starts with {other}").into()),
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
        let count = self.credit.min(self.left).min(CREDIT_MAX);
        if count > 0 {
            self.stream.write_all(self.frames.next(count as usize)).await?;
            self.credit -= count;
            self.left -= count;
        }
        Ok(())
    }
}

/// Message frames made beforehand, sent round and round.
#[derive(Default)]
struct Ring {
    bytes: Vec<u8>,
    frame_size: usize,
    position: usize,
}

impl Ring {
    fn new() -> Self {
        let mut ring = Self::default();
        // Twice as many as are sent at once, so that every slice is in one piece.
        for number in 0..2 * CREDIT_MAX {
            let mut body = vec![b'x'; cases::BODY_SIZE];
            body[..8].copy_from_slice(&number.to_be_bytes());
            let frame = wire::message_frame(number, &body);
            ring.frame_size = frame.len();
            ring.bytes.extend(frame);
        }
        ring
    }

    fn next(&mut self, count: usize) -> &[u8] {
        let from = self.position;
        self.position = (from + count) % CREDIT_MAX as usize;
        &self.bytes[from * self.frame_size..(from + count) * self.frame_size]
    }
}
