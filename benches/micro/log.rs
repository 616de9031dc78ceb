//! Records of the log, on a disk in memory, and cursors.

use divan::{
    Bencher, black_box,
    counter::{BytesCount, ItemsCount},
};
use nsq_actors::storage::Cursor;

use crate::work::{BODY_BYTES, log, memory_disk::MemoryDisk};

/// Messages and bytes of each body in a record.
const RECORDS: [(u32, usize); 4] = [(1, 10), (1, 200), (200, 200), (16, 65_536)];
/// Messages of a record in a log of [`COUNT`] records.
const MESSAGES: [u32; 2] = [1, 200];
const COUNT: u64 = 1000;
/// Finished ranges of a cursor, and unfinished messages as many.
const RANGES: [u64; 3] = [1, 1000, 100_000];

#[divan::bench(name = "seal, per record and byte", args = RECORDS)]
fn seal(bencher: Bencher<'_, '_>, (messages, body_bytes): (u32, usize)) {
    let framed = log::framed(messages, body_bytes);
    let bencher = bencher.counter(ItemsCount::new(1u32)).counter(BytesCount::of_slice(&framed));
    bencher.bench_local(|| log::seal(black_box(&framed), messages));
}

#[divan::bench(name = "verify, per record and byte", args = RECORDS)]
fn verify(bencher: Bencher<'_, '_>, (messages, body_bytes): (u32, usize)) {
    let batch = log::seal(&log::framed(messages, body_bytes), messages);
    let record = batch.encoded();
    let bencher = bencher.counter(ItemsCount::new(1u32)).counter(BytesCount::of_slice(record));
    bencher.bench_local(|| log::decode(black_box(record)));
}

/// The disk keeps nothing: what it would take to write is left out.
#[divan::bench(name = "append, per record", args = MESSAGES)]
fn append(bencher: Bencher<'_, '_>, messages: u32) {
    let batches = log::batches(COUNT, messages, BODY_BYTES);
    let bencher = bencher.counter(ItemsCount::new(COUNT));
    bencher
        .with_inputs(|| log::open(&MemoryDisk::forgetting()))
        .bench_local_refs(|log| log::append(log, &batches));
}

#[divan::bench(name = "read back, per record", args = MESSAGES)]
fn read_back(bencher: Bencher<'_, '_>, messages: u32) {
    let log = log::open(&log::stored(COUNT, messages, BODY_BYTES));
    bencher.counter(ItemsCount::new(COUNT)).bench_local(|| {
        assert_eq!(log::read(&log), COUNT * u64::from(messages));
    });
}

#[divan::bench(name = "recover, per record", args = MESSAGES)]
fn recover(bencher: Bencher<'_, '_>, messages: u32) {
    let disk = log::stored(COUNT, messages, BODY_BYTES);
    bencher.counter(ItemsCount::new(COUNT)).bench_local(|| log::open(&disk));
}

#[divan::bench(name = "encode cursor, per range", args = RANGES)]
fn encode_cursor(bencher: Bencher<'_, '_>, ranges: u64) {
    let cursor = log::cursor(ranges);
    bencher.counter(ItemsCount::new(ranges)).bench_local(|| black_box(&cursor).encode());
}

#[divan::bench(name = "decode cursor, per range", args = RANGES)]
fn decode_cursor(bencher: Bencher<'_, '_>, ranges: u64) {
    let bytes = log::cursor(ranges).encode();
    bencher.counter(ItemsCount::new(ranges)).bench_local(|| {
        assert!(Cursor::decode(black_box(&bytes)).is_some());
    });
}
