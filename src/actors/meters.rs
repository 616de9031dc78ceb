//! Counts that many threads write and monitoring reads: nothing here is decided on.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

use super::clock;
use crate::{
    broker::Moment,
    protocol::TopicName,
    storage::{Batch, Log},
};

/// Everything that is counted for the node as a whole.
#[derive(Debug, Default)]
pub struct Meters {
    /// What was done to logs.
    pub logs: LogMeters,
    /// The threads that actors live on.
    pub threads: Vec<ThreadMeter>,
    /// The logs that are there. One that is gone is removed when the next one comes.
    topics: Mutex<Vec<(TopicName, Weak<DiskGauges>)>>,
}

impl Meters {
    /// For the main thread and `workers` others.
    pub fn new(workers: usize) -> Self {
        let names = (0..workers).map(|number| format!("worker-{number}"));
        let names = std::iter::once("main".to_owned()).chain(names);
        Self { threads: names.map(ThreadMeter::new).collect(), ..Self::default() }
    }

    /// A log that is to be watched as long as it is there.
    pub fn watch(&self, topic: &TopicName, gauges: Weak<DiskGauges>) {
        let mut topics = self.topics();
        topics.retain(|(_, gauges)| gauges.strong_count() > 0);
        topics.push((topic.clone(), gauges));
    }

    /// The topics whose calls to the disk make no progress, with the time for which that is so.
    pub fn waiting_for_disk(&self, now: Moment) -> Vec<(TopicName, Duration)> {
        let topics = self.topics();
        let waits = topics.iter().filter_map(|(topic, gauges)| {
            let wait = gauges.upgrade()?.longest_wait(now);
            (!wait.is_zero()).then(|| (topic.clone(), wait))
        });
        waits.collect()
    }

    fn topics(&self) -> MutexGuard<'_, Vec<(TopicName, Weak<DiskGauges>)>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was done to the logs of all topics since the start.
#[derive(Debug, Default)]
pub struct LogMeters {
    /// Batches written.
    pub batches: AtomicU64,
    /// Their bytes, as in the log.
    pub bytes: AtomicU64,
    /// Writes that failed.
    pub failed_writes: AtomicU64,
    /// How long writes took.
    pub writes: DurationHistogram,
    /// How long syncs took.
    pub syncs: DurationHistogram,
}

impl LogMeters {
    /// A write of `batches` took this long.
    pub fn wrote<'a>(&self, batches: impl Iterator<Item = &'a Batch>, took: Duration, is_ok: bool) {
        self.writes.record(took);
        if !is_ok {
            self.failed_writes.fetch_add(1, Relaxed);
            return;
        }
        let (count, bytes) = batches
            .fold((0, 0), |(count, bytes), batch| (count + 1, bytes + batch.encoded_len() as u64));
        self.batches.fetch_add(count, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }
}

/// Upper bounds of a [`DurationHistogram`], in seconds; whatever is longer is counted beyond them.
pub const BOUNDS: [f64; 12] =
    [2.5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 1e-2, 2.5e-2, 0.1, 0.5, 2.5, 10.0];

/// Durations, counted in a few ranges.
#[derive(Debug, Default)]
pub struct DurationHistogram {
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

impl DurationHistogram {
    /// Counts one.
    pub fn record(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let range = BOUNDS.partition_point(|bound| *bound < seconds);
        self.counts[range].fetch_add(1, Relaxed);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Relaxed);
    }

    /// How many lie in each range, the last one being without an end.
    pub fn counts(&self) -> [u64; BOUNDS.len() + 1] {
        self.counts.each_ref().map(|count| count.load(Relaxed))
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Relaxed))
    }
}

/// A thread that actors live on, as the watchdog sees it.
#[derive(Debug)]
pub struct ThreadMeter {
    /// `main` or `worker-0` and so on.
    pub name: String,
    /// How long a message waits there until its actor gets it.
    pub waits: DurationHistogram,
    /// When the thread was last asked something that it has not answered; 0 for never.
    asked: AtomicU64,
}

impl ThreadMeter {
    fn new(name: String) -> Self {
        Self { name, waits: DurationHistogram::default(), asked: AtomicU64::new(0) }
    }

    /// Takes note of a question; false if the last one has not been answered.
    pub fn ask(&self, now: Moment) -> bool {
        self.asked.compare_exchange(0, now.0, Relaxed, Relaxed).is_ok()
    }

    /// The thread has got to the question.
    pub fn answered(&self, now: Moment) {
        self.waits.record(now.since(Moment(self.asked.load(Relaxed))));
        self.asked.store(0, Release); // who sees this sees the record
    }

    /// For how long the question has waited.
    pub fn silence(&self, now: Moment) -> Duration {
        match self.asked.load(Acquire) {
            0 => Duration::ZERO,
            asked => now.since(Moment(asked)),
        }
    }
}

/// The size of a log, and the calls to the disk that it waits for. Written by the threads that make
/// those calls.
#[derive(Debug, Default)]
pub struct DiskGauges {
    /// Segments of the log.
    pub segments: AtomicU64,
    /// Bytes of the log.
    pub bytes: AtomicU64,
    calls: [Calls; 5],
}

/// What a call to the disk is for; each kind can be stuck by itself.
#[derive(Debug, Clone, Copy)]
pub enum DiskCall {
    /// The log is changed.
    Write,
    /// The log is read.
    Read,
    /// The log is synced.
    Sync,
    /// A cursor or the topic's own state.
    SmallFile,
    /// Segments that are finished are removed.
    Removal,
}

#[derive(Debug, Default)]
struct Calls {
    running: AtomicU64,
    /// When one began while there was none, or ended.
    progress: AtomicU64,
}

impl DiskGauges {
    /// Makes a call and takes note of how long it is under way.
    pub fn during<T>(&self, kind: DiskCall, call: impl FnOnce() -> T) -> T {
        let calls = &self.calls[kind as usize];
        calls.begin();
        let _until_done = CallEnd(calls);
        call()
    }

    /// Takes note of a call that may have to wait for a thread: it is under way as long as what is
    /// returned is there.
    pub fn begin(self: &Arc<Self>, kind: DiskCall) -> UnderWay {
        self.calls[kind as usize].begin();
        UnderWay { gauges: Arc::clone(self), kind }
    }

    /// Takes note of how large the log is now.
    pub fn set_size(&self, log: &Log) {
        self.segments.store(log.segment_count() as u64, Relaxed);
        self.bytes.store(log.bytes_on_disk(), Relaxed);
    }

    fn longest_wait(&self, now: Moment) -> Duration {
        let waits = self.calls.iter().filter(|calls| calls.running.load(Relaxed) > 0);
        let waits = waits.map(|calls| now.since(Moment(calls.progress.load(Relaxed))));
        waits.max().unwrap_or_default()
    }
}

impl Calls {
    fn begin(&self) {
        if self.running.fetch_add(1, Relaxed) == 0 {
            self.progress.store(clock::now().0, Relaxed);
        }
    }

    fn end(&self) {
        if self.running.fetch_sub(1, Relaxed) > 1 {
            self.progress.store(clock::now().0, Relaxed);
        }
    }
}

/// Also if the call panics.
struct CallEnd<'a>(&'a Calls);

impl Drop for CallEnd<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A call that waits for a thread, or for the disk.
#[derive(Debug)]
pub struct UnderWay {
    gauges: Arc<DiskGauges>,
    kind: DiskCall,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.gauges.calls[self.kind as usize].end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64) -> Moment {
        clock::now() + Duration::from_secs(seconds)
    }

    #[test]
    fn durations_are_counted_at_both_sides_of_a_bound() {
        let histogram = DurationHistogram::default();
        for micros in [0, 25, 26, 100, 10_000_000, 10_000_001] {
            histogram.record(Duration::from_micros(micros));
        }
        let counts = histogram.counts();
        assert_eq!((counts[0], counts[1], counts[11], counts[12]), (2, 2, 1, 1));
        assert_eq!(histogram.sum(), Duration::from_micros(20_000_152));
    }

    #[test]
    fn a_thread_is_asked_again_only_when_it_has_answered() {
        let (meters, now) = (Meters::new(1), after(0));
        let worker = &meters.threads[1];
        assert_eq!((worker.name.as_str(), worker.silence(now)), ("worker-0", Duration::ZERO));
        assert!(worker.ask(now) && !worker.ask(after(3)));
        assert!(worker.silence(now + Duration::from_secs(5)) == Duration::from_secs(5));
        worker.answered(now + Duration::from_secs(6));
        assert_eq!(worker.waits.sum(), Duration::from_secs(6));
        assert!(worker.ask(now));
    }

    #[test]
    fn a_call_that_does_not_return_is_seen_and_others_that_do_do_not_hide_it() {
        let (meters, gauges) = (Meters::new(0), Arc::new(DiskGauges::default()));
        let name = TopicName::parse("slow").unwrap();
        meters.watch(&name, Arc::downgrade(&gauges));
        assert!(meters.waiting_for_disk(after(60)).is_empty(), "nothing is under way");
        gauges.during(DiskCall::Write, || {
            gauges.during(DiskCall::Read, || ());
            let waiting = meters.waiting_for_disk(after(60));
            let [(topic, wait)] = &waiting[..] else { panic!("{waiting:?}") };
            assert!(topic.as_str() == "slow" && wait.as_secs() >= 59, "{wait:?}");
        });
        assert!(meters.waiting_for_disk(after(60)).is_empty(), "it has returned");
        drop(gauges);
        meters.watch(&name, Weak::new());
        assert_eq!(meters.topics().len(), 1, "what is gone is forgotten");
    }

    #[test]
    fn reads_that_come_and_go_are_progress() {
        let gauges = DiskGauges::default();
        gauges.during(DiskCall::Read, || {
            gauges.calls[DiskCall::Read as usize].progress.store(1, Relaxed);
            gauges.during(DiskCall::Read, || ());
            assert!(gauges.longest_wait(clock::now()) < Duration::from_secs(60));
        });
    }
}
