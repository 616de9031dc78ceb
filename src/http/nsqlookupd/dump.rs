//! `GET /debug`: everything that is registered, key by key.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpResponse, web::Bytes};
use futures_util::stream;
use serde::Serialize;

use super::State;
use crate::{
    actors::{clock, lookup_registry::messages::DumpRegistrations},
    broker::{
        Moment,
        registrations::{Dump, DumpedKey, Seen},
    },
    http::{HttpError, ask::ask, reply},
    protocol::ChannelName,
};

/// What upstream shows for an entry that never had a tombstone: its language's first moment.
const NEVER_NS: i64 = -6_795_364_578_871_345_152;

/// Sent in pieces, one key each: the whole may be larger than all that is registered by far.
pub async fn dump(api: State) -> Result<HttpResponse, HttpError> {
    let dump = Arc::new(ask(&api.registry, || DumpRegistrations).await?);
    let count = dump.keys.len();
    let lifetime = api.shared.options.tombstone_lifetime;
    let pieces = (0..count).map(move |at| piece(&dump, at, lifetime));
    let end = [Ok(Bytes::from_static(if count == 0 { b"{}" } else { b"}" }))];
    Ok(reply::json_pieces(stream::iter(pieces.chain(end))))
}

/// One key with its producers, behind what stands between keys.
fn piece(dump: &Dump, at: usize, lifetime: Duration) -> Result<Bytes, HttpError> {
    let key = &dump.keys[at];
    let producers: Vec<_> =
        dump.producers_of(key).map(|(seen, at)| Entry::new(seen, at, lifetime)).collect();
    let mut text = vec![if at == 0 { b'{' } else { b',' }];
    text.extend(reply::to_json(&name(key))?);
    text.push(b':');
    text.extend(reply::to_json(&producers)?);
    Ok(text.into())
}

fn name(key: &DumpedKey) -> String {
    let channel = key.channel.as_ref().map_or("", ChannelName::as_str);
    match &key.topic {
        None => "client::".into(),
        Some(topic) if key.channel.is_none() => format!("topic:{topic}:"),
        Some(topic) => format!("channel:{topic}:{channel}"),
    }
}

/// Declared in the order of its keys.
#[derive(Serialize)]
struct Entry<'a> {
    broadcast_address: &'a str,
    hostname: &'a str,
    http_port: i64,
    id: &'a str,
    last_update: i64,
    tcp_port: i64,
    tombstoned: bool,
    tombstoned_at: i64,
    topology_region: &'a str,
    topology_zone: &'a str,
    version: &'a str,
    /// When the tombstone ends. Not in upstream's answer, and therefore last.
    #[serde(skip_serializing_if = "Option::is_none")]
    tombstoned_until: Option<i64>,
}

impl<'a> Entry<'a> {
    fn new(seen: &'a Seen, tombstone: Option<Moment>, lifetime: Duration) -> Self {
        let info = &seen.producer.info;
        Self {
            broadcast_address: &info.broadcast_address,
            hostname: &info.hostname,
            http_port: info.http_port,
            id: &seen.producer.remote_address,
            last_update: clock::wall_of(seen.last_update),
            tcp_port: info.tcp_port,
            tombstoned: tombstone.is_some(),
            tombstoned_at: tombstone.map_or(NEVER_NS, clock::wall_of),
            topology_region: &info.topology_region,
            topology_zone: &info.topology_zone,
            version: &info.version,
            tombstoned_until: tombstone.map(|at| clock::wall_of(at + lifetime)),
        }
    }
}
