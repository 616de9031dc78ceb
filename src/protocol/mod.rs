//! Bytes to types and back; knows no socket, clock or actor.

pub mod message_id;
pub mod names;

pub use message_id::MessageId;
pub use names::{ChannelName, InvalidName, TopicName};
