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

use super::supervisor::{ChildFailed, ChildSpec, Crash, supervise};
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
    pub timestamp: i64,
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
pub struct Notifications(Option<Addr<Notifier>>);

impl Notifications {
    /// Starts sending to `endpoint`; without one there is nothing to do.
    pub fn start(
        endpoint: Option<Endpoint>,
        failed: Recipient<ChildFailed>,
    ) -> Result<Self, String> {
        let Some(endpoint) = endpoint else { return Ok(Self(None)) };
        let sender = Notifier::new(endpoint)?;
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
struct Notifier {
    url: Url,
    client: Client,
}

impl Notifier {
    fn new(endpoint: Endpoint) -> Result<Self, String> {
        let client = requests::client(endpoint.tls, endpoint.connect_timeout)
            .timeout(endpoint.request_timeout)
            .build();
        client.map(|client| Self { url: endpoint.url, client }).map_err(why)
    }
}

impl Actor for Notifier {
    type Context = Context<Self>;
}

impl Supervised for Notifier {}

impl Handler<Crash> for Notifier {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}

impl Handler<Notification> for Notifier {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::{actors::testing::nobody, tls::trusting_nobody};

    fn notification(action: &'static str) -> Notification {
        Notification {
            action,
            topic: "orders".into(),
            channel: String::new(),
            node: String::new(),
            timestamp: 1_795_367_673,
            user: None,
            remote_ip: "10.1.2.3:50420".into(),
            user_agent: "curl/8".into(),
            url: "http://admin/api/topics".into(),
            via: "adminhost".into(),
        }
    }

    async fn listening() -> (TcpListener, Notifications) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
        let endpoint = Endpoint {
            url: url.parse().unwrap(),
            connect_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(60),
            tls: trusting_nobody(),
        };
        (listener, Notifications::start(Some(endpoint), nobody()).unwrap())
    }

    /// A request's head and its body, which is JSON.
    async fn request(listener: &TcpListener) -> (TcpStream, String, Value) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        loop {
            stream.read_buf(&mut received).await.unwrap();
            let text = String::from_utf8_lossy(&received);
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && let Ok(body) = serde_json::from_str(body)
            {
                let head = head.to_owned();
                return (stream, head, body);
            }
        }
    }

    async fn answer(mut stream: TcpStream, status: &str) {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    #[actix::test]
    async fn an_action_is_told_as_upstream_tells_it() {
        let (listener, notifier) = listening().await;
        notifier.notify(notification("create_topic"));
        let (stream, head, body) = request(&listener).await;
        assert!(head.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{head}");
        assert!(head.to_lowercase().contains("content-type: application/json"), "{head}");
        let mut expected = json!({"action": "create_topic", "topic": "orders",
            "timestamp": 1_795_367_673, "remote_ip": "10.1.2.3:50420", "user_agent": "curl/8",
            "url": "http://admin/api/topics", "via": "adminhost"});
        assert_eq!(body, expected);
        answer(stream, "200 OK").await;
        notifier.notify(Notification {
            channel: "audit".into(),
            node: "n:4151".into(),
            user: Some("carol".into()),
            ..notification("create_topic")
        });
        expected["channel"] = json!("audit");
        expected["node"] = json!("n:4151");
        expected["user"] = json!("carol");
        assert_eq!(request(&listener).await.2, expected);
    }

    #[actix::test]
    async fn one_that_fails_holds_up_no_other_and_is_not_repeated() {
        let (listener, notifier) = listening().await;
        for action in ["first", "second", "third"] {
            notifier.notify(notification(action));
        }
        let (closed, _, body) = request(&listener).await;
        assert_eq!(body["action"], "first");
        drop(closed);
        let (refused, _, body) = request(&listener).await;
        assert_eq!(body["action"], "second");
        answer(refused, "500 Oops").await;
        assert_eq!(request(&listener).await.2["action"], "third");
    }

    #[actix::test]
    async fn a_panic_loses_nothing_that_waits() {
        let (listener, notifier) = listening().await;
        notifier.notify(notification("first"));
        let (first, _, _) = request(&listener).await;
        let crash = notifier.0.as_ref().unwrap().send(Crash);
        for action in ["second", "third"] {
            notifier.notify(notification(action));
        }
        answer(first, "200 OK").await;
        assert!(crash.await.is_err());
        for action in ["second", "third"] {
            let (stream, _, body) = request(&listener).await;
            assert_eq!(body["action"], action);
            answer(stream, "200 OK").await;
        }
    }

    #[actix::test]
    async fn more_than_can_wait_are_lost() {
        let (listener, notifier) = listening().await;
        notifier.notify(notification("first"));
        let (stream, _, _) = request(&listener).await;
        for _ in 0..2 * WAITING_MAX {
            notifier.notify(notification("next"));
        }
        answer(stream, "200 OK").await;
        let mut told = 0;
        loop {
            let (stream, _, body) = request(&listener).await;
            if body["action"] == "last" {
                break;
            }
            answer(stream, "200 OK").await;
            told += 1;
            if told == WAITING_MAX / 2 {
                notifier.notify(notification("last"));
            }
        }
        assert!((WAITING_MAX..WAITING_MAX + 10).contains(&told), "{told}");
    }
}
