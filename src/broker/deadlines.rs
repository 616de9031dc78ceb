//! Deadlines of messages in flight.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use super::Moment;
use crate::protocol::MessageId;

type Entry = (Moment, MessageId);

/// A queue for each message timeout in use, in which deadlines only rise, and a heap for the rest.
///
/// Entries are not taken out when a message is finished: they are recognised as stale by the caller,
/// and swept when they outnumber what is in flight.
#[derive(Debug, Default)]
pub struct Deadlines {
    lanes: Vec<(Duration, VecDeque<Entry>)>,
    irregular: BinaryHeap<Reverse<Entry>>,
    count: usize,
}

const STALE_ALLOWED: usize = 1024;

impl Deadlines {
    /// Adds a deadline that is `timeout` from now.
    pub fn add(&mut self, timeout: Duration, deadline: Moment, id: MessageId) {
        self.count += 1;
        let index = self.lanes.iter().position(|lane| lane.0 == timeout).unwrap_or_else(|| {
            self.lanes.push((timeout, VecDeque::new()));
            self.lanes.len() - 1
        });
        let lane = &mut self.lanes[index].1;
        match lane.back() {
            Some(last) if last.0 > deadline => self.irregular.push(Reverse((deadline, id))),
            _ => lane.push_back((deadline, id)),
        }
    }

    /// Drops stale entries at the front, and all of them when they have piled up over the `live`
    /// ones. `is_live` tells whether a deadline still holds.
    pub fn sweep(&mut self, live: usize, is_live: impl Fn(Moment, MessageId) -> bool) {
        if self.count > 2 * live + STALE_ALLOWED {
            for (_, lane) in &mut self.lanes {
                lane.retain(|&(deadline, id)| is_live(deadline, id));
            }
            self.irregular.retain(|&Reverse((deadline, id))| is_live(deadline, id));
        }
        for (_, lane) in &mut self.lanes {
            while lane.front().is_some_and(|&(deadline, id)| !is_live(deadline, id)) {
                lane.pop_front();
            }
        }
        while self.irregular.peek().is_some_and(|&Reverse((deadline, id))| !is_live(deadline, id)) {
            self.irregular.pop();
        }
        self.lanes.retain(|(_, lane)| !lane.is_empty());
        self.count =
            self.irregular.len() + self.lanes.iter().map(|lane| lane.1.len()).sum::<usize>();
    }

    /// The earliest deadline, stale or not.
    pub fn next(&self) -> Option<Moment> {
        let lanes = self.lanes.iter().filter_map(|(_, lane)| lane.front());
        lanes.chain(self.irregular.peek().map(|entry| &entry.0)).map(|entry| entry.0).min()
    }

    /// Takes out one entry whose deadline is at or before `now`.
    pub fn pop_due(&mut self, now: Moment) -> Option<(Moment, MessageId)> {
        let due = self.pop_due_irregular(now).or_else(|| self.pop_due_lane(now))?;
        self.count -= 1;
        Some(due)
    }

    fn pop_due_irregular(&mut self, now: Moment) -> Option<Entry> {
        self.irregular.peek().filter(|entry| entry.0.0 <= now)?;
        self.irregular.pop().map(|entry| entry.0)
    }

    fn pop_due_lane(&mut self, now: Moment) -> Option<Entry> {
        let lane = self.lanes.iter_mut().find(|lane| lane.1.front().is_some_and(|e| e.0 <= now))?;
        lane.1.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() })]

        /// Each message has one deadline at a time; a new one makes the old one stale. Every step is
        /// taken often enough for stale ones to be swept.
        #[test]
        fn a_live_deadline_is_never_swept_nor_missed(
            steps in prop::collection::vec((0..5u64, 0..4u64, 0..500u16), 0..20)
        ) {
            let (mut deadlines, mut live, mut now) = (Deadlines::default(), BTreeMap::new(), 0);
            for (id, lane, repeat) in steps {
                for _ in 0..repeat {
                    now += id % 2;
                    // The odd lane holds deadlines that may also fall.
                    let deadline = now + if lane == 3 { 40 - 7 * id } else { 10 * lane };
                    add(&mut deadlines, lane, deadline, id);
                    live.insert(MessageId(id), Moment(deadline));
                }
                deadlines.sweep(live.len(), |at, id| live.get(&id) == Some(&at));
                prop_assert_eq!(deadlines.next(), live.values().min().copied());
                while let Some((deadline, id)) = deadlines.pop_due(Moment(now)) {
                    prop_assert!(deadline.0 <= now);
                    if live.get(&id) == Some(&deadline) {
                        live.remove(&id);
                    }
                }
                prop_assert!(live.values().all(|deadline| deadline.0 > now));
            }
        }
    }

    fn add(deadlines: &mut Deadlines, timeout: u64, deadline: u64, id: u64) {
        deadlines.add(Duration::from_nanos(timeout), Moment(deadline), MessageId(id));
    }

    #[test]
    fn what_is_due_comes_out_and_nothing_else() {
        let mut deadlines = Deadlines::default();
        add(&mut deadlines, 10, 110, 1);
        add(&mut deadlines, 50, 150, 2);
        add(&mut deadlines, 10, 105, 3);
        assert_eq!(deadlines.next(), Some(Moment(105)));
        let due: Vec<u64> =
            std::iter::from_fn(|| deadlines.pop_due(Moment(110))).map(|entry| entry.1.0).collect();
        assert_eq!(due, [3, 1]);
        assert_eq!(deadlines.next(), Some(Moment(150)));
    }

    #[test]
    fn finished_messages_behind_a_stuck_one_do_not_pile_up() {
        let mut deadlines = Deadlines::default();
        for id in 0..1_000_000 {
            add(&mut deadlines, 10, id + 10, id);
            if id % 1000 == 0 {
                deadlines.sweep(1, |_, id| id.0 == 0);
            }
        }
        assert!(deadlines.count <= 2 * STALE_ALLOWED + 1002, "{}", deadlines.count);
        assert_eq!(deadlines.next(), Some(Moment(10)));
    }
}
