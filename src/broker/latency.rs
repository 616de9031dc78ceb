//! How long messages took from their publish to their FIN, over a sliding window.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::Moment;

/// Shorter times are not told apart: 512 ns are the unit of counting.
const NANOS_MIN: u64 = 512;
/// Longer times, of some 52 days and more, are counted as this.
const NANOS_MAX: u64 = 1 << 52;
/// A first allocation covers times up to this; longer ones make it grow.
const NANOS_AT_FIRST: u64 = 1 << 24;
/// Two digits: a bucket is at most 1/128 as wide as the times in it are long.
const DIGITS: u8 = 2;

/// The latencies of one channel in the last while, kept as two halves of the window: the older one
/// is dropped when the newer one is full. So they cover between half and all of the window.
///
/// A half is allocated at its first sample: 8 KiB while no latency exceeds a second, 13 KiB up to an
/// hour, 19 KiB at most. It is freed at the first look after the window has passed without samples.
#[derive(Debug)]
pub struct Latencies {
    half: Duration,
    /// When the newer half began.
    began: Moment,
    newer: Half,
    older: Half,
}

#[derive(Debug)]
struct Half {
    histogram: Option<Histogram<u32>>,
    min: u64,
    max: u64,
}

impl Default for Half {
    fn default() -> Self {
        Self { histogram: None, min: u64::MAX, max: 0 }
    }
}

impl Latencies {
    /// None yet, in a window of this length.
    pub fn new(window: Duration) -> Self {
        let (newer, older) = (Half::default(), Half::default());
        Self { half: window / 2, began: Moment::default(), newer, older }
    }

    /// Counts a message that took `nanos` until now; a clock that was set back counts as no time.
    pub fn record(&mut self, nanos: i64, now: Moment) {
        self.move_window(now);
        self.newer.record(nanos.max(0).unsigned_abs());
    }

    /// What the window holds.
    pub fn samples(&mut self, now: Moment) -> LatencySamples {
        self.move_window(now);
        LatencySamples::merged([&self.newer.samples(), &self.older.samples()])
    }

    fn move_window(&mut self, now: Moment) {
        let age = now.since(self.began);
        if age < self.half {
            return;
        }
        if age < self.half * 2 {
            self.older = std::mem::take(&mut self.newer);
            self.began = self.began + self.half;
        } else {
            (self.newer, self.older) = (Half::default(), Half::default());
            self.began = now;
        }
    }
}

impl Half {
    fn record(&mut self, nanos: u64) {
        (self.min, self.max) = (self.min.min(nanos), self.max.max(nanos));
        let histogram = self.histogram.get_or_insert_with(new_histogram);
        // It grows as far as is needed for NANOS_MAX, so nothing is refused.
        let _ = histogram.record(nanos.min(NANOS_MAX));
    }

    fn samples(&self) -> LatencySamples {
        let Some(histogram) = &self.histogram else { return LatencySamples::default() };
        let buckets = histogram.iter_recorded().map(|recorded| Bucket {
            low: histogram.lowest_equivalent(recorded.value_iterated_to()),
            end: histogram.next_non_equivalent(recorded.value_iterated_to()),
            count: recorded.count_since_last_iteration(),
        });
        LatencySamples { buckets: buckets.collect(), min: self.min, max: self.max }
    }
}

fn new_histogram() -> Histogram<u32> {
    let mut histogram = Histogram::new_with_bounds(NANOS_MIN, NANOS_AT_FIRST, DIGITS)
        .expect("the bounds are constants that it takes");
    histogram.auto(true);
    histogram
}

/// Latencies as they are handed on: they can be merged, and asked for percentiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencySamples {
    /// Rising, none empty. All histograms have the same bounds.
    buckets: Vec<Bucket>,
    min: u64,
    max: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    low: u64,
    end: u64,
    count: u64,
}

impl Default for LatencySamples {
    fn default() -> Self {
        Self { buckets: Vec::new(), min: u64::MAX, max: 0 }
    }
}

impl LatencySamples {
    /// All of them together.
    pub fn merged<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.buckets.extend_from_slice(&part.buckets);
            (all.min, all.max) = (all.min.min(part.min), all.max.max(part.max));
        }
        all.buckets.sort_unstable_by_key(|bucket| bucket.low);
        all.buckets.dedup_by(|next, kept| {
            let same = next.low == kept.low;
            kept.count += if same { next.count } else { 0 };
            same
        });
        all
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.count).sum()
    }

    /// The latency in nanoseconds that the part `quantile` of them does not exceed; 0 without any.
    ///
    /// The rank is exact. The value is that of the sample of this rank to within 1/128; the smallest
    /// and the largest one are exact.
    pub fn value_at(&self, quantile: f64) -> u64 {
        let count = self.count();
        let rank = ((quantile * count as f64).ceil() as u64).clamp(1, count.max(1));
        match rank {
            _ if count == 0 => 0,
            _ if rank == count => self.max,
            1 => self.min,
            _ => self.value_of(rank),
        }
    }

    /// Samples of one bucket are taken to lie evenly in what can be used of it.
    fn value_of(&self, rank: u64) -> u64 {
        let mut below = 0;
        for bucket in &self.buckets {
            if below + bucket.count >= rank {
                let (low, end) = (bucket.low.max(self.min), bucket.end.min(self.max));
                let part = ((rank - below) as f64 - 0.5) / bucket.count as f64;
                return low + (end.saturating_sub(low) as f64 * part) as u64;
            }
            below += bucket.count;
        }
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(600);
    const QUANTILES: [f64; 6] = [0.01, 0.25, 0.5, 0.95, 0.99, 1.0];

    fn at(seconds: u64) -> Moment {
        Moment(1_700_000_000_000_000_000) + Duration::from_secs(seconds)
    }

    fn recorded(nanos: &[i64]) -> Latencies {
        let mut latencies = Latencies::new(WINDOW);
        nanos.iter().for_each(|&nanos| latencies.record(nanos, at(0)));
        latencies
    }

    /// A spread of latencies as a broker has them: x runs evenly from 0 to 1.
    fn spread(of: impl Fn(f64) -> f64) -> Vec<i64> {
        (0..20_000).map(|i| of((f64::from(i) + 0.5) / 20_000.0) as i64).collect()
    }

    #[test]
    fn ranks_are_right_to_a_percent_whatever_the_spread() {
        let spreads = [
            ("even", spread(|x| 1e6 * x)),
            ("all nearly the same", spread(|x| 3_379_059.0 + 9_000.0 * x)),
            ("a long tail", spread(|x| 150_000.0 / (1.0 - x))),
            ("exponential", spread(|x| -2e6 * (1.0 - x).ln())),
            ("hours", spread(|x| 3.6e12 * (1.0 + 100.0 * x))),
        ];
        for (name, mut nanos) in spreads {
            let samples = recorded(&nanos).samples(at(0));
            nanos.sort_unstable();
            for quantile in QUANTILES {
                let value = samples.value_at(quantile) as i64;
                let rank = nanos.partition_point(|&one| one <= value) as f64 / nanos.len() as f64;
                assert!((rank - quantile).abs() <= 0.01, "{name} {quantile}: {value} has {rank}");
            }
        }
    }

    #[test]
    fn values_are_those_of_a_sample_within_a_128th() {
        let mut nanos: Vec<i64> = (0..5_000_i64).map(|i| 1_000 + i * i * i % 900_000_007).collect();
        let samples = recorded(&nanos).samples(at(0));
        nanos.sort_unstable();
        for quantile in QUANTILES {
            let exact = nanos[(quantile * 5_000.0).ceil() as usize - 1];
            let error = samples.value_at(quantile).abs_diff(exact as u64);
            assert!(error <= exact as u64 / 128 + NANOS_MIN, "{quantile}: {error} of {exact}");
        }
    }

    #[test]
    fn few_samples_are_exact_at_both_ends() {
        let one = recorded(&[3_379_059]).samples(at(0));
        assert_eq!(QUANTILES.map(|quantile| one.value_at(quantile)), [3_379_059; 6]);
        let two = recorded(&[3_379_059, 248_900_073]).samples(at(0));
        assert_eq!((two.value_at(0.5), two.value_at(0.51)), (3_379_059, 248_900_073));
        assert_eq!(recorded(&[]).samples(at(0)).value_at(1.0), 0);
    }

    #[test]
    fn times_beyond_all_bounds_are_counted() {
        let samples = recorded(&[-5, 0, i64::MAX]).samples(at(0));
        let ends = (samples.value_at(0.1), samples.value_at(1.0));
        assert_eq!((samples.count(), ends), (3, (0, i64::MAX as u64)));
    }

    #[test]
    fn the_window_covers_its_last_half_at_least_and_all_of_it_at_most() {
        let mut latencies = Latencies::new(WINDOW);
        latencies.record(1_000_000, at(0));
        latencies.record(1_000_000, at(299));
        latencies.record(1_000_000, at(301));
        for (seconds, count) in [(301, 3), (599, 3), (600, 1), (899, 1), (900, 0)] {
            assert_eq!(latencies.samples(at(seconds)).count(), count, "after {seconds} s");
        }
        assert!(latencies.newer.histogram.is_none() && latencies.older.histogram.is_none());
    }

    #[test]
    fn a_long_silence_empties_the_window_at_once() {
        let mut latencies = recorded(&[1_000_000; 10]);
        latencies.record(2_000_000, at(10_000));
        assert_eq!(latencies.samples(at(10_000)).count(), 1);
    }

    #[test]
    fn channels_are_merged_into_their_topic() {
        let (fast, slow) = (recorded(&[100_000; 90]), recorded(&[5_000_000_000; 10]));
        let parts = [fast, slow].map(|mut channel| channel.samples(at(1)));
        let topic = LatencySamples::merged(&parts);
        assert_eq!((topic.count(), topic.value_at(1.0)), (100, 5_000_000_000));
        assert!(topic.value_at(0.9).abs_diff(100_000) < 800, "{}", topic.value_at(0.9));
        assert_eq!(LatencySamples::merged([&parts[0], &parts[0]]).buckets.len(), 1);
    }

    #[test]
    fn the_memory_of_a_half_is_what_is_promised() {
        let bytes = |nanos| {
            let latencies = recorded(&[nanos]);
            latencies.newer.histogram.as_ref().unwrap().distinct_values() * size_of::<u32>()
        };
        assert!(bytes(1_000_000_000) <= 8 << 10, "{}", bytes(1_000_000_000));
        assert!(bytes(3_600_000_000_000) <= 14 << 10, "{}", bytes(3_600_000_000_000));
        assert!(bytes(i64::MAX) <= 19 << 10, "{}", bytes(i64::MAX));
    }
}
