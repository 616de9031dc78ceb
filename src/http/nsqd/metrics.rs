//! `GET /metrics`: the node's figures for Prometheus.

mod channels;
mod clients;
mod exposition;
mod lookup_peers;
mod node;
mod topics;

use std::time::Instant;

use actix_web::{HttpResponse, web};

use self::exposition::Exposition;
use super::{State, ask};
use crate::{
    actors::{
        process::Process,
        snapshot::{NodeSnapshot, Observe, Scope},
    },
    http::HttpError,
};

/// The OpenMetrics text format, which Prometheus has read since its version 2.5.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Asks every actor once and writes down what they say, on a thread of its own.
pub async fn metrics(api: State) -> Result<HttpResponse, HttpError> {
    let started = Instant::now();
    let without_clients = !api.shared.options.metrics_per_client;
    let observe = || Observe::<NodeSnapshot>::within(Scope { topic: None, without_clients });
    let node = ask(&api.node, observe).await?;
    let took = started.elapsed();
    let shared = api.shared.clone();
    let written =
        web::block(move || Exposition { node, took, shared, process: Process::now() }.write());
    let written = written.await.map_err(|_| HttpError::Internal)?;
    let text = written.map_err(|_| HttpError::Internal)?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        sync::Arc,
        time::Duration,
    };

    use super::*;
    use crate::{
        actors::testing,
        config::{NsqdOptions, Percentiles},
        http::nsqd::stats::samples,
    };

    /// Everything there can be to tell, as text.
    fn text(change: impl FnOnce(&mut NsqdOptions)) -> String {
        let dir = tempfile::tempdir().unwrap();
        let mut shared = testing::shared(dir.path());
        shared.options.e2e_processing_latency_percentiles = Percentiles::new(vec![1.0]).unwrap();
        shared.options.metrics_per_client = true;
        change(&mut shared.options);
        let took = Duration::from_millis(1);
        let lookup_peers = vec![samples::lookup_peer()];
        let node = NodeSnapshot { lookup_peers, ..samples::example_with_latencies() };
        let exposition =
            Exposition { node, took, shared: Arc::new(shared), process: Process::default() };
        exposition.write().unwrap()
    }

    fn run(test: impl FnOnce()) {
        actix_rt::System::new().block_on(async { test() }); // arbiters need a system
    }

    /// By its name: a metric's type and its labels.
    type Metrics = BTreeMap<String, (String, BTreeSet<String>)>;

    fn exported(text: &str) -> Metrics {
        let (mut kind, mut metrics) = ("", Metrics::new());
        for line in text.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                kind = family.split_once(' ').unwrap().1;
            } else if !line.starts_with('#') {
                let (name, labels) = line.split_once(['{', ' ']).unwrap();
                let parts = ["_sum", "_count", "_bucket"];
                let of_histogram = parts.iter().find_map(|part| name.strip_suffix(part));
                let name = of_histogram.filter(|_| kind == "histogram").unwrap_or(name);
                let keys = labels.split([',', '{']).filter_map(|label| label.split_once("=\""));
                let keys = keys.map(|(key, _)| key.to_owned()).filter(|key| key != "le");
                let metric = metrics.entry(name.to_owned()).or_default();
                metric.0 = kind.to_owned();
                metric.1.extend(keys);
            }
        }
        metrics
    }

    fn documented() -> Metrics {
        let rows = include_str!("../../../docs/metrics.md").lines();
        let rows = rows.filter_map(|line| line.strip_prefix("| `"));
        rows.map(|row| {
            let mut cells = row.split('|');
            let name = cells.next().unwrap().trim_end_matches("` ").to_owned();
            let kind = cells.next().unwrap().trim().to_owned();
            let labels = cells.next().unwrap().split('`').skip(1).step_by(2);
            (name, (kind, labels.map(str::to_owned).collect()))
        })
        .collect()
    }

    #[test]
    fn every_metric_is_documented_with_its_labels_and_every_documented_one_is_there() {
        run(|| assert_eq!(exported(&text(|_| ())), documented()));
    }

    #[test]
    fn no_series_comes_twice_and_every_family_has_its_help() {
        run(|| {
            let text = text(|_| ());
            let series = text.lines().filter(|line| !line.starts_with('#'));
            let mut seen = BTreeSet::new();
            for line in series {
                let (series, value) = line.rsplit_once(' ').unwrap();
                assert!(seen.insert(series), "{series} comes twice");
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
            let count = |start| text.lines().filter(|line| line.starts_with(start)).count();
            assert_eq!(count("# HELP "), count("# TYPE "));
            assert!(text.contains("le=\"+Inf\"") && text.ends_with("\n# EOF\n"), "{text}");
        });
    }

    #[test]
    fn clients_and_latencies_are_told_only_if_asked_for() {
        run(|| {
            let text = text(|options| {
                options.metrics_per_client = false;
                options.e2e_processing_latency_percentiles = Percentiles::default();
            });
            let telling = ["nsqd_client_", "quantile="];
            assert!(telling.iter().all(|part| !text.contains(part)), "{text}");
        });
    }

    #[test]
    fn figures_stand_with_their_labels() {
        run(|| {
            let text = text(|_| ());
            for line in [
                "nsqd_topics 3",
                "nsqd_channels 2",
                "nsqd_actor_restarts_total{actor=\"topic\"} 1",
                "nsqd_lookupd_registrations{address=\"lookup1:4160\"} 7",
                "nsqd_topic_message_bytes_total{topic=\"orders\"} 20",
                "nsqd_topic_paused{topic=\"paused_topic\"} 1",
                "nsqd_channel_in_flight{topic=\"orders\",channel=\"archive\"} 2",
                "nsqd_channel_latency_seconds{topic=\"orders\",channel=\"archive\",quantile=\"1.0\"} 0.003379059",
                "nsqd_client_finished_total{topic=\"orders\",channel=\"archive\",client_id=\"cons\",address=\"127.0.0.1:44020\",connection=\"2\"} 1",
                "nsqd_client_published_total{topic=\"orders\",client_id=\"prod\",address=\"127.0.0.1:44012\",connection=\"1\"} 4",
            ] {
                assert!(text.lines().any(|it| it == line), "{line} is not in {text}");
            }
        });
    }
}
