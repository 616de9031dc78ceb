//! Asks many nodes over HTTP and merges what they say. Nodes that do not answer are named and keep nobody else waiting.

pub mod channel_counts;
pub mod history;
mod http;
pub mod picture;
pub mod problems;
pub mod producers;
pub mod snapshot;

pub use self::{
    channel_counts::{ChannelCounts, channel_counts},
    http::{Ask, AskError, Timeouts},
    producers::{Nsqd, producers},
};

/// What nodes have said together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged<T> {
    /// Of those that have answered.
    pub known: T,
    /// Those that have not, each with the reason.
    pub failures: Vec<AskError>,
}
