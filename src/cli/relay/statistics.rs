//! How long messages have taken, told every so many of them.

use std::time::Duration;

/// Fewer times say little about the slowest hundredth.
const ACCURATE_FROM: usize = 100;

/// The times of all addresses together and, where there are several, of each.
#[derive(Debug, Clone)]
pub struct Statistics {
    aggregate: Series,
    hosts: Vec<Series>,
}

impl Statistics {
    /// Tells of every `every` times; 0 for never.
    pub fn new<A: AsRef<str>>(addresses: &[A], every: usize) -> Self {
        let hosts = if addresses.len() > 1 { addresses } else { &[] };
        Self {
            aggregate: Series::new("aggregate", every),
            hosts: hosts.iter().map(|address| Series::new(address.as_ref(), every)).collect(),
        }
    }

    /// What an operator should know at the start, a line for each series.
    pub fn warnings(&self) -> Vec<String> {
        let every = self.aggregate.every;
        if every == 0 || every >= ACCURATE_FROM {
            return Vec::new();
        }
        let warning = format!(
            "Warning: use more than {ACCURATE_FROM} status values for accurate percentiles (configured with {every})"
        );
        vec![warning; 1 + self.hosts.len()]
    }

    /// Takes the time that an address has taken for a message; the line that is due with it.
    pub fn add(&mut self, host: usize, took: Duration) -> Option<String> {
        self.hosts.get_mut(host)?.add(took)
    }

    /// Takes the time that a message has taken whatever its address; the line that is due with it.
    pub fn add_to_aggregate(&mut self, took: Duration) -> Option<String> {
        self.aggregate.add(took)
    }
}

/// The last times of one kind.
#[derive(Debug, Clone)]
struct Series {
    name: String,
    every: usize,
    /// As many as one line is about, the oldest at `next` once it is full.
    ring: Vec<Duration>,
    next: usize,
}

impl Series {
    fn new(name: &str, every: usize) -> Self {
        Self { name: name.to_owned(), every, ring: Vec::new(), next: 0 }
    }

    /// The line is due with the first time that pushes another out, and from then on with every `every`th.
    fn add(&mut self, took: Duration) -> Option<String> {
        if self.every == 0 {
            return None;
        }
        if self.ring.len() < self.every {
            self.ring.push(took);
            return None;
        }
        self.ring[self.next] = took;
        let is_due = self.next == 0;
        self.next = (self.next + 1) % self.every;
        is_due.then(|| self.line())
    }

    fn line(&self) -> String {
        let mut sorted = self.ring.clone();
        sorted.sort_unstable();
        let sum: Duration = sorted.iter().sum();
        let average = millis(sum) / sorted.len() as f64;
        let [p99, p95] = [99.0, 95.0].map(|percent| millis(percentile(&sorted, percent)));
        let Self { name, every, .. } = self;
        format!(
            "[{name}]: finished {every} - 99th: {p99:.2}ms - 95th: {p95:.2}ms - avg: {average:.2}ms"
        )
    }
}

/// Counted as upstream counts.
fn percentile(sorted: &[Duration], percent: f64) -> Duration {
    let index = (percent / 100.0 * sorted.len() as f64 + 0.5).ceil() as usize;
    sorted[index.min(sorted.len() - 1)]
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(statistics: &mut Statistics, millis: u64) -> Option<String> {
        statistics.add_to_aggregate(Duration::from_millis(millis))
    }

    #[test]
    fn lines_come_with_one_more_than_the_ring_holds_and_then_each_time_it_is_new() {
        let mut statistics = Statistics::new(&["a"], 3);
        let due: Vec<_> =
            (1..=10).filter(|number| add(&mut statistics, *number).is_some()).collect();
        assert_eq!(due, [4, 7, 10]);
    }

    #[test]
    fn lines_have_upstreams_form() {
        let mut statistics = Statistics::new(&["a:1"], 4);
        for number in 1..=4 {
            assert_eq!(add(&mut statistics, number), None);
        }
        // 5, 2, 3, 4: both indices are beyond the last.
        let line = "[aggregate]: finished 4 - 99th: 5.00ms - 95th: 5.00ms - avg: 3.50ms";
        assert_eq!(add(&mut statistics, 5).unwrap(), line);
    }

    #[test]
    fn percentiles_are_those_of_upstream() {
        let sorted: Vec<_> = (0..200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 99.0).as_millis(), 199); // 198.5 is 199
        assert_eq!(percentile(&sorted, 95.0).as_millis(), 191);
        assert_eq!(percentile(&sorted[..1], 95.0).as_millis(), 0);
    }

    #[test]
    fn each_of_several_addresses_has_a_line_of_its_own() {
        let mut statistics = Statistics::new(&["a:1", "b:2"], 2);
        let mut add = |host, millis| statistics.add(host, Duration::from_millis(millis));
        assert_eq!([add(0, 1), add(1, 1), add(1, 3)], [None, None, None]);
        let line = "[b:2]: finished 2 - 99th: 5.00ms - 95th: 5.00ms - avg: 4.00ms";
        assert_eq!(add(1, 5).unwrap(), line);
        let mut statistics = Statistics::new(&["a:1"], 1);
        assert!((0..3).all(|_| statistics.add(0, Duration::ZERO).is_none()), "it is the aggregate");
    }

    #[test]
    fn nothing_is_told_where_nobody_asks() {
        let mut statistics = Statistics::new(&["a:1", "b:2"], 0);
        assert!((0..10).all(|_| add(&mut statistics, 1).is_none()));
        assert!((0..10).all(|_| statistics.add(0, Duration::ZERO).is_none()));
        assert!(statistics.warnings().is_empty());
    }

    #[test]
    fn few_values_are_warned_of_for_each_series() {
        let warning = "Warning: use more than 100 status values for accurate percentiles (configured with 99)";
        assert_eq!(Statistics::new(&["a", "b"], 99).warnings(), [warning; 3]);
        assert_eq!(Statistics::new(&["a"], 99).warnings(), [warning]);
        assert!(Statistics::new(&["a"], 100).warnings().is_empty());
    }
}
