//! The id of a message: 64 bits, on the wire 16 lower-case hex digits.

use std::fmt;

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";
const NOT_A_DIGIT: u8 = 0x10;

/// The value of each byte as a digit: every consumed message is looked up by its id.
const DIGIT_VALUES: [u8; 256] = {
    let mut values = [NOT_A_DIGIT; 256];
    let mut digit = 0;
    while digit < HEX_DIGITS.len() {
        values[HEX_DIGITS[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

/// Identifies a message within its topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

impl MessageId {
    /// Reads the wire form; `None` for anything that nsqd cannot have sent.
    pub fn from_hex(hex: &[u8; 16]) -> Option<Self> {
        let (mut value, mut seen) = (0, 0);
        for &byte in hex {
            let digit = DIGIT_VALUES[usize::from(byte)];
            seen |= digit;
            value = value << 4 | u64::from(digit);
        }
        (seen < NOT_A_DIGIT).then_some(Self(value))
    }

    /// The wire form.
    pub fn to_hex(self) -> [u8; 16] {
        let mut hex = [0; 16];
        for (index, byte) in self.0.to_be_bytes().into_iter().enumerate() {
            hex[2 * index] = HEX_DIGITS[usize::from(byte >> 4)];
            hex[2 * index + 1] = HEX_DIGITS[usize::from(byte & 0xf)];
        }
        hex
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_form_goes_there_and_back() {
        for id in [0, 1, 0x18a6_d4ec_39a6_9000, u64::MAX] {
            let hex = MessageId(id).to_hex();
            assert_eq!(MessageId::from_hex(&hex), Some(MessageId(id)));
            assert_eq!(hex.as_slice(), MessageId(id).to_string().as_bytes());
        }
    }

    #[test]
    fn only_the_form_that_was_sent_is_read() {
        for hex in [b"18A6d4ec39a69000", b"18g6d4ec39a69000", b"                "] {
            assert_eq!(MessageId::from_hex(hex), None);
        }
    }
}
