//! Streams of commands and frames.

use std::time::Duration;

use nsq_actors::protocol::{
    ClientState, Command, Decoded, Decoder, Limits, MessageId, Session, TopicName, frame, outgoing,
};

const LIMITS: Limits = Limits {
    msg_bytes_max: 1 << 20,
    body_bytes_max: 5 << 20,
    rdy_max: 2500,
    req_timeout_max: Duration::from_secs(3600),
};
const SESSION: Session =
    Session { state: ClientState::Subscribed, heartbeats: true, tls_missing: false };
const FIRST_ID: u64 = 0x18a6_d4ec_39a6_9000;

/// `PUB`s with bodies of `body_bytes`.
pub fn publishes(count: u64, body_bytes: usize) -> Vec<u8> {
    let (topic, body) = (topic(), vec![b'x'; body_bytes]);
    written(count, |out, _| outgoing::put_publish(out, &topic, &body))
}

/// One `MPUB` of `count` messages with bodies of `body_bytes`.
pub fn multi_publish(count: u64, body_bytes: usize) -> Vec<u8> {
    let bodies: Vec<_> = (0..count).map(|_| vec![b'x'; body_bytes]).collect();
    written(1, |out, _| outgoing::put_publish_multi(out, &topic(), &bodies))
}

/// `FIN`s of messages one after the other.
pub fn finishes(count: u64) -> Vec<u8> {
    written(count, |out, index| outgoing::put_finish(out, &MessageId(FIRST_ID + index).to_hex()))
}

/// `RDY`s of any size.
pub fn readies(count: u64) -> Vec<u8> {
    written(count, |out, index| outgoing::put_ready(out, (index % 2501) as u32))
}

fn written(count: u64, put: impl Fn(&mut Vec<u8>, u64)) -> Vec<u8> {
    let mut out = Vec::new();
    (0..count).for_each(|index| put(&mut out, index));
    out
}

fn topic() -> TopicName {
    TopicName::parse("orders").expect("a name")
}

/// Decodes a stream of whole commands and says how many messages and other commands there were.
pub fn decode(mut stream: &[u8]) -> u64 {
    let (mut decoder, mut count) = (Decoder::new(LIMITS), 0);
    while !stream.is_empty() {
        match decoder.decode(stream, &SESSION) {
            Ok(Decoded::Command { command, consumed }) => {
                count += match command {
                    Command::Publish(publication) => u64::from(publication.count),
                    _ => 1,
                };
                stream = &stream[consumed..];
            }
            other => panic!("not a whole command: {other:?}"),
        }
    }
    count
}

/// Appends `count` frames of messages.
pub fn put_messages(out: &mut Vec<u8>, count: u64, body: &[u8]) {
    for index in 0..count {
        frame::put_message(out, 1_795_367_506_000_000_000, 1, MessageId(FIRST_ID + index), body);
    }
}
