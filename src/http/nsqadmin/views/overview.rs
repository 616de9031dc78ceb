//! Everything in short.

use std::cmp::Ordering;

use serde::Serialize;

use super::{ProblemList, Scene, counts::CountsView, rows::TopicRow, series::Chart};
use crate::cluster::{history::Subject, picture::Topic};

/// So many topics are shown.
const TOP_TOPICS: usize = 10;

#[derive(Serialize)]
pub(super) struct Overview<'a> {
    totals: CountsView,
    topic_count: usize,
    channel_count: usize,
    client_count: u64,
    node_count: usize,
    series: Chart,
    #[serde(flatten)]
    problems: ProblemList<'a>,
    top_topics: Vec<TopicRow<'a>>,
}

pub(super) fn view<'a>(scene: &Scene<'a>) -> Overview<'a> {
    let picture = &scene.seen.picture;
    let totals = &picture.totals;
    let mut topics: Vec<_> = picture.topics.iter().collect();
    topics.sort_by(|a, b| busier(b, a));
    topics.truncate(TOP_TOPICS);
    Overview {
        totals: CountsView::from(&totals.counts),
        topic_count: totals.topics,
        channel_count: totals.channels,
        client_count: totals.counts.gauges.clients,
        node_count: picture.nodes.len(),
        series: Chart::of(scene.history, &Subject::Total),
        problems: ProblemList::of(scene, |_| true),
        top_topics: topics.into_iter().map(|topic| TopicRow::new(scene, topic)).collect(),
    }
}

/// By what comes per second, then by what waits.
fn busier(a: &Topic, b: &Topic) -> Ordering {
    let rate = |topic: &Topic| topic.counts.rates.input.known().unwrap_or_default();
    let depth = |topic: &Topic| topic.counts.gauges.depth;
    rate(a).total_cmp(&rate(b)).then_with(|| depth(a).cmp(&depth(b)))
}
