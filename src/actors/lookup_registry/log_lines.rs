//! What the log says of registrations, in upstream's words.
//!
//! A key that is new is worth a line; that one more node has it, or one less, is so often true that it is for those
//! who debug.

use log::Level;

use crate::{
    broker::registrations::{Added, Left},
    protocol::{ChannelName, lookup::Registration},
};

/// A producer has come.
pub(super) fn identified(remote: &str) {
    log::info!("DB: client({remote}) REGISTER category:client key: subkey:");
}

/// What a REGISTER has added to a topic and to a channel.
pub(super) fn registered(
    remote: &str,
    registration: &Registration,
    (to_topic, to_channel): (Added, Option<Added>),
) {
    let topic = &registration.topic;
    if let (Some(added), Some(channel)) = (to_channel.and_then(level), &registration.channel) {
        log::log!(
            added,
            "DB: client({remote}) REGISTER category:channel key:{topic} subkey:{channel}"
        );
    }
    if let Some(added) = level(to_topic) {
        log::log!(added, "DB: client({remote}) REGISTER category:topic key:{topic} subkey:");
    }
}

fn level(added: Added) -> Option<Level> {
    match added {
        Added::Nothing => None,
        Added::Producer => Some(Level::Debug),
        Added::Key => Some(Level::Info),
    }
}

/// What an UNREGISTER has taken away.
pub(super) fn unregistered(remote: &str, registration: &Registration, left: &Left) {
    let topic = &registration.topic;
    for channel in &left.channels {
        log::warn!(
            "client({remote}) unexpected UNREGISTER category:channel key:{topic} subkey:{channel}"
        );
    }
    if left.was_there {
        let channel = registration.channel.as_ref();
        let category = if channel.is_some() { "channel" } else { "topic" };
        let subkey = channel.map_or("", ChannelName::as_str);
        log::info!(
            "DB: client({remote}) UNREGISTER category:{category} key:{topic} subkey:{subkey}"
        );
    }
}

/// A producer has gone, and with it all that it had.
pub(super) fn disconnected(remote: &str) {
    log::info!("DB: client({remote}) UNREGISTER category:client key: subkey:");
}
