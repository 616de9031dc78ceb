//! Bodies of publishes, cut into the batches that a topic takes.

use crate::{
    actors::topic::Batches, broker::topic::MESSAGES_PER_STAMP, http::HttpError,
    storage::BatchBuilder,
};

/// A batch is closed before it grows beyond this, unless a single message does.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a message's size.
const SIZE_BYTES: usize = 4;
/// The least that a message takes in a binary body: its size and one byte.
const FRAMED_MESSAGE_BYTES_MIN: usize = SIZE_BYTES + 1;

/// What a body may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// `--max-msg-size`.
    pub message_bytes_max: usize,
    /// `--max-body-size`.
    pub body_bytes_max: usize,
}

/// One message per line; empty lines are none. `None` without any message.
pub fn lines(body: &[u8], limits: Limits) -> Result<Option<Batches>, HttpError> {
    let mut cutter = Cutter::default();
    for line in body.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        if line.len() > limits.message_bytes_max {
            return Err(HttpError::MessageTooBig);
        }
        cutter.push(line);
    }
    Ok(cutter.finish())
}

/// `[i32 count]` and as many `[i32 size][bytes]`, as in `MPUB`; what follows them is ignored.
pub fn binary(body: &[u8], limits: Limits) -> Result<Option<Batches>, HttpError> {
    let count_max = limits.body_bytes_max.saturating_sub(SIZE_BYTES) / FRAMED_MESSAGE_BYTES_MIN;
    let (count, mut rest) = split_size(body).ok_or(HttpError::BadBody)?;
    if count == 0 || count > count_max {
        return Err(HttpError::BadBody);
    }
    let mut cutter = Cutter::default();
    for _ in 0..count {
        let message = split_message(rest, limits.message_bytes_max);
        let (message, after) = message.ok_or(HttpError::BadMessage)?;
        cutter.push(message);
        rest = after;
    }
    Ok(cutter.finish())
}

fn split_message(bytes: &[u8], bytes_max: usize) -> Option<(&[u8], &[u8])> {
    let (size, rest) = split_size(bytes)?;
    if size == 0 || size > bytes_max {
        return None;
    }
    rest.split_at_checked(size)
}

/// A number that is not negative, and what follows it.
fn split_size(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (size, rest) = bytes.split_first_chunk::<SIZE_BYTES>()?;
    Some((usize::try_from(i32::from_be_bytes(*size)).ok()?, rest))
}

/// Gathers messages and cuts them into batches.
#[derive(Debug, Default)]
struct Cutter {
    batches: Vec<BatchBuilder>,
    framed: Vec<u8>,
    count: u32,
}

impl Cutter {
    fn push(&mut self, message: &[u8]) {
        let grown = self.framed.len() + SIZE_BYTES + message.len();
        if self.count == MESSAGES_PER_STAMP || (self.count > 0 && grown > BATCH_BYTES_MAX) {
            self.cut();
        }
        let size = u32::try_from(message.len()).unwrap_or(u32::MAX);
        self.framed.extend_from_slice(&size.to_be_bytes());
        self.framed.extend_from_slice(message);
        self.count += 1;
    }

    fn cut(&mut self) {
        if self.count > 0 {
            let mut batch = BatchBuilder::with_capacity(self.framed.len());
            batch.push_framed(&self.framed, self.count);
            self.batches.push(batch);
            self.framed.clear();
            self.count = 0;
        }
    }

    fn finish(mut self) -> Option<Batches> {
        self.cut();
        let mut batches = self.batches.into_iter();
        let first = batches.next()?;
        Some(Batches { first, rest: batches.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        protocol::MessageId,
        storage::{LogPosition, Stamp},
    };

    const LIMITS: Limits = Limits { message_bytes_max: 5, body_bytes_max: 24 };

    fn messages(batches: Batches) -> Vec<Vec<u8>> {
        let stamp = Stamp {
            first_seq: 1,
            first_id: MessageId(1),
            timestamp_ns: 1,
            due_ns: 0,
            position: LogPosition(0),
        };
        let batches = std::iter::once(batches.first).chain(batches.rest);
        let sealed: Vec<_> = batches.map(|batch| batch.seal(stamp)).collect();
        sealed.iter().flat_map(|batch| batch.bodies().map(<[u8]>::to_vec)).collect()
    }

    fn text(body: &[u8]) -> Vec<Vec<u8>> {
        lines(body, LIMITS).unwrap().map(messages).unwrap_or_default()
    }

    fn framed(count: i32, messages: &[&[u8]]) -> Vec<u8> {
        let mut body = count.to_be_bytes().to_vec();
        for message in messages {
            body.extend_from_slice(&(message.len() as i32).to_be_bytes());
            body.extend_from_slice(message);
        }
        body
    }

    #[test]
    fn lines_are_messages_and_empty_ones_are_not() {
        assert_eq!(text(b"a\n\nb\r\n\nlast"), [b"a".to_vec(), b"b\r".to_vec(), b"last".to_vec()]);
        assert!(text(b"").is_empty() && text(b"\n\n").is_empty());
    }

    #[test]
    fn a_line_may_be_as_long_as_a_message() {
        assert_eq!(text(b"12345\n"), [b"12345"]);
        assert!(matches!(lines(b"1\n123456\n", LIMITS), Err(HttpError::MessageTooBig)));
    }

    #[test]
    fn binary_messages_may_hold_anything() {
        let mut body = framed(2, &[b"\n", b"12345"]);
        body.extend_from_slice(b"ignored");
        let batches = binary(&body, LIMITS).unwrap().unwrap();
        assert_eq!(messages(batches), [b"\n".to_vec(), b"12345".to_vec()]);
    }

    #[test]
    fn a_binary_body_needs_a_possible_count() {
        for body in [framed(0, &[]), framed(-1, &[]), framed(5, &[b"a"]), vec![], vec![0, 0, 0]] {
            assert_eq!(binary(&body, LIMITS).map(|_| ()), Err(HttpError::BadBody), "{body:?}");
        }
        assert!(binary(&framed(4, &[b"1", b"2", b"3", b"4"]), LIMITS).is_ok());
    }

    #[test]
    fn a_binary_message_must_be_whole_and_within_its_limit() {
        let mut short = framed(1, &[b"abc"]);
        short.pop();
        let negative = [1i32.to_be_bytes(), (-1i32).to_be_bytes()].concat();
        for body in [
            framed(1, &[]),
            framed(1, &[b""]),
            framed(1, &[b"123456"]),
            framed(2, &[b"a"]),
            short,
            negative,
        ] {
            assert_eq!(binary(&body, LIMITS).map(|_| ()), Err(HttpError::BadMessage), "{body:?}");
        }
    }

    #[test]
    fn batches_are_bounded_by_number_and_by_bytes() {
        let limits = Limits { message_bytes_max: 2 << 20, body_bytes_max: 8 << 20 };
        let many = lines("a\n".repeat(4097).as_bytes(), limits).unwrap().unwrap();
        assert_eq!((many.first.count(), many.rest[0].count(), many.rest.len()), (4096, 1, 1));
        let long = format!("{}\nb\nc\n{}\n", "x".repeat(2 << 20), "y".repeat(1 << 20));
        let large = lines(long.as_bytes(), limits).unwrap().unwrap();
        let counts: Vec<_> = large.rest.iter().map(BatchBuilder::count).collect();
        assert_eq!((large.first.count(), counts), (1, vec![2, 1]));
    }
}
