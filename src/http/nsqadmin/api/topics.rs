//! Topics: listed, shown, made, paused, emptied, deleted.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{
    HttpResponse,
    web::{Path, Payload},
};
use serde::{Deserialize, Serialize};

use super::{ApiError, action, answer, json_body, topic_name};
use crate::{
    cluster::{
        Selection,
        actions::{Action, Order},
        stats_of,
        totals::TopicTotals,
    },
    http::{
        HttpError, Params,
        nsqadmin::{AdminOnly, Caller, State, acting::act_or_fail},
    },
    protocol::{ChannelName, TopicName},
};

#[derive(Serialize)]
struct Topics<T> {
    topics: T,
}

/// All topics by name, or those without a node with their channels.
pub(super) async fn list(admin: State, params: Params) -> Result<HttpResponse, ApiError> {
    let (cluster, mut failures) = (admin.cluster(), Vec::new());
    if params.get("inactive") == Some("true") {
        let topics: BTreeMap<TopicName, BTreeSet<ChannelName>> =
            cluster.inactive_topics(&mut failures).await?;
        return answer(failures, || Topics { topics }).await;
    }
    let topics = cluster.topics(&mut failures).await?;
    answer(failures, || Topics { topics }).await
}

/// A topic over all nodes and on each of them.
pub(super) async fn show(admin: State, topic: Path<String>) -> Result<HttpResponse, ApiError> {
    let topic = topic_name(&topic)?;
    let (cluster, mut failures) = (admin.cluster(), Vec::new());
    let nodes = cluster.producers(&topic, &mut failures).await?;
    let select = Selection { topic: Some(&topic), ..Selection::default() };
    let stats = stats_of(cluster.ask(), &nodes, select).await.unless_all_failed(&mut failures)?;
    let nodes = TopicTotals::on_nodes(&stats, &topic, None);
    answer(failures, move || TopicTotals::of_all(&topic, nodes)).await
}

/// Makes a topic, and a channel of it if one is named.
pub(super) async fn create(
    _: AdminOnly,
    admin: State,
    caller: Caller,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        topic: String,
        channel: Option<String>,
    }
    let Body { topic, channel } = json_body(payload).await?;
    let channel = channel.unwrap_or_default();
    let action = if channel.is_empty() { Action::CreateTopic } else { Action::CreateChannel };
    let order = Order::new(action, &topic, &channel, "").map_err(HttpError::from)?;
    act_or_fail(admin, order, caller).await
}

/// Pauses, unpauses or empties a topic.
pub(super) async fn act(
    _: AdminOnly,
    admin: State,
    caller: Caller,
    topic: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let actions = [Action::PauseTopic, Action::UnpauseTopic, Action::EmptyTopic];
    let action = action(payload, actions).await?;
    let order = Order::new(action, &topic, "", "").map_err(HttpError::from)?;
    act_or_fail(admin, order, caller).await
}

/// Deletes a topic.
pub(super) async fn delete(
    _: AdminOnly,
    admin: State,
    caller: Caller,
    topic: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let order = Order::new(Action::DeleteTopic, &topic, "", "").map_err(HttpError::from)?;
    act_or_fail(admin, order, caller).await
}
