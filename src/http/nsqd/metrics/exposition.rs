//! Writing metrics: one family after the other, each with all its series.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, NoLabelSet, text,
    },
    metrics::MetricType,
    registry::{Registry, Unit},
};

use super::{channels, clients, lookup_peers, node, topics};
use crate::actors::{
    meters::{BOUNDS, DurationHistogram},
    process::Process,
    shared::Shared,
    snapshot::NodeSnapshot,
};

/// Everything that one scrape tells.
pub(super) struct Exposition {
    pub(super) node: NodeSnapshot,
    /// How long asking for it took.
    pub(super) took: Duration,
    pub(super) shared: Arc<Shared>,
    pub(super) process: Process,
}

impl fmt::Debug for Exposition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Exposition").field("took", &self.took).finish_non_exhaustive()
    }
}

impl Exposition {
    /// The text of all metrics.
    pub(super) fn write(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        node::write(&mut families, self)?;
        lookup_peers::write(&mut families, self)?;
        topics::write(&mut families, self)?;
        channels::write(&mut families, self)?;
        clients::write(&mut families, self)
    }
}

/// A name in front of its help. The unit goes behind the name, and `_total` behind that of a counter.
pub(super) struct Name(pub(super) &'static str, pub(super) &'static str);

/// The families that have been written.
pub(super) struct Families<'a>(DescriptorEncoder<'a>);

/// Times are in seconds.
pub(super) const SECONDS: Option<&Unit> = Some(&Unit::Seconds);
/// Sizes are in bytes.
pub(super) const BYTES: Option<&Unit> = Some(&Unit::Bytes);

/// No labels.
pub(super) const PLAIN: [(&str, &str); 0] = [];

impl Families<'_> {
    /// Values that go up and down.
    pub(super) fn gauge<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        Name(name, help): Name,
        unit: Option<&Unit>,
        series: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        series
            .into_iter()
            .try_for_each(|(labels, value)| family.encode_family(&labels)?.encode_gauge(&value))
    }

    /// Values that only rise.
    pub(super) fn counter<L: EncodeLabelSet, V: EncodeCounterValue>(
        &mut self,
        Name(name, help): Name,
        unit: Option<&Unit>,
        series: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        series.into_iter().try_for_each(|(labels, value)| {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&value, None)
        })
    }

    /// Durations in seconds.
    pub(super) fn durations<'h, L: EncodeLabelSet>(
        &mut self,
        Name(name, help): Name,
        series: impl IntoIterator<Item = (L, &'h DurationHistogram)>,
    ) -> fmt::Result {
        let kind = MetricType::Histogram;
        let mut family = self.0.encode_descriptor(name, help, SECONDS, kind)?;
        series.into_iter().try_for_each(|(labels, histogram)| {
            let counts = histogram.counts();
            let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
            let ranges: Vec<_> = bounds.zip(counts).collect();
            let (sum, count) = (histogram.sum().as_secs_f64(), counts.iter().sum());
            let mut family = family.encode_family(&labels)?;
            family.encode_histogram::<NoLabelSet>(sum, count, &ranges, None)
        })
    }

    /// Labels alone, of which the value is always 1.
    pub(super) fn info(
        &mut self,
        Name(name, help): Name,
        labels: &impl EncodeLabelSet,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Info)?;
        family.encode_info(labels)
    }
}
