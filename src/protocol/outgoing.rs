//! Commands, client to nsqd: appended to a buffer in the form in which they go on the wire.
//!
//! Nothing is checked here: names are checked types, and sizes are the caller's business.

use std::time::Duration;

use super::{
    command::{Keyword, Verb},
    names::{ChannelName, TopicName},
};

const SIZE_BYTES: usize = 4;

/// `IDENTIFY` with its JSON.
pub fn put_identify(out: &mut Vec<u8>, json: &[u8]) {
    put_keyword(out, Keyword::Identify);
    out.push(b'\n');
    put_sized(out, json);
}

/// `AUTH` with the secret.
pub fn put_auth(out: &mut Vec<u8>, secret: &[u8]) {
    put_keyword(out, Keyword::Auth);
    out.push(b'\n');
    put_sized(out, secret);
}

/// `SUB`.
pub fn put_subscribe(out: &mut Vec<u8>, topic: &TopicName, channel: &ChannelName) {
    put_keyword(out, Keyword::Sub);
    put_parameter(out, topic.as_str());
    put_parameter(out, channel.as_str());
    out.push(b'\n');
}

/// `PUB`.
pub fn put_publish(out: &mut Vec<u8>, topic: &TopicName, body: &[u8]) {
    put_verb(out, Verb::Pub, topic);
    out.push(b'\n');
    put_sized(out, body);
}

/// `DPUB`; the delay counts in whole milliseconds, a part of one counts as one.
pub fn put_publish_deferred(out: &mut Vec<u8>, topic: &TopicName, delay: Duration, body: &[u8]) {
    put_verb(out, Verb::Dpub, topic);
    out.push(b' ');
    put_number(out, millis(delay));
    out.push(b'\n');
    put_sized(out, body);
}

/// `MPUB`.
pub fn put_publish_multi<B: AsRef<[u8]>>(out: &mut Vec<u8>, topic: &TopicName, bodies: &[B]) {
    put_verb(out, Verb::Mpub, topic);
    out.push(b'\n');
    let size = SIZE_BYTES + framed_bytes(bodies);
    out.reserve(SIZE_BYTES + size);
    out.extend_from_slice(&size_field(size));
    out.extend_from_slice(&size_field(bodies.len()));
    for body in bodies {
        put_sized(out, body.as_ref());
    }
}

/// What these bodies come to in an MPUB, each with its size.
pub fn framed_bytes<B: AsRef<[u8]>>(bodies: &[B]) -> usize {
    bodies.iter().map(|body| SIZE_BYTES + body.as_ref().len()).sum()
}

/// `RDY`.
pub fn put_ready(out: &mut Vec<u8>, count: u32) {
    put_keyword(out, Keyword::Rdy);
    out.push(b' ');
    put_number(out, u64::from(count));
    out.push(b'\n');
}

/// `FIN`; `id` as it came.
pub fn put_finish(out: &mut Vec<u8>, id: &[u8; 16]) {
    let mut line = *b"FIN 0123456789abcdef\n";
    line[4..20].copy_from_slice(id);
    out.extend_from_slice(&line);
}

/// `REQ`; the delay counts in whole milliseconds, a part of one counts as one.
pub fn put_requeue(out: &mut Vec<u8>, id: &[u8; 16], delay: Duration) {
    put_keyword(out, Keyword::Req);
    out.push(b' ');
    out.extend_from_slice(id);
    out.push(b' ');
    put_number(out, millis(delay));
    out.push(b'\n');
}

/// `TOUCH`.
pub fn put_touch(out: &mut Vec<u8>, id: &[u8; 16]) {
    put_keyword(out, Keyword::Touch);
    out.push(b' ');
    out.extend_from_slice(id);
    out.push(b'\n');
}

/// `CLS`.
pub fn put_close(out: &mut Vec<u8>) {
    put_keyword(out, Keyword::Cls);
    out.push(b'\n');
}

/// `NOP`.
pub fn put_nop(out: &mut Vec<u8>) {
    put_keyword(out, Keyword::Nop);
    out.push(b'\n');
}

fn put_keyword(out: &mut Vec<u8>, keyword: Keyword) {
    out.extend_from_slice(keyword.as_str().as_bytes());
}

fn put_verb(out: &mut Vec<u8>, verb: Verb, topic: &TopicName) {
    put_keyword(out, verb.into());
    put_parameter(out, topic.as_str());
}

fn put_parameter(out: &mut Vec<u8>, text: &str) {
    out.push(b' ');
    out.extend_from_slice(text.as_bytes());
}

fn put_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(number.to_string().as_bytes());
}

fn put_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(SIZE_BYTES + bytes.len());
    out.extend_from_slice(&size_field(bytes.len()));
    out.extend_from_slice(bytes);
}

/// What does not fit is written as a size that nsqd refuses.
fn size_field(size: usize) -> [u8; 4] {
    i32::try_from(size).unwrap_or(-1).to_be_bytes()
}

fn millis(delay: Duration) -> u64 {
    u64::try_from(delay.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::FramedMessages;

    const ID: &[u8; 16] = b"18a6d4ec39a69000";

    fn topic() -> TopicName {
        TopicName::parse("orders").unwrap()
    }

    fn written(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = b"before".to_vec();
        put(&mut out);
        out.split_off(6)
    }

    #[test]
    fn commands_stand_on_the_wire_as_the_protocol_says() {
        let channel = ChannelName::parse("audit#ephemeral").unwrap();
        let delay = Duration::from_micros(1500);
        let cases: [(Vec<u8>, &[u8]); 12] = [
            (written(|out| put_identify(out, b"{}")), b"IDENTIFY\n\0\0\0\x02{}"),
            (written(|out| put_auth(out, b"key")), b"AUTH\n\0\0\0\x03key"),
            (
                written(|out| put_subscribe(out, &topic(), &channel)),
                b"SUB orders audit#ephemeral\n",
            ),
            (written(|out| put_publish(out, &topic(), b"hi")), b"PUB orders\n\0\0\0\x02hi"),
            (
                written(|out| put_publish_deferred(out, &topic(), delay, b"hi")),
                b"DPUB orders 2\n\0\0\0\x02hi",
            ),
            (
                written(|out| put_publish_multi(out, &topic(), &["a", "bc"])),
                b"MPUB orders\n\0\0\0\x0f\0\0\0\x02\0\0\0\x01a\0\0\0\x02bc",
            ),
            (written(|out| put_ready(out, 2500)), b"RDY 2500\n"),
            (written(|out| put_finish(out, ID)), b"FIN 18a6d4ec39a69000\n"),
            (written(|out| put_requeue(out, ID, delay)), b"REQ 18a6d4ec39a69000 2\n"),
            (written(|out| put_touch(out, ID)), b"TOUCH 18a6d4ec39a69000\n"),
            (written(put_close), b"CLS\n"),
            (written(put_nop), b"NOP\n"),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected, "{}", expected.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_nsqd_reads(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 1..5),
        ) {
            let mut out = Vec::new();
            put_publish_multi(&mut out, &topic(), &bodies);
            let framed = &out[b"MPUB orders\n".len() + 8..];
            prop_assert_eq!(framed.len(), framed_bytes(&bodies));
            let read: Vec<_> = FramedMessages::new(framed).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(read, bodies);
        }
    }
}
