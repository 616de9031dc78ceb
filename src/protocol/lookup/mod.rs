//! What nsqd and nsqlookupd say to each other: protocol V1.
//!
//! A connection begins with [`MAGIC_V1`]. Then every request (a line, after IDENTIFY with a body) has
//! one response, in order: an int32 size and so many bytes. What kind of response it is can only be told
//! from its bytes.

pub mod codec;
pub mod command;
pub mod error;
pub mod identify;
pub mod response;

pub use codec::{BODY_BYTES_MAX, Decoded, LINE_BYTES_MAX, decode, decode_magic, truncated};
pub use command::{Change, LookupCommand, Registration};
pub use error::LookupError;
pub use identify::{IdentifyAnswer, PeerInfo};
pub use response::{OK, ResponseError, decode_response, encode_error, encode_response, is_error};

/// What nsqd sends first.
pub const MAGIC_V1: [u8; 4] = *b"  V1";
