//! How topics and channels are kept: without room for what they do not have.

use super::{Gauges, Name, Rate, Rates};

/// A part of a list that topics or channels of a node have in common.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    from: u32,
    to: u32,
}

impl Span {
    /// What was added to a list since it had that length.
    pub(super) fn since<T>(from: usize, list: &[T]) -> Self {
        Self { from: index(from), to: index(list.len()) }
    }

    /// The part of that list.
    pub(super) fn of<T>(self, list: &[T]) -> &[T] {
        &list[self.from as usize..self.to as usize]
    }

    /// The part of that list.
    pub(super) fn of_mut<T>(self, list: &mut [T]) -> &mut [T] {
        &mut list[self.from as usize..self.to as usize]
    }

    /// How long it is.
    pub(super) fn len(self) -> u64 {
        u64::from(self.to - self.from)
    }

    /// Where it begins.
    pub(super) fn from(self) -> u32 {
        self.from
    }
}

fn index(index: usize) -> u32 {
    u32::try_from(index).expect("there is room for fewer, and answers are shorter")
}

#[derive(Debug, Clone)]
pub(super) struct StoredTopic {
    pub(super) name: Name,
    pub(super) depth: u64,
    pub(super) backend_depth: u64,
    pub(super) messages: u64,
    pub(super) input: Rate,
    pub(super) paused: bool,
    pub(super) latency: StoredLatency,
    /// Of the node's channels.
    pub(super) channels: Span,
}

#[derive(Debug, Clone)]
pub(super) struct StoredChannel {
    pub(super) name: Name,
    pub(super) gauges: Gauges,
    pub(super) rates: Rates,
    pub(super) paused: bool,
    pub(super) latency: StoredLatency,
    /// Of the node's clients.
    pub(super) clients: Span,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StoredLatency {
    pub(super) count: u64,
    /// Of the node's percentiles; empty if the node does not measure.
    pub(super) percentiles: Span,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_topics_with_two_channels_are_held_with_ease() {
        let sizes = [size_of::<StoredTopic>(), size_of::<StoredChannel>()];
        assert!(sizes[0] <= 72 && sizes[1] <= 128, "{sizes:?}");
    }
}
