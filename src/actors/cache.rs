//! The newest messages of a topic, in memory.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use crate::storage::Batch;

/// An empty cache keeps the memory for so many batches.
const KEPT_MAX: usize = 4;

/// Bytes that the caches of all topics may hold together.
#[derive(Debug)]
pub struct CacheBudget {
    bytes_max: usize,
    bytes: AtomicUsize,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl CacheBudget {
    /// A budget of `bytes_max` for the node.
    pub fn new(bytes_max: usize) -> Self {
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { bytes_max, bytes: AtomicUsize::new(0), hits, misses }
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes that may be in use.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Reads of channels that found what they wanted, and those that had to go to the log.
    pub fn reads(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    fn is_exceeded(&self) -> bool {
        self.bytes() > self.bytes_max
    }
}

/// A topic's newest batches, bounded by a count of messages and by the node's budget.
#[derive(Debug)]
pub struct Cache {
    batches: VecDeque<Arc<Batch>>,
    messages: u64,
    bytes: usize,
    messages_max: u64,
    budget: Arc<CacheBudget>,
}

impl Cache {
    /// An empty cache for at most `messages_max` messages.
    pub fn new(messages_max: u64, budget: Arc<CacheBudget>) -> Self {
        Self { batches: VecDeque::new(), messages: 0, bytes: 0, messages_max, budget }
    }

    /// Adds the newest batch, dropping the oldest ones as the bounds demand.
    pub fn push(&mut self, batch: Arc<Batch>) {
        self.messages += u64::from(batch.count());
        self.bytes += batch.encoded_len();
        self.budget.bytes.fetch_add(batch.encoded_len(), Ordering::Relaxed);
        self.batches.push_back(batch);
        while self.messages > self.messages_max || self.budget.is_exceeded() {
            if self.pop_front().is_none() {
                break;
            }
        }
    }

    /// Drops everything below `seq`: nobody will ask for it.
    pub fn remove_below(&mut self, seq: u64) {
        while self.batches.front().is_some_and(|batch| batch.end_seq() <= seq) {
            self.pop_front();
        }
    }

    /// Drops everything: whoever asks for it reads the log.
    pub fn clear(&mut self) {
        while self.pop_front().is_some() {}
    }

    /// Sequence number of the oldest message in memory.
    pub fn first_seq(&self) -> Option<u64> {
        self.batches.front().map(|batch| batch.first_seq())
    }

    /// The batch that holds `seq`, if it is in memory.
    pub fn batch_of(&self, seq: u64) -> Option<&Arc<Batch>> {
        let index = self.batches.partition_point(|batch| batch.end_seq() <= seq);
        self.batches.get(index).filter(|batch| batch.first_seq() <= seq)
    }

    /// Batches that have a message of `seqs`.
    pub fn within(&self, seqs: Range<u64>) -> Arc<[Arc<Batch>]> {
        let within =
            |batch: &&Arc<Batch>| batch.end_seq() > seqs.start && batch.first_seq() < seqs.end;
        self.batches.iter().filter(within).cloned().collect()
    }

    /// Batches within `seqs` that may not go out before some time.
    pub fn deferred(&self, seqs: Range<u64>) -> Arc<[Arc<Batch>]> {
        let deferred = |batch: &&Arc<Batch>| {
            batch.due_ns() != 0 && batch.first_seq() >= seqs.start && batch.end_seq() <= seqs.end
        };
        self.batches.iter().filter(deferred).cloned().collect()
    }

    /// Batches from the one that holds `seq` on, of about `bytes_max` in all; `None` if `seq` is not
    /// in memory.
    pub fn read(&self, seq: u64, bytes_max: usize) -> Option<Vec<Arc<Batch>>> {
        let from = self.batches.partition_point(|batch| batch.end_seq() <= seq);
        let is_there = self.batches.get(from).is_some_and(|batch| batch.first_seq() <= seq);
        let reads = if is_there { &self.budget.hits } else { &self.budget.misses };
        reads.fetch_add(1, Ordering::Relaxed);
        if !is_there {
            return None;
        }
        let mut bytes = 0;
        let within = |batch: &&Arc<Batch>| {
            let first = bytes == 0;
            bytes += batch.encoded_len();
            first || bytes <= bytes_max
        };
        Some(self.batches.range(from..).take_while(within).cloned().collect())
    }

    fn pop_front(&mut self) -> Option<Arc<Batch>> {
        let batch = self.batches.pop_front()?;
        self.messages -= u64::from(batch.count());
        self.bytes -= batch.encoded_len();
        self.budget.bytes.fetch_sub(batch.encoded_len(), Ordering::Relaxed);
        if self.batches.is_empty() && self.batches.capacity() > KEPT_MAX {
            self.batches = VecDeque::new();
        }
        Some(batch)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.budget.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        protocol::MessageId,
        storage::{BatchBuilder, LogPosition, Stamp},
    };

    fn batch(first_seq: u64, count: u32) -> Arc<Batch> {
        let mut builder = BatchBuilder::new();
        for _ in 0..count {
            builder.push_framed(b"\0\0\0\x01x", 1);
        }
        let first_id = MessageId(first_seq);
        let position = LogPosition(0);
        let stamp = Stamp { first_seq, first_id, timestamp_ns: 0, due_ns: 0, position };
        Arc::new(builder.seal(stamp))
    }

    #[test]
    fn the_oldest_goes_when_the_count_is_exceeded() {
        let mut cache = Cache::new(5, Arc::new(CacheBudget::new(usize::MAX)));
        for first_seq in [1, 3, 5] {
            cache.push(batch(first_seq, 2));
        }
        assert_eq!(cache.first_seq(), Some(3));
        assert!(cache.read(2, 1000).is_none());
        assert_eq!(cache.read(4, 1000).unwrap().len(), 2);
        assert_eq!(cache.read(4, 1).unwrap().len(), 1);
        let first_seqs = [2, 4, 7].map(|seq| cache.batch_of(seq).map(|batch| batch.first_seq()));
        assert_eq!(first_seqs, [None, Some(3), None]);
        assert!(cache.read(7, 1000).is_none());
        assert_eq!(cache.budget.reads(), (2, 2));
    }

    #[test]
    fn a_cleared_cache_gives_its_memory_back_and_goes_on() {
        let budget = Arc::new(CacheBudget::new(usize::MAX));
        let mut cache = Cache::new(5, Arc::clone(&budget));
        cache.push(batch(1, 2));
        cache.clear();
        assert_eq!((cache.first_seq(), budget.bytes()), (None, 0));
        cache.push(batch(3, 2));
        assert_eq!(cache.first_seq(), Some(3));
    }

    #[test]
    fn topics_share_one_budget_and_give_it_back() {
        let budget = Arc::new(CacheBudget::new(batch(1, 1).encoded_len()));
        let mut one = Cache::new(100, Arc::clone(&budget));
        let mut two = Cache::new(100, Arc::clone(&budget));
        one.push(batch(1, 1));
        two.push(batch(1, 1));
        assert_eq!((one.first_seq(), two.first_seq()), (Some(1), None));
        drop(one);
        assert_eq!(budget.bytes(), 0);
    }
}
