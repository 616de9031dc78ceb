//! Channels: listed, made and forgotten.

use actix_web::HttpResponse;
use serde::Serialize;

use super::{State, not_added};
use crate::{
    actors::lookup_registry::messages::{AddChannel, ListChannels, RemoveChannel},
    http::{HttpError, Params, ask::ask, reply},
    protocol::{ChannelName, TopicName},
};

/// A topic's channels; none of one that is not known or cannot be.
pub async fn list(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    struct Channels {
        channels: Vec<ChannelName>,
    }
    let channels = match TopicName::parse(params.topic_text()?) {
        Ok(topic) => ask(&api.registry, || ListChannels(topic.clone())).await?,
        Err(_) => Vec::new(),
    };
    reply::json(&Channels { channels })
}

/// Makes a channel without producers, and its topic.
pub async fn create(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    let (topic, channel) = (params.topic_arg()?, params.channel_arg()?);
    let add = || AddChannel(topic.clone(), channel.clone());
    ask(&api.registry, add).await?.map_err(not_added)?;
    Ok(reply::empty())
}

/// Forgets a channel.
pub async fn delete(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    let (topic, channel) = (params.topic_arg()?, params.channel_arg()?);
    match ask(&api.registry, || RemoveChannel(topic.clone(), channel.clone())).await? {
        true => Ok(reply::empty()),
        false => Err(HttpError::ChannelNotFound),
    }
}
