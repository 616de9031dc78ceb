//! Somebody who does nothing wrong while others do.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{client::Client, nsqd::Nsqd};

const TOPIC: &str = "bystander";
/// Half of the messages take less, from before the publish to after the delivery. Ample, as it is an
/// unoptimized build and other tests run on the same machine.
///
/// Both are for a machine that has a processor for everybody, and are multiplied where threads have to
/// share one.
const MEDIAN_MAX: Duration = Duration::from_millis(500);
/// None takes longer.
const LATENCY_MAX: Duration = Duration::from_secs(5);

/// Publishes and consumes one message after the other on a topic of its own until it is told to stop.
/// It fails on any error, lost connection, redelivery or message that is late.
pub struct Bystander {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Seen>>,
}

/// Of each message.
#[derive(Default)]
struct Seen {
    latencies: Vec<Duration>,
    /// How many threads had to share a processor.
    sharing: Vec<u32>,
}

impl Bystander {
    #[track_caller]
    pub fn start(nsqd: &Nsqd) -> Self {
        Self::start_with(|| nsqd.client())
    }

    /// The same with connections that need more to be made.
    #[track_caller]
    pub fn start_with(connect: impl Fn() -> Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut publisher, mut consumer) = (connect(), connect());
        consumer.subscribe(TOPIC, "watch");
        consumer.ready(1);
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut seen = Seen::default();
            while !told.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let body = seen.latencies.len().to_string();
                publisher.publish(TOPIC, body.as_bytes());
                let message = consumer.expect_body(&body);
                assert_eq!(message.attempts, 1, "delivered again: {body}");
                consumer.finish(message.id);
                seen.latencies.push(begun.elapsed());
                seen.sharing.push(threads_per_processor());
                thread::sleep(Duration::from_millis(1)); // Leaves the machine to the test.
            }
            seen
        });
        Self { stop, thread: Some(thread) }
    }

    /// Stops, and says how many messages went well.
    #[track_caller]
    pub fn finish(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("finished once");
        let Seen { mut latencies, mut sharing } =
            thread.join().expect("the bystander has noticed nothing");
        let (median, max) = median_and_max(&mut latencies);
        let (usual, most) = median_and_max(&mut sharing);
        assert!(
            median <= MEDIAN_MAX * usual,
            "the bystander's median is {median:?}, {usual} share"
        );
        assert!(max <= LATENCY_MAX * most, "the bystander has waited {max:?}, {most} share");
        latencies.len()
    }
}

#[track_caller]
fn median_and_max<T: Ord + Copy>(values: &mut [T]) -> (T, T) {
    values.sort_unstable();
    let max = values.last().expect("one message at least");
    (values[values.len() / 2], *max)
}

/// Threads that could run now, by processor; at least 1.
fn threads_per_processor() -> u32 {
    let processors = thread::available_parallelism().map_or(1, |count| count.get() as u32);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let running = load.split_whitespace().nth(3).and_then(|field| field.split('/').next());
    running.and_then(|count| count.parse::<u32>().ok()).unwrap_or(1).div_ceil(processors).max(1)
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
