//! Asking nsqlookupds where topics are.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::{Client, StatusCode, Url, header};
use serde::{Deserialize, de::DeserializeOwned};

use super::{error::SetupError, options::Options, tls};
use crate::{
    protocol::{TopicName, excerpt, host_port, text_excerpt},
    requests,
};

/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Why an address of an nsqlookupd cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupdAddressError {
    /// There is no port in it.
    #[error("missing port")]
    MissingPort,
    /// It is neither `host:port` nor a URL.
    #[error("parse {address:?}: {reason}")]
    Unreadable {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why an nsqlookupd has not told anything.
#[derive(Debug, Clone, thiserror::Error)]
#[error("({address}) {reason}")]
pub struct LookupError {
    /// Which one.
    pub address: String,
    /// What it says, or why it says nothing.
    pub reason: String,
}

/// Where a producer of a topic is, as an nsqlookupd knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Node {
    /// Where the nsqd is to be reached.
    #[serde(deserialize_with = "requests::host")]
    pub broadcast_address: String,
    /// Its own name for its host.
    #[serde(default)]
    pub hostname: String,
    /// The port of NSQ's protocol.
    #[serde(deserialize_with = "requests::port")]
    pub tcp_port: u16,
    /// The port of HTTP.
    #[serde(default)]
    pub http_port: u16,
    /// Its version.
    #[serde(default)]
    pub version: String,
}

impl Node {
    /// `host:port` for NSQ's protocol, an address of IPv6 in brackets.
    pub fn tcp_address(&self) -> String {
        host_port(&self.broadcast_address, self.tcp_port)
    }

    /// `host:port` for HTTP.
    pub fn http_address(&self) -> String {
        host_port(&self.broadcast_address, self.http_port)
    }
}

/// What several nsqlookupds have told together.
#[derive(Debug, Clone)]
pub struct Found<T> {
    /// What any of them knows.
    pub known: T,
    /// Those that have told nothing. A topic that is not known is no failure.
    pub failures: Vec<LookupError>,
}

/// All the nsqlookupds of an installation, asked at once.
#[derive(Debug, Clone)]
pub struct Lookupds {
    client: Client,
    lookupds: Vec<Lookupd>,
    /// Sent as `Authorization: Bearer`.
    secret: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Lookupd {
    /// As it was given.
    address: String,
    /// Where to look topics up.
    lookup: Url,
}

impl Lookupds {
    /// Takes addresses, `host:port` or URLs. Reads the files of the options' TLS.
    pub fn new<A: AsRef<str>>(addresses: &[A], options: &Options) -> Result<Self, SetupError> {
        Self::with_connect_timeout(addresses, options, options.lookupd_poll_timeout)
    }

    /// The same where a connect may take less of `lookupd_poll_timeout` than all of it.
    pub fn with_connect_timeout<A: AsRef<str>>(
        addresses: &[A],
        options: &Options,
        connect: Duration,
    ) -> Result<Self, SetupError> {
        let lookupds: Result<_, _> =
            addresses.iter().map(|address| Lookupd::parse(address.as_ref())).collect();
        let lookupds = lookupds?;
        let is_sent = options.skip_lookupd_authorization && !options.auth_secret.is_empty();
        let secret = is_sent.then(|| options.auth_secret.clone());
        Ok(Self { client: http_client(options, connect)?, lookupds, secret })
    }

    /// The nodes that have a topic, each once.
    pub async fn nodes(&self, topic: &TopicName) -> Found<Vec<Node>> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Answer {
            #[serde(deserialize_with = "requests::readable")]
            producers: Vec<Node>,
        }
        let url = |lookupd: &Lookupd| lookupd.lookup_of(topic);
        let Found { known, failures } = self.ask::<Answer>(url).await;
        let nodes = known.into_iter().flat_map(|answer| answer.producers);
        Found { known: each_once(nodes), failures }
    }

    /// The names of all topics. Names that are not valid are left out.
    pub async fn topics(&self) -> Found<BTreeSet<TopicName>> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Answer {
            topics: Vec<String>,
        }
        let Found { known, failures } = self.ask::<Answer>(Lookupd::topics).await;
        let names = known.into_iter().flat_map(|answer| answer.topics);
        let topics = names.filter_map(|name| TopicName::parse(name).ok()).collect();
        Found { known: topics, failures }
    }

    async fn ask<T: DeserializeOwned + Default>(
        &self,
        url: impl Fn(&Lookupd) -> Url,
    ) -> Found<Vec<T>> {
        let asked = self.lookupds.iter().map(|lookupd| {
            let url = url(lookupd);
            async move {
                log::debug!("querying nsqlookupd {url}");
                self.ask_one(url)
                    .await
                    .map_err(|reason| LookupError { address: lookupd.address.clone(), reason })
            }
        });
        let mut found = Found { known: Vec::new(), failures: Vec::new() };
        for answer in join_all(asked).await {
            match answer {
                Ok(known) => found.known.push(known),
                Err(failure) => found.failures.push(failure),
            }
        }
        found
    }

    async fn ask_one<T: DeserializeOwned + Default>(&self, url: Url) -> Result<T, String> {
        let request =
            self.client.get(url).header(header::ACCEPT, "application/vnd.nsq; version=1.0");
        let request = match &self.secret {
            Some(secret) => request.bearer_auth(secret),
            None => request,
        };
        let response = request.send().await.map_err(requests::why)?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(T::default()); // the topic is not known there
        }
        let body = requests::read_body(response, ANSWER_BYTES_MAX).await;
        let body = body.map_err(|error| error.to_string())?;
        if status != StatusCode::OK {
            let body = String::from_utf8_lossy(excerpt(&body));
            return Err(format!("got response {status} {body:?}"));
        }
        parse_answer(&body)
    }
}

/// The answer itself, or what stands under `data` in the answer of an nsqlookupd before 1.0.
fn parse_answer<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, String> {
    let mut answer: serde_json::Value = serde_json::from_slice(body).map_err(text_excerpt)?;
    if let Some(data) = answer.get_mut("data").filter(|data| data.is_object()) {
        answer = data.take();
    }
    serde_json::from_value(answer).map_err(text_excerpt)
}

impl Lookupd {
    fn parse(address: &str) -> Result<Self, LookupdAddressError> {
        let text = match address.contains("://") {
            true => address.to_owned(),
            false => format!("http://{address}"),
        };
        let unreadable = |reason: &dyn fmt::Display| LookupdAddressError::Unreadable {
            address: address.to_owned(),
            reason: reason.to_string(),
        };
        let mut lookup = Url::parse(&text).map_err(|error| unreadable(&error))?;
        if !matches!(lookup.scheme(), "http" | "https") {
            return Err(unreadable(&"unsupported protocol scheme"));
        }
        if !has_port(&text) {
            return Err(LookupdAddressError::MissingPort);
        }
        if matches!(lookup.path(), "" | "/") {
            lookup.set_path("/lookup");
        }
        lookup.set_fragment(None);
        Ok(Self { address: address.to_owned(), lookup })
    }

    fn lookup_of(&self, topic: &TopicName) -> Url {
        let mut url = self.lookup.clone();
        url.query_pairs_mut().append_pair("topic", topic.as_str());
        url
    }

    fn topics(&self) -> Url {
        let mut url = self.lookup.clone();
        let base = url.path().strip_suffix("/lookup").unwrap_or_default().to_owned();
        url.set_path(&format!("{base}/topics"));
        url
    }
}

/// True if a port is written down, be it the scheme's own, which a parsed URL does not show.
fn has_port(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && !port.ends_with(']'))
}

/// In the order in which they are known first.
fn each_once(nodes: impl Iterator<Item = Node>) -> Vec<Node> {
    let mut addresses = HashSet::new();
    nodes.filter(|node| addresses.insert(node.tcp_address())).collect()
}

fn http_client(options: &Options, connect: Duration) -> Result<Client, SetupError> {
    requests::client(tls::client_config(options)?, connect)
        .timeout(options.lookupd_poll_timeout)
        .user_agent(options.user_agent.clone())
        .build()
        .map_err(|error| SetupError::Http(requests::why(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_urls() {
        let topic = TopicName::parse("a#ephemeral").unwrap();
        for (address, lookup, topics) in [
            ("l:4161", "http://l:4161/lookup?topic=a%23ephemeral", "http://l:4161/topics"),
            ("https://l:443/", "https://l/lookup?topic=a%23ephemeral", "https://l/topics"),
            (
                "http://[::1]:1",
                "http://[::1]:1/lookup?topic=a%23ephemeral",
                "http://[::1]:1/topics",
            ),
            (
                "http://u:p@l:1/x/lookup?k=v",
                "http://u:p@l:1/x/lookup?k=v&topic=a%23ephemeral",
                "http://u:p@l:1/x/topics?k=v",
            ),
        ] {
            let lookupd = Lookupd::parse(address).unwrap();
            assert_eq!(lookupd.lookup_of(&topic).as_str(), lookup);
            assert_eq!(lookupd.topics().as_str(), topics);
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for address in ["l", "http://l", "https://l/lookup", "http://[::1]", "http://u:p@l"] {
            let error = Lookupd::parse(address).unwrap_err();
            assert_eq!(error, LookupdAddressError::MissingPort, "{address}");
        }
        for address in ["ftp://l:1", "http://l:x", ""] {
            assert!(Lookupd::parse(address).is_err(), "{address}");
        }
    }

    fn node(host: &str) -> Node {
        Node {
            broadcast_address: host.to_owned(),
            tcp_port: 4150,
            http_port: 4151,
            ..Node::default()
        }
    }

    #[test]
    fn nodes_are_known_once_in_their_order() {
        let other_version = Node { version: "2".to_owned(), ..node("b") };
        let known = [node("b"), node("a"), other_version, node("c"), node("a")];
        assert_eq!(each_once(known.into_iter()), [node("b"), node("a"), node("c")]);
    }

    #[test]
    fn nodes_are_addressed_by_their_broadcast_address() {
        assert_eq!(node("a").tcp_address(), "a:4150");
        assert_eq!(node("::1").http_address(), "[::1]:4151");
    }

    #[test]
    fn answers_of_old_and_new_nsqlookupds_are_read() {
        #[derive(Debug, Default, PartialEq, Deserialize)]
        struct Answer {
            topics: Vec<String>,
        }
        let expected = Answer { topics: vec!["a".to_owned()] };
        assert_eq!(parse_answer(br#"{"topics":["a"]}"#), Ok(expected));
        let old = br#"{"status_code":200,"status_txt":"OK","data":{"topics":["a"]}}"#;
        assert_eq!(parse_answer::<Answer>(old).unwrap().topics, ["a"]);
        assert!(parse_answer::<Answer>(b"<html>").is_err());
        let long = format!(r#"{{"topics":"{}"}}"#, "a".repeat(10_000));
        assert!(parse_answer::<Answer>(long.as_bytes()).unwrap_err().len() <= 512);
    }
}
