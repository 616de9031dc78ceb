//! One question to one node.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::{Client, Method, Response, StatusCode, Url, header, redirect};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};
use tokio_rustls::rustls::ClientConfig;

use super::{
    answers::NodeInfo,
    failure::{AskError, Stage},
    reach::{Reach, Unreachable},
};
use crate::{
    config::NSQ_VERSION,
    protocol::{excerpt, quote::quote, text_excerpt},
    requests::{self, BodyError, read_up_to, why},
    tls::trusting_the_system,
};

/// The longest answer that is read: statistics of some hundred thousand channels.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// What each answer may have before it waits to be one of the few large ones.
const SMALL_ANSWER_BYTES_MAX: usize = 2 << 20;
/// Large answers that are read at once.
const LARGE_ANSWERS_MAX: usize = 3;
/// Answers from this length on are taken apart on a thread of their own.
const PARSED_IN_PLACE_BYTES_MAX: usize = 256 << 10;

/// How long a question may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// Until the last byte of the answer, without the time that an answer waits until it may be large.
    pub request: Duration,
}

/// What to ask of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) stage: Stage,
    pub(super) path: &'static str,
    pub(super) query: &'a [(&'a str, &'a str)],
}

impl Question<'_> {
    fn failed(&self, node: &Reach, status: Option<u16>, text: String) -> AskError {
        AskError { address: node.address.clone(), stage: self.stage, status, text }
    }
}

/// Asks nodes for JSON, and tells them what to do. Clones share their limits. Redirects are not followed: no node sends any,
/// and with most of them an order would become a question, answered with 200 by whoever it ends at.
#[derive(Debug, Clone)]
pub struct Ask {
    client: Client,
    request_timeout: Duration,
    large_answers: Arc<Semaphore>,
    unreachable: Unreachable,
}

impl Ask {
    /// Reads the authorities that the system trusts. `user_agent` is what nodes log.
    pub fn new(user_agent: &str, timeouts: Timeouts) -> Result<Self, String> {
        Self::with_tls(user_agent, timeouts, trusting_the_system())
    }

    /// Speaks TLS like this with nodes that want it.
    pub fn with_tls(
        user_agent: &str,
        timeouts: Timeouts,
        tls: ClientConfig,
    ) -> Result<Self, String> {
        let client = requests::client(tls, timeouts.connect)
            .redirect(redirect::Policy::none())
            .user_agent(format!("{user_agent}/{NSQ_VERSION}"))
            .build()
            .map_err(why)?;
        let large_answers = Arc::new(Semaphore::new(LARGE_ANSWERS_MAX));
        let unreachable = Unreachable::default();
        Ok(Self { client, request_timeout: timeouts.request, large_answers, unreachable })
    }

    /// What a node says of itself.
    pub async fn info(&self, address: &str) -> Result<NodeInfo, AskError> {
        let question = Question { stage: Stage::Info, path: "/info", query: &[] };
        self.get(&Reach::at(address), question).await
    }

    /// `GET http://<address><path>?<query>`. A node that wants HTTPS is asked again at the port that it names.
    pub(super) async fn get<T>(&self, node: &Reach, question: Question<'_>) -> Result<T, AskError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let body = self.ask(&Method::GET, node, question).await?;
        parse(body.bytes).await.map_err(|text| question.failed(node, None, text))
    }

    /// The same, where not to know of something is an answer, too.
    pub(super) async fn find<T>(
        &self,
        node: &Reach,
        question: Question<'_>,
    ) -> Result<Option<T>, AskError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        match self.get(node, question).await {
            Ok(found) => Ok(Some(found)),
            Err(AskError { status: Some(404), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tells a node to do something. What it answers besides 200 is of no interest.
    pub(super) async fn post(&self, node: &Reach, question: Question<'_>) -> Result<(), AskError> {
        self.ask(&Method::POST, node, question).await.map(|_| ())
    }

    /// The same with a body.
    pub(super) async fn post_body(
        &self,
        node: &Reach,
        question: Question<'_>,
        body: Bytes,
    ) -> Result<(), AskError> {
        self.ask_with(&Method::POST, node, question, &body).await.map(|_| ())
    }

    async fn ask(
        &self,
        method: &Method,
        node: &Reach,
        question: Question<'_>,
    ) -> Result<Body<'_>, AskError> {
        self.ask_with(method, node, question, &Bytes::new()).await
    }

    /// Asks at the node's address, and where else it can be asked if it cannot be reached there.
    async fn ask_with(
        &self,
        method: &Method,
        node: &Reach,
        question: Question<'_>,
        body: &Bytes,
    ) -> Result<Body<'_>, AskError> {
        let address = self.unreachable.address_of(node);
        let mut asked = self.ask_at(method, address, question, body).await;
        if let (Err(Failed::NotConnected(_)), Some(other)) = (&asked, &node.otherwise)
            && other != address
        {
            self.unreachable.add(address);
            asked = self.ask_at(method, other, question, body).await;
        }
        asked.map_err(|error| question.failed(node, error.status(), error.text()))
    }

    async fn ask_at(
        &self,
        method: &Method,
        address: &str,
        question: Question<'_>,
        sent: &Bytes,
    ) -> Result<Body<'_>, Failed> {
        let url = url(address, question.path, question.query).map_err(Failed::Other)?;
        let (status, body) = self.send(method, &url, question.stage, sent).await?;
        if status != StatusCode::FORBIDDEN {
            return accepted(status, body);
        }
        let Some(secure) = https(&url, &body.bytes) else { return accepted(status, body) };
        drop(body); // nobody waits for a permit who has one
        let (status, body) = self.send(method, &secure, question.stage, sent).await?;
        accepted(status, body)
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        stage: Stage,
        sent: &Bytes,
    ) -> Result<(StatusCode, Body<'_>), Failed> {
        log::debug!("CI: querying {} {url}", stage.program());
        let request = self.client.request(method.clone(), url.clone());
        let mut request = request.header(header::ACCEPT, "application/vnd.nsq; version=1.0");
        if !sent.is_empty() {
            request = request.body(sent.clone());
        }
        let mut left = TimeLeft(self.request_timeout);
        let sent =
            left.spend(request.send()).await.map_err(|late| Failed::Other(late.to_owned()))?;
        let response = sent.map_err(|error| match error.is_connect() {
            true => Failed::NotConnected(why(error)),
            false => Failed::Other(why(error)),
        })?;
        let status = response.status();
        let body = self.body(response, left).await;
        Ok((status, body.map_err(|error| Failed::Other(error.to_string()))?))
    }

    /// Of all that nodes send at once, little is held: an answer that turns out to be large waits until it may be. That
    /// is not its node's fault, and does not count: others that hold it up have their timeouts.
    async fn body(
        &self,
        mut response: Response,
        mut left: TimeLeft,
    ) -> Result<Body<'_>, BodyError> {
        let mut bytes = Vec::new();
        if left.read(&mut response, &mut bytes, SMALL_ANSWER_BYTES_MAX).await? {
            return Ok(Body { bytes, _permit: None });
        }
        let _permit = self.large_answers.acquire().await.ok();
        match left.read(&mut response, &mut bytes, ANSWER_BYTES_MAX).await? {
            true => Ok(Body { bytes, _permit }),
            false => Err(BodyError::TooLong(ANSWER_BYTES_MAX)),
        }
    }
}

/// What is left of the time for a question.
struct TimeLeft(Duration);

impl TimeLeft {
    /// Waits as long as there is time.
    async fn spend<F: Future>(&mut self, stage: F) -> Result<F::Output, &'static str> {
        let began = Instant::now();
        let done = timeout(self.0, stage).await.map_err(|_| "i/o timeout");
        self.0 = self.0.saturating_sub(began.elapsed());
        done
    }

    async fn read(
        &mut self,
        response: &mut Response,
        bytes: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<bool, BodyError> {
        let read = self.spend(read_up_to(response, bytes, bytes_max)).await;
        read.map_err(|late| BodyError::NotRead(late.to_owned()))?
    }
}

/// An answer, with the permit to be large as long as it is held.
struct Body<'a> {
    bytes: Vec<u8>,
    _permit: Option<SemaphorePermit<'a>>,
}

enum Failed {
    /// Nothing has been sent.
    NotConnected(String),
    Status(StatusCode, String),
    Other(String),
}

impl Failed {
    fn status(&self) -> Option<u16> {
        if let Self::Status(status, _) = self { Some(status.as_u16()) } else { None }
    }

    fn text(self) -> String {
        match self {
            Self::NotConnected(text) | Self::Status(_, text) | Self::Other(text) => text,
        }
    }
}

fn accepted(status: StatusCode, body: Body<'_>) -> Result<Body<'_>, Failed> {
    if status == StatusCode::OK {
        return Ok(body);
    }
    let text = format!("got response {status} {}", quote(excerpt(&body.bytes)));
    Err(Failed::Status(status, text))
}

async fn parse<T: DeserializeOwned + Send + 'static>(body: Vec<u8>) -> Result<T, String> {
    let parse = |body: &[u8]| {
        serde_json::from_slice(body)
            .map_err(|error| format!("no answer that can be read: {}", text_excerpt(error)))
    };
    if body.len() < PARSED_IN_PLACE_BYTES_MAX {
        return parse(&body);
    }
    let parsed = tokio::task::spawn_blocking(move || parse(&body)).await;
    parsed.unwrap_or_else(|error| Err(error.to_string()))
}

/// A registered address may be anything; it is not to choose what is asked for.
fn url(address: &str, path: &str, query: &[(&str, &str)]) -> Result<Url, String> {
    if address.is_empty() || address.contains(['/', '\\', '?', '#', '@']) {
        return Err("not the address of a node".to_owned());
    }
    let mut url =
        Url::parse(&format!("http://{address}{path}")).map_err(|error| error.to_string())?;
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

/// Where a node that is for TLS only wants to be asked, if that is why it has refused.
fn https(url: &Url, refusal: &[u8]) -> Option<Url> {
    #[derive(Deserialize)]
    struct Refusal {
        https_port: u16,
    }
    let Refusal { https_port } = serde_json::from_slice(refusal).ok()?;
    let mut url = url.clone();
    url.set_scheme("https").ok()?;
    url.set_port(Some(https_port)).ok()?;
    Some(url)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn questions_are_urls() {
        let url = url("[::1]:4151", "/stats", &[("topic", "a#ephemeral"), ("format", "json")]);
        assert_eq!(
            url.unwrap().as_str(),
            "http://[::1]:4151/stats?topic=a%23ephemeral&format=json"
        );
    }

    #[test]
    fn an_address_says_where_and_nothing_else() {
        for address in ["n:1/x?y=", "a@n:1", "n:1#", "n\\x:1", "", "n:70000", "a b:1"] {
            assert!(url(address, "/topic/delete", &[]).is_err(), "{address}");
        }
        assert!(url("nsqd-1.example_net:4151", "/stats", &[]).is_ok());
    }

    #[test]
    fn who_wants_https_names_a_port() {
        let plain = url("n:4151", "/stats", &[]).unwrap();
        let secure = https(&plain, br#"{"message":"TLS_REQUIRED","https_port":4152}"#).unwrap();
        assert_eq!(secure.as_str(), "https://n:4152/stats");
        assert_eq!(https(&plain, b"no"), None);
        assert_eq!(https(&plain, br#"{"https_port":70000}"#), None);
    }

    #[tokio::test(start_paused = true)]
    async fn time_counts_only_while_it_is_spent() {
        let second = Duration::from_secs(1);
        let mut left = TimeLeft(3 * second);
        assert_eq!(left.spend(tokio::time::sleep(2 * second)).await, Ok(()));
        tokio::time::sleep(10 * second).await;
        assert_eq!(left.spend(async { 7 }).await, Ok(7));
        assert_eq!(left.spend(tokio::time::sleep(2 * second)).await, Err("i/o timeout"));
    }

    /// An nsqd that answers one request with so many bytes.
    fn answering(length: usize) -> std::net::SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _asked = stream.read(&mut [0; 4096]).unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&vec![b' '; length]).unwrap();
        });
        address
    }

    #[tokio::test]
    async fn a_large_answer_that_waits_for_others_is_not_late() {
        let timeouts =
            Timeouts { connect: Duration::from_secs(1), request: Duration::from_secs(2) };
        let ask = Ask::new("test", timeouts).unwrap();
        let held = ask.large_answers.acquire_many(LARGE_ANSWERS_MAX as u32).await.unwrap();
        let node = Reach::at(answering(2 * SMALL_ANSWER_BYTES_MAX).to_string());
        let question = Question { stage: Stage::Nsqd, path: "/", query: &[] };
        let mut asked = Box::pin(ask.post(&node, question));
        let waiting = timeout(timeouts.request + timeouts.connect, &mut asked).await;
        assert!(waiting.is_err(), "{waiting:?}");
        drop(held);
        assert_eq!(asked.await, Ok(()));
    }

    #[test]
    fn what_a_node_refuses_with_is_quoted_and_cut_off() {
        let refused = |status, bytes: &[u8]| {
            let body = Body { bytes: bytes.to_vec(), _permit: None };
            accepted(status, body).err().unwrap()
        };
        let failed = refused(StatusCode::NOT_FOUND, br#"{"message":"X"}"#);
        assert_eq!(failed.status(), Some(404));
        assert_eq!(failed.text(), r#"got response 404 Not Found "{\"message\":\"X\"}""#);
        let failed = refused(StatusCode::FORBIDDEN, &[b'x'; 10_000]);
        assert!(failed.text().len() < 600);
    }
}
