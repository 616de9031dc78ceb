//! Responses of nsqlookupd: an int32 size, and the data.

use super::{codec::Decoded, error::LookupError};

/// The response to everything that went well, but for IDENTIFY.
pub const OK: &[u8] = b"OK";

const SIZE_BYTES: usize = size_of::<i32>();

/// Bytes that are no response: nothing after them can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// A negative size.
    #[error("invalid response size {0}")]
    BadSize(i32),
    /// A response larger than the reader takes.
    #[error("response too big {size} > {max}")]
    TooBig {
        /// The size announced, in bytes.
        size: i32,
        /// The largest size allowed, in bytes.
        max: usize,
    },
}

/// Appends a response to `out`.
pub fn encode_response(data: &[u8], out: &mut Vec<u8>) {
    encode_with(out, |out| out.extend_from_slice(data));
}

/// Appends the response that an error is to `out`.
pub fn encode_error(error: &LookupError, out: &mut Vec<u8>) {
    encode_with(out, |out| error.put_text(out));
}

fn encode_with(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; SIZE_BYTES]);
    put(out);
    let size = out.len() - start - SIZE_BYTES;
    let size = i32::try_from(size).expect("responses are far below 2 GiB");
    out[start..start + SIZE_BYTES].copy_from_slice(&size.to_be_bytes());
}

/// True for a response that says what went wrong: the peer closes the connection after it.
pub fn is_error(response: &[u8]) -> bool {
    response.starts_with(b"E_")
}

/// Reads the response at the start of `buf`, of `bytes_max` at most.
pub fn decode_response(buf: &[u8], bytes_max: usize) -> Result<Decoded<&[u8]>, ResponseError> {
    let Some((size, rest)) = buf.split_first_chunk() else {
        return Ok(Decoded::Incomplete { needed: SIZE_BYTES });
    };
    let size = i32::from_be_bytes(*size);
    let length = usize::try_from(size).map_err(|_| ResponseError::BadSize(size))?;
    if length > bytes_max {
        return Err(ResponseError::TooBig { size, max: bytes_max });
    }
    let consumed = SIZE_BYTES + length;
    Ok(match rest.get(..length) {
        Some(value) => Decoded::Whole { value, consumed },
        None => Decoded::Incomplete { needed: consumed },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::raw_text::RawText;

    #[test]
    fn responses_are_read_as_they_are_written() {
        let mut wire = Vec::new();
        encode_response(OK, &mut wire);
        encode_response(b"", &mut wire);
        assert_eq!(wire, b"\0\0\0\x02OK\0\0\0\0");
        assert_eq!(decode_response(&wire, 2), Ok(Decoded::Whole { value: OK, consumed: 6 }));
        assert_eq!(
            decode_response(&wire[6..], 2),
            Ok(Decoded::Whole { value: b"".as_slice(), consumed: 4 })
        );
    }

    #[test]
    fn every_piece_says_how_much_is_needed() {
        for (piece, needed) in
            [(b"".as_slice(), 4), (b"\0\0\0", 4), (b"\0\0\0\x02", 6), (b"\0\0\0\x02O", 6)]
        {
            assert_eq!(decode_response(piece, 2), Ok(Decoded::Incomplete { needed }));
        }
    }

    #[test]
    fn sizes_are_bounded_on_both_sides() {
        assert_eq!(decode_response(b"\xff\xff\xff\xff", 9), Err(ResponseError::BadSize(-1)));
        let too_big = ResponseError::TooBig { size: 3, max: 2 };
        assert_eq!(decode_response(b"\0\0\0\x03", 2), Err(too_big));
    }

    #[test]
    fn errors_carry_the_peers_bytes_as_they_came() {
        let mut wire = Vec::new();
        encode_error(&LookupError::UnknownCommand(RawText::new(b"\xff!")), &mut wire);
        assert_eq!(wire, b"\0\0\0\x1cE_INVALID invalid command \xff!");
        assert!(is_error(&wire[4..]));
        assert!(!is_error(OK));
    }
}
