//! What nsqd asks of nsqlookupd.

use std::fmt;

use super::identify::PeerInfo;
use crate::protocol::names::{ChannelName, TopicName};

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupCommand {
    /// `IDENTIFY`: who the node is.
    Identify(PeerInfo),
    /// `REGISTER`: the node has this topic, or this channel and its topic.
    Register(Registration),
    /// `UNREGISTER`: the node has this topic with all its channels no more, or this channel.
    Unregister(Registration),
    /// `PING`: the node is alive.
    Ping,
}

/// A topic, or a channel of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Registration {
    /// The topic.
    pub topic: TopicName,
    /// The channel; without it, the topic is meant.
    pub channel: Option<ChannelName>,
}

/// The commands that carry a [`Registration`]; the name of each is part of its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Adds.
    Register,
    /// Removes.
    Unregister,
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Register => "REGISTER",
            Self::Unregister => "UNREGISTER",
        })
    }
}

impl Registration {
    /// A topic by itself.
    pub fn topic(topic: TopicName) -> Self {
        Self { topic, channel: None }
    }

    /// A channel and with it its topic.
    pub fn channel(topic: TopicName, channel: ChannelName) -> Self {
        Self { topic, channel: Some(channel) }
    }

    fn encode(&self, change: Change, out: &mut Vec<u8>) {
        let parts = [Some(self.topic.as_str()), self.channel.as_ref().map(ChannelName::as_str)];
        out.extend_from_slice(change.to_string().as_bytes());
        for part in parts.into_iter().flatten() {
            out.push(b' ');
            out.extend_from_slice(part.as_bytes());
        }
        out.push(b'\n');
    }
}

impl LookupCommand {
    /// Appends the request as it stands on the wire.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Identify(info) => encode_identify(info, out),
            Self::Register(registration) => registration.encode(Change::Register, out),
            Self::Unregister(registration) => registration.encode(Change::Unregister, out),
            Self::Ping => out.extend_from_slice(b"PING\n"),
        }
    }
}

fn encode_identify(info: &PeerInfo, out: &mut Vec<u8>) {
    let body = info.to_json();
    let size = i32::try_from(body.len()).expect("names and ports of a node are below 2 GiB");
    out.extend_from_slice(b"IDENTIFY\n");
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(&body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(command: &LookupCommand) -> Vec<u8> {
        let mut out = Vec::new();
        command.encode(&mut out);
        out
    }

    #[test]
    fn requests_are_lines() {
        let topic = TopicName::parse("orders").unwrap();
        let channel = ChannelName::parse("audit#ephemeral").unwrap();
        let whole = Registration::topic(topic.clone());
        let part = Registration::channel(topic, channel);
        for (command, expected) in [
            (LookupCommand::Ping, "PING\n"),
            (LookupCommand::Register(whole.clone()), "REGISTER orders\n"),
            (LookupCommand::Register(part.clone()), "REGISTER orders audit#ephemeral\n"),
            (LookupCommand::Unregister(whole), "UNREGISTER orders\n"),
            (LookupCommand::Unregister(part), "UNREGISTER orders audit#ephemeral\n"),
        ] {
            assert_eq!(encoded(&command), expected.as_bytes());
        }
    }

    #[test]
    fn identify_has_upstreams_body() {
        let info = PeerInfo {
            broadcast_address: "ba".into(),
            hostname: "vm".into(),
            http_port: 14_151,
            tcp_port: 14_150,
            topology_region: "rr".into(),
            topology_zone: "zz".into(),
            version: "1.3.0".into(),
        };
        let body = concat!(
            r#"{"broadcast_address":"ba","hostname":"vm","http_port":14151,"tcp_port":14150,"#,
            r#""topology_region":"rr","topology_zone":"zz","version":"1.3.0"}"#
        );
        let expected = [b"IDENTIFY\n\0\0\0\x8b".as_slice(), body.as_bytes()].concat();
        assert_eq!(body.len(), 0x8b);
        assert_eq!(encoded(&LookupCommand::Identify(info)), expected);
    }
}
