//! Records, logs in memory, and cursors.

use std::{path::Path, sync::Arc};

use nsq_actors::{
    protocol::MessageId,
    storage::{
        BATCH_BYTES_CEILING, Batch, BatchBuilder, Cursor, Log, LogOptions, LogPosition,
        PendingMessage, Stamp,
    },
};

use super::memory_disk::MemoryDisk;

/// Batches that are appended together.
const TURN: usize = 16;
/// Bytes that a reader asks for.
const READ_BYTES: usize = 1 << 20;

/// Messages in their wire form.
pub fn framed(messages: u32, body_bytes: usize) -> Vec<u8> {
    let size = u32::try_from(body_bytes).expect("a size").to_be_bytes();
    let message = [size.as_slice(), &vec![b'x'; body_bytes]].concat();
    message.repeat(messages as usize)
}

/// Makes a record of framed messages, the first one of a log.
pub fn seal(framed: &[u8], messages: u32) -> Batch {
    seal_at(framed, messages, 1, LogPosition::START)
}

fn seal_at(framed: &[u8], messages: u32, first_seq: u64, position: LogPosition) -> Batch {
    let mut builder = BatchBuilder::with_capacity(framed.len());
    builder.push_framed(framed, messages);
    let first_id = MessageId(first_seq + 1000);
    builder.seal(Stamp { first_seq, first_id, timestamp_ns: 1, due_ns: 0, position })
}

/// Reads the record that [`seal`] has made, and checks every byte of it.
pub fn decode(record: &[u8]) -> Batch {
    Batch::decode(record, LogPosition::START, BATCH_BYTES_CEILING).expect("a record").0
}

/// The records of a log from its beginning.
pub fn batches(count: u64, messages: u32, body_bytes: usize) -> Vec<Arc<Batch>> {
    let framed = framed(messages, body_bytes);
    let (mut position, mut seq) = (LogPosition::START, 1);
    let batches = (0..count).map(|_| {
        let batch = seal_at(&framed, messages, seq, position);
        (position, seq) = (batch.end_position(), batch.end_seq());
        Arc::new(batch)
    });
    batches.collect()
}

/// The log on a disk.
pub fn open(disk: &MemoryDisk) -> Log {
    let options = LogOptions { disk: Arc::new(disk.clone()), ..LogOptions::default() };
    Log::open(Path::new("topic"), options).expect("a log").0
}

/// Appends the batches, some of them at a time.
pub fn append(log: &mut Log, batches: &[Arc<Batch>]) {
    batches.chunks(TURN).for_each(|turn| log.append(turn).expect("has room"));
}

/// A disk with a log of such records.
pub fn stored(records: u64, messages: u32, body_bytes: usize) -> MemoryDisk {
    let disk = MemoryDisk::default();
    append(&mut open(&disk), &batches(records, messages, body_bytes));
    disk
}

/// Reads a log from its beginning and says how many messages there are.
pub fn read(log: &Log) -> u64 {
    let reader = log.reader();
    let (mut next, mut messages) = (reader.start().0, 0);
    loop {
        let chunk = reader.read(next, READ_BYTES).expect("can be read");
        if chunk.batches.is_empty() {
            return messages;
        }
        messages += chunk.batches.iter().map(|batch| u64::from(batch.count())).sum::<u64>();
        next = chunk.next;
    }
}

/// A cursor with so many finished ranges and as many messages between them that were delivered.
pub fn cursor(ranges: u64) -> Cursor {
    let pending = |index| PendingMessage {
        seq: 2 * index + 1,
        position: LogPosition(index * 1000),
        attempts: 1,
        due_ns: 0,
    };
    Cursor {
        finished: (1..=ranges).map(|index| 2 * index..2 * index + 1).collect(),
        pending: (0..ranges).map(pending).collect(),
        ..Cursor::default()
    }
}
