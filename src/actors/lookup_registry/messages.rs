//! What the registry hears.

use std::sync::Arc;

use actix::{Message, Recipient};

use crate::{
    broker::{
        LinkId,
        registrations::{Counts, Dump, Lookup, Nodes, NotAdded},
    },
    protocol::{ChannelName, TopicName, lookup::LookupCommand},
};

/// The commands that one read of a link brought.
#[derive(Debug, Message)]
#[rtype(result = "Applied")]
pub struct Apply {
    /// From where.
    pub link: LinkId,
    /// The peer's address, as producers and the log are known by it.
    pub remote: Arc<str>,
    /// In their order.
    pub commands: Vec<LookupCommand>,
}

/// What has become of an [`Apply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// So many commands were carried out.
    pub count: usize,
    /// Why the next one was not.
    pub refused: Option<NotAdded>,
}

/// A link has ended. The listener hears it too.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct LinkGone(pub LinkId);

/// Says who must hear when the registry has lost everything.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct TellOfRestarts(pub Recipient<RegistryRestarted>);

/// From the registry: nothing is registered any more. Links that end make their nsqds register again.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct RegistryRestarted;

/// Asks for the topics, in no order.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<TopicName>")]
pub struct ListTopics;

/// Asks for a topic's channels by name.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Vec<ChannelName>")]
pub struct ListChannels(pub TopicName);

/// Asks where a topic can be had.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Option<Lookup>")]
pub struct FindProducers(pub TopicName);

/// Asks for all nodes with their topics.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Nodes")]
pub struct ListNodes;

/// Asks for everything.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Dump")]
pub struct DumpRegistrations;

/// Makes a topic without producers.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), NotAdded>")]
pub struct AddTopic(pub TopicName);

/// Makes a channel without producers, and its topic.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), NotAdded>")]
pub struct AddChannel(pub TopicName, pub ChannelName);

/// Forgets a topic with its channels.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct RemoveTopic(pub TopicName);

/// Forgets a channel; false if there is none.
#[derive(Debug, Clone, Message)]
#[rtype(result = "bool")]
pub struct RemoveChannel(pub TopicName, pub ChannelName);

/// Hides a node for a topic.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Tombstone {
    /// The topic.
    pub topic: TopicName,
    /// `host:http_port`.
    pub node: String,
}

/// What the registry says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct RegistrySnapshot {
    /// How many there are of everything.
    pub counts: Counts,
}
