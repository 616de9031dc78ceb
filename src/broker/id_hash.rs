//! Where a message id goes in a hash table.

use std::hash::{BuildHasherDefault, Hasher};

/// For tables keyed by message id.
pub type IdHash = BuildHasherDefault<IdHasher>;

/// Ids come in blocks of consecutive numbers, and are looked up in the order in which they came: neighbours of a block go to slots at
/// a fixed, short distance, which the processor foresees; blocks are scattered. The table looks at [`GROUP`] slots at a time: it
/// finds at once that an id is not there, and a slot is as new after its id has gone, as long as no group is full. In a row,
/// neighbours would fill groups.
///
/// Ids are given out by this process, so nobody can choose them to collide.
#[derive(Debug, Default)]
pub struct IdHasher(u64);

/// Bits of an id that count within its block.
const COUNTER_BITS: u32 = 12;
/// Slots that a table of hashbrown compares with one instruction.
const GROUP: u64 = 16;
/// The table compares the highest bits of a hash first; they must differ between neighbours.
const TAG_SHIFT: u32 = 57;

impl Hasher for IdHasher {
    fn write_u64(&mut self, id: u64) {
        let block = (id >> COUNTER_BITS).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let counter = id & ((1 << COUNTER_BITS) - 1);
        let slot = block.wrapping_add(counter * (GROUP + 1));
        self.0 = slot & (u64::MAX >> (64 - TAG_SHIFT)) | id << TAG_SHIFT;
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 ^ u64::from(byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use hashbrown::HashSet;

    use super::*;
    use crate::protocol::MessageId;

    #[test]
    fn neighbours_of_a_block_are_never_in_one_group_and_blocks_are_scattered() {
        let slot = |id: u64| IdHash::default().hash_one(MessageId(id)) & 0xffff_ffff;
        let block = 0x18a6_d4ec_39a6_9000;
        for counter in 0..4095 {
            assert_eq!(slot(block + counter) + GROUP + 1, slot(block + counter + 1));
        }
        assert!(slot(block).abs_diff(slot(block + (1 << 22))) > 4096 * GROUP);
    }

    /// A thousand batches pass through a table that holds ten of them.
    #[test]
    fn what_has_gone_leaves_the_table_as_it_was() {
        let id =
            |index: u64| MessageId(((0x18a6_d4ec_39a6 + index / 200 * 37) << 12) + index % 200);
        let mut table: HashSet<MessageId, IdHash> = HashSet::default();
        table.extend((0..2000).map(id));
        let capacity = table.capacity();
        for index in 2000..200_000 {
            assert!(table.remove(&id(index - 2000)) && table.insert(id(index)));
        }
        let left = table.capacity() - table.len();
        assert!(left * 10 > (capacity - 2000) * 9, "{left} of {} left", capacity - 2000);
    }
}
