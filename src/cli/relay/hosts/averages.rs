//! How long an address has taken of late.

use std::time::{Duration, Instant};

const BUCKETS: usize = 120;
const BUCKET_SPAN: Duration = Duration::from_millis(2500);

/// Times of the last five minutes, in buckets of 2.5 s.
#[derive(Debug, Clone)]
pub(super) struct Averages {
    buckets: Vec<Bucket>,
    /// The newest bucket and when it began; none before the first time.
    newest: Option<(usize, Instant)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    seconds: f64,
    count: u32,
}

impl Averages {
    pub(super) fn new() -> Self {
        Self { buckets: vec![Bucket::default(); BUCKETS], newest: None }
    }

    pub(super) fn add(&mut self, took: Duration, now: Instant) {
        self.turn_to(now);
        let (newest, _) = *self.newest.get_or_insert((0, now));
        let bucket = &mut self.buckets[newest];
        // A clock may be too coarse for a fast answer; that it came must count.
        bucket.seconds += took.max(Duration::from_nanos(1)).as_secs_f64();
        bucket.count += 1;
    }

    /// The average in seconds, in which newer times weigh more; none without a time in the last five minutes. A bucket
    /// without times repeats the one before it.
    pub(super) fn average(&mut self, now: Instant) -> Option<f64> {
        self.turn_to(now);
        let (newest, _) = self.newest?;
        let (mut sum, mut weights, mut last) = (0.0, 0.0, None);
        for age in 1..=BUCKETS {
            let bucket = self.buckets[(newest + age) % BUCKETS];
            if bucket.count > 0 {
                last = Some(bucket.seconds / f64::from(bucket.count));
            }
            if let Some(average) = last {
                sum += average * age as f64;
                weights += age as f64;
            }
        }
        last.map(|_| sum / weights)
    }

    /// Begins the buckets that are due by `now`.
    fn turn_to(&mut self, now: Instant) {
        let Some((newest, since)) = &mut self.newest else { return };
        let age = now.saturating_duration_since(*since);
        let due = u32::try_from(age.as_nanos() / BUCKET_SPAN.as_nanos()).unwrap_or(u32::MAX);
        for _ in 0..due.min(BUCKETS as u32) {
            *newest = (*newest + 1) % BUCKETS;
            self.buckets[*newest] = Bucket::default();
        }
        *since += BUCKET_SPAN * due;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[track_caller]
    fn is_about(average: Option<f64>, seconds: f64) {
        let average = average.unwrap();
        assert!((average - seconds).abs() < seconds / 1000.0, "{average}");
    }

    #[test]
    fn what_was_never_asked_has_none() {
        assert_eq!(Averages::new().average(Instant::now()), None);
    }

    #[test]
    fn times_below_a_millisecond_are_told_apart() {
        let now = Instant::now();
        let mut averages = Averages::new();
        averages.add(Duration::from_micros(100), now);
        averages.add(Duration::from_micros(300), now);
        is_about(averages.average(now), 0.0002);
        let mut averages = Averages::new();
        averages.add(Duration::ZERO, now);
        assert!(averages.average(now).unwrap() > 0.0);
    }

    #[test]
    fn one_time_is_its_own_average_as_long_as_it_is_remembered() {
        let start = Instant::now();
        let mut averages = Averages::new();
        averages.add(MILLI, start);
        for seconds in [0, 2, 150, 299] {
            is_about(averages.average(start + Duration::from_secs(seconds)), 0.001);
        }
        assert_eq!(averages.average(start + Duration::from_secs(300)), None);
        averages.add(2 * MILLI, start + Duration::from_secs(100_000));
        is_about(averages.average(start + Duration::from_secs(100_001)), 0.002);
    }

    #[test]
    fn newer_times_weigh_more() {
        let start = Instant::now();
        let mut averages = Averages::new();
        averages.add(MILLI, start);
        averages.add(3 * MILLI, start + BUCKET_SPAN);
        // Weights 119 and 120.
        is_about(averages.average(start + BUCKET_SPAN), (119.0 + 3.0 * 120.0) / 239.0 / 1000.0);
        averages.add(9 * MILLI, start + 10 * BUCKET_SPAN);
        let repeated: f64 = (111..120).map(f64::from).sum();
        let sum = 110.0 + 3.0 * repeated + 9.0 * 120.0;
        let average = sum / (110.0 + repeated + 120.0) / 1000.0;
        is_about(averages.average(start + 10 * BUCKET_SPAN), average);
    }

    #[test]
    fn a_clock_that_seems_to_go_back_is_no_harm() {
        let start = Instant::now() + Duration::from_secs(10);
        let mut averages = Averages::new();
        averages.add(MILLI, start);
        averages.add(MILLI, start - Duration::from_secs(5));
        is_about(averages.average(start - Duration::from_secs(5)), 0.001);
    }
}
