//! Upstream's API, with who has failed beside its `message`, and of ours what acts on the cluster: `api/v1/actions`,
//! `api/v1/impact` and `api/v1/audit`.

mod actions;
mod answer;
mod channels;
mod counter;
mod nodes;
mod topics;

use actix_web::web::Payload;
use serde::{Deserialize, de::DeserializeOwned};

pub(super) use self::answer::{ApiError, answer};
use crate::{
    actors::clock,
    cluster::actions::{Action, OrderError},
    http::{HttpError, body, routing::Routes},
    protocol::{ChannelName, TopicName},
};

/// The largest body that is read: an order for some thousand nodes.
const BODY_BYTES_MAX: usize = 256 << 10;

/// Adds the routes.
pub(super) fn register(routes: Routes<'_>) -> Routes<'_> {
    routes
        .get("/api/topics", topics::list)
        .post("/api/topics", topics::create)
        .get("/api/topics/{topic}", topics::show)
        .post("/api/topics/{topic}", topics::act)
        .delete("/api/topics/{topic}", topics::delete)
        .get("/api/topics/{topic}/{channel}", channels::show)
        .post("/api/topics/{topic}/{channel}", channels::act)
        .delete("/api/topics/{topic}/{channel}", channels::delete)
        .get("/api/nodes", nodes::list)
        .get("/api/nodes/{node}", nodes::show)
        .delete("/api/nodes/{node}", nodes::tombstone)
        .get("/api/counter", counter::show)
        .post("/api/v1/actions", actions::act)
        .get("/api/v1/impact", actions::impact)
        .get("/api/v1/audit", actions::audit)
}

/// What upstream's pages do to a topic or a channel.
#[derive(Deserialize)]
struct ActionBody {
    #[serde(default)]
    action: String,
}

/// The body as JSON, whatever it says it is.
async fn json_body<T: DeserializeOwned>(payload: Payload) -> Result<T, HttpError> {
    let body = body::read(payload, BODY_BYTES_MAX).await;
    let body = body.map_err(|error| HttpError::of_body(error, HttpError::BodyTooBig))?;
    if body.is_empty() {
        return Err(HttpError::BadJson("EOF".to_owned()));
    }
    serde_json::from_slice(&body).map_err(|error| HttpError::BadJson(error.to_string()))
}

/// One of the three actions: of a topic, or of a channel.
async fn action(payload: Payload, of: [Action; 3]) -> Result<Action, HttpError> {
    let [pause, unpause, empty] = of;
    let ActionBody { action } = json_body(payload).await?;
    match action.as_str() {
        "pause" => Ok(pause),
        "unpause" => Ok(unpause),
        "empty" => Ok(empty),
        _ => Err(HttpError::InvalidAction),
    }
}

/// Seconds since 1970.
pub(super) fn now_s() -> i64 {
    clock::wall_ns() / 1_000_000_000
}

fn topic_name(name: &str) -> Result<TopicName, HttpError> {
    TopicName::parse(name).map_err(|_| HttpError::InvalidTopic)
}

fn channel_name(name: &str) -> Result<ChannelName, HttpError> {
    ChannelName::parse(name).map_err(|_| HttpError::InvalidChannel)
}

impl From<OrderError> for HttpError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::InvalidTopic => Self::InvalidTopic,
            OrderError::InvalidChannel => Self::InvalidChannel,
            OrderError::InvalidNode => Self::InvalidNode,
        }
    }
}
