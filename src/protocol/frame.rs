//! Frames, nsqd to client: `[int32 size][int32 type][size - 4 bytes of data]`.

use super::{error::ProtocolError, message_id::MessageId};

/// Type of a frame that answers a command or carries a heartbeat.
pub const FRAME_RESPONSE: u32 = 0;
/// Type of a frame that carries an error text.
pub const FRAME_ERROR: u32 = 1;
/// Type of a frame that carries a message.
pub const FRAME_MESSAGE: u32 = 2;

/// The whole frame that accepts a command.
pub const OK_FRAME: [u8; 10] = *b"\0\0\0\x06\0\0\0\0OK";
/// The whole frame that answers CLS.
pub const CLOSE_WAIT_FRAME: [u8; 18] = *b"\0\0\0\x0e\0\0\0\0CLOSE_WAIT";
/// The whole frame that asks for a sign of life.
pub const HEARTBEAT_FRAME: [u8; 19] = *b"\0\0\0\x0f\0\0\0\0_heartbeat_";

const SIZE_BYTES: usize = 4;
const TYPE_BYTES: usize = 4;
/// Timestamp, attempts and id, which stand before a message's body.
const MESSAGE_HEADER_BYTES: usize = 8 + 2 + 16;
const MESSAGE_PREFIX_BYTES: usize = SIZE_BYTES + TYPE_BYTES + MESSAGE_HEADER_BYTES;

/// Bytes on the wire of a message whose body has `body_len` bytes.
pub const fn message_frame_bytes(body_len: usize) -> usize {
    MESSAGE_PREFIX_BYTES + body_len
}

/// Appends a response frame with `data`.
pub fn put_response(out: &mut Vec<u8>, data: &[u8]) {
    put_frame(out, FRAME_RESPONSE, data);
}

/// Appends the error frame for `error`, or nothing when it is a silent one.
pub fn put_error(out: &mut Vec<u8>, error: &ProtocolError) {
    if error.is_silent() {
        return;
    }
    let mut text = Vec::with_capacity(128);
    error.put_text(&mut text);
    put_frame(out, FRAME_ERROR, &text);
}

/// Appends a message frame; `timestamp_ns` counts nanoseconds since the Unix epoch.
pub fn put_message(
    out: &mut Vec<u8>,
    timestamp_ns: i64,
    attempts: u16,
    id: MessageId,
    body: &[u8],
) {
    let size = size_field(TYPE_BYTES + MESSAGE_HEADER_BYTES + body.len());
    let mut prefix = [0; MESSAGE_PREFIX_BYTES];
    prefix[..4].copy_from_slice(&size);
    prefix[4..8].copy_from_slice(&FRAME_MESSAGE.to_be_bytes());
    prefix[8..16].copy_from_slice(&timestamp_ns.to_be_bytes());
    prefix[16..18].copy_from_slice(&attempts.to_be_bytes());
    prefix[18..34].copy_from_slice(&id.to_hex());
    out.reserve(message_frame_bytes(body.len()));
    out.extend_from_slice(&prefix);
    out.extend_from_slice(body);
}

fn put_frame(out: &mut Vec<u8>, frame_type: u32, data: &[u8]) {
    out.reserve(SIZE_BYTES + TYPE_BYTES + data.len());
    out.extend_from_slice(&size_field(TYPE_BYTES + data.len()));
    out.extend_from_slice(&frame_type.to_be_bytes());
    out.extend_from_slice(data);
}

fn size_field(size: usize) -> [u8; 4] {
    // Bodies came in through an int32 of their own and are limited far below it.
    let size = u32::try_from(size).expect("what goes into a frame is far smaller than 4 GiB");
    size.to_be_bytes()
}

/// A frame as a client reads it, borrowed from the read buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The answer to a command, or a heartbeat.
    Response(&'a [u8]),
    /// An error text.
    Error(&'a [u8]),
    /// A message.
    Message(MessageFrame<'a>),
}

/// A message as a client reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageFrame<'a> {
    /// When nsqd accepted the message, in nanoseconds since the Unix epoch.
    pub timestamp_ns: i64,
    /// How often it was delivered, this time included.
    pub attempts: u16,
    /// The id, to be sent back as it is.
    pub id: [u8; 16],
    /// What was published.
    pub body: &'a [u8],
}

/// Bytes that are no frame: the stream cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Too small for a frame type, or negative.
    #[error("frame size {0} is not valid")]
    BadSize(i32),
    /// Larger than the reader allows.
    #[error("frame size {size} is larger than {max}")]
    TooBig {
        /// The size field, in bytes.
        size: usize,
        /// The largest size allowed, in bytes.
        max: usize,
    },
    /// No known type.
    #[error("frame type {0} is not known")]
    UnknownType(u32),
    /// Too small for a message's timestamp, attempts and id.
    #[error("message frame of {0} bytes is too short")]
    ShortMessage(usize),
}

impl<'a> Frame<'a> {
    /// Reads the frame at the start of `buf` and says how many bytes it took.
    ///
    /// `None` when it is not complete. `max` bounds the size field, so a reader that waits for
    /// the rest never needs more than `max + 4` bytes. Errors are found as soon as the size and
    /// the type are there.
    pub fn parse(buf: &'a [u8], max: usize) -> Result<Option<(Self, usize)>, FrameError> {
        let Some((size, rest)) = buf.split_first_chunk() else {
            return Ok(None);
        };
        let size = checked_size(i32::from_be_bytes(*size), max)?;
        let Some(frame_type) = rest.first_chunk() else {
            return Ok(None);
        };
        let frame_type = u32::from_be_bytes(*frame_type);
        check_type(frame_type, size)?;
        let Some(data) = rest.get(TYPE_BYTES..size) else {
            return Ok(None);
        };
        let frame = match frame_type {
            FRAME_RESPONSE => Self::Response(data),
            FRAME_ERROR => Self::Error(data),
            _ => Self::Message(MessageFrame::parse(data).ok_or(FrameError::ShortMessage(size))?),
        };
        Ok(Some((frame, SIZE_BYTES + size)))
    }
}

impl<'a> MessageFrame<'a> {
    /// Reads a frame's data; `None` when it is too short.
    pub fn parse(data: &'a [u8]) -> Option<Self> {
        let (timestamp, rest) = data.split_first_chunk()?;
        let (attempts, rest) = rest.split_first_chunk()?;
        let (id, body) = rest.split_first_chunk()?;
        Some(Self {
            timestamp_ns: i64::from_be_bytes(*timestamp),
            attempts: u16::from_be_bytes(*attempts),
            id: *id,
            body,
        })
    }
}

fn checked_size(size: i32, max: usize) -> Result<usize, FrameError> {
    match usize::try_from(size) {
        Ok(size) if size > max => Err(FrameError::TooBig { size, max }),
        Ok(size) if size >= TYPE_BYTES => Ok(size),
        _ => Err(FrameError::BadSize(size)),
    }
}

fn check_type(frame_type: u32, size: usize) -> Result<(), FrameError> {
    match frame_type {
        FRAME_RESPONSE | FRAME_ERROR => Ok(()),
        FRAME_MESSAGE if size < TYPE_BYTES + MESSAGE_HEADER_BYTES => {
            Err(FrameError::ShortMessage(size))
        }
        FRAME_MESSAGE => Ok(()),
        unknown => Err(FrameError::UnknownType(unknown)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 64;

    #[test]
    fn ready_made_frames_are_what_would_be_written() {
        for (frame, data) in [
            (OK_FRAME.as_slice(), b"OK".as_slice()),
            (&CLOSE_WAIT_FRAME, b"CLOSE_WAIT"),
            (&HEARTBEAT_FRAME, b"_heartbeat_"),
        ] {
            let mut out = Vec::new();
            put_response(&mut out, data);
            assert_eq!(out, frame);
        }
    }

    #[test]
    fn message_stands_on_the_wire_as_the_protocol_says() {
        let mut out = Vec::new();
        put_message(&mut out, 0x0102, 3, MessageId(0x18a6_d4ec_39a6_9000), b"hi");
        let expected = b"\0\0\0\x20\0\0\0\x02\0\0\0\0\0\0\x01\x02\0\x0318a6d4ec39a69000hi";
        assert_eq!(out, expected);
        assert_eq!(out.len(), message_frame_bytes(2));
    }

    #[test]
    fn error_frame_carries_the_text_and_a_silent_one_is_none() {
        let mut out = Vec::new();
        put_error(&mut out, &ProtocolError::LineTooLong);
        assert!(out.is_empty());
        put_error(&mut out, &ProtocolError::BadMagic);
        assert_eq!(out, b"\0\0\0\x12\0\0\0\x01E_BAD_PROTOCOL");
    }

    #[test]
    fn frames_are_read_back_once_they_are_complete() {
        let mut out = Vec::new();
        put_message(&mut out, -1, u16::MAX, MessageId(7), b"body");
        let message = MessageFrame {
            timestamp_ns: -1,
            attempts: u16::MAX,
            id: MessageId(7).to_hex(),
            body: b"body",
        };
        for cut in 0..out.len() {
            assert_eq!(Frame::parse(&out[..cut], MAX), Ok(None), "{cut}");
        }
        let length = out.len();
        out.extend_from_slice(&OK_FRAME);
        assert_eq!(Frame::parse(&out, MAX), Ok(Some((Frame::Message(message), length))));
        assert_eq!(Frame::parse(&out[length..], MAX), Ok(Some((Frame::Response(b"OK"), 10))));
    }

    #[track_caller]
    fn refuses(size: i32, frame_type: u32, expected: FrameError) {
        let mut frame = size.to_be_bytes().to_vec();
        frame.extend_from_slice(&frame_type.to_be_bytes());
        assert_eq!(Frame::parse(&frame, MAX), Err(expected));
    }

    #[test]
    fn bytes_that_are_no_frame_are_refused_at_once() {
        refuses(-1, 0, FrameError::BadSize(-1));
        refuses(3, 0, FrameError::BadSize(3));
        refuses(65, 0, FrameError::TooBig { size: 65, max: MAX });
        refuses(i32::MAX, 2, FrameError::TooBig { size: 0x7fff_ffff, max: MAX });
        refuses(4, 3, FrameError::UnknownType(3));
        refuses(29, 2, FrameError::ShortMessage(29));
    }

    #[test]
    fn smallest_and_largest_frames_are_read() {
        let empty = b"\0\0\0\x04\0\0\0\x01";
        assert_eq!(Frame::parse(empty, MAX), Ok(Some((Frame::Error(b""), 8))));
        let mut out = Vec::new();
        put_response(&mut out, &[b'x'; MAX - 4]);
        assert_eq!(Frame::parse(&out, MAX), Ok(Some((Frame::Response(&[b'x'; 60]), 68))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(Some((_, consumed))) = Frame::parse(&bytes, MAX) {
                prop_assert!(consumed <= bytes.len());
            }
        }
    }
}
