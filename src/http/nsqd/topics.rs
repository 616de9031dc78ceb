//! `/topic/…`: topics created, deleted, emptied, paused.

use actix_web::HttpResponse;

use super::{State, ask};
use crate::{
    actors::{
        node::DeleteTopic,
        topic::{EmptyTopic, PauseTopic, SetDurability, WhenOpen},
    },
    config::Durability,
    http::{HttpError, Params, reply},
    protocol::TopicName,
};

/// Answers when the topic can take messages. With `durability`, they are stored that well from then
/// on, whether the topic is new or not.
pub async fn create(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    let name = params.topic()?;
    let durability = durability(&params, &name)?;
    let topic = api.find_or_create_topic(&name).await?;
    ask(&topic, || WhenOpen).await??;
    if let Some(durability) = durability {
        ask(&topic, || SetDurability(durability)).await??;
    }
    Ok(reply::empty())
}

/// A level that means something for the topic: an ephemeral one keeps nothing on the disk.
fn durability(params: &Params, topic: &TopicName) -> Result<Option<Durability>, HttpError> {
    let Some(text) = params.get("durability") else { return Ok(None) };
    match Durability::parse(text) {
        Ok(level) if !topic.is_ephemeral() => Ok(Some(level)),
        _ => Err(HttpError::InvalidDurability),
    }
}

/// Answers when it is gone.
pub async fn delete(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    let name = params.existing_topic()?;
    ask(&api.node, || DeleteTopic(name.clone())).await??;
    Ok(reply::empty())
}

/// The topic's own messages; its channels keep theirs.
pub async fn empty(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    let topic = api.find_topic(&params.topic()?).await?;
    ask(&topic, || EmptyTopic).await??;
    Ok(reply::empty())
}

/// Answers when a restart would know of it.
pub async fn pause(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    set_paused(&api, &params, true).await
}

/// See [`pause`].
pub async fn unpause(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    set_paused(&api, &params, false).await
}

async fn set_paused(api: &State, params: &Params, on: bool) -> Result<HttpResponse, HttpError> {
    let topic = api.find_topic(&params.existing_topic()?).await?;
    ask(&topic, || PauseTopic(on)).await??;
    Ok(reply::empty())
}
