//! Channels: shown, paused, emptied, deleted.

use actix_web::{
    HttpResponse,
    web::{Path, Payload},
};

use super::{ApiError, action, answer, channel_name, now_s, topic_name};
use crate::{
    cluster::{
        ClusterError, Selection,
        actions::{Action, Order},
        stats_of,
        totals::{ChannelTotals, TopicTotals},
    },
    http::{
        HttpError,
        nsqadmin::{AdminOnly, Caller, State, acting::act_or_fail},
    },
};

/// A channel over all nodes and on each of them, with its consumers.
pub(super) async fn show(
    admin: State,
    names: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (topic, channel) = (topic_name(&names.0)?, channel_name(&names.1)?);
    let (cluster, mut failures) = (admin.cluster(), Vec::new());
    let nodes = cluster.producers(&topic, &mut failures).await?;
    let select =
        Selection { topic: Some(&topic), channel: Some(&channel), clients: true, memory: false };
    let stats = stats_of(cluster.ask(), &nodes, select).await.unless_all_failed(&mut failures)?;
    let now = now_s();
    let topics = TopicTotals::on_nodes(&stats, &topic, Some(now));
    let channels: Vec<_> = topics.into_iter().flat_map(|topic| topic.channels).collect();
    if channels.is_empty() && !nodes.is_empty() {
        return Err(ClusterError::unknown(ClusterError::ChannelNotFound, &failures).into());
    }
    answer(failures, move || ChannelTotals::of_all(&topic, &channel, channels)).await
}

/// Pauses, unpauses or empties a channel.
pub(super) async fn act(
    _: AdminOnly,
    admin: State,
    caller: Caller,
    names: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let actions = [Action::PauseChannel, Action::UnpauseChannel, Action::EmptyChannel];
    let action = action(payload, actions).await?;
    let order = Order::new(action, &names.0, &names.1, "").map_err(HttpError::from)?;
    act_or_fail(admin, order, caller).await
}

/// Deletes a channel.
pub(super) async fn delete(
    _: AdminOnly,
    admin: State,
    caller: Caller,
    names: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let order = Order::new(Action::DeleteChannel, &names.0, &names.1, "");
    act_or_fail(admin, order.map_err(HttpError::from)?, caller).await
}
