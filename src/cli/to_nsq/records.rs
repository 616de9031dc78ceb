//! Cutting a stream into messages.

use std::io;

use memchr::memmem::Finder;

use super::input::Source;

/// How much one read takes at most; what it brings is published together.
const READ_BYTES: usize = 128 * 1024;
/// No nsqd takes a message that is longer than a frame.
pub(super) const RECORD_BYTES_MAX: usize = 256 << 20;

/// Why reading has ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The input cannot be read.
    #[error("{0}")]
    Input(#[from] io::Error),
    /// There is no delimiter for a very long time.
    #[error("message of more than {RECORD_BYTES_MAX} bytes without a delimiter")]
    TooLong,
}

/// Messages that came together, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    /// The messages, none of which is empty.
    pub fn messages(&self) -> Vec<&[u8]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end]).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Their bytes altogether.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn push(&mut self, message: &[u8]) {
        self.bytes.extend_from_slice(message);
        self.ends.push(self.bytes.len());
    }
}

/// How much goes into one batch, unless a single message is larger.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Messages.
    pub count: usize,
    /// Bytes of all of them.
    pub bytes: usize,
}

/// Reads messages that are separated by a delimiter. Empty ones are passed over; what stands behind the last delimiter is a
/// message, too.
pub struct Records<R> {
    input: R,
    delimiter: Finder<'static>,
    limits: BatchLimits,
    buffer: Vec<u8>,
    /// Where the first message begins that was not handed out.
    start: usize,
    /// No delimiter begins between `start` and here.
    searched: usize,
    ended: Option<Ending>,
}

/// Why nothing more is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// What stands behind the last delimiter is whole.
    OfInput,
    /// It need not be.
    Stopped,
}

impl<R: Source> Records<R> {
    /// Reads from `input`; the delimiter is not empty.
    pub fn new(input: R, delimiter: &[u8], limits: BatchLimits) -> Self {
        let delimiter = Finder::new(delimiter).into_owned();
        let (buffer, start, searched, ended) = (Vec::new(), 0, 0, None);
        Self { input, delimiter, limits, buffer, start, searched, ended }
    }

    /// The next messages: what is there already, as far as it fits into one batch. Waits if there is none; nothing is left
    /// when the batch is empty.
    pub fn next_batch(&mut self) -> Result<Batch, ReadError> {
        let mut batch = Batch::default();
        loop {
            self.take_whole(&mut batch);
            if !batch.is_empty() {
                return Ok(batch);
            }
            match self.ended {
                None => self.read_more()?,
                Some(Ending::Stopped) => return Ok(batch),
                Some(Ending::OfInput) => {
                    self.take_rest(&mut batch);
                    return Ok(batch);
                }
            }
        }
    }

    fn take_whole(&mut self, batch: &mut Batch) {
        while batch.len() < self.limits.count {
            let Some(found) = self.delimiter.find(&self.buffer[self.searched..]) else {
                // The buffer may end within a delimiter.
                let overlap = self.delimiter.needle().len() - 1;
                self.searched = self.searched.max(self.buffer.len().saturating_sub(overlap));
                return;
            };
            let end = self.searched + found;
            let length = end - self.start;
            if !batch.is_empty() && batch.bytes() + length > self.limits.bytes {
                self.searched = end;
                return;
            }
            if length > 0 {
                batch.push(&self.buffer[self.start..end]);
            }
            self.start = end + self.delimiter.needle().len();
            self.searched = self.start;
        }
    }

    fn take_rest(&mut self, batch: &mut Batch) {
        let rest = self.start..self.buffer.len();
        if !rest.is_empty() {
            batch.push(&self.buffer[rest]);
            self.start = self.buffer.len();
            self.searched = self.start;
        }
    }

    fn read_more(&mut self) -> Result<(), ReadError> {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let length = self.buffer.len();
        if length > RECORD_BYTES_MAX {
            return Err(ReadError::TooLong);
        }
        self.buffer.resize(length + READ_BYTES, 0);
        let read = loop {
            match self.input.read_into(&mut self.buffer[length..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let count = read.as_ref().ok().copied().flatten().unwrap_or(0);
        self.buffer.truncate(length + count);
        self.ended = match read? {
            None => Some(Ending::Stopped),
            Some(0) => Some(Ending::OfInput),
            Some(_) => None,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    const AMPLE: BatchLimits = BatchLimits { count: 1000, bytes: 1 << 20 };

    /// Gives what it has in pieces of these sizes.
    struct Pieces<'a> {
        bytes: &'a [u8],
        sizes: Vec<usize>,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.sizes.pop().unwrap_or(1).min(self.bytes.len()).min(buffer.len());
            let (piece, rest) = self.bytes.split_at(size);
            buffer[..size].copy_from_slice(piece);
            self.bytes = rest;
            Ok(size)
        }
    }

    fn batches(input: impl Source, delimiter: &[u8], limits: BatchLimits) -> Vec<Vec<Vec<u8>>> {
        let mut records = Records::new(input, delimiter, limits);
        let mut batches = Vec::new();
        loop {
            let batch = records.next_batch().unwrap();
            if batch.is_empty() {
                return batches;
            }
            batches.push(batch.messages().iter().map(|message| message.to_vec()).collect());
        }
    }

    #[track_caller]
    fn cuts(input: &[u8], delimiter: &[u8], expected: &[&[u8]]) {
        let found = batches(input, delimiter, AMPLE).concat();
        assert_eq!(found, expected, "{:?}", input.escape_ascii().to_string());
    }

    #[test]
    fn messages_are_what_stands_between_delimiters_but_for_empty_ones() {
        cuts(b"one\ntwo\n", b"\n", &[b"one", b"two"]);
        cuts(b"\n\none\n\n\ntwo\r\n\n", b"\n", &[b"one", b"two\r"]);
        cuts(b"a--b---c--", b"--", &[b"a", b"b", b"-c"]);
        cuts(b"", b"\n", &[]);
        cuts(b"\n\n", b"\n", &[]);
    }

    #[test]
    fn what_stands_behind_the_last_delimiter_is_a_message() {
        cuts(b"last", b"\n", &[b"last"]);
        cuts(b"one\nx", b"\n", &[b"one", b"x"]);
        cuts(b"one--two-", b"--", &[b"one", b"two-"]);
    }

    #[test]
    fn what_one_read_brings_is_one_batch() {
        let pieces = Pieces { bytes: b"a\nb\nc\nd\n", sizes: vec![4, 4] };
        assert_eq!(batches(pieces, b"\n", AMPLE), [[b"a", b"b"], [b"c", b"d"]]);
    }

    #[test]
    fn batches_keep_to_their_limits_unless_a_single_message_is_larger() {
        let input = b"a\nb\nlong message\nc\nd\ne\n";
        let sizes = |limits| -> Vec<_> {
            batches(&input[..], b"\n", limits).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(BatchLimits { count: 2, ..AMPLE }), [2, 2, 2]);
        assert_eq!(sizes(BatchLimits { bytes: 2, ..AMPLE }), [2, 1, 2, 1]);
    }

    #[test]
    fn a_stop_leaves_out_only_what_is_not_whole() {
        struct Stopping(&'static [u8]);
        impl Source for Stopping {
            fn read_into(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
                let read = self.0.read(buffer)?;
                Ok((read > 0).then_some(read))
            }
        }
        let limits = BatchLimits { count: 1, ..AMPLE };
        assert_eq!(batches(Stopping(b"a\nb\nc"), b"\n", limits), [[b"a"], [b"b"]]);
    }

    #[test]
    fn errors_of_the_input_are_told() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let error = Records::new(Failing, b"\n", AMPLE).next_batch().unwrap_err();
        assert_eq!(error.to_string(), "gone");
    }

    proptest! {
        #[test]
        fn reads_of_any_size_make_the_same_messages(
            bytes in "[ab,;]{0,60}",
            delimiter in "[,;]{1,3}",
            sizes in prop::collection::vec(1_usize..7, 60),
            count in 1_usize..5,
            batch_bytes in 1_usize..20,
        ) {
            let expected: Vec<Vec<u8>> = bytes
                .split(&delimiter)
                .filter(|message| !message.is_empty())
                .map(|message| message.as_bytes().to_vec())
                .collect();
            let pieces = Pieces { bytes: bytes.as_bytes(), sizes };
            let limits = BatchLimits { count, bytes: batch_bytes };
            prop_assert_eq!(batches(pieces, delimiter.as_bytes(), limits).concat(), expected);
        }
    }
}
