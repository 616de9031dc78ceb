//! Just enough of the NSQ protocol for a load generator, and independent of the broker's own codec.

use std::io::{self, Read};

use crate::Result;

pub const MAGIC: &[u8] = b"  V2";
pub const NOP: &[u8] = b"NOP\n";
pub const OK_FRAME: &[u8] = b"\x00\x00\x00\x06\x00\x00\x00\x00OK";
pub const CLOSE_WAIT_FRAME: &[u8] = b"\x00\x00\x00\x0e\x00\x00\x00\x00CLOSE_WAIT";

const FRAME_HEADER: usize = 8;
const MESSAGE_HEADER: usize = 26;
const INBOX: usize = 256 << 10;
/// What bodies are made of, so that they can be compressed about as well as what people send.
const WORDS: [&str; 16] = [
    "{\"id\":",
    "4711,",
    "\"user\":",
    "\"mallory\",",
    "\"event\":",
    "\"purchase\",",
    "\"at\":",
    "1795367506,",
    "\"amount\":",
    "99.95,",
    "\"country\":",
    "\"de\",",
    "\"tags\":",
    "[\"a7f3\"],",
    "\"session\":",
    "\"9b1e44\"}",
];

/// What a server can say.
#[derive(Debug)]
pub enum Frame<'a> {
    Ok,
    CloseWait,
    Heartbeat,
    Message { id: &'a [u8], body: &'a [u8] },
}

/// Bytes read and not yet looked at.
#[derive(Debug)]
pub struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub fn new() -> Self {
        Self::with_capacity(INBOX)
    }

    pub fn with_capacity(bytes: usize) -> Self {
        Self { buffer: vec![0; bytes], start: 0, end: 0 }
    }

    /// Room for the next read; what is left of the last one is moved to the front.
    pub fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        &mut self.buffer[self.end..]
    }

    /// Counts what a read put into the room.
    pub fn filled(&mut self, length: usize) -> io::Result<()> {
        if length == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server closed a connection",
            ));
        }
        self.end += length;
        Ok(())
    }

    /// Reads once from a blocking stream.
    pub fn fill_from(&mut self, stream: &mut impl Read) -> io::Result<()> {
        let length = stream.read(self.room())?;
        self.filled(length)
    }

    /// What has been read and not looked at.
    pub fn take(&mut self) -> Vec<u8> {
        let rest = self.buffer[self.start..self.end].to_vec();
        self.start = self.end;
        rest
    }

    /// Leaves out the next frame, whatever it is; false if it is not whole yet.
    pub fn skip_frame(&mut self) -> bool {
        let ready = &self.buffer[self.start..self.end];
        let Some((size, _)) = ready.split_first_chunk::<4>() else { return false };
        let length = 4 + u32::from_be_bytes(*size) as usize;
        let is_whole = ready.len() >= length;
        if is_whole {
            self.start += length;
        }
        is_whole
    }

    /// The next whole frame, or none before more is read. An error frame is an error.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>> {
        let ready = &self.buffer[self.start..self.end];
        let Some((size, _)) = ready.split_first_chunk::<4>() else { return Ok(None) };
        let length = 4 + u32::from_be_bytes(*size) as usize;
        if length < FRAME_HEADER || length > self.buffer.len() {
            return Err(format!("a frame of {length} bytes").into());
        }
        if ready.len() < length {
            return Ok(None);
        }
        self.start += length;
        frame(&ready[4..length]).map(Some)
    }
}

fn frame(bytes: &[u8]) -> Result<Frame<'_>> {
    match bytes {
        [0, 0, 0, 0, b'O', b'K'] => Ok(Frame::Ok),
        [0, 0, 0, 0, data @ ..] if data == b"_heartbeat_" => Ok(Frame::Heartbeat),
        [0, 0, 0, 0, data @ ..] if data == b"CLOSE_WAIT" => Ok(Frame::CloseWait),
        [0, 0, 0, 2, data @ ..] if data.len() >= MESSAGE_HEADER => {
            Ok(Frame::Message { id: &data[10..MESSAGE_HEADER], body: &data[MESSAGE_HEADER..] })
        }
        [_, _, _, _, data @ ..] => {
            Err(format!("the server answered {:?}", String::from_utf8_lossy(data)).into())
        }
        _ => Err("a frame without a type".into()),
    }
}

/// A message as a server would send it.
pub fn message_frame(id: u64, body: &[u8]) -> Vec<u8> {
    let size = 4 + MESSAGE_HEADER + body.len();
    let mut frame = Vec::with_capacity(4 + size);
    frame.extend((size as u32).to_be_bytes());
    frame.extend(2_u32.to_be_bytes());
    frame.extend([0; 8]);
    frame.extend(1_u16.to_be_bytes());
    frame.extend(format!("{id:016x}").bytes());
    frame.extend(body);
    frame
}

pub fn identify(json: &str) -> Vec<u8> {
    let mut command = b"IDENTIFY\n".to_vec();
    command.extend((json.len() as u32).to_be_bytes());
    command.extend(json.bytes());
    command
}

/// A PUB or MPUB made once and sent many times, each time with other numbers in its bodies.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Vec<u8>,
    first_body: usize,
    stride: usize,
    count: u64,
}

impl Request {
    pub fn publish(topic: &str, body_size: usize) -> Self {
        let mut bytes = format!("PUB {topic}\n").into_bytes();
        let first_body = bytes.len() + 4;
        push_body(&mut bytes, body_size);
        Self { bytes, first_body, stride: 0, count: 1 }
    }

    pub fn publish_many(topic: &str, body_size: usize, count: u32) -> Self {
        let stride = 4 + body_size;
        let mut bytes = format!("MPUB {topic}\n").into_bytes();
        bytes.extend((4 + count * stride as u32).to_be_bytes());
        bytes.extend(count.to_be_bytes());
        let first_body = bytes.len() + 4;
        for _ in 0..count {
            push_body(&mut bytes, body_size);
        }
        Self { bytes, first_body, stride, count: u64::from(count) }
    }

    /// How many messages one request carries.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The request with its bodies numbered from `first`.
    pub fn numbered(&mut self, first: u64) -> &[u8] {
        let mut at = self.first_body;
        for number in first..first + self.count {
            self.bytes[at..at + 8].copy_from_slice(&number.to_be_bytes());
            at += self.stride;
        }
        &self.bytes
    }
}

fn push_body(bytes: &mut Vec<u8>, body_size: usize) {
    bytes.extend((body_size as u32).to_be_bytes());
    let (end, mut state) = (bytes.len() + body_size, bytes.len());
    while bytes.len() < end {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend_from_slice(WORDS[(state >> 32) % WORDS.len()].as_bytes());
    }
    bytes.truncate(end);
}

/// The number that [`Request::numbered`] put into a body.
pub fn number_of(body: &[u8]) -> Result<u64> {
    let (number, _) = body.split_first_chunk::<8>().ok_or("a body without its number")?;
    Ok(u64::from_be_bytes(*number))
}

pub fn push_fin(commands: &mut Vec<u8>, id: &[u8]) {
    commands.extend_from_slice(b"FIN ");
    commands.extend_from_slice(id);
    commands.push(b'\n');
}
