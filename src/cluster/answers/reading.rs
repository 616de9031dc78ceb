//! How fields are read.

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::protocol::{ChannelName, TopicName};

/// Reads `null` as what a missing field is.
pub fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads the name of a topic, which must be a legal one.
pub fn topic_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TopicName, D::Error> {
    let name = String::deserialize(deserializer)?;
    TopicName::parse(&name).map_err(|error| D::Error::custom(format!("topic {name:?}: {error}")))
}

/// Reads the name of a channel, which must be a legal one.
pub fn channel_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ChannelName, D::Error> {
    let name = String::deserialize(deserializer)?;
    let named = ChannelName::parse(&name);
    named.map_err(|error| D::Error::custom(format!("channel {name:?}: {error}")))
}

/// Reads names of topics and leaves out those that are not legal: one that an old registry has kept is not to hide
/// all others.
pub fn topic_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TopicName>, D::Error> {
    let names: Vec<Box<str>> = null_as_default(deserializer)?;
    Ok(names.into_iter().filter_map(|name| TopicName::parse(&*name).ok()).collect())
}

/// Reads names of channels in the same way.
pub fn channel_names<'de, D>(deserializer: D) -> Result<Vec<ChannelName>, D::Error>
where
    D: Deserializer<'de>,
{
    let names: Vec<Box<str>> = null_as_default(deserializer)?;
    Ok(names.into_iter().filter_map(|name| ChannelName::parse(&*name).ok()).collect())
}
