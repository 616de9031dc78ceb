//! Bytes to types and back; knows no socket, clock or actor.

pub mod address;
pub mod auth;
pub mod codec;
pub mod command;
pub mod error;
pub mod frame;
pub mod go_object;
pub mod identify;
pub mod introduction;
pub mod lookup;
pub mod magic;
pub mod message_id;
pub mod names;
pub mod outgoing;
pub mod quote;
pub mod raw_text;
pub mod statsd;
pub mod upgrade;

pub use address::host_port;
pub use auth::AuthResponse;
pub use codec::{ClientState, Decoded, Decoder, Limits, Session};
pub use command::{Command, FramedMessages, Keyword, MessageRef, Publication, Verb};
pub use error::{ProtocolError, PublishFailure, SettleFailure, SubscribeFailure};
pub use frame::{Frame, FrameError, MessageFrame};
pub use identify::{Features, IdentifyLimits, IdentifyResponse, Negotiated, NodeInfo};
pub use introduction::{Agreement, Introduction};
pub use magic::Magic;
pub use message_id::MessageId;
pub use names::{ChannelName, InvalidName, TopicName};
pub use raw_text::{excerpt, text_excerpt};
