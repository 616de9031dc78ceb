//! Numbers of topics and channels.

use serde::Serialize;

use crate::cluster::{
    picture::Counts,
    snapshot::{Latency, Rate},
};

/// Gauges, counters and rates; what is not known is null.
#[derive(Serialize)]
pub(super) struct CountsView {
    depth: u64,
    memory_depth: u64,
    backend_depth: u64,
    in_flight: u64,
    deferred: u64,
    messages: u64,
    requeues: u64,
    timeouts: u64,
    finished: Option<u64>,
    clients: u64,
    in_rate: Option<f64>,
    out_rate: Option<f64>,
    requeue_rate: Option<f64>,
    timeout_rate: Option<f64>,
}

impl From<&Counts> for CountsView {
    fn from(counts: &Counts) -> Self {
        let (gauges, rates) = (&counts.gauges, &counts.rates);
        Self {
            depth: gauges.depth,
            memory_depth: gauges.depth.saturating_sub(gauges.backend_depth),
            backend_depth: gauges.backend_depth,
            in_flight: gauges.in_flight,
            deferred: gauges.deferred,
            messages: gauges.messages,
            requeues: gauges.requeues,
            timeouts: gauges.timeouts,
            finished: u64::try_from(counts.done).ok(),
            clients: gauges.clients,
            in_rate: rate(rates.input),
            out_rate: rate(rates.output),
            requeue_rate: rate(rates.requeues),
            timeout_rate: rate(rates.timeouts),
        }
    }
}

pub(super) fn rate(rate: Rate) -> Option<f64> {
    rate.known().map(rounded)
}

/// Two decimals are more than anybody reads.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// How long messages take.
#[derive(Serialize)]
pub(super) struct LatencyView {
    count: u64,
    percentiles: Vec<PercentileView>,
}

#[derive(Serialize)]
struct PercentileView {
    quantile: f64,
    /// In nanoseconds; null without samples.
    max: Option<f64>,
    /// In nanoseconds, weighted by samples; null without any.
    average: Option<f64>,
}

impl LatencyView {
    /// Of several nodes; none if no node measures.
    pub(super) fn merged<'a>(of: impl Iterator<Item = Option<Latency<'a>>>) -> Option<Self> {
        let measured: Vec<_> = of.flatten().collect();
        let first = measured.first()?;
        let quantiles = first.percentiles.iter().map(|of| of.quantile);
        let percentiles = quantiles.map(|quantile| percentile(quantile, &measured)).collect();
        let count = measured.iter().map(|latency| latency.count).sum();
        Some(Self { count, percentiles })
    }
}

fn percentile(quantile: f64, measured: &[Latency<'_>]) -> PercentileView {
    let of = measured.iter().filter(|latency| latency.count > 0).filter_map(|latency| {
        let mut all = latency.percentiles.iter();
        let found = all.find(|of| of.quantile.to_bits() == quantile.to_bits())?;
        Some((found.value_ns, latency.count as f64))
    });
    let (mut max, mut sum, mut count) = (None, 0.0, 0.0);
    for (value, samples) in of {
        max = Some(max.map_or(value, |max: f64| max.max(value)));
        sum += value * samples;
        count += samples;
    }
    PercentileView { quantile, max, average: (count > 0.0).then(|| (sum / count).round()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::snapshot::Percentile;

    fn of(value_ns: f64) -> [Percentile; 1] {
        [Percentile { quantile: 0.99, value_ns }]
    }

    #[test]
    fn no_samples_are_no_zero() {
        let none = Latency { count: 0, percentiles: &of(0.0) };
        let merged = LatencyView::merged([None, Some(none)].into_iter()).unwrap();
        assert_eq!((merged.count, merged.percentiles[0].max), (0, None));
        assert_eq!(merged.percentiles[0].average, None);
        assert!(LatencyView::merged([None, None].into_iter()).is_none());
    }

    #[test]
    fn nodes_count_by_their_samples() {
        let one = Latency { count: 1, percentiles: &of(10.0) };
        let none = Latency { count: 0, percentiles: &of(0.0) };
        let two = Latency { count: 3, percentiles: &of(30.0) };
        let merged = LatencyView::merged([one, none, two].into_iter().map(Some)).unwrap();
        let of = &merged.percentiles[0];
        assert_eq!((merged.count, of.max, of.average), (4, Some(30.0), Some(25.0)));
    }
}
