//! What the messages of a run hold, so that each can be told apart and checked.

use std::sync::Arc;

use super::{BenchError, Result};

/// Bytes of the smallest body: a number and something more.
pub const BODY_SIZE_MIN: usize = 10;
/// Bytes of the largest body: what nsqd accepts by default.
pub const BODY_SIZE_MAX: usize = 1 << 20;

/// Bytes of the number.
const NUMBER: usize = 8;
/// Bits of the sequence number in it; the publisher's stands above.
const SEQUENCE_BITS: u32 = 40;
/// Bytes of all different texts together.
const TEXTS_BYTES: usize = 1 << 20;
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

/// Which message a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number {
    /// Who has published it, counted from 0.
    pub publisher: u32,
    /// How many that publisher has published before.
    pub sequence: u64,
}

impl Number {
    /// As it stands at the beginning of a body.
    pub fn to_bytes(self) -> [u8; NUMBER] {
        (u64::from(self.publisher) << SEQUENCE_BITS | self.sequence).to_be_bytes()
    }

    /// The number at the beginning of a body.
    pub fn of(body: &[u8]) -> Result<Self> {
        let Some((bytes, _)) = body.split_first_chunk::<NUMBER>() else {
            return Err(BenchError::Wrong(format!("a body of {} bytes", body.len())));
        };
        let number = u64::from_be_bytes(*bytes);
        let sequence = number & ((1 << SEQUENCE_BITS) - 1);
        Ok(Self { publisher: (number >> SEQUENCE_BITS) as u32, sequence })
    }
}

/// All bodies of a run: a number, and then one of a few texts that repeat from batch to batch.
#[derive(Debug, Clone)]
pub struct Bodies {
    size: usize,
    batch: u64,
    texts: Arc<[u8]>,
}

impl Bodies {
    /// Bodies of `size` bytes, at least [`BODY_SIZE_MIN`], that are published in batches of so many. As far as memory
    /// allows, those of one batch differ.
    pub fn new(size: usize, batch: u32) -> Self {
        let size = size.max(BODY_SIZE_MIN);
        let count = (batch as usize).min(TEXTS_BYTES / size).max(1);
        Self { size, batch: u64::from(batch.max(1)), texts: words(count * size).into() }
    }

    /// Bytes of each.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The whole body of a publisher's message with this sequence number, which is still to be written into it.
    pub(super) fn at(&self, sequence: u64) -> &[u8] {
        let count = (self.texts.len() / self.size) as u64;
        let start = (sequence % self.batch % count) as usize * self.size;
        &self.texts[start..start + self.size]
    }

    /// Checks that a body is exactly what was published under the number that it has.
    pub(super) fn check(&self, body: &[u8]) -> Result<Number> {
        let number = Number::of(body)?;
        if body.len() != self.size {
            let [found, published] = [body.len(), self.size];
            return Err(BenchError::Wrong(format!("{found} bytes instead of {published}")));
        }
        if body[NUMBER..] != self.at(number.sequence)[NUMBER..] {
            let Number { publisher, sequence } = number;
            return Err(BenchError::Wrong(format!(
                "the text of message {sequence} of publisher {publisher} is another"
            )));
        }
        Ok(number)
    }
}

fn words(size: usize) -> Vec<u8> {
    let (mut bytes, mut state) = (Vec::with_capacity(size + 16), 1_u64);
    while bytes.len() < size {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(WORDS[(state >> 60) as usize].as_bytes());
    }
    bytes.truncate(size);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bodies: &Bodies, number: Number) -> Vec<u8> {
        let mut body = bodies.at(number.sequence).to_vec();
        body[..NUMBER].copy_from_slice(&number.to_bytes());
        body
    }

    #[test]
    fn a_body_says_which_message_it_is_whatever_its_size() {
        for (size, batch) in [(BODY_SIZE_MIN, 1), (200, 200), (BODY_SIZE_MAX, 3)] {
            let bodies = Bodies::new(size, batch);
            for number in [
                Number { publisher: 0, sequence: 0 },
                Number { publisher: 9_999, sequence: (1 << SEQUENCE_BITS) - 1 },
            ] {
                let body = body(&bodies, number);
                assert_eq!(body.len(), size);
                assert_eq!(bodies.check(&body).unwrap(), number);
            }
        }
    }

    #[test]
    fn a_body_that_is_not_as_it_was_published_is_found_out() {
        let bodies = Bodies::new(40, 4);
        let whole = body(&bodies, Number { publisher: 1, sequence: 6 });
        let mut flipped = whole.clone();
        flipped[39] ^= 1;
        let exchanged = body(&bodies, Number { publisher: 1, sequence: 7 });
        let mut mixed = whole.clone();
        mixed[NUMBER..].copy_from_slice(&exchanged[NUMBER..]);
        for wrong in [&flipped[..], &mixed, &whole[..39], &[whole.as_slice(), b"x"].concat(), b"7"]
        {
            assert!(matches!(bodies.check(wrong), Err(BenchError::Wrong(_))), "{wrong:?}");
        }
    }
}
