//! Commands that come in and frames that go out.

use divan::{Bencher, black_box, counter::ItemsCount};

use crate::work::{BODY_BYTES, codec};

const COUNT: u64 = 1000;

fn decode(bencher: Bencher<'_, '_>, stream: &[u8]) {
    bencher.counter(ItemsCount::new(COUNT)).bench_local(|| codec::decode(black_box(stream)));
}

/// The argument is the bytes of a body.
#[divan::bench(name = "decode PUB, per command", args = [10, 200, 10_000])]
fn decode_publishes(bencher: Bencher<'_, '_>, body_bytes: usize) {
    decode(bencher, &codec::publishes(COUNT, body_bytes));
}

/// The argument is the bytes of a body.
#[divan::bench(name = "decode MPUB, per message", args = [10, 200, 1000])]
fn decode_multi_publish(bencher: Bencher<'_, '_>, body_bytes: usize) {
    decode(bencher, &codec::multi_publish(COUNT, body_bytes));
}

#[divan::bench(name = "decode FIN, per command")]
fn decode_finishes(bencher: Bencher<'_, '_>) {
    decode(bencher, &codec::finishes(COUNT));
}

#[divan::bench(name = "decode RDY, per command")]
fn decode_readies(bencher: Bencher<'_, '_>) {
    decode(bencher, &codec::readies(COUNT));
}

/// The argument is the bytes of a body.
#[divan::bench(name = "encode message frame, per message", args = [10, BODY_BYTES, 10_000])]
fn encode_messages(bencher: Bencher<'_, '_>, body_bytes: usize) {
    let (body, mut out) = (vec![b'x'; body_bytes], Vec::new());
    bencher.counter(ItemsCount::new(COUNT)).bench_local(|| {
        out.clear();
        codec::put_messages(&mut out, COUNT, black_box(&body));
    });
}
