//! Where a message id goes in a hash table.

use std::hash::{BuildHasherDefault, Hasher};

/// For tables keyed by message id.
pub type IdHash = BuildHasherDefault<IdHasher>;

/// Ids come in blocks of consecutive numbers, and are looked up in the order in which they came:
/// neighbours of a block go to neighbouring slots, blocks are scattered.
///
/// Ids are given out by this process, so nobody can choose them to collide.
#[derive(Debug, Default)]
pub struct IdHasher(u64);

/// Bits of an id that count within its block.
const COUNTER_BITS: u32 = 12;
/// The table compares the highest bits of a hash first; they must differ between neighbours.
const TAG_SHIFT: u32 = 57;

impl Hasher for IdHasher {
    fn write_u64(&mut self, id: u64) {
        let block = (id >> COUNTER_BITS).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let slot = block.wrapping_add(id & ((1 << COUNTER_BITS) - 1));
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

    use super::*;
    use crate::protocol::MessageId;

    #[test]
    fn neighbours_of_a_block_are_neighbours_in_the_table() {
        let slot = |id: u64| IdHash::default().hash_one(MessageId(id)) & 0xffff_ffff;
        let block = 0x18a6_d4ec_39a6_9000;
        for counter in 0..4095 {
            assert_eq!(slot(block + counter) + 1, slot(block + counter + 1));
        }
        assert!(slot(block).abs_diff(slot(block + (1 << 22))) > 4096);
    }
}
