//! Metrics of the links to nsqlookupds.

use std::fmt;

use super::scrape::Exposition;
use crate::{
    actors::lookup_peer::LookupPeerSnapshot,
    http::exposition::{Families, Name, SECONDS},
};

/// Writes them all.
pub(super) fn write(families: &mut Families<'_>, it: &Exposition) -> fmt::Result {
    let each = |figure: fn(&LookupPeerSnapshot) -> u64| series(it, figure);
    families.gauge(
        Name("nsqd_lookupd_connected", "1 if the nsqlookupd knows of this node"),
        None,
        each(|peer| u64::from(peer.status.is_connected)),
    )?;
    families.gauge(
        Name("nsqd_lookupd_registrations", "Topics and channels that it has been told of"),
        None,
        each(|peer| peer.status.registrations as u64),
    )?;
    families.counter(
        Name("nsqd_lookupd_connects", "Connections made to it"),
        None,
        each(|peer| peer.status.connects),
    )?;
    families.counter(
        Name("nsqd_lookupd_errors", "Connections to it that failed or ended"),
        None,
        each(|peer| peer.status.errors),
    )?;
    let peers = it.node.lookup_peers.iter();
    families.gauge(
        Name("nsqd_lookupd_ping_age", "Time since it last answered a PING"),
        SECONDS,
        peers.filter_map(|peer| Some((labels(peer), peer.ping_age?.as_secs_f64()))),
    )
}

fn series(
    it: &Exposition,
    figure: fn(&LookupPeerSnapshot) -> u64,
) -> impl Iterator<Item = ([(&str, &str); 1], u64)> {
    it.node.lookup_peers.iter().map(move |peer| (labels(peer), figure(peer)))
}

fn labels(peer: &LookupPeerSnapshot) -> [(&str, &str); 1] {
    [("address", &peer.address)]
}
