//! Tells a URL of every administrative action, one after the other.

use std::{sync::Arc, sync::atomic::AtomicU64, time::Duration};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, Recipient, Supervised,
    fut::wrap_future,
};
use actix_rt::Arbiter;
use reqwest::{Client, Url, header};
use serde::Serialize;
use tokio_rustls::rustls::ClientConfig;

use super::supervisor::{ChildFailed, ChildSpec, supervise};
use crate::requests::{self, why};

/// Notifications that wait for those before them; more are lost, with a line in the log.
const WAITING_MAX: usize = 1000;

/// An action, as upstream tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Message)]
#[rtype(result = "()")]
pub struct Notification {
    /// What was done, such as `delete_topic`.
    pub action: &'static str,
    /// To which topic.
    pub topic: String,
    /// To which channel of it; empty for the topic itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// On which node, `host:port`; empty for all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// When, in seconds since 1970.
    pub timestamp: u64,
    /// By whom, if anybody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// From where, `ip:port`.
    pub remote_ip: String,
    /// With what.
    pub user_agent: String,
    /// What was asked for.
    pub url: String,
    /// The host that nsqadmin runs on.
    pub via: String,
}

/// Where to send them, and how.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Whom to tell.
    pub url: Url,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for the end of the answer.
    pub request_timeout: Duration,
    /// For a URL of HTTPS.
    pub tls: ClientConfig,
}

/// Where to leave notifications. Nobody waits for them, and nothing fails because of them.
#[derive(Debug, Clone)]
pub struct Notifier(Option<Addr<NotificationSender>>);

impl Notifier {
    /// Starts sending to `endpoint`; without one there is nothing to do.
    pub fn start(
        endpoint: Option<Endpoint>,
        failed: Recipient<ChildFailed>,
    ) -> Result<Self, String> {
        let Some(endpoint) = endpoint else { return Ok(Self(None)) };
        let sender = NotificationSender::new(endpoint)?;
        let spec = ChildSpec {
            name: "notifier".into(),
            mailbox: WAITING_MAX,
            restarts: Arc::new(AtomicU64::default()),
            failed,
        };
        Ok(Self(Some(supervise(&Arbiter::current(), spec, move |_| sender))))
    }

    /// Leaves a notification.
    pub fn notify(&self, notification: Notification) {
        let Some(sender) = &self.0 else { return };
        if sender.try_send(notification).is_err() {
            log::warn!("NOTIFY: more than {WAITING_MAX} wait, one is lost");
        }
    }
}

/// Sends what was left, in order, and never twice.
#[derive(Debug)]
struct NotificationSender {
    url: Url,
    client: Client,
}

impl NotificationSender {
    fn new(endpoint: Endpoint) -> Result<Self, String> {
        let client = requests::client(endpoint.tls, endpoint.connect_timeout)
            .timeout(endpoint.request_timeout)
            .build();
        client.map(|client| Self { url: endpoint.url, client }).map_err(why)
    }
}

impl Actor for NotificationSender {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(WAITING_MAX);
    }
}

impl Supervised for NotificationSender {}

impl Handler<Notification> for NotificationSender {
    type Result = ();

    fn handle(&mut self, notification: Notification, context: &mut Self::Context) {
        let body = serde_json::to_vec(&notification).unwrap_or_default(); // texts and a number cannot fail
        let request = self.client.post(self.url.clone()).body(body);
        let sent = request.header(header::CONTENT_TYPE, "application/json").send();
        let reported = wrap_future(sent).map(move |answer, _: &mut Self, _: &mut _| match answer {
            Ok(answer) if !answer.status().is_success() => {
                log::warn!("NOTIFY: {} answered {}", notification.action, answer.status());
            }
            Ok(_) => {}
            Err(error) => log::warn!("NOTIFY: {} not told: {}", notification.action, why(error)),
        });
        context.wait(reported);
    }
}
