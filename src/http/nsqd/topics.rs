//! `/topic/…`: topics created, deleted, emptied, paused.

use actix_web::HttpResponse;

use super::{State, ask};
use crate::{
    actors::{
        node::DeleteTopic,
        topic::{ChannelError, EmptyTopic, PauseTopic, WhenOpen},
    },
    http::{HttpError, Params, reply},
};

/// Answers when the topic can take messages.
pub async fn create(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    let name = params.topic()?;
    let topic = api.find_or_create_topic(&name).await?;
    match ask(&topic, || WhenOpen).await? {
        Err(ChannelError::Store(reason)) => Err(HttpError::NotStored(reason.to_string())),
        open => Ok(open.map(|()| reply::empty())?),
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
