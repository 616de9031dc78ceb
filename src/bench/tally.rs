//! What was published, and what of it has come.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{
    BenchError, Result,
    bodies::{Bodies, Number},
};

/// How many messages each publisher has begun to send. Publishers take turns with the topics: publisher 5 of 3 topics
/// publishes to topic 2.
#[derive(Debug, Clone)]
pub struct Ledger {
    sent: Arc<[AtomicU64]>,
    topics: usize,
}

impl Ledger {
    /// Nothing is sent.
    pub fn new(publishers: usize, topics: usize) -> Self {
        Self { sent: (0..publishers).map(|_| AtomicU64::new(0)).collect(), topics: topics.max(1) }
    }

    /// A publisher is about to send `count` messages; the number of the first.
    pub fn begin(&self, publisher: usize, count: u64) -> Number {
        let sequence = self.sent[publisher].fetch_add(count, Ordering::AcqRel);
        Number { publisher: publisher as u32, sequence }
    }

    /// Messages to one topic.
    pub fn sent_to(&self, topic: usize) -> u64 {
        let of_topic = self.sent.iter().skip(topic).step_by(self.topics);
        of_topic.map(|sent| sent.load(Ordering::Acquire)).sum()
    }

    /// Messages to all topics.
    pub fn sent(&self) -> u64 {
        self.sent.iter().map(|sent| sent.load(Ordering::Acquire)).sum()
    }

    /// True if that message was sent to that topic.
    fn has(&self, number: Number, topic: usize) -> bool {
        let publisher = number.publisher as usize;
        let sent = self.sent.get(publisher).map_or(0, |sent| sent.load(Ordering::Acquire));
        publisher % self.topics == topic && number.sequence < sent
    }
}

/// Which messages of a topic one channel has handed out.
#[derive(Debug)]
pub struct Tally {
    received: u64,
    distinct: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// They are only counted.
    Any { expected: u64 },
    /// Each must come as it was published.
    Published { bodies: Bodies, ledger: Ledger, topic: usize, seen: Vec<Vec<u64>> },
}

impl Tally {
    /// Messages that are in the ledger.
    pub fn of_published(bodies: Bodies, ledger: Ledger, topic: usize) -> Self {
        let kind = Kind::Published { bodies, ledger, topic, seen: Vec::new() };
        Self { received: 0, distinct: 0, kind }
    }

    /// Any `expected` messages, only counted.
    pub fn of_any(expected: u64) -> Self {
        Self { received: 0, distinct: 0, kind: Kind::Any { expected } }
    }

    /// How many were sent until now.
    pub fn expected(&self) -> u64 {
        match &self.kind {
            Kind::Any { expected } => *expected,
            Kind::Published { ledger, topic, .. } => ledger.sent_to(*topic),
        }
    }

    /// Deliveries, those of messages that came more than once included.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Messages that have come.
    pub fn distinct(&self) -> u64 {
        match self.kind {
            Kind::Any { .. } => self.received,
            Kind::Published { .. } => self.distinct,
        }
    }

    /// Counts a delivery, and returns the message's number if it has not come before. One that is not as it was
    /// published, or never was, is an error.
    pub fn count(&mut self, body: &[u8]) -> Result<Option<Number>> {
        self.received += 1;
        let Kind::Published { bodies, ledger, topic, seen } = &mut self.kind else {
            return Ok(None);
        };
        let number = bodies.check(body)?;
        if !ledger.has(number, *topic) {
            let Number { publisher, sequence } = number;
            return Err(BenchError::Wrong(format!(
                "message {sequence} of publisher {publisher} was not published to this topic"
            )));
        }
        let is_first = mark(seen, number.publisher as usize / ledger.topics, number.sequence);
        self.distinct += u64::from(is_first);
        Ok(is_first.then_some(number))
    }
}

/// Marks a message as seen; true if it was not. The ledger bounds both numbers.
fn mark(seen: &mut Vec<Vec<u64>>, publisher: usize, sequence: u64) -> bool {
    if seen.len() <= publisher {
        seen.resize(publisher + 1, Vec::new());
    }
    let (words, at, bit) = (&mut seen[publisher], (sequence / 64) as usize, 1 << (sequence % 64));
    if words.len() <= at {
        words.resize(at + 1, 0);
    }
    let is_first = words[at] & bit == 0;
    words[at] |= bit;
    is_first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bodies: &Bodies, publisher: u32, sequence: u64) -> Vec<u8> {
        let mut body = bodies.at(sequence).to_vec();
        body[..8].copy_from_slice(&Number { publisher, sequence }.to_bytes());
        body
    }

    #[test]
    fn each_message_counts_once_and_every_delivery_is_counted() {
        let (bodies, ledger) = (Bodies::new(20, 1), Ledger::new(3, 2));
        ledger.begin(0, 100);
        assert_eq!(ledger.begin(2, 30), Number { publisher: 2, sequence: 0 });
        assert_eq!(ledger.begin(2, 30).sequence, 30);
        ledger.begin(1, 5);
        assert_eq!(([0, 1].map(|topic| ledger.sent_to(topic)), ledger.sent()), ([160, 5], 165));
        let mut tally = Tally::of_published(bodies.clone(), ledger, 0);
        for (publisher, sequence, is_first) in [
            (0, 99, true),
            (2, 0, true),
            (2, 59, true),
            (0, 99, false),
            (0, 0, true),
            (2, 59, false),
        ] {
            let first = tally.count(&body(&bodies, publisher, sequence)).unwrap();
            assert_eq!(first, is_first.then_some(Number { publisher, sequence }));
        }
        assert_eq!((tally.received(), tally.distinct(), tally.expected()), (6, 4, 160));
    }

    #[test]
    fn what_was_never_published_to_the_topic_is_found_out() {
        let (bodies, ledger) = (Bodies::new(20, 1), Ledger::new(2, 2));
        ledger.begin(0, 10);
        ledger.begin(1, 10);
        let mut tally = Tally::of_published(bodies.clone(), ledger, 0);
        for (publisher, sequence) in [(0, 10), (0, (1 << 40) - 1), (1, 0), (2, 0), (16_777_215, 0)]
        {
            let wrong = tally.count(&body(&bodies, publisher, sequence));
            assert!(matches!(wrong, Err(BenchError::Wrong(_))), "{publisher} {sequence}");
        }
        assert_eq!(tally.distinct(), 0);
    }

    #[test]
    fn messages_of_any_kind_are_only_counted() {
        let mut tally = Tally::of_any(2);
        assert_eq!(tally.count(b"x").unwrap(), None);
        assert_eq!((tally.distinct(), tally.expected()), (1, 2));
    }
}
