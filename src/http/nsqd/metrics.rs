//! `GET /metrics`: the node's figures for Prometheus.

mod channels;
mod clients;
mod lookup_peers;
mod node;
mod scrape;
mod topics;

use std::time::Instant;

use actix_web::{HttpResponse, web};

use self::scrape::Exposition;
use super::State;
use crate::{
    actors::{
        process::Process,
        snapshot::{NodeSnapshot, Observe, Scope},
    },
    http::{HttpError, ask::ask, exposition},
};

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
    Ok(exposition::reply(text))
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        actors::testing,
        config::{NsqdOptions, Percentiles},
        http::{
            exposition::testing::{check_form, documented, exported},
            nsqd::stats::samples,
        },
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

    #[test]
    fn every_metric_is_documented_with_its_labels_and_every_documented_one_is_there() {
        run(|| assert_eq!(exported(&text(|_| ())), documented("nsqd_")));
    }

    #[test]
    fn no_series_comes_twice_and_every_family_has_its_help() {
        run(|| {
            let text = text(|_| ());
            check_form(&text);
            assert!(text.contains("le=\"+Inf\""), "{text}");
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
