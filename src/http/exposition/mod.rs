//! `GET /metrics` of any program: families of metrics, one after the other, each with all its series.

mod process;
#[cfg(test)]
pub(super) mod testing;

use std::fmt;

use actix_web::HttpResponse;
use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, NoLabelSet, text,
    },
    metrics::MetricType,
    registry::{Registry, Unit},
};

pub use self::process::write_process;
use crate::actors::meters::{BOUNDS, DurationHistogram};

/// The OpenMetrics text format, which Prometheus has read since its version 2.5.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The text of all metrics.
pub fn write(collector: impl Collector) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

/// 200 with the text of all metrics.
pub fn reply(text: String) -> HttpResponse {
    HttpResponse::Ok().content_type(CONTENT_TYPE).body(text)
}

/// A name in front of its help. The unit goes behind the name, and `_total` behind that of a counter.
pub struct Name(pub &'static str, pub &'static str);

/// The families that have been written.
pub struct Families<'a>(DescriptorEncoder<'a>);

impl fmt::Debug for Families<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Families").finish_non_exhaustive()
    }
}

/// Times are in seconds.
pub const SECONDS: Option<&Unit> = Some(&Unit::Seconds);
/// Sizes are in bytes.
pub const BYTES: Option<&Unit> = Some(&Unit::Bytes);

/// No labels.
pub const PLAIN: [(&str, &str); 0] = [];

/// The one series of a family without labels.
pub fn one<V>(value: V) -> [([(&'static str, &'static str); 0], V); 1] {
    [(PLAIN, value)]
}

impl<'a> Families<'a> {
    /// Writes with `encoder`.
    pub fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// Values that go up and down.
    pub fn gauge<L: EncodeLabelSet, V: EncodeGaugeValue>(
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
    pub fn counter<L: EncodeLabelSet, V: EncodeCounterValue>(
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
    pub fn durations<'h, L: EncodeLabelSet>(
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
    pub fn info(&mut self, Name(name, help): Name, labels: &impl EncodeLabelSet) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Info)?;
        family.encode_info(labels)
    }
}
