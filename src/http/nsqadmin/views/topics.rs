//! All topics.

use serde::Serialize;

use super::{Scene, rows::TopicRow};

#[derive(Serialize)]
pub(super) struct Topics<'a> {
    topics: Vec<TopicRow<'a>>,
}

pub(super) fn view<'a>(scene: &Scene<'a>) -> Topics<'a> {
    let picture = &scene.seen.picture;
    let active = picture.topics.iter().map(|topic| TopicRow::new(scene, topic));
    let inactive = picture.inactive.iter().map(TopicRow::of_inactive);
    Topics { topics: active.chain(inactive).collect() }
}
