//! `/channel/…`: channels created, deleted, emptied, paused.

use actix::Addr;
use actix_web::HttpResponse;

use super::{State, ask, find_channel};
use crate::{
    actors::{
        Topic,
        channel::{EmptyChannel, PauseChannel},
        topic::{DeleteChannel, FindChannel},
    },
    http::{HttpError, Params, reply},
    protocol::ChannelName,
};

/// In a topic that must be there.
pub async fn create(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    let (topic, name) = named(&api, &params).await?;
    ask(&topic, || FindChannel { name: name.clone(), create: true }).await??;
    Ok(reply::empty())
}

/// With all its messages; its consumers are disconnected.
pub async fn delete(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    let (topic, name) = named(&api, &params).await?;
    ask(&topic, || DeleteChannel(name.clone())).await??;
    Ok(reply::empty())
}

/// All messages, those in flight too.
pub async fn empty(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    let (topic, name) = named(&api, &params).await?;
    let channel = find_channel(&topic, &name).await?;
    ask(&channel, || EmptyChannel).await??;
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
    let (topic, name) = named(api, params).await?;
    let channel = find_channel(&topic, &name).await?;
    ask(&channel, || PauseChannel(on)).await??;
    Ok(reply::empty())
}

/// The topic and the channel's name, both checked before either is looked for.
async fn named(api: &State, params: &Params) -> Result<(Addr<Topic>, ChannelName), HttpError> {
    let (topic, channel) = (params.topic_arg()?, params.channel_arg()?);
    Ok((api.find_topic(&topic).await?, channel))
}
