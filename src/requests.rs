//! HTTP requests to other servers: one way to make a client, to read what it is answered and to say why it is not.

use std::{error::Error, num::NonZeroU16, time::Duration};

use reqwest::{Client, ClientBuilder, Response, redirect};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Value;
use tokio_rustls::rustls::ClientConfig;

use crate::protocol::text_excerpt;

/// As Go's client follows them: ten requests in all.
pub const REDIRECTS_MAX: usize = 9;

/// Begins a client that goes through no proxy of the environment, tells no server where it has been before, and uses no
/// connection twice: a server that closes what is idle must not be taken for broken.
pub fn client(tls: ClientConfig, connect_timeout: Duration) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .referer(false)
        .redirect(redirect::Policy::limited(REDIRECTS_MAX))
        .pool_max_idle_per_host(0)
        .connect_timeout(connect_timeout)
}

/// Why an answer was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// There is more of it than so many bytes.
    #[error("answer of more than {0} bytes")]
    TooLong(usize),
    /// It has broken off.
    #[error("answer not read: {0}")]
    NotRead(String),
}

/// Reads an answer of up to `bytes_max` bytes.
pub async fn read_body(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    match read_up_to(&mut response, &mut body, bytes_max).await? {
        true => Ok(body),
        false => Err(BodyError::TooLong(bytes_max)),
    }
}

/// Reads on until the answer ends, or until `body` has more than `bytes_max` bytes, which is false.
pub async fn read_up_to(
    response: &mut Response,
    body: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<bool, BodyError> {
    while body.len() <= bytes_max {
        match response.chunk().await {
            Ok(None) => return Ok(true),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) => return Err(BodyError::NotRead(why(error))),
        }
    }
    Ok(false)
}

/// Reads a list of what servers know and leaves out entries that make no sense: one node that has registered a port
/// beyond 65535 is not to hide all others.
pub fn readable<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let entries = Option::<Vec<Value>>::deserialize(deserializer)?.unwrap_or_default();
    let (read, left_out) = split_readable(entries);
    if let Some(LeftOut { count, first }) = left_out {
        log::warn!(
            "entries of an answer are left out, they cannot be read: {count}, the first: {first}"
        );
    }
    Ok(read)
}

/// Entries of one answer that make no sense.
#[derive(Debug, PartialEq, Eq)]
struct LeftOut {
    count: usize,
    /// What is wrong with the first of them.
    first: String,
}

fn split_readable<T: DeserializeOwned>(entries: Vec<Value>) -> (Vec<T>, Option<LeftOut>) {
    let mut left_out: Option<LeftOut> = None;
    let read = |entry| match (serde_json::from_value(entry), &mut left_out) {
        (Ok(read), _) => Some(read),
        (Err(_), Some(left_out)) => {
            left_out.count += 1;
            None
        }
        (Err(error), none) => {
            *none = Some(LeftOut { count: 1, first: text_excerpt(error) });
            None
        }
    };
    let read = entries.into_iter().filter_map(read).collect();
    (read, left_out)
}

/// Reads the host of a node; it cannot be empty.
pub fn host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let host = String::deserialize(deserializer)?;
    if host.is_empty() { Err(D::Error::custom("no address")) } else { Ok(host) }
}

/// Reads the port of a node; it cannot be 0.
pub fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    NonZeroU16::deserialize(deserializer).map(NonZeroU16::get)
}

/// What a request has failed by, without its URL, which may hold secrets.
pub fn why(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return "i/o timeout".to_owned();
    }
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    // Many a cause says what the next one says, too.
    texts.dedup_by(|next, before| before.contains(next.as_str()));
    if texts.is_empty() { error.to_string() } else { texts.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_have_a_host_and_a_port() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Node {
            #[serde(deserialize_with = "host")]
            host: String,
            #[serde(deserialize_with = "port")]
            port: u16,
        }
        let node = |text: &str| serde_json::from_str::<Node>(text);
        let expected = Node { host: "a".to_owned(), port: 1 };
        assert_eq!(node(r#"{"host":"a","port":1}"#).unwrap(), expected);
        for text in [r#"{"host":"","port":1}"#, r#"{"host":"a","port":0}"#, r#"{"host":"a"}"#, "{}"]
        {
            assert!(node(text).is_err(), "{text}");
        }
    }

    #[test]
    fn entries_that_make_no_sense_hide_no_others() {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(deserialize_with = "readable")]
            ports: Vec<u16>,
        }
        let ports = |text: &str| serde_json::from_str::<Answer>(text).unwrap().ports;
        assert_eq!(ports(r#"{"ports":[1,70000,-1,"x",null,{},2]}"#), [1, 2]);
        assert!(ports(r#"{"ports":null}"#).is_empty());
        let entries = [Value::from(1), Value::from("x".repeat(10_000)), Value::Null];
        let (read, left_out) = split_readable::<u16>(entries.to_vec());
        let left_out = left_out.unwrap();
        assert_eq!((read, left_out.count, left_out.first.len()), (vec![1], 2, 512));
        assert!(serde_json::from_str::<Answer>(r#"{"ports":1}"#).is_err());
    }
}
