//! Message ids in upstream's form: time, node and a counter in 64 bits.

use crate::protocol::MessageId;

/// Ids that one block can hold: the counter has 12 bits.
pub const IDS_PER_BLOCK: u32 = 4096;

const EPOCH_TICKS: u64 = 1_288_834_974_288;
const NODE_SHIFT: u32 = 12;
const TICK_SHIFT: u32 = 22;

/// Gives out ids that only rise, also when the clock steps back or a tick is used up: it then
/// borrows from the ticks ahead instead of making publishers wait.
#[derive(Debug)]
pub struct IdGenerator {
    node_id: u64,
    /// Tick in use and ids given out in it.
    tick: u64,
    used: u32,
}

impl IdGenerator {
    /// A generator for a node (10 bits) that continues after `last`, the highest id given out before.
    pub fn new(node_id: u16, last: Option<MessageId>) -> Self {
        let tick = last.map_or(0, |id| (id.0 >> TICK_SHIFT) + 1);
        Self { node_id: u64::from(node_id & 0x3ff), tick, used: 0 }
    }

    /// The first of `count` consecutive ids (at most [`IDS_PER_BLOCK`]); `now_ns` is Unix time.
    pub fn take(&mut self, count: u32, now_ns: i64) -> MessageId {
        debug_assert!(count <= IDS_PER_BLOCK);
        let now = (now_ns.max(0) as u64 >> 20).saturating_sub(EPOCH_TICKS);
        if now > self.tick {
            (self.tick, self.used) = (now, 0);
        } else if self.used + count > IDS_PER_BLOCK {
            (self.tick, self.used) = (self.tick + 1, 0);
        }
        let first = self.tick << TICK_SHIFT | self.node_id << NODE_SHIFT | u64::from(self.used);
        self.used += count;
        MessageId(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_367_506_000_000_000;

    #[test]
    fn an_id_holds_time_node_and_counter() {
        let id = IdGenerator::new(617, None).take(1, NOW).0;
        assert_eq!(id >> 22, (NOW as u64 >> 20) - EPOCH_TICKS);
        assert_eq!((id >> 12 & 0x3ff, id & 0xfff), (617, 0));
    }

    #[test]
    fn ids_rise_whatever_the_clock_does() {
        let mut ids = IdGenerator::new(1, None);
        let mut end = 0;
        for (count, now) in
            [(4096, NOW), (1, NOW), (4096, NOW), (10, NOW - 1_000_000_000), (1, NOW)]
        {
            let first = ids.take(count, now).0;
            assert!(first >= end, "{first:x} after {end:x}");
            assert_eq!((first + u64::from(count) - 1) >> 12, first >> 12, "one block");
            end = first + u64::from(count);
        }
        assert!(IdGenerator::new(1, Some(MessageId(end))).take(1, NOW - 1).0 > end);
    }
}
