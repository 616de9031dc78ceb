//! The rules of topics, channels and credit: pure data, no clock, no socket, no runtime.
//!
//! Time goes in as a [`Moment`]; what is to be done comes out as values. The actors carry it out.

pub mod ack_set;
pub mod authorization;
pub mod backoff;
pub mod channel;
pub mod deadlines;
pub mod deferred;
pub mod grant;
pub mod holdings;
pub mod id_generator;
pub mod id_hash;
pub mod in_flight;
pub mod latency;
pub mod listing;
pub mod locality;
pub mod moment;
pub mod registrations;
pub mod seq_set;
pub mod stragglers;
pub mod subscribers;
pub mod topic;

#[cfg(test)]
mod channel_model;

pub use ack_set::AckSet;
pub use authorization::{Authorization, Verdict};
pub use backoff::Backoff;
pub use channel::{ChannelRules, Settings};
pub use grant::{Access, BadGrant, Grant};
pub use id_generator::IdGenerator;
pub use latency::{Latencies, LatencySamples};
pub use listing::{Incarnation, Listing, Told};
pub use locality::{Locality, Proximity, Topology};
pub use moment::Moment;
pub use registrations::{LinkId, Registrations};
pub use seq_set::SeqSet;
pub use subscribers::{ClientId, SubscribeError, Subscriber, SubscriberKey, Terms};
pub use topic::TopicRules;
