//! What the pages do, what it would hit, and what was done.

use actix_web::{HttpResponse, web::Payload};
use serde::{Deserialize, Serialize};

use super::{ApiError, json_body};
use crate::{
    cluster::{
        AskError,
        actions::{Action, NodeResult, Order},
        audit::AuditEntry,
    },
    http::{
        HttpError, Params,
        nsqadmin::{AdminOnly, Caller, State, acting},
        reply,
    },
};

/// What is to be done, as JSON. What destroys has to be confirmed by its name.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ActionBody {
    action: String,
    topic: String,
    channel: Option<String>,
    node: Option<String>,
    /// On these addresses only, as where it has failed before.
    only: Option<Vec<String>>,
    confirm: Option<String>,
}

impl ActionBody {
    fn order(&self) -> Result<Order, HttpError> {
        let channel = self.channel.as_deref().unwrap_or_default();
        let node = self.node.as_deref().unwrap_or_default();
        Ok(Order::new(action(&self.action)?, &self.topic, channel, node)?)
    }

    fn confirmed_order(&self) -> Result<Order, HttpError> {
        let order = self.order()?;
        match order.confirmation() {
            Some(needed) if self.confirm.as_ref() != Some(&needed) => Err(HttpError::Unconfirmed),
            _ => Ok(order),
        }
    }
}

fn action(name: &str) -> Result<Action, HttpError> {
    let name = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(name);
    Action::deserialize(name).map_err(|_| HttpError::InvalidAction)
}

/// `POST api/v1/actions`: does it, and says what each node has made of it.
pub(super) async fn act(
    _: AdminOnly,
    admin: State,
    caller: Caller,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    #[derive(Serialize)]
    struct Done {
        ok: bool,
        results: Vec<NodeResult>,
        failures: Vec<AskError>,
    }
    let body: ActionBody = json_body(payload).await?;
    let order = body.confirmed_order()?;
    let report = acting::act(admin, order, body.only.unwrap_or_default(), caller).await?;
    let ok = report.is_ok();
    Ok(reply::json(&Done { ok, results: report.results, failures: report.failures })?)
}

/// `GET api/v1/impact`: what it would hit.
pub(super) async fn impact(admin: State, params: Params) -> Result<HttpResponse, ApiError> {
    let parameter = |name| params.get(name).unwrap_or_default().to_owned();
    let body = ActionBody {
        action: parameter("action"),
        topic: parameter("topic"),
        channel: params.get("channel").map(str::to_owned),
        node: params.get("node").map(str::to_owned),
        ..ActionBody::default()
    };
    let impact = admin.cluster().impact(&body.order()?).await?;
    Ok(reply::json(&impact)?)
}

/// `GET api/v1/audit`: what was done, the newest first.
pub(super) async fn audit(admin: State) -> Result<HttpResponse, ApiError> {
    #[derive(Serialize)]
    struct Audit {
        entries: Vec<AuditEntry>,
        /// Why the file has not got the last one.
        file_error: Option<String>,
    }
    let (entries, file_error) = (admin.audit.entries(), admin.audit.file_error());
    Ok(reply::json(&Audit { entries, file_error })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> ActionBody {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn actions_are_known_by_upstreams_names() {
        assert_eq!(action("pause_topic"), Ok(Action::PauseTopic));
        for name in ["", "pause", "PAUSE_TOPIC", "pause_topic "] {
            assert_eq!(action(name), Err(HttpError::InvalidAction), "{name}");
        }
    }

    #[test]
    fn what_destroys_is_done_only_with_its_exact_name() {
        let order = |confirm: &str| {
            let body = format!(r#"{{"action":"delete_topic","topic":"orders"{confirm}}}"#);
            read(&body).confirmed_order()
        };
        assert!(order(r#","confirm":"orders""#).is_ok());
        for confirm in
            ["", r#","confirm":null"#, r#","confirm":"Orders""#, r#","confirm":"orders ""#]
        {
            assert_eq!(order(confirm), Err(HttpError::Unconfirmed), "{confirm}");
        }
        let pause = read(r#"{"action":"pause_topic","topic":"orders","channel":null}"#);
        assert!(pause.confirmed_order().is_ok());
    }

    #[test]
    fn an_order_that_makes_no_sense_is_refused_before_it_is_confirmed() {
        for (json, error) in [
            (r#"{"action":"delete_topic","topic":"a b"}"#, HttpError::InvalidTopic),
            (r#"{"action":"delete_channel","topic":"a"}"#, HttpError::InvalidChannel),
            (r#"{"action":"delete_topic","topic":"a","node":"n:1"}"#, HttpError::InvalidNode),
            (r#"{"action":"tombstone_topic_producer","topic":"a"}"#, HttpError::InvalidNode),
        ] {
            assert_eq!(read(json).confirmed_order(), Err(error), "{json}");
        }
    }
}
