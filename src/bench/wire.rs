//! Just enough of the NSQ protocol for a load generator, and independent of the broker's own codec.

use std::io;

use super::{BenchError, Result};
use crate::protocol::text_excerpt;

/// Says which protocol follows.
pub const MAGIC: &[u8] = b"  V2";
/// Answers a heartbeat.
pub const NOP: &[u8] = b"NOP\n";
/// Accepts a command.
pub const OK_FRAME: &[u8] = b"\x00\x00\x00\x06\x00\x00\x00\x00OK";
/// Answers CLS.
pub const CLOSE_WAIT_FRAME: &[u8] = b"\x00\x00\x00\x0e\x00\x00\x00\x00CLOSE_WAIT";

const FRAME_HEADER: usize = 8;
const MESSAGE_HEADER: usize = 26;
/// One read of a consumer.
const INBOX: usize = 256 << 10;
/// What a server can say.
#[derive(Debug)]
pub enum Frame<'a> {
    /// A command was accepted.
    Ok,
    /// No more messages come.
    CloseWait,
    /// It asks whether the client lives.
    Heartbeat,
    /// A message.
    Message {
        /// 16 bytes that name it.
        id: &'a [u8],
        /// What was published.
        body: &'a [u8],
    },
}

/// Bytes read and not yet looked at.
#[derive(Debug)]
pub struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// For frames of up to so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { buffer: vec![0; bytes], start: 0, end: 0 }
    }

    /// For a consumer of messages of so many bytes.
    pub fn for_bodies(bytes: usize) -> Self {
        Self::with_capacity(INBOX.max(2 * (FRAME_HEADER + MESSAGE_HEADER + bytes)))
    }

    /// Room for the next read; what is left of the last one is moved to the front.
    pub fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        &mut self.buffer[self.end..]
    }

    /// Counts what a read put into the room; nothing means that the server has closed the connection.
    pub fn filled(&mut self, length: usize) -> Result<()> {
        if length == 0 {
            return Err(closed());
        }
        self.end += length;
        Ok(())
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
            return Err(BenchError::Protocol(format!("a frame of {length} bytes")));
        }
        if ready.len() < length {
            return Ok(None);
        }
        self.start += length;
        frame(&ready[4..length]).map(Some)
    }

    /// Counts the OKs that have come; `heartbeat` says whether one is to be answered. Anything else is an error.
    pub fn count_oks(&mut self) -> Result<Oks> {
        let mut oks = Oks::default();
        while let Some(frame) = self.next_frame()? {
            match frame {
                Frame::Ok => oks.count += 1,
                Frame::Heartbeat => oks.heartbeat = true,
                other => {
                    let text = format!("{other:?} on a publisher's connection");
                    return Err(BenchError::Protocol(text));
                }
            }
        }
        Ok(oks)
    }
}

/// What a publisher has been answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oks {
    /// Requests that were accepted.
    pub count: u64,
    /// A NOP is to be sent.
    pub heartbeat: bool,
}

/// The end of a connection that nobody wanted.
pub(super) fn closed() -> BenchError {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed it").into()
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
            Err(BenchError::Refused(text_excerpt(String::from_utf8_lossy(data))))
        }
        _ => Err(BenchError::Protocol("a frame without a type".to_owned())),
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

/// IDENTIFY with this JSON.
pub fn identify(json: &str) -> Vec<u8> {
    let mut command = b"IDENTIFY\n".to_vec();
    command.extend((json.len() as u32).to_be_bytes());
    command.extend(json.bytes());
    command
}

/// Adds a FIN for the message of that id.
pub fn push_fin(commands: &mut Vec<u8>, id: &[u8]) {
    commands.extend_from_slice(b"FIN ");
    commands.extend_from_slice(id);
    commands.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(bytes: &[u8]) -> Inbox {
        let mut inbox = Inbox::with_capacity(bytes.len().max(64));
        inbox.room()[..bytes.len()].copy_from_slice(bytes);
        inbox.filled(bytes.len()).unwrap();
        inbox
    }

    #[test]
    fn frames_are_found_whole_and_in_their_order() {
        let heartbeat = b"\x00\x00\x00\x0f\x00\x00\x00\x00_heartbeat_";
        let message = message_frame(7, b"hello");
        let all = [OK_FRAME, heartbeat, &message, CLOSE_WAIT_FRAME, &OK_FRAME[..9]].concat();
        let mut inbox = inbox(&all);
        assert!(matches!(inbox.next_frame(), Ok(Some(Frame::Ok))));
        assert!(matches!(inbox.next_frame(), Ok(Some(Frame::Heartbeat))));
        let Ok(Some(Frame::Message { id, body })) = inbox.next_frame() else { panic!() };
        assert_eq!((id, body), (&b"0000000000000007"[..], &b"hello"[..]));
        assert!(matches!(inbox.next_frame(), Ok(Some(Frame::CloseWait))));
        assert!(matches!(inbox.next_frame(), Ok(None)), "not whole yet");
        inbox.room()[0] = b'K';
        inbox.filled(1).unwrap();
        assert_eq!(inbox.count_oks().unwrap(), Oks { count: 1, heartbeat: false });
    }

    #[test]
    fn errors_and_what_is_no_frame_end_a_run() {
        let refused = inbox(b"\x00\x00\x00\x0d\x00\x00\x00\x01E_INVALID").next_frame().unwrap_err();
        assert_eq!(refused.to_string(), r#"the server answered "E_INVALID""#);
        for wrong in
            [&b"\x00\x00\x00\x03xxx"[..], b"\x7f\xff\xff\xff", b"\x00\x00\x00\x04\x00\x00\x00\x02"]
        {
            assert!(inbox(wrong).next_frame().is_err(), "{wrong:?}");
        }
        assert!(
            inbox(&message_frame(1, b"x")).count_oks().is_err(),
            "a publisher gets no messages"
        );
        assert!(Inbox::with_capacity(8).filled(0).is_err());
    }
}
