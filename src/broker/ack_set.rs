//! Which messages of the log a channel is done with.

use std::ops::Range;

use super::SeqSet;

/// Everything below the floor, and ranges above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckSet {
    floor: u64,
    above: SeqSet,
}

impl AckSet {
    /// Nothing at or above `floor` is finished.
    pub fn starting_at(floor: u64) -> Self {
        Self { floor, above: SeqSet::default() }
    }

    /// Every message below is finished; this one is not.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// Finished ranges above the floor, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.above.iter()
    }

    /// True when `seq` is finished.
    pub fn contains(&self, seq: u64) -> bool {
        seq < self.floor || self.above.contains(seq)
    }

    /// What is not finished below `end`, ascending.
    pub fn unfinished(&self, end: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        let finished = self.above.iter().take_while(move |range| range.start < end);
        let mut from = self.floor;
        finished.chain(std::iter::once(end..end)).filter_map(move |range| {
            let unfinished = from..range.start;
            from = range.end.max(from);
            (!unfinished.is_empty()).then_some(unfinished)
        })
    }

    /// How many messages of a range are not finished.
    pub fn unfinished_count(&self, range: Range<u64>) -> u64 {
        let range = range.start.max(self.floor)..range.end;
        if range.is_empty() {
            return 0;
        }
        range.end - range.start - self.above.count_within(range)
    }

    /// Notes that `seq` is finished.
    pub fn finish(&mut self, seq: u64) {
        if seq == self.floor {
            self.floor += 1;
            self.absorb();
        } else if seq > self.floor {
            self.above.insert(seq);
        }
    }

    /// Notes that every message of `range` is finished.
    pub fn finish_range(&mut self, range: Range<u64>) {
        let range = range.start.max(self.floor)..range.end;
        if !range.is_empty() {
            self.above.insert_range(range);
            self.absorb();
        }
    }

    /// Moves the floor up to `floor`, whatever was unfinished below it.
    pub fn raise_floor(&mut self, floor: u64) {
        if floor > self.floor {
            self.floor = floor;
            self.above.remove_below(floor);
            self.absorb();
        }
    }

    fn absorb(&mut self) {
        if let Some(first) = self.above.first()
            && first.start <= self.floor
        {
            self.floor = first.end;
            self.above.remove_below(first.end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_rises_over_what_was_finished_out_of_order() {
        let mut set = AckSet::starting_at(1);
        set.finish(3);
        set.finish(2);
        assert_eq!((set.floor(), set.contains(3), set.contains(1)), (1, true, false));
        set.finish(1);
        assert_eq!((set.floor(), set.ranges().count()), (4, 0));
    }

    #[test]
    fn what_is_not_finished_is_told_by_range_and_count() {
        let mut set = AckSet::starting_at(3);
        set.finish_range(5..7);
        set.finish(9);
        assert_eq!(set.unfinished(12).collect::<Vec<_>>(), [3..5, 7..9, 10..12]);
        assert!(set.unfinished(6).eq(std::iter::once(3..5)));
        assert_eq!(set.unfinished(3).next(), None);
        for (range, count) in [(0..12, 6), (4..8, 2), (5..7, 0), (0..2, 0)] {
            assert_eq!(set.unfinished_count(range.clone()), count, "{range:?}");
        }
    }

    #[test]
    fn a_range_that_begins_below_the_floor_counts_from_the_floor() {
        let mut set = AckSet::starting_at(10);
        set.finish_range(5..12);
        assert_eq!(set.floor(), 12);
        set.finish_range(14..16);
        assert_eq!(set.ranges().flatten().collect::<Vec<_>>(), [14, 15]);
        set.raise_floor(14);
        assert_eq!((set.floor(), set.ranges().count()), (16, 0));
    }
}
