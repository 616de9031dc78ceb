//! What a consumer holds: delivered to it and not settled by it yet.

use crate::protocol::MessageId;

/// A delivered message, as its connection remembers it for a channel that has lost its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// Its id on the wire.
    pub id: MessageId,
    /// Its place in the topic's sequence.
    pub seq: u64,
    /// Deliveries so far, this one included.
    pub attempts: u16,
}

/// Keeps deliveries and settlements as two lists and compares them only now and then, so that a
/// message costs two appends and no look-up.
#[derive(Debug)]
pub struct Holdings {
    delivered: Vec<Holding>,
    settled: Vec<MessageId>,
    /// Older deliveries are forgotten beyond this count; after a crash of the channel they may then
    /// come twice.
    count_max: usize,
}

const SETTLED_BEFORE_COMPARING: usize = 1024;

impl Holdings {
    /// Remembers at most `count_max` deliveries.
    pub fn new(count_max: usize) -> Self {
        Self { delivered: Vec::new(), settled: Vec::new(), count_max }
    }

    /// Notes messages handed to the consumer.
    pub fn delivered(&mut self, messages: &[Holding]) {
        if !self.settled.is_empty() && messages.iter().any(|message| message.attempts > 1) {
            self.compare();
        }
        self.delivered.extend_from_slice(messages);
        if self.delivered.len() > 2 * self.count_max {
            self.compare();
            let surplus = self.delivered.len().saturating_sub(self.count_max);
            self.delivered.drain(..surplus);
        }
    }

    /// Notes that the consumer finished or gave back a message.
    pub fn settled(&mut self, id: MessageId) {
        self.settled.push(id);
        if self.settled.len() >= SETTLED_BEFORE_COMPARING.max(self.delivered.len() / 2) {
            self.compare();
        }
    }

    /// What is held now.
    pub fn held(&mut self) -> &[Holding] {
        self.compare();
        &self.delivered
    }

    /// Forgets everything, as when the channel was emptied.
    pub fn clear(&mut self) {
        *self = Self::new(self.count_max);
    }

    fn compare(&mut self) {
        self.settled.sort_unstable();
        let settled = std::mem::take(&mut self.settled);
        self.delivered.retain(|holding| settled.binary_search(&holding.id).is_err());
        if self.delivered.is_empty() {
            self.delivered = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Messages are handed over, time out and are handed over again, and are settled.
        #[test]
        fn what_is_held_is_what_was_delivered_and_not_settled_since(
            steps in prop::collection::vec((0..8u64, 0..3u8), 0..60)
        ) {
            let (mut holdings, mut model) = (Holdings::new(1000), BTreeMap::new());
            let mut attempts = [0; 8];
            for (seq, kind) in steps {
                let id = holding(seq).id;
                if kind == 0 && attempts[seq as usize] > 0 {
                    holdings.settled(id);
                    model.remove(&id);
                } else if kind > 0 {
                    attempts[seq as usize] += 1;
                    let holding = Holding { attempts: attempts[seq as usize], ..holding(seq) };
                    holdings.delivered(&[holding]);
                    model.insert(id, holding);
                }
                if kind == 1 {
                    let latest: BTreeMap<_, _> =
                        holdings.held().iter().map(|&holding| (holding.id, holding)).collect();
                    prop_assert_eq!(&latest, &model);
                }
            }
        }
    }

    fn holding(seq: u64) -> Holding {
        Holding { id: MessageId(seq + 100), seq, attempts: 1 }
    }

    #[test]
    fn what_was_settled_is_no_longer_held() {
        let mut holdings = Holdings::new(5000);
        holdings.delivered(&(0..5000).map(holding).collect::<Vec<_>>());
        for seq in (0..5000).filter(|seq| seq % 1000 != 7) {
            holdings.settled(holding(seq).id);
        }
        let held: Vec<u64> = holdings.held().iter().map(|holding| holding.seq).collect();
        assert_eq!(held, [7, 1007, 2007, 3007, 4007]);
    }

    #[test]
    fn a_message_delivered_again_is_held_again() {
        let mut holdings = Holdings::new(10);
        holdings.delivered(&[holding(1)]);
        holdings.settled(holding(1).id);
        let again = Holding { attempts: 2, ..holding(1) };
        holdings.delivered(&[again]);
        assert_eq!(holdings.held(), [again]);
    }

    #[test]
    fn a_consumer_that_never_settles_costs_bounded_memory() {
        let mut holdings = Holdings::new(10);
        for seq in 0..1000 {
            holdings.delivered(&[holding(seq)]);
        }
        assert!(holdings.held().len() <= 20);
    }
}
