//! Topics that registries know and no node has.

use serde::Serialize;

use super::Scene;
use crate::cluster::snapshot::Name;

#[derive(Serialize)]
pub(super) struct Lookup<'a> {
    topics: Vec<Inactive<'a>>,
    lookupds: Vec<&'a Name>,
}

#[derive(Serialize)]
struct Inactive<'a> {
    topic: &'a Name,
    channels: Option<&'a [Name]>,
    reason: &'static str,
}

pub(super) fn view<'a>(scene: &Scene<'a>) -> Lookup<'a> {
    let picture = &scene.seen.picture;
    let topics = picture.inactive.iter().map(|topic| Inactive {
        topic: &topic.name,
        channels: topic.channels.as_deref(),
        reason: if topic.is_tombstoned { "tombstoned" } else { "no producer" },
    });
    let lookupds = picture.registries.iter().map(|registry| &registry.address);
    Lookup { topics: topics.collect(), lookupds: lookupds.collect() }
}
