//! What the pages show, as JSON: each view is written once per poll, away from the threads that serve, and shared by all who
//! look at it.

mod channel;
mod clients;
mod counter;
mod counts;
mod envelope;
mod lookup;
mod name;
mod node;
mod nodes;
mod overview;
mod registries;
mod rows;
mod series;
mod shelf;
mod topic;
mod topics;

use actix_web::{HttpRequest, HttpResponse, web::Path};
use serde::Serialize;

use self::envelope::Envelope;
pub use self::{
    name::{View, from_path},
    shelf::{Shelf, Text},
};
use super::State;
use crate::{
    actors::collector::Seen,
    cluster::{
        history::History,
        problems::{PROBLEMS_MAX, Problem},
    },
    http::{HttpError, reply, routing::Routes},
};

/// Adds the routes of all views.
pub(super) fn register(routes: Routes<'_>) -> Routes<'_> {
    routes
        .get("/api/v1/overview", whole)
        .get("/api/v1/topics", whole)
        .get("/api/v1/topics/{topic}", topic)
        .get("/api/v1/topics/{topic}/{channel}", channel)
        .get("/api/v1/nodes", whole)
        .get("/api/v1/nodes/{node}", node)
        .get("/api/v1/registries", whole)
        .get("/api/v1/counter", whole)
        .get("/api/v1/lookup", whole)
}

async fn whole(admin: State, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let name = request.path().rsplit('/').next().unwrap_or_default();
    show(admin, View::parse(name)?).await
}

async fn topic(admin: State, topic: Path<String>) -> Result<HttpResponse, HttpError> {
    show(admin, View::Topic(from_path(&topic).to_owned())).await
}

async fn channel(admin: State, path: Path<(String, String)>) -> Result<HttpResponse, HttpError> {
    let (topic, channel) = (from_path(&path.0).to_owned(), from_path(&path.1).to_owned());
    show(admin, View::Channel(topic, channel)).await
}

async fn node(admin: State, node: Path<String>) -> Result<HttpResponse, HttpError> {
    show(admin, View::Node(node.into_inner())).await
}

async fn show(admin: State, view: View) -> Result<HttpResponse, HttpError> {
    let seen = admin.shelf.first_seen().await;
    let text = admin.shelf.get(&view, &seen).await?;
    Ok(reply::json_text(text.now()?))
}

/// What a view is made of.
struct Scene<'a> {
    seen: &'a Seen,
    history: &'a History,
}

/// Writes a view down, but for the time at which it is shown.
fn render(view: &View, scene: &Scene<'_>) -> Result<Vec<u8>, HttpError> {
    match view {
        View::Overview => write(scene, &overview::view(scene)),
        View::Topics => write(scene, &topics::view(scene)),
        View::Topic(topic) => write(scene, &topic::view(scene, topic)?),
        View::Channel(topic, channel) => write(scene, &channel::view(scene, topic, channel)?),
        View::Nodes => write(scene, &nodes::view(scene)),
        View::Node(node) => write(scene, &node::view(scene, node)?),
        View::Registries => write(scene, &registries::view(scene)),
        View::Counter => write(scene, &counter::view(scene)),
        View::Lookup => write(scene, &lookup::view(scene)),
    }
}

fn write(scene: &Scene<'_>, view: &impl Serialize) -> Result<Vec<u8>, HttpError> {
    reply::to_json(&Envelope::new(scene, view))
}

/// The worst problems, and how many are not among them.
#[derive(Serialize)]
struct ProblemList<'a> {
    problems: Vec<&'a Problem>,
    problems_left_out: usize,
}

impl<'a> ProblemList<'a> {
    fn of(scene: &Scene<'a>, concerns: impl Fn(&Problem) -> bool) -> Self {
        let all = scene.seen.problems.all.iter().filter(|problem| concerns(problem));
        let mut problems: Vec<_> = all.collect();
        let problems_left_out = problems.len().saturating_sub(PROBLEMS_MAX);
        problems.truncate(PROBLEMS_MAX);
        Self { problems, problems_left_out }
    }
}
