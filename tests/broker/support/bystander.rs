//! Somebody who does nothing wrong while others do.

use std::{
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
const MEDIAN_MAX: Duration = Duration::from_millis(500);
/// None takes longer.
const LATENCY_MAX: Duration = Duration::from_secs(5);
/// Each of these has to wait for a processor on a message's way. What that costs on this machine, now, is
/// seen by the bystander's own pauses, which end late by so much.
const THREADS_ON_THE_WAY: u32 = 10;
const PAUSE: Duration = Duration::from_millis(1);

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
    /// How late the machine has let the bystander go on after its pause.
    delays: Vec<Duration>,
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
                let paused = Instant::now();
                thread::sleep(PAUSE); // Leaves the machine to the test.
                seen.delays.push(paused.elapsed().saturating_sub(PAUSE));
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
        let Seen { mut latencies, mut delays } =
            thread.join().expect("the bystander has noticed nothing");
        let (median, max) = median_and_max(&mut latencies);
        let (usual, longest) = median_and_max(&mut delays);
        let median_max = MEDIAN_MAX + THREADS_ON_THE_WAY * usual;
        assert!(median <= median_max, "the bystander's median is {median:?} > {median_max:?}");
        let latency_max = LATENCY_MAX + THREADS_ON_THE_WAY * longest;
        assert!(max <= latency_max, "the bystander has waited {max:?} > {latency_max:?}");
        latencies.len()
    }
}

#[track_caller]
fn median_and_max(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort_unstable();
    let max = times.last().expect("one message at least");
    (times[times.len() / 2], *max)
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
