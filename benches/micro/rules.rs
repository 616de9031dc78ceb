//! What the rules of channels, topics and grants take.

use std::time::Duration;

use divan::{Bencher, counter::ItemsCount};

use crate::work::{
    rules::{self, Served},
    scattered,
};

/// Messages of the channel.
const COUNTS: [u64; 4] = [1, 1000, 100_000, 1_000_000];
/// Publishes and questions.
const TIMES: u64 = 1000;

fn of_channel(
    bencher: Bencher<'_, '_>,
    count: u64,
    prepare: impl Fn(u64) -> Served,
    work: impl Fn(&mut Served),
) {
    let bencher = bencher.counter(ItemsCount::new(count)).with_inputs(|| prepare(count));
    bencher.bench_local_refs(work);
}

#[divan::bench(name = "deliver fresh, per message", args = COUNTS)]
fn deliver_fresh(bencher: Bencher<'_, '_>, count: u64) {
    of_channel(bencher, count, Served::waiting, |served| assert_eq!(served.deliver(), count));
}

#[divan::bench(name = "deliver again, per message", args = COUNTS)]
fn deliver_again(bencher: Bencher<'_, '_>, count: u64) {
    let given_back = |count| {
        let mut served = Served::in_flight(count);
        served.requeue(Duration::ZERO);
        served
    };
    of_channel(bencher, count, given_back, |served| assert_eq!(served.deliver(), count));
}

#[divan::bench(name = "finish in order, per message", args = COUNTS)]
fn finish_in_order(bencher: Bencher<'_, '_>, count: u64) {
    of_channel(bencher, count, Served::in_flight, |served| served.finish(0..count));
}

#[divan::bench(name = "finish scattered, per message", args = COUNTS)]
fn finish_scattered(bencher: Bencher<'_, '_>, count: u64) {
    of_channel(bencher, count, Served::in_flight, |served| served.finish(scattered(count)));
}

#[divan::bench(name = "requeue at once, per message", args = COUNTS)]
fn requeue_at_once(bencher: Bencher<'_, '_>, count: u64) {
    of_channel(bencher, count, Served::in_flight, |served| served.requeue(Duration::ZERO));
}

#[divan::bench(name = "requeue deferred, per message", args = COUNTS)]
fn requeue_deferred(bencher: Bencher<'_, '_>, count: u64) {
    let delay = Duration::from_secs(90);
    of_channel(bencher, count, Served::in_flight, |served| served.requeue(delay));
}

#[divan::bench(name = "time out, per message", args = COUNTS)]
fn time_out(bencher: Bencher<'_, '_>, count: u64) {
    of_channel(bencher, count, Served::in_flight, Served::time_out);
}

/// The argument is the messages of a batch.
#[divan::bench(name = "publish to topic, per batch", args = [1, 200, 4096])]
fn publish(bencher: Bencher<'_, '_>, messages: u32) {
    let bencher = bencher.counter(ItemsCount::new(TIMES)).with_inputs(rules::topic);
    bencher.bench_local_refs(|topic| rules::publish(topic, TIMES, messages));
}

/// The argument is the topics of the grant, of which the last one is asked for.
#[divan::bench(name = "ask a grant, per question", args = [1, 10, 1000])]
fn ask(bencher: Bencher<'_, '_>, topics: usize) {
    let grant = rules::grant(topics);
    bencher.counter(ItemsCount::new(TIMES)).bench_local(|| rules::ask(&grant, TIMES));
}
