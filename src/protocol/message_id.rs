//! The id of a message: 64 bits, on the wire 16 lower-case hex digits.

use std::fmt;

/// The same in each of the eight bytes of a word.
const fn in_each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// From `9` to what would be `a` if the letters followed the digits.
const LETTER_GAP: u64 = (b'a' - b'9' - 1) as u64;

/// Identifies a message within its topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

impl MessageId {
    /// Reads the wire form; `None` for anything that nsqd cannot have sent.
    pub fn from_hex(hex: &[u8; 16]) -> Option<Self> {
        let (high, low) = hex.split_at(8);
        let id = Self(u64::from(half_of_hex(high)) << 32 | u64::from(half_of_hex(low)));
        (id.to_hex() == *hex).then_some(id)
    }

    /// The wire form.
    pub fn to_hex(self) -> [u8; 16] {
        let mut hex = [0; 16];
        hex[..8].copy_from_slice(&hex_of_half((self.0 >> 32) as u32));
        hex[8..].copy_from_slice(&hex_of_half(self.0 as u32));
        hex
    }
}

/// Eight digits, all at the same time: every message that is sent is written like this.
fn hex_of_half(half: u32) -> [u8; 8] {
    let mut digits = u64::from(half);
    digits = (digits | digits << 16) & 0x0000_ffff_0000_ffff;
    digits = (digits | digits << 8) & 0x00ff_00ff_00ff_00ff;
    digits = (digits | digits << 4) & in_each(0x0f);
    let letters = (digits + in_each(6)) >> 4 & in_each(1); // 1 where a digit is above 9
    (digits + in_each(b'0') + letters * LETTER_GAP).to_be_bytes()
}

/// The number that eight digits are, if they are digits; and every message that is finished is read like this.
fn half_of_hex(hex: &[u8]) -> u32 {
    let text = hex.try_into().map_or(0, u64::from_be_bytes);
    let letters = text >> 6 & in_each(1); // 1 where there is a letter
    let mut digits = (text & in_each(0x0f)) + letters * 9;
    digits = (digits | digits >> 4) & 0x00ff_00ff_00ff_00ff;
    digits = (digits | digits >> 8) & 0x0000_ffff_0000_ffff;
    (digits | digits >> 16) as u32
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn hex_form_goes_there_and_back(id: u64) {
            let hex = MessageId(id).to_hex();
            prop_assert_eq!(MessageId::from_hex(&hex), Some(MessageId(id)));
            prop_assert_eq!(hex.to_vec(), format!("{id:016x}").into_bytes());
        }

        #[test]
        fn only_the_form_that_was_sent_is_read(id: u64, at in 0..16usize) {
            for wrong in (0..=u8::MAX).filter(|byte| !b"0123456789abcdef".contains(byte)) {
                let mut hex = MessageId(id).to_hex();
                hex[at] = wrong;
                prop_assert_eq!(MessageId::from_hex(&hex), None, "{:?} at {}", wrong, at);
            }
        }
    }
}
