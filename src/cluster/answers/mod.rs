//! What nsqd and nsqlookupd answer, ours and upstream's. Fields that are missing, and lists that are `null`, are empty;
//! fields that are not known are passed over.

mod client;
mod info;
mod reading;
mod registry;
mod stats;

pub use self::{
    client::{ClientStats, PublishCount},
    info::NodeInfo,
    registry::{ChannelList, Lookup, NodeList, RegisteredNode, TopicList},
    stats::{
        ChannelStats, LatencyStats, LookupPeerStats, MemoryStats, NodeStats, PercentileStats,
        TopicStats,
    },
};
