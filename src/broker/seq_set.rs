//! A set of sequence numbers, kept as ranges.

use std::{collections::BTreeMap, ops::Range};

/// Sequence numbers as disjoint, non-touching ranges; small as long as the numbers are dense.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeqSet {
    /// Start of each range to its end (exclusive).
    ranges: BTreeMap<u64, u64>,
    count: u64,
}

impl SeqSet {
    /// How many numbers are in the set.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// True when `seq` is in the set.
    pub fn contains(&self, seq: u64) -> bool {
        self.ranges.range(..=seq).next_back().is_some_and(|(_, &end)| seq < end)
    }

    /// The lowest range.
    pub fn first(&self) -> Option<Range<u64>> {
        self.ranges.first_key_value().map(|(&start, &end)| start..end)
    }

    /// All ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ranges.iter().map(|(&start, &end)| start..end)
    }

    /// Adds one number; false when it was there.
    pub fn insert(&mut self, seq: u64) -> bool {
        if self.contains(seq) {
            return false;
        }
        self.join(seq..seq + 1);
        self.count += 1;
        true
    }

    /// Adds every number of `range`.
    pub fn insert_range(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.remove_range(range.clone());
        self.count += range.end - range.start;
        self.join(range);
    }

    /// Takes every number of `range` out.
    pub fn remove_range(&mut self, range: Range<u64>) {
        while let Some((start, end)) = self.overlapping(&range) {
            self.ranges.remove(&start);
            if start < range.start {
                self.ranges.insert(start, range.start);
            }
            if end > range.end {
                self.ranges.insert(range.end, end);
            }
            self.count -= end.min(range.end) - start.max(range.start);
        }
    }

    /// Takes every number below `seq` out.
    pub fn remove_below(&mut self, seq: u64) {
        self.remove_range(0..seq);
    }

    /// Numbers of `range` that are in the set.
    pub fn count_within(&self, range: Range<u64>) -> u64 {
        let from = self.ranges.range(..=range.start).next_back().map_or(range.start, |(&s, _)| s);
        self.ranges
            .range(from..range.end.max(from))
            .map(|(&start, &end)| end.min(range.end).saturating_sub(start.max(range.start)))
            .sum()
    }

    /// The lowest number of `range` that is not in the set.
    pub fn first_gap(&self, range: Range<u64>) -> Option<u64> {
        let below = self.ranges.range(..=range.start).next_back();
        let start = below.map_or(range.start, |(_, &end)| end.max(range.start));
        (start < range.end).then_some(start)
    }

    /// The highest run of numbers of `range` that are not in the set.
    pub fn last_gap(&self, range: Range<u64>) -> Option<Range<u64>> {
        let end = match self.ranges.range(..range.end).next_back() {
            Some((&start, &end)) if end >= range.end => start,
            _ => range.end,
        };
        let below = self.ranges.range(..end).next_back();
        let start = below.map_or(range.start, |(_, &end)| end.max(range.start));
        (start < end).then_some(start..end)
    }

    fn overlapping(&self, range: &Range<u64>) -> Option<(u64, u64)> {
        let (&start, &end) = self.ranges.range(..range.end).next_back()?;
        (end > range.start && !range.is_empty()).then_some((start, end))
    }

    /// Puts a range in that overlaps none, melting it into neighbours that touch it.
    fn join(&mut self, range: Range<u64>) {
        let end = self.ranges.remove(&range.end).unwrap_or(range.end);
        match self.ranges.range_mut(..range.start).next_back() {
            Some((_, before)) if *before == range.start => *before = end,
            _ => {
                self.ranges.insert(range.start, end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_set_of_numbers(
            steps in proptest::collection::vec((0..3u8, 0..60u64, 0..20u64), 1..80)
        ) {
            let (mut set, mut model) = (SeqSet::default(), BTreeSet::new());
            for (kind, start, length) in steps {
                let range = start..start + length;
                match kind {
                    0 => prop_assert_eq!(set.insert(start), model.insert(start)),
                    1 => {
                        set.insert_range(range.clone());
                        model.extend(range);
                    }
                    _ => {
                        set.remove_range(range.clone());
                        model.retain(|seq| !range.contains(seq));
                    }
                }
                prop_assert_eq!(set.count(), model.len() as u64);
                let listed: Vec<u64> = set.iter().flatten().collect();
                prop_assert_eq!(listed, model.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(set.contains(start), model.contains(&start));
                let within = model.range(start..start + length).count() as u64;
                prop_assert_eq!(set.count_within(start..start + length), within);
                let missing = |seq: &u64| !model.contains(seq);
                let gap: Vec<u64> = (start..start + length)
                    .rev()
                    .skip_while(|seq| !missing(seq))
                    .take_while(missing)
                    .collect();
                let last_gap = set.last_gap(start..start + length).into_iter().flatten().rev();
                prop_assert_eq!(last_gap.collect::<Vec<_>>(), gap);
                for (before, after) in set.iter().zip(set.iter().skip(1)) {
                    prop_assert!(before.end < after.start, "ranges touch");
                }
            }
        }
    }
}
