//! How long things took.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longer times are counted as this: 2 hours.
const NANOS_MAX: u64 = 7_200_000_000_000;
/// Digits that are told apart.
const DIGITS: u8 = 3;

/// Times, of any number, in little memory; to a thousandth of each.
pub struct Latencies(Mutex<Histogram<u64>>);

impl fmt::Debug for Latencies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Latencies").field(&self.percentiles()).finish()
    }
}

impl Default for Latencies {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, NANOS_MAX, DIGITS);
        Self(Mutex::new(histogram.expect("these bounds and digits are valid")))
    }
}

impl Latencies {
    /// Counts something that took so long.
    pub fn record(&self, took: Duration) {
        self.record_many(took, 1);
    }

    /// Counts as many as took so long.
    pub fn record_many(&self, took: Duration, count: u64) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let mut histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        histogram.saturating_record_n(nanos, count);
    }

    /// What they come to; none if there are none.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let micros = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        (!histogram.is_empty()).then(|| Percentiles {
            count: histogram.len(),
            p50: micros(0.5),
            p90: micros(0.9),
            p99: micros(0.99),
            p999: micros(0.999),
            max: micros(1.0),
        })
    }
}

/// Percentiles in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Of how many.
    pub count: u64,
    /// Half of them took no longer.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1,000.
    pub p999: f64,
    /// All of them.
    pub max: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_a_thousandth() {
        let latencies = Latencies::default();
        assert_eq!(latencies.percentiles(), None);
        for millis in 1..=1_000 {
            latencies.record(Duration::from_millis(millis));
        }
        let found = latencies.percentiles().unwrap();
        let [p50, p90, p99, p999, max] =
            [found.p50, found.p90, found.p99, found.p999, found.max].map(|micros| micros / 1e3);
        for (found, right) in [(p50, 500.0), (p90, 900.0), (p99, 990.0), (p999, 999.0), (max, 1e3)]
        {
            assert!((found - right).abs() <= right / 1e3, "{found} for {right}");
        }
        assert_eq!(found.count, 1_000);
    }

    #[test]
    fn many_of_one_length_count_as_many() {
        let latencies = Latencies::default();
        latencies.record_many(Duration::from_micros(10), 99);
        latencies.record_many(Duration::from_secs(86_400), 1);
        let found = latencies.percentiles().unwrap();
        assert_eq!(found.count, 100);
        assert!(found.p99 < 10.1, "{}", found.p99);
        assert!(found.max >= 7.2e9, "{}", found.max);
    }
}
