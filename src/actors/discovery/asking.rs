//! Which channels the registries know of a topic: `GET /channels?topic=`, of all of them at once.

use std::{collections::BTreeSet, fmt, net::IpAddr, sync::Arc, time::Duration};

use actix_rt::time::Instant;
use futures_util::future::join_all;
use reqwest::{Client, StatusCode, header};
use serde::Deserialize;
use tokio::{
    sync::{Semaphore, watch},
    time::timeout_at,
};

use crate::{
    actors::lookup_peer::PeerStatus,
    config::NsqdOptions,
    protocol::{ChannelName, TopicName, lookup::IdentifyAnswer},
    requests::{self, BodyError, read_body, why},
    tls::trusting_nobody,
};

/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Channels that are made because a registry knows them.
const CHANNELS_MAX: usize = 1000;

/// Why a registry has told nothing.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("{0}")]
    NotSent(String),
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("{0}")]
    NotRead(#[from] BodyError),
    #[error("not an answer: {0}")]
    NotAnAnswer(#[from] serde_json::Error),
}

/// Where a registry speaks HTTP, as it has said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Registry {
    host: String,
    port: u16,
}

impl Registry {
    /// None of one that does not say where it is.
    fn of(answer: &IdentifyAnswer) -> Option<Self> {
        let port = u16::try_from(answer.http_port).ok().filter(|&port| port != 0)?;
        let host = answer.broadcast_address.clone();
        (!host.is_empty()).then_some(Self { host, port })
    }

    /// The address itself, if that is what it has said.
    fn ip(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip() {
            Some(IpAddr::V6(ip)) => write!(formatter, "[{ip}]:{}", self.port),
            _ => write!(formatter, "{}:{}", self.host, self.port),
        }
    }
}

/// The HTTP client for all registries.
#[derive(Clone)]
pub(super) struct Registries(Client);

impl Registries {
    /// A client with the time for a connect that the options give.
    pub(super) fn new(options: &NsqdOptions) -> Self {
        let client = requests::client(trusting_nobody(), options.http_client_connect_timeout);
        Self(client.build().expect("there is nothing in it that could be wrong"))
    }

    async fn channels(
        &self,
        registry: &Registry,
        topic: &TopicName,
    ) -> Result<Vec<String>, AskError> {
        let topic = topic.as_str().replace('#', "%23"); // all else in a name is plain
        let request = self
            .0
            .get(format!("http://{registry}/channels?topic={topic}"))
            .header(header::ACCEPT, "application/vnd.nsq; version=1.0")
            .header(header::CONNECTION, "close");
        let response = request.send().await.map_err(|error| AskError::NotSent(why(error)))?;
        match response.status() {
            StatusCode::OK => parse(&read_body(response, ANSWER_BYTES_MAX).await?),
            status => Err(AskError::Status(status)),
        }
    }
}

fn parse(body: &[u8]) -> Result<Vec<String>, AskError> {
    #[derive(Deserialize)]
    struct Channels {
        channels: Vec<String>,
    }
    let Channels { channels } = serde_json::from_slice(body)?;
    Ok(channels)
}

/// What is asked about one new topic.
pub(super) struct Question {
    pub(super) topic: TopicName,
    pub(super) registries: Registries,
    /// How many may ask at the same time.
    pub(super) turns: Arc<Semaphore>,
    /// From now to the answer, whatever happens.
    pub(super) time: Duration,
}

impl Question {
    /// What those know that answer in time.
    pub(super) async fn ask(self, peers: Vec<watch::Receiver<PeerStatus>>) -> Vec<ChannelName> {
        let (topic, until) = (&self.topic, Instant::now() + self.time);
        let Ok(_turn) = timeout_at(until, self.turns.acquire()).await else {
            self.warn("too many topics are created at once");
            return Vec::new();
        };
        let asked = peers.into_iter().map(|status| self.ask_one(status, until));
        let heard: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        if heard.is_empty() {
            log::error!(
                "no available nsqlookupd to query for channels to pre-create for topic {topic}"
            );
        }
        self.wanted(heard.into_iter().flatten())
    }

    /// Whoever is just about to connect for the first time is waited for. `None` if it does not answer.
    async fn ask_one(
        &self,
        mut status: watch::Receiver<PeerStatus>,
        until: Instant,
    ) -> Option<Vec<String>> {
        let tried = timeout_at(until, status.wait_for(|status| status.is_tried)).await;
        let info = tried.ok()?.ok()?.info.clone();
        let registry = Registry::of(&info?)?;
        match timeout_at(until, self.registries.channels(&registry, &self.topic)).await {
            Ok(Ok(channels)) => return Some(channels),
            Ok(Err(error)) => self.warn(&format!("{registry}: {error}")),
            Err(_elapsed) => self.warn(&format!("{registry}: no answer within {:?}", self.time)),
        }
        None
    }

    /// Ephemeral channels live with their consumers, here too.
    fn wanted(&self, names: impl Iterator<Item = String>) -> Vec<ChannelName> {
        let (names, mut channels, mut invalid) = (names.collect::<BTreeSet<_>>(), Vec::new(), 0);
        for name in names {
            match ChannelName::parse(&name) {
                Ok(channel) if channel.is_ephemeral() => {}
                Ok(channel) => channels.push(channel),
                Err(_) => invalid += 1,
            }
        }
        if invalid > 0 {
            self.warn(&format!("{invalid} names that no channel can have; they are left out"));
        }
        if channels.len() > CHANNELS_MAX {
            self.warn(&format!("more than {CHANNELS_MAX} channels; the others are not created"));
            channels.truncate(CHANNELS_MAX);
        }
        channels
    }

    fn warn(&self, reason: &str) {
        log::warn!(
            "failed to query nsqlookupd for channels to pre-create for topic {} - {reason}",
            self.topic
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(host: &str, port: i64) -> Option<Registry> {
        let broadcast_address = host.to_owned();
        Registry::of(&IdentifyAnswer { broadcast_address, http_port: port, ..Default::default() })
    }

    #[test]
    fn a_registry_is_where_it_says() {
        for (host, shown) in [
            ("lookup1", "lookup1:4161"),
            ("10.0.0.1", "10.0.0.1:4161"),
            ("fd00::1", "[fd00::1]:4161"),
            ("[fd00::1]", "[fd00::1]:4161"),
        ] {
            assert_eq!(registry(host, 4161).unwrap().to_string(), shown);
        }
        for (host, port) in [("", 4161), ("lookup1", 0), ("lookup1", -1), ("lookup1", 65_536)] {
            assert_eq!(registry(host, port), None, "{host}:{port}");
        }
    }

    #[test]
    fn only_a_list_of_names_is_an_answer() {
        assert_eq!(parse(br#"{"channels":["a"],"more":1}"#).unwrap(), ["a"]);
        assert!(parse(br#"{"channels":[]}"#).unwrap().is_empty());
        for body in ["", "[]", "{}", r#"{"channels":null}"#, r#"{"channels":[1]}"#] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn channels_are_united_and_ephemeral_ones_and_strange_names_left_out() {
        actix_rt::System::new().block_on(async {
            let question = Question {
                topic: TopicName::parse("orders").unwrap(),
                registries: Registries::new(&NsqdOptions::default()),
                turns: Arc::new(Semaphore::new(1)),
                time: Duration::from_secs(1),
            };
            let names = ["b", "a", "b", "c#ephemeral", "x y"].map(str::to_owned);
            let wanted = question.wanted(names.into_iter());
            let texts: Vec<_> = wanted.iter().map(ChannelName::as_str).collect();
            assert_eq!(texts, ["a", "b"]);
            let many = (0..=CHANNELS_MAX).map(|number| number.to_string());
            assert_eq!(question.wanted(many).len(), CHANNELS_MAX);
        });
    }
}
