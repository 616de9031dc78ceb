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

/// Publishes and consumes one message after the other on a topic of its own until it is told to stop.
/// It fails on any error, lost connection, redelivery or message that is late.
pub struct Bystander {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Duration>>>,
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
            let mut latencies = Vec::new();
            while !told.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let body = latencies.len().to_string();
                publisher.publish(TOPIC, body.as_bytes());
                let message = consumer.expect_body(&body);
                assert_eq!(message.attempts, 1, "delivered again: {body}");
                consumer.finish(message.id);
                latencies.push(begun.elapsed());
                thread::sleep(Duration::from_millis(1)); // Leaves the machine to the test.
            }
            latencies
        });
        Self { stop, thread: Some(thread) }
    }

    /// Stops, and says how many messages went well.
    #[track_caller]
    pub fn finish(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("finished once");
        let mut latencies = thread.join().expect("the bystander has noticed nothing");
        latencies.sort_unstable();
        assert!(!latencies.is_empty());
        let (median, max) = (latencies[latencies.len() / 2], latencies[latencies.len() - 1]);
        assert!(median <= MEDIAN_MAX, "the bystander's median is {median:?}");
        assert!(max <= LATENCY_MAX, "the bystander has waited {max:?}");
        latencies.len()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
