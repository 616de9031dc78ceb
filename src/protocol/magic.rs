//! The first four bytes of a connection: which protocol the peer speaks.

use super::error::ProtocolError;

/// Shows that the peer opened the connection with `"  V2"`; nothing is sent in answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Magic;

impl Magic {
    /// What a client sends first.
    pub const V2: [u8; 4] = *b"  V2";

    /// Looks at the first bytes: `None` as long as there are fewer than four.
    ///
    /// With `Some` the caller consumes four bytes. Any other four are
    /// [`ProtocolError::BadMagic`].
    pub fn parse(buf: &[u8]) -> Result<Option<Self>, ProtocolError> {
        match buf.first_chunk() {
            None => Ok(None),
            Some(&Self::V2) => Ok(Some(Self)),
            Some(_) => Err(ProtocolError::BadMagic),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_is_judged_when_four_bytes_are_there() {
        for short in [b"".as_slice(), b"GET", b"  V"] {
            assert_eq!(Magic::parse(short), Ok(None));
        }
        assert_eq!(Magic::parse(b"  V2"), Ok(Some(Magic)));
        assert_eq!(Magic::parse(b"  V2PUB t\n"), Ok(Some(Magic)));
    }

    #[test]
    fn any_other_four_bytes_are_refused() {
        for bad in [b"  V1", b"GET ", b"  v2", b"\0\0\0\0"] {
            assert_eq!(Magic::parse(bad), Err(ProtocolError::BadMagic));
        }
        assert_eq!(ProtocolError::BadMagic.to_string(), "E_BAD_PROTOCOL");
    }
}
