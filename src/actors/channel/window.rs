//! The batches from which a channel is delivering.

use std::{collections::VecDeque, sync::Arc};

use crate::storage::{Batch, LogPosition};

/// Batches in the order of the log, and a place in the first one.
#[derive(Debug, Default)]
pub struct Window {
    batches: VecDeque<Arc<Batch>>,
    /// The message at the place, and its offset in the first batch.
    seq: u64,
    offset: u32,
    bytes: usize,
    /// Where the log goes on after the last batch that was added, also when that has been left: a
    /// message, and the batch that it is in or one before that.
    place: Option<(u64, LogPosition)>,
}

/// Where a wanted message is.
#[derive(Debug, PartialEq, Eq)]
pub enum Seek {
    /// At the window's place.
    Here,
    /// Not in any batch: the window goes on at this later message.
    Gap(u64),
    /// Beyond the window's end.
    Beyond,
}

impl Window {
    /// Memory held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The sequence number after the last message in the window.
    pub fn end_seq(&self) -> Option<u64> {
        self.batches.back().map(|batch| batch.end_seq())
    }

    /// Where the batch stands that message `seq` is in, or one before it, if that is known.
    pub fn position_of(&self, seq: u64) -> Option<LogPosition> {
        let index = self.batches.partition_point(|batch| batch.end_seq() <= seq);
        match self.batches.get(index).filter(|batch| batch.first_seq() <= seq) {
            Some(batch) => Some(batch.position()),
            None => self.place.filter(|(from, _)| *from <= seq).map(|(_, position)| position),
        }
    }

    /// Takes note that the batch at `position` is the one that message `seq` is in, or one before it.
    pub fn expect_at(&mut self, seq: u64, position: LogPosition) {
        self.place = Some((seq, position));
    }

    /// Adds the next batch; one that is there already is ignored.
    pub fn push(&mut self, batch: Arc<Batch>) {
        if self.end_seq().is_some_and(|end| batch.first_seq() < end) {
            return;
        }
        if self.batches.is_empty() {
            (self.seq, self.offset) = (batch.first_seq(), 0);
        }
        self.bytes += batch.encoded_len();
        self.place = Some((batch.end_seq(), batch.end_position()));
        self.batches.push_back(batch);
    }

    /// Adds batches that were read from message `from` on. `next` is the message that is needed: if
    /// the window was cleared while they were read, they may begin behind it, and would look as if
    /// the log had lost what is between.
    pub fn push_read(&mut self, from: u64, next: u64, batches: Vec<Arc<Batch>>) {
        if from <= self.end_seq().unwrap_or(next) {
            batches.into_iter().for_each(|batch| self.push(batch));
        }
    }

    /// Moves the place to message `seq`; what lies before it is dropped.
    pub fn seek(&mut self, seq: u64) -> Seek {
        while self.batches.front().is_some_and(|batch| batch.end_seq() <= seq) {
            self.pop();
        }
        let Some(batch) = self.batches.front() else { return Seek::Beyond };
        if seq < batch.first_seq() {
            return Seek::Gap(batch.first_seq());
        }
        if seq < self.seq {
            (self.seq, self.offset) = (batch.first_seq(), 0);
        }
        while self.seq < seq {
            self.offset = batch.body_at(self.offset).1;
            self.seq += 1;
        }
        Seek::Here
    }

    /// The batch at the place, and the place's offset; after [`Seek::Here`].
    pub fn here(&self) -> Option<(&Arc<Batch>, u32)> {
        self.batches.front().map(|batch| (batch, self.offset))
    }

    /// Moves the place to the next message, whose offset is known.
    pub fn advance(&mut self, next_offset: u32) {
        self.offset = next_offset;
        self.seq += 1;
    }

    /// Forgets every batch, but not where the first one stands: the log is read on from there.
    pub fn clear(&mut self) {
        let first = self.batches.front().map(|batch| (batch.first_seq(), batch.position()));
        *self = Self { place: first.or(self.place), ..Self::default() };
    }

    fn pop(&mut self) {
        if let Some(batch) = self.batches.pop_front() {
            self.bytes -= batch.encoded_len();
        }
        match self.batches.front() {
            Some(next) => (self.seq, self.offset) = (next.first_seq(), 0),
            None => *self = Self { place: self.place, ..Self::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        protocol::MessageId,
        storage::{BatchBuilder, Stamp},
    };

    fn batch(first_seq: u64, bodies: &[&str]) -> Arc<Batch> {
        batch_at(first_seq, 0, bodies)
    }

    fn batch_at(first_seq: u64, position: u64, bodies: &[&str]) -> Arc<Batch> {
        let mut builder = BatchBuilder::new();
        for body in bodies {
            let mut framed = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
            framed.extend_from_slice(body.as_bytes());
            builder.push_framed(&framed, 1);
        }
        let first_id = MessageId(first_seq);
        let position = LogPosition(position);
        let stamp = Stamp { first_seq, first_id, timestamp_ns: 0, due_ns: 0, position };
        Arc::new(builder.seal(stamp))
    }

    fn here(window: &Window) -> &[u8] {
        let (batch, offset) = window.here().unwrap();
        batch.body_at(offset).0
    }

    #[test]
    fn what_was_read_for_a_window_that_was_cleared_is_no_gap() {
        let mut window = Window::default();
        window.push(batch(1, &["a", "b"]));
        window.clear();
        window.push_read(3, 1, vec![batch(3, &["c"])]);
        assert_eq!(window.seek(1), Seek::Beyond, "to be read again, not lost");
        window.push_read(1, 1, vec![batch(1, &["a", "b"]), batch(3, &["c"])]);
        assert_eq!((window.seek(1), window.end_seq()), (Seek::Here, Some(4)));
    }

    #[test]
    fn it_is_known_where_the_log_goes_on_whatever_the_window_holds() {
        let mut window = Window::default();
        assert_eq!(window.position_of(1), None);
        window.expect_at(1, LogPosition(100));
        assert_eq!((window.position_of(0), window.position_of(1)), (None, Some(LogPosition(100))));
        let batches = [batch_at(1, 100, &["a", "b"]), batch_at(3, 200, &["c"])];
        let end = batches[1].end_position();
        batches.into_iter().for_each(|batch| window.push(batch));
        let positions = [2, 3, 4, 9].map(|seq| window.position_of(seq));
        assert_eq!(
            positions,
            [Some(LogPosition(100)), Some(LogPosition(200)), Some(end), Some(end)]
        );
        assert_eq!(window.seek(3), Seek::Here);
        window.clear();
        assert_eq!((window.position_of(3), window.position_of(2)), (Some(LogPosition(200)), None));
        window.clear();
        assert_eq!(window.position_of(4), Some(LogPosition(200)), "at or before it");
    }

    #[test]
    fn the_place_moves_over_batches_and_gaps() {
        let mut window = Window::default();
        window.push(batch(1, &["a", "bb", "ccc"]));
        window.push(batch(4, &["d"]));
        window.push(batch(7, &["g", "hh"]));
        window.push(batch(4, &["seen"]));
        assert_eq!(window.seek(2), Seek::Here);
        assert_eq!(here(&window), b"bb");
        let next = window.here().map(|(batch, offset)| batch.body_at(offset).1).unwrap();
        window.advance(next);
        assert_eq!((window.seek(3), here(&window)), (Seek::Here, b"ccc".as_slice()));
        assert_eq!((window.seek(4), here(&window)), (Seek::Here, b"d".as_slice()));
        assert_eq!(window.seek(5), Seek::Gap(7));
        assert_eq!((window.seek(8), here(&window)), (Seek::Here, b"hh".as_slice()));
        assert_eq!((window.seek(9), window.bytes(), window.end_seq()), (Seek::Beyond, 0, None));
    }
}
