//! What a client sends.

use super::frame::MessageId;

/// Says which protocol follows.
pub const MAGIC: &[u8] = b"  V2";
pub const NOP: &[u8] = b"NOP\n";
pub const CLS: &[u8] = b"CLS\n";

/// A line and the body that follows it.
pub fn sized(line: &str, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len()).unwrap();
    [line.as_bytes(), b"\n", &size.to_be_bytes(), body].concat()
}

/// A line and the size of a body that does not follow it.
pub fn announced(line: &str, size: i32) -> Vec<u8> {
    [line.as_bytes(), b"\n", &size.to_be_bytes()].concat()
}

pub fn identify(json: &str) -> Vec<u8> {
    sized("IDENTIFY", json.as_bytes())
}

pub fn sub(topic: &str, channel: &str) -> Vec<u8> {
    format!("SUB {topic} {channel}\n").into_bytes()
}

pub fn rdy(count: usize) -> Vec<u8> {
    format!("RDY {count}\n").into_bytes()
}

pub fn publish(topic: &str, body: &[u8]) -> Vec<u8> {
    sized(&format!("PUB {topic}"), body)
}

pub fn publish_deferred(topic: &str, delay_ms: u64, body: &[u8]) -> Vec<u8> {
    sized(&format!("DPUB {topic} {delay_ms}"), body)
}

pub fn publish_many<B: AsRef<[u8]>>(topic: &str, bodies: &[B]) -> Vec<u8> {
    sized(&format!("MPUB {topic}"), &batch(bodies))
}

/// Several bodies as MPUB has them behind its size.
pub fn batch<B: AsRef<[u8]>>(bodies: &[B]) -> Vec<u8> {
    let mut batch = u32::try_from(bodies.len()).unwrap().to_be_bytes().to_vec();
    for body in bodies.iter().map(AsRef::as_ref) {
        batch.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
        batch.extend_from_slice(body);
    }
    batch
}

pub fn finish(id: MessageId) -> Vec<u8> {
    format!("FIN {id}\n").into_bytes()
}

pub fn requeue(id: MessageId, delay_ms: u64) -> Vec<u8> {
    format!("REQ {id} {delay_ms}\n").into_bytes()
}

pub fn touch(id: MessageId) -> Vec<u8> {
    format!("TOUCH {id}\n").into_bytes()
}
