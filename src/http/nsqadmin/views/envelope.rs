//! What stands around every view.

use serde::Serialize;

use super::Scene;
use crate::cluster::{
    Stage,
    picture::{Failure, ms},
};

/// So many failures are told one by one.
const FAILURES_MAX: usize = 500;

#[derive(Serialize)]
pub(super) struct Envelope<'a, V> {
    polled_at: Option<u64>,
    poll: u64,
    poll_ms: u64,
    failures: Vec<FailureView<'a>>,
    #[serde(flatten)]
    view: &'a V,
}

#[derive(Serialize)]
struct FailureView<'a> {
    address: &'a str,
    stage: Stage,
    status: Option<u16>,
    text: &'a str,
    since: u64,
}

impl<'a, V> Envelope<'a, V> {
    pub(super) fn new(scene: &Scene<'a>, view: &'a V) -> Self {
        let picture = &scene.seen.picture;
        let failures = picture.failures.iter().take(FAILURES_MAX);
        Self {
            polled_at: picture.polled_at.map(ms),
            poll: picture.poll,
            poll_ms: picture.poll_ms,
            failures: failures.map(FailureView::from).collect(),
            view,
        }
    }
}

impl<'a> From<&'a Failure> for FailureView<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            address: &failure.address,
            stage: failure.stage,
            status: failure.status,
            text: &failure.text,
            since: ms(failure.since),
        }
    }
}
