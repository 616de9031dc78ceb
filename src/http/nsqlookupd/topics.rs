//! Topics: listed, made, forgotten, and hidden for a node.

use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::{State, not_added};
use crate::{
    actors::lookup_registry::messages::{AddTopic, ListTopics, RemoveTopic, Tombstone},
    http::{HttpError, Params, ask::ask, reply},
    protocol::TopicName,
};

/// Every topic by name. There may be very many: they are put in order and written down on a thread of its own.
pub async fn list(api: State) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    struct Topics {
        topics: Vec<TopicName>,
    }
    let mut topics = ask(&api.registry, || ListTopics).await?;
    let written = web::block(move || {
        topics.sort_unstable();
        reply::to_json(&Topics { topics })
    });
    written.await.map_err(|_| HttpError::Internal)?.map(reply::json_text)
}

/// Makes a topic without producers.
pub async fn create(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    let topic = params.topic_arg()?;
    ask(&api.registry, || AddTopic(topic.clone())).await?.map_err(not_added)?;
    Ok(reply::empty())
}

/// Forgets a topic and its channels. One that is not known is as good as forgotten.
pub async fn delete(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    let topic = params.topic_arg()?;
    ask(&api.registry, || RemoveTopic(topic.clone())).await?;
    Ok(reply::empty())
}

/// Hides a node for a topic. That nothing is hidden is no error.
pub async fn tombstone(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    params.topic_text()?;
    let node = params.get("node").ok_or(HttpError::MissingArg("NODE"))?;
    let topic = params.topic_arg()?;
    ask(&api.registry, || Tombstone { topic: topic.clone(), node: node.to_owned() }).await?;
    Ok(reply::empty())
}
