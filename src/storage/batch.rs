//! Messages that travel together: one record of the log, and the unit of the cache in memory.

use std::fmt;

use bytes::Bytes;

use crate::{
    protocol::{message_id::MessageId, names::ChannelName},
    storage::{
        position::LogPosition,
        record::{RECORD_HEADER_BYTES, RecordError, RecordHeader, split_message},
    },
};

/// One record of the log with its messages, in one buffer. Immutable; meant to be shared. Batches
/// that were read together share that memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    encoded: Bytes,
    header: RecordHeader,
    payload_start: usize,
}

impl Batch {
    /// Reads the record at the front of `bytes`, which must be the one of `position`, and checks
    /// every byte of it. The second value is its length. Allocates the record's length at most.
    pub fn decode(
        bytes: &[u8],
        position: LogPosition,
        batch_bytes_max: usize,
    ) -> Result<(Self, usize), RecordError> {
        let header = RecordHeader::verify(bytes, position, batch_bytes_max)?;
        let consumed = header.record_len();
        let encoded = Bytes::copy_from_slice(&bytes[..consumed]);
        Ok((Self::from_verified(header, encoded), consumed))
    }

    /// Takes bytes whose header has been verified.
    pub(super) fn from_verified(header: RecordHeader, encoded: Bytes) -> Self {
        let payload_start = RECORD_HEADER_BYTES + usize::from(header.audience_len);
        Self { encoded, header, payload_start }
    }

    /// Sequence number of the first message.
    pub fn first_seq(&self) -> u64 {
        self.header.first_seq
    }

    /// The sequence number after the last message.
    pub fn end_seq(&self) -> u64 {
        self.header.end_seq()
    }

    /// Number of messages, at least 1.
    pub fn count(&self) -> u32 {
        self.header.count
    }

    /// The id of the message with this sequence number, which must be one of the batch's.
    pub fn id(&self, seq: u64) -> MessageId {
        debug_assert!((self.first_seq()..self.end_seq()).contains(&seq));
        MessageId(self.header.first_id.0.wrapping_add(seq.wrapping_sub(self.header.first_seq)))
    }

    /// When the messages were published, in ns since the epoch.
    pub fn timestamp_ns(&self) -> i64 {
        self.header.timestamp_ns
    }

    /// Not to be delivered before, in ns since the epoch; 0 for at once.
    pub fn due_ns(&self) -> i64 {
        self.header.due_ns
    }

    /// Deliveries before the record was written; 0 for a publish.
    pub fn attempts(&self) -> u16 {
        self.header.attempts
    }

    /// The messages are meant for one channel only.
    pub fn has_audience(&self) -> bool {
        self.header.audience_len > 0
    }

    /// The one channel the messages are meant for; `None` for every channel.
    pub fn audience(&self) -> Option<&str> {
        let name = &self.encoded[RECORD_HEADER_BYTES..self.payload_start];
        if name.is_empty() { None } else { std::str::from_utf8(name).ok() }
    }

    /// Where the record stands in the log.
    pub fn position(&self) -> LogPosition {
        self.header.position
    }

    /// The position after the record.
    pub fn end_position(&self) -> LogPosition {
        self.header.end_position()
    }

    /// The record as it stands on disk.
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// Length of the record on disk.
    pub fn encoded_len(&self) -> usize {
        self.encoded.len()
    }

    /// Bytes of all bodies together.
    pub fn body_bytes(&self) -> usize {
        self.encoded.len() - self.payload_start - 4 * self.header.count as usize
    }

    /// All bodies, in order.
    pub fn bodies(&self) -> impl Iterator<Item = &[u8]> {
        let mut offset = 0;
        (0..self.header.count).map(move |_| {
            let (body, next) = self.body_at(offset);
            offset = next;
            body
        })
    }

    /// The body at `offset` and the offset of the next one. Message 0 has offset 0; any other
    /// offset must come from this method. The last message's next offset is [`Batch::offset_end`].
    #[inline]
    pub fn body_at(&self, offset: u32) -> (&[u8], u32) {
        let at = self.payload_start + offset as usize;
        let size = crate::storage::record::be_u32(&self.encoded, at);
        let body = &self.encoded[at + 4..at + 4 + size as usize];
        (body, offset + 4 + size)
    }

    /// The offset after the last message.
    pub fn offset_end(&self) -> u32 {
        self.header.payload_len - u32::from(self.header.audience_len)
    }

    /// The body of one message, found by walking the batch; `None` if the batch does not hold it.
    pub fn message(&self, seq: u64) -> Option<&[u8]> {
        let index = seq.checked_sub(self.first_seq())?;
        self.bodies().nth(usize::try_from(index).ok()?)
    }

    pub(super) fn header(&self) -> &RecordHeader {
        &self.header
    }
}

impl fmt::Debug for Batch {
    /// Never shows a body.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Batch").field(&self.header).finish()
    }
}

/// What the topic knows of a batch at the moment it is sealed.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// Sequence number of the first message.
    pub first_seq: u64,
    /// Id of the first message; the others follow it.
    pub first_id: MessageId,
    /// Now, in ns since the epoch.
    pub timestamp_ns: i64,
    /// Not to be delivered before, in ns since the epoch; 0 for at once.
    pub due_ns: i64,
    /// Where the log will write the record: the end of the one before.
    pub position: LogPosition,
}

/// Collects messages in their wire form with room for the header in front, so that sealing copies
/// nothing.
#[derive(Default)]
pub struct BatchBuilder {
    /// Empty, or room for the header, the audience and then the messages.
    buf: Vec<u8>,
    audience_len: u16,
    count: u32,
}

impl BatchBuilder {
    /// Empty; allocates with the first message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empty, with room for `bytes` of framed messages.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { buf: Vec::with_capacity(RECORD_HEADER_BYTES + bytes), ..Self::default() }
    }

    /// One message that is meant for one channel only.
    pub fn for_channel(audience: &ChannelName, body: &[u8]) -> Self {
        let audience = audience.as_str().as_bytes();
        let mut builder = Self::with_capacity(audience.len() + 4 + body.len());
        builder.buf.resize(RECORD_HEADER_BYTES, 0);
        builder.buf.extend_from_slice(audience);
        builder.audience_len = u16::try_from(audience.len()).unwrap_or(u16::MAX);
        builder.push(body);
        builder
    }

    /// Adds `count` messages, each `[u32 size][body]` as in `PUB` and `MPUB`. The sizes must be
    /// right: the codec has checked them.
    pub fn push_framed(&mut self, framed: &[u8], count: u32) {
        debug_assert_eq!(framed_count(framed), Some(count), "sizes must add up");
        self.begin(framed.len());
        self.buf.extend_from_slice(framed);
        self.count += count;
    }

    /// Adds one message.
    pub fn push(&mut self, body: &[u8]) {
        self.begin(4 + body.len());
        // A size that does not fit is refused by the log.
        let size = u32::try_from(body.len()).unwrap_or(u32::MAX);
        self.buf.extend_from_slice(&size.to_be_bytes());
        self.buf.extend_from_slice(body);
        self.count += 1;
    }

    fn begin(&mut self, bytes: usize) {
        if self.buf.is_empty() {
            self.buf.reserve(RECORD_HEADER_BYTES + bytes);
            self.buf.resize(RECORD_HEADER_BYTES, 0);
        }
    }

    /// Adds all messages of `other`.
    pub fn append(&mut self, other: &Self) {
        if let Some(framed) = other.buf.get(RECORD_HEADER_BYTES..) {
            self.push_framed(framed, other.count);
        }
    }

    /// Keeps the first `count` messages.
    pub fn truncate(&mut self, count: u32) {
        if count >= self.count {
            return;
        }
        let mut rest = self.buf.get(RECORD_HEADER_BYTES..).unwrap_or_default();
        for _ in 0..count {
            rest = split_message(rest).map_or(rest, |(_, rest)| rest);
        }
        self.buf.truncate(self.buf.len() - rest.len());
        self.count = count;
    }

    /// Messages so far. The log takes at most [`super::BATCH_MESSAGES_MAX`] in one batch.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of the messages with their sizes.
    pub fn payload_bytes(&self) -> usize {
        self.buf.len().saturating_sub(RECORD_HEADER_BYTES)
    }

    /// Bytes of messages with their sizes that there is memory for.
    pub fn spare_bytes(&self) -> usize {
        let header = if self.buf.is_empty() { RECORD_HEADER_BYTES } else { 0 };
        (self.buf.capacity() - self.buf.len()).saturating_sub(header)
    }

    /// Gives memory back if there is more than twice of what is needed.
    pub fn shrink(&mut self) {
        if self.buf.capacity() > 2 * self.buf.len() {
            self.buf.shrink_to_fit();
        }
    }

    /// Bytes of the bodies alone.
    pub fn body_bytes(&self) -> usize {
        self.payload_bytes() - 4 * self.count as usize
    }

    /// True without a message.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Length of the record once sealed.
    pub fn encoded_len(&self) -> usize {
        RECORD_HEADER_BYTES + self.payload_bytes()
    }

    /// Writes the header in its place. What the log would not take (no message, too many, too
    /// large) is refused there.
    pub fn seal(self, stamp: Stamp) -> Batch {
        self.seal_delivered(stamp, 0)
    }

    /// The same for messages that have been delivered `attempts` times.
    pub fn seal_delivered(mut self, stamp: Stamp, attempts: u16) -> Batch {
        self.buf.resize(self.encoded_len(), 0);
        let header = RecordHeader {
            payload_len: u32::try_from(self.payload_bytes()).unwrap_or(u32::MAX),
            attempts,
            audience_len: self.audience_len,
            count: self.count,
            first_seq: stamp.first_seq,
            first_id: stamp.first_id,
            timestamp_ns: stamp.timestamp_ns,
            due_ns: stamp.due_ns,
            position: stamp.position,
        };
        header.write(&mut self.buf);
        Batch::from_verified(header, self.buf.into())
    }
}

impl fmt::Debug for BatchBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BatchBuilder")
            .field("count", &self.count)
            .field("payload_bytes", &self.payload_bytes())
            .finish_non_exhaustive()
    }
}

/// How many messages `framed` holds; `None` if the sizes do not add up.
fn framed_count(mut framed: &[u8]) -> Option<u32> {
    let mut count = 0;
    while !framed.is_empty() {
        framed = split_message(framed)?.1;
        count += 1;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::record::BATCH_BYTES_CEILING;
    use proptest::prelude::*;

    fn framed(bodies: &[&[u8]]) -> Vec<u8> {
        bodies
            .iter()
            .flat_map(|body| [&u32::try_from(body.len()).unwrap().to_be_bytes(), *body].concat())
            .collect()
    }

    fn sealed(bodies: &[&[u8]]) -> Batch {
        let mut builder = BatchBuilder::new();
        builder.push_framed(&framed(bodies), u32::try_from(bodies.len()).unwrap());
        builder.seal(Stamp {
            first_seq: 7,
            first_id: MessageId(4096),
            timestamp_ns: 123,
            due_ns: -5,
            position: LogPosition(99),
        })
    }

    fn decode(bytes: &[u8]) -> Result<(Batch, usize), RecordError> {
        Batch::decode(bytes, LogPosition(99), BATCH_BYTES_CEILING)
    }

    /// Puts fields where the layout has them, with the checksum made right again.
    fn forged(batch: &Batch, change: impl FnOnce(&mut RecordHeader, &mut Vec<u8>)) -> Vec<u8> {
        let (mut header, mut bytes) = (*batch.header(), batch.encoded().to_vec());
        change(&mut header, &mut bytes);
        header.write(&mut bytes);
        bytes
    }

    #[test]
    fn a_batch_tells_what_was_put_in() {
        let batch = sealed(&[b"one", b"", b"three"]);
        assert_eq!((batch.first_seq(), batch.end_seq(), batch.count()), (7, 10, 3));
        assert_eq!((batch.timestamp_ns(), batch.due_ns()), (123, -5));
        assert_eq!((batch.attempts(), batch.audience()), (0, None));
        assert_eq!(batch.id(9), MessageId(4098));
        assert_eq!(batch.body_bytes(), 8);
        assert_eq!(batch.end_position(), LogPosition(99 + 64 + 12 + 8));
        assert_eq!(batch.bodies().collect::<Vec<_>>(), [b"one".as_slice(), b"", b"three"]);
        assert_eq!(batch.message(9), Some(b"three".as_slice()));
        assert_eq!((batch.message(6), batch.message(10)), (None, None));
        assert_eq!(batch.body_at(batch.body_at(0).1), (b"".as_slice(), 11));
        assert_eq!(batch.offset_end(), 20);
    }

    #[test]
    fn builders_are_joined() {
        let (mut first, mut second) = (BatchBuilder::new(), BatchBuilder::with_capacity(64));
        first.append(&second);
        assert!(first.is_empty());
        second.push_framed(&framed(&[b"a", b"bc"]), 2);
        first.append(&second);
        first.append(&second);
        assert_eq!((first.count(), first.payload_bytes(), first.body_bytes()), (4, 22, 6));
    }

    #[test]
    fn messages_are_added_one_by_one_or_framed() {
        let (mut one_by_one, mut together) = (BatchBuilder::new(), BatchBuilder::new());
        let bodies: [&[u8]; 3] = [b"a", b"", b"bc"];
        bodies.iter().for_each(|body| one_by_one.push(body));
        together.push_framed(&framed(&bodies), 3);
        assert_eq!((one_by_one.buf, one_by_one.count), (together.buf, together.count));
    }

    #[test]
    fn spare_memory_is_for_messages() {
        let mut builder = BatchBuilder::with_capacity(20);
        let spare = builder.spare_bytes();
        assert!(spare >= 20);
        builder.push(b"a");
        assert_eq!(builder.spare_bytes(), spare - 5);
        let mut large = BatchBuilder::with_capacity(1000);
        large.push(b"a");
        large.shrink();
        assert!(large.spare_bytes() < 1000 && large.payload_bytes() == 5);
        assert_eq!(BatchBuilder::new().spare_bytes(), 0);
    }

    #[test]
    fn a_builder_is_cut_between_messages() {
        for (kept, bodies) in
            [(0, &[][..]), (2, &[&b"a"[..], b"bc"]), (3, &[&b"a"[..], b"bc", b"def"])]
        {
            for count in [kept, if kept == 3 { 9 } else { kept }] {
                let mut builder = BatchBuilder::new();
                builder.push_framed(&framed(&[b"a", b"bc", b"def"]), 3);
                builder.truncate(count);
                let mut expected = BatchBuilder::new();
                expected.push_framed(&framed(bodies), kept);
                assert_eq!((builder.count(), builder.is_empty()), (kept, kept == 0));
                assert_eq!(builder.buf, expected.buf);
            }
        }
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let batch = sealed(&[b"one", b"two"]);
        let bytes = batch.encoded();
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut at {length}");
        }
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped).is_err(), "bit {bit}");
        }
        assert_eq!(decode(bytes), Ok((batch.clone(), bytes.len())));
    }

    #[test]
    fn fields_that_contradict_each_other_are_refused_though_the_checksum_is_right() {
        let batch = sealed(&[b"one", b"two"]);
        type Change = fn(&mut RecordHeader, &mut Vec<u8>);
        let cases: [(RecordError, Change); 9] = [
            (RecordError::BadCount, |header, _| header.count = 0),
            (RecordError::BadLength, |header, _| header.count = u32::MAX),
            (RecordError::BadContents, |header, _| header.count = 3),
            (RecordError::BadContents, |header, _| header.count = 1),
            (RecordError::BadCount, |header, _| header.first_seq = u64::MAX),
            (RecordError::BadCount, |header, _| header.first_id = MessageId(u64::MAX)),
            (RecordError::BadLength, |header, _| header.audience_len = 400),
            (RecordError::BadContents, |_, bytes| bytes[64] = 0xff),
            (RecordError::Misplaced(LogPosition(1)), |header, _| header.position = LogPosition(1)),
        ];
        for (index, (error, change)) in cases.into_iter().enumerate() {
            assert_eq!(decode(&forged(&batch, change)), Err(error), "case {index}");
        }
    }

    #[test]
    fn an_audience_stands_before_the_messages() {
        let bytes = forged(&sealed(&[b"one"]), |header, bytes| {
            header.audience_len = 5;
            header.attempts = 3;
            header.payload_len += 5;
            bytes.splice(64..64, *b"audit");
        });
        let (batch, _) = decode(&bytes).unwrap();
        assert_eq!((batch.audience(), batch.attempts()), (Some("audit"), 3));
        assert_eq!(batch.message(7), Some(b"one".as_slice()));
        assert_eq!((batch.offset_end(), batch.body_bytes()), (7, 3));
    }

    #[test]
    fn a_message_for_one_channel_says_so_and_keeps_what_it_had() {
        let audit = ChannelName::parse("audit").unwrap();
        let stamp = Stamp {
            first_seq: 70,
            first_id: MessageId(4),
            timestamp_ns: -3,
            due_ns: 9,
            position: LogPosition(99),
        };
        let batch = BatchBuilder::for_channel(&audit, b"body").seal_delivered(stamp, 5);
        let (read, _) = decode(batch.encoded()).unwrap();
        assert_eq!(read, batch);
        assert_eq!((read.audience(), read.has_audience()), (Some("audit"), true));
        assert_eq!((read.id(70), read.attempts()), (MessageId(4), 5));
        assert_eq!((read.timestamp_ns(), read.due_ns()), (-3, 9));
        assert_eq!((read.message(70), read.body_bytes()), (Some(b"body".as_slice()), 4));
    }

    #[test]
    fn the_limit_of_bytes_holds_on_both_sides() {
        let batch = sealed(&[b"one"]);
        let at_limit = Batch::decode(batch.encoded(), LogPosition(99), batch.encoded_len());
        assert!(at_limit.is_ok());
        let above = Batch::decode(batch.encoded(), LogPosition(99), batch.encoded_len() - 1);
        assert_eq!(above, Err(RecordError::BadLength));
    }

    proptest! {
        #[test]
        fn any_batch_goes_there_and_back(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..20),
        ) {
            let bodies: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
            let batch = sealed(&bodies);
            let (decoded, consumed) = decode(&[batch.encoded(), b"rest"].concat()).unwrap();
            prop_assert_eq!(consumed, batch.encoded_len());
            prop_assert_eq!(&decoded, &batch);
            prop_assert_eq!(decoded.bodies().collect::<Vec<_>>(), bodies);
        }

        #[test]
        fn garbage_is_a_value(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode(&bytes).is_err());
            prop_assert!(decode(&[b"NSQ1", bytes.as_slice()].concat()).is_err());
        }
    }
}
