//! Which nsqds have a topic.

use serde::Deserialize;

use super::{
    Merged,
    http::{Ask, AskError, ask_all},
};
use crate::{
    protocol::{TopicName, host_port},
    requests,
};

/// An nsqd, as it wants to be reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Nsqd {
    /// Its host.
    #[serde(deserialize_with = "requests::host")]
    pub broadcast_address: String,
    /// Its port for HTTP.
    #[serde(deserialize_with = "requests::port")]
    pub http_port: u16,
}

impl Nsqd {
    /// `host:port` for HTTP, an address of IPv6 in brackets.
    pub fn http_address(&self) -> String {
        host_port(&self.broadcast_address, self.http_port)
    }
}

#[derive(Deserialize)]
struct Lookup {
    #[serde(default, deserialize_with = "requests::readable")]
    producers: Vec<Nsqd>,
}

/// The nsqds that nsqlookupds know for a topic, each once. That one does not know the topic is no failure.
pub async fn producers(ask: &Ask, lookupds: &[String], topic: &TopicName) -> Merged<Vec<Nsqd>> {
    let query = [("topic", topic.as_str())];
    let answers = ask_all(lookupds, |address| ask.get::<Lookup>(address, "/lookup", &query)).await;
    merge(answers)
}

fn merge(answers: Vec<Result<Option<Lookup>, AskError>>) -> Merged<Vec<Nsqd>> {
    let mut merged = Merged { known: Vec::new(), failures: Vec::new() };
    for answer in answers {
        match answer {
            Ok(found) => merged.known.extend(found.into_iter().flat_map(|lookup| lookup.producers)),
            Err(failure) => merged.failures.push(failure),
        }
    }
    merged.known.sort();
    merged.known.dedup();
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_known_once_and_failures_are_kept() {
        let nsqd = |host: &str| Nsqd { broadcast_address: host.to_owned(), http_port: 4151 };
        let found = |hosts: &[&str]| {
            Ok(Some(Lookup { producers: hosts.iter().copied().map(nsqd).collect() }))
        };
        let failure = AskError { address: "l:1".to_owned(), reason: "gone".to_owned() };
        let merged = merge(vec![found(&["b", "a"]), Err(failure.clone()), Ok(None), found(&["a"])]);
        assert_eq!(merged, Merged { known: vec![nsqd("a"), nsqd("b")], failures: vec![failure] });
        assert_eq!(nsqd("::1").http_address(), "[::1]:4151");
    }

    #[test]
    fn a_node_that_makes_no_sense_hides_no_other() {
        let answer = r#"{"producers":[{"broadcast_address":"a","http_port":70000},{},
            {"broadcast_address":"a","http_port":0},{"broadcast_address":"","http_port":4151},
            {"broadcast_address":"b","http_port":4151}]}"#;
        let found: Lookup = serde_json::from_str(answer).unwrap();
        let hosts: Vec<_> = found.producers.iter().map(|nsqd| &nsqd.broadcast_address).collect();
        assert_eq!(hosts, ["b"]);
    }
}
