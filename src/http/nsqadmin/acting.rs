//! Carries out orders of callers: what is done is audited, and others are told of it.

use actix_web::HttpResponse;
use serde::Serialize;

use super::{
    Admin, Caller, State,
    api::{ApiError, answer, now_s},
};
use crate::{
    actors::{collector::LookNow, notifier::Notification},
    cluster::{
        ClusterError,
        actions::{Action, ActionReport, Order},
        audit::AuditEntry,
        warning,
    },
    config::host,
    http::HttpError,
};

/// Does what upstream's API is asked for: 502 if it has failed everywhere.
pub(super) async fn act_or_fail(
    admin: State,
    order: Order,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    #[derive(Serialize)]
    struct Done {}
    let report = act(admin, order, Vec::new(), caller).await?.unless_all_failed()?;
    answer(report.all_failures(), || Done {}).await
}

/// Carries out an order on all nodes, or on some. It is brought to its end even if the caller does not wait for that, or
/// nsqadmin is told to stop.
pub(super) async fn act(
    admin: State,
    order: Order,
    only: Vec<String>,
    caller: Caller,
) -> Result<ActionReport, ApiError> {
    let begun = admin.underway.begin()?;
    let acting = actix_rt::spawn(async move {
        let done = admin.cluster().carry_out(&order, &only).await;
        admin.notify(&order, &caller, &done);
        admin.audit.record(entry(&order, &caller, &done)).await;
        admin.collector.do_send(LookNow);
        drop(begun);
        done
    });
    let done = acting.await.map_err(|_| HttpError::Internal)?;
    Ok(done?)
}

impl Admin {
    /// Tells of it as upstream does: of what could not be begun only if it would have been harmless.
    fn notify(&self, order: &Order, caller: &Caller, done: &Result<ActionReport, ClusterError>) {
        let is_harmless = matches!(
            order.action,
            Action::PauseTopic
                | Action::PauseChannel
                | Action::UnpauseTopic
                | Action::UnpauseChannel
                | Action::EmptyTopic
                | Action::EmptyChannel
        );
        if done.is_err() && !is_harmless {
            return;
        }
        if order.action == Action::CreateChannel {
            self.notifier.notify(notification(Action::CreateTopic, "", order, caller));
        }
        let channel = order.channel.as_ref().map_or("", |channel| channel.as_str());
        self.notifier.notify(notification(order.action, channel, order, caller));
    }
}

fn notification(action: Action, channel: &str, order: &Order, caller: &Caller) -> Notification {
    Notification {
        action: action.name(),
        topic: order.topic.to_string(),
        channel: channel.to_owned(),
        node: order.node.clone().unwrap_or_default(),
        timestamp: now_s(),
        user: caller.user.clone(),
        remote_ip: caller.remote_ip.clone(),
        user_agent: caller.user_agent.clone(),
        url: caller.url.clone(),
        via: host::hostname(),
    }
}

fn entry(order: &Order, caller: &Caller, done: &Result<ActionReport, ClusterError>) -> AuditEntry {
    let (ok, text, results) = match done {
        Ok(report) => (report.is_ok(), warning(&report.all_failures()), report.results.clone()),
        Err(error) => (false, error.to_string(), Vec::new()),
    };
    AuditEntry {
        channel: order.channel.as_ref().map(ToString::to_string),
        node: order.node.clone(),
        ok,
        text,
        results,
        ..caller.audit_entry(order.action.name(), order.topic.as_str())
    }
}
