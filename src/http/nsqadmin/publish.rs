//! `POST api/v1/topics/{topic}/publish`: one message, to see what becomes of it.

use std::{sync::Arc, time::Instant};

use actix_web::{
    HttpResponse,
    web::{Bytes, Path, Payload},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use super::{Admin, AdminOnly, Caller, State, caller::bounded, views::from_path};
use crate::{
    actors::collector::{LookNow, Seen},
    cluster::{AskError, Stage, actions::NodeResult, audit::AuditEntry, picture::Node},
    http::{HttpError, body, reply},
    protocol::TopicName,
};

/// The largest body that is read: a message of 3 MiB as base64.
const BODY_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Publication {
    body: String,
    encoding: Option<String>,
    node: Option<String>,
    defer_ms: u64,
}

/// As of actions.
#[derive(Serialize)]
struct Published {
    ok: bool,
    results: [NodeResult; 1],
    failures: [AskError; 0],
}

/// Publishes to one node: the one that is named, or one that has the topic. It is brought to its end and audited even if the
/// caller does not wait for that.
pub(super) async fn publish(
    _: AdminOnly,
    admin: State,
    caller: Caller,
    topic: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, HttpError> {
    let topic = TopicName::parse(from_path(&topic)).map_err(|_| HttpError::InvalidTopic)?;
    let publication = read(payload).await?;
    let message = publication.message()?;
    let begun = admin.underway.begin()?;
    let publishing = actix_rt::spawn(async move {
        let sent = publication.send(&admin, &topic, message).await;
        admin.audit.record(publication.entry(&caller, &topic, &sent)).await;
        admin.collector.do_send(LookNow);
        drop(begun);
        sent
    });
    let result = publishing.await.map_err(|_| HttpError::Internal)??;
    reply::json(&Published { ok: result.ok, results: [result], failures: [] })
}

async fn read(payload: Payload) -> Result<Publication, HttpError> {
    let body = body::read(payload, BODY_BYTES_MAX).await;
    let body = body.map_err(|error| HttpError::of_body(error, HttpError::BodyTooBig))?;
    serde_json::from_slice(&body).map_err(|error| HttpError::BadJson(error.to_string()))
}

impl Publication {
    fn message(&self) -> Result<Bytes, HttpError> {
        let message = match self.encoding.as_deref() {
            None | Some("text") => self.body.clone().into_bytes(),
            Some("base64") => BASE64_STANDARD
                .decode(self.body.trim())
                .map_err(|error| HttpError::BadJson(format!("body is no base64: {error}")))?,
            Some(_) => return Err(HttpError::InvalidArg("ENCODING")),
        };
        if message.is_empty() {
            return Err(HttpError::MessageEmpty);
        }
        Ok(message.into())
    }

    /// Sends it; an error is one because of which nobody was asked.
    async fn send(
        &self,
        admin: &Admin,
        topic: &TopicName,
        message: Bytes,
    ) -> Result<NodeResult, HttpError> {
        let seen = admin.shelf.first_seen().await;
        let node = self.node(&seen, topic)?;
        let began = Instant::now();
        let sent = admin.ask.publish(&node.reach(), topic, message, self.defer_ms).await;
        let (ok, status, text) = match sent {
            Ok(()) => (true, Some(200), String::new()),
            Err(error) => (false, error.status, error.text),
        };
        Ok(NodeResult {
            address: node.address.to_string(),
            stage: Stage::Nsqd,
            ok,
            status,
            text,
            ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn entry(
        &self,
        caller: &Caller,
        topic: &TopicName,
        sent: &Result<NodeResult, HttpError>,
    ) -> AuditEntry {
        let (ok, text, results) = match sent {
            Ok(result) => (result.ok, result.text.clone(), vec![result.clone()]),
            Err(error) => (false, error.to_string(), Vec::new()),
        };
        AuditEntry {
            node: self.node.clone().map(bounded),
            ok,
            text,
            results,
            ..caller.audit_entry("publish", topic.as_str())
        }
    }

    /// Who is to get it. A name that was mistyped makes no topic.
    fn node<'a>(&self, seen: &'a Arc<Seen>, topic: &TopicName) -> Result<&'a Node, HttpError> {
        let picture = &seen.picture;
        let name = topic.as_str();
        let topic = picture.topic(name);
        if topic.is_none() && picture.inactive_topic(name).is_none() {
            return Err(HttpError::TopicNotFound);
        }
        if let Some(node) = &self.node {
            return picture.node(node).ok_or(HttpError::NodeNotFound);
        }
        let having = topic.into_iter().flat_map(|topic| picture.topic_entries(topic));
        let registered = picture.nodes.iter().filter(|node| picture.is_registered(node, name));
        let having = having.map(|(node, _)| node).chain(registered);
        let mut having = having.chain(&picture.nodes);
        let nobody = || HttpError::Upstream("no nsqd answers".to_owned());
        having.find(|node| node.failure.is_none()).ok_or_else(nobody)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Publication {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_message_is_text_or_base64() {
        for (json, message) in [
            (r#"{"body":"hello"}"#, Ok(&b"hello"[..])),
            (r#"{"body":" é","encoding":"text"}"#, Ok(" é".as_bytes())),
            (r#"{"body":"/wA=","encoding":"base64"}"#, Ok(&[0xff, 0])),
            (r#"{"body":"","encoding":"base64"}"#, Err(HttpError::MessageEmpty)),
            (r#"{}"#, Err(HttpError::MessageEmpty)),
            (r#"{"body":"a","encoding":"hex"}"#, Err(HttpError::InvalidArg("ENCODING"))),
        ] {
            let message = message.map(Bytes::copy_from_slice);
            assert_eq!(read(json).message(), message, "{json}");
        }
        let broken = read(r#"{"body":"é","encoding":"base64"}"#).message();
        assert!(matches!(broken, Err(HttpError::BadJson(_))), "{broken:?}");
    }
}
