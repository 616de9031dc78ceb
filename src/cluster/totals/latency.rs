//! Percentiles of many nodes in one.

use serde::Serialize;

use super::{ALL_NODES, without_decimals};
use crate::cluster::answers::{LatencyStats, PercentileStats};

/// How long messages have taken, on one node or over all.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LatencyTotals {
    /// Messages that were measured.
    pub count: u64,
    /// In the order in which nodes have them; None if nobody measures.
    pub percentiles: Option<Vec<PercentileTotals>>,
    /// The topic, if this is of all nodes.
    pub topic: String,
    /// The channel, if this is one's of all nodes.
    pub channel: String,
    /// `*` if this is of all nodes.
    pub host: String,
}

/// One percentile. All but the quantile are in nanoseconds, and 0 if nothing was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PercentileTotals {
    /// Over nodes weighted by what they have measured, which comes near the percentile of all, and is not it.
    #[serde(serialize_with = "without_decimals")]
    pub average: f64,
    /// Messages that were measured.
    pub count: u64,
    /// The largest of all nodes.
    #[serde(serialize_with = "without_decimals")]
    pub max: f64,
    /// The smallest of all nodes that have measured anything.
    #[serde(serialize_with = "without_decimals")]
    pub min: f64,
    /// From 0 to 1.
    #[serde(serialize_with = "without_decimals")]
    pub quantile: f64,
    /// What a single node says.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "value")]
    pub value: Option<f64>,
}

fn value<S: serde::Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    without_decimals(&value.unwrap_or_default(), serializer)
}

impl LatencyTotals {
    /// What one node says.
    pub fn of_node(stats: &LatencyStats) -> Self {
        let expand = |of: &PercentileStats| PercentileTotals {
            average: of.value,
            count: stats.count,
            max: of.value,
            min: of.value,
            quantile: of.quantile,
            value: Some(of.value),
        };
        let percentiles: Vec<_> = stats.percentiles.iter().map(expand).collect();
        let percentiles = (!percentiles.is_empty()).then_some(percentiles);
        Self { count: stats.count, percentiles, ..Self::default() }
    }

    /// Those of all nodes, of a topic or of one of its channels.
    pub fn of_all<'a>(nodes: impl Iterator<Item = &'a Self>, topic: &str, channel: &str) -> Self {
        let (topic, channel) = (topic.to_owned(), channel.to_owned());
        let mut all = Self { topic, channel, host: ALL_NODES.to_owned(), ..Self::default() };
        for node in nodes {
            all.add(node);
        }
        all
    }

    fn add(&mut self, node: &Self) {
        self.count = self.count.saturating_add(node.count);
        let Some(theirs) = &node.percentiles else { return };
        let ours = self.percentiles.get_or_insert_default();
        for percentile in theirs {
            match ours.iter_mut().find(|of| of.quantile == percentile.quantile) {
                Some(known) => known.add(percentile),
                None => ours.push(PercentileTotals { value: None, ..*percentile }),
            }
        }
    }
}

impl PercentileTotals {
    /// A node that has measured nothing says nothing.
    fn add(&mut self, node: &Self) {
        if node.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = Self { value: None, ..*node };
            return;
        }
        self.max = self.max.max(node.max);
        self.min = self.min.min(node.min);
        self.count = self.count.saturating_add(node.count);
        self.average += (node.average - self.average) * node.count as f64 / self.count as f64;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(count: u64, values: &[(f64, f64)]) -> LatencyTotals {
        let percentile = |&(quantile, value): &(f64, f64)| PercentileStats { quantile, value };
        let percentiles = values.iter().map(percentile).collect();
        LatencyTotals::of_node(&LatencyStats { count, percentiles })
    }

    fn all(nodes: &[LatencyTotals]) -> LatencyTotals {
        LatencyTotals::of_all(nodes.iter(), "t", "c")
    }

    #[test]
    fn averages_are_weighted_and_extremes_are_of_all_nodes() {
        let nodes = [node(3, &[(0.99, 100.0)]), node(1, &[(0.99, 20.0)]), node(4, &[(0.99, 60.0)])];
        let of_all = all(&nodes);
        let [percentile] = of_all.percentiles.as_deref().unwrap() else { panic!("{of_all:?}") };
        assert_eq!((percentile.count, percentile.min, percentile.max), (8, 20.0, 100.0));
        assert_eq!(percentile.average, 70.0);
        assert_eq!(nodes[0], node(3, &[(0.99, 100.0)]), "what is a node's own stays as it was");
    }

    #[test]
    fn a_node_that_has_measured_nothing_does_not_pull_the_minimum_to_zero() {
        for nodes in [
            [node(0, &[(0.5, 0.0)]), node(2, &[(0.5, 7.0)])],
            [node(2, &[(0.5, 7.0)]), node(0, &[(0.5, 0.0)])],
        ] {
            let of_all = all(&nodes);
            let expected = PercentileTotals {
                average: 7.0,
                count: 2,
                max: 7.0,
                min: 7.0,
                quantile: 0.5,
                value: None,
            };
            assert_eq!(of_all.percentiles, Some(vec![expected]));
        }
    }

    #[test]
    fn nobody_measures_differs_from_nothing_was_measured() {
        assert_eq!(all(&[node(0, &[]), node(0, &[])]).percentiles, None);
        let zero = all(&[node(0, &[(0.5, 0.0)])]).percentiles.unwrap();
        assert_eq!((zero[0].count, zero[0].max), (0, 0.0));
    }

    #[test]
    fn numbers_are_written_as_upstream_does() {
        let json = |latency: &LatencyTotals| serde_json::to_string(latency).unwrap();
        assert_eq!(
            json(&node(250, &[(0.99, 94_546_013_849.0), (1.0, 5.5)])),
            r#"{"count":250,"percentiles":[{"average":94546013849,"count":250,"max":94546013849,"min":94546013849,"quantile":0.99,"value":94546013849},{"average":5.5,"count":250,"max":5.5,"min":5.5,"quantile":1,"value":5.5}],"topic":"","channel":"","host":""}"#
        );
        assert_eq!(
            json(&all(&[node(2, &[(0.99, 4.0)])])),
            r#"{"count":2,"percentiles":[{"average":4,"count":2,"max":4,"min":4,"quantile":0.99}],"topic":"t","channel":"c","host":"*"}"#
        );
        let none = r#"{"count":0,"percentiles":null,"topic":"t","channel":"c","host":"*"}"#;
        assert_eq!(json(&all(&[])), none);
    }

    proptest! {
        #[test]
        fn the_average_lies_between_the_extremes_and_counts_add_up(
            nodes in prop::collection::vec((0..1000_u64, 0..1_000_000_u32), 1..8),
        ) {
            let counted: u64 = nodes.iter().map(|(count, _)| count).sum();
            let nodes: Vec<_> =
                nodes.iter().map(|&(count, value)| node(count, &[(0.9, f64::from(value))])).collect();
            let of_all = all(&nodes);
            let percentile = of_all.percentiles.unwrap()[0];
            prop_assert_eq!((of_all.count, percentile.count), (counted, counted));
            if counted > 0 {
                prop_assert!(percentile.min <= percentile.average + 1e-3);
                prop_assert!(percentile.average <= percentile.max + 1e-3);
            }
        }
    }
}
