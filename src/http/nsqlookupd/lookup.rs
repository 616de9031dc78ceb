//! `GET /lookup`: where a topic can be had.

use std::sync::atomic::Ordering::Relaxed;

use actix_web::HttpResponse;
use serde::Serialize;

use super::State;
use crate::{
    actors::lookup_registry::messages::FindProducers,
    broker::registrations::{Lookup, Producer},
    http::{HttpError, Params, ask::ask, reply},
    protocol::TopicName,
};

/// A producer, fields in upstream's order.
#[derive(Debug, Serialize)]
pub(super) struct ProducerJson<'a> {
    remote_address: &'a str,
    hostname: &'a str,
    broadcast_address: &'a str,
    tcp_port: i64,
    http_port: i64,
    version: &'a str,
    topology_zone: &'a str,
    topology_region: &'a str,
}

impl<'a> From<&'a Producer> for ProducerJson<'a> {
    fn from(producer: &'a Producer) -> Self {
        let info = &producer.info;
        Self {
            remote_address: &producer.remote_address,
            hostname: &info.hostname,
            broadcast_address: &info.broadcast_address,
            tcp_port: info.tcp_port,
            http_port: info.http_port,
            version: &info.version,
            topology_zone: &info.topology_zone,
            topology_region: &info.topology_region,
        }
    }
}

/// The channels and the producers of a topic. A name that cannot be one is as good as an unknown one.
pub async fn lookup(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    let found = match TopicName::parse(params.topic_text()?) {
        Ok(topic) => ask(&api.registry, || FindProducers(topic.clone())).await?,
        Err(_) => None,
    };
    let counters = &api.shared.counters;
    let counter = if found.is_some() { &counters.lookups_found } else { &counters.lookups_missed };
    counter.fetch_add(1, Relaxed);
    render(&found.ok_or(HttpError::TopicNotFound)?)
}

/// Put together from what has been written down before: see [`Producer::text`].
fn render(lookup: &Lookup) -> Result<HttpResponse, HttpError> {
    let channels = reply::to_json(&lookup.channels)?;
    let write = |producer: &Producer| reply::to_json(&ProducerJson::from(producer));
    let producers = lookup.producers.iter().map(|producer| producer.text(write));
    let producers = producers.collect::<Result<Vec<_>, _>>()?.join(&b","[..]);
    let parts = [b"{\"channels\":".as_slice(), &channels, b",\"producers\":[", &producers, b"]}"];
    Ok(reply::json_text(parts.concat()))
}
