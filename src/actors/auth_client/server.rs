//! One auth server: where it is, and one question to it.

use std::time::Duration;

use actix_rt::time::timeout;
use bytes::Bytes;
use reqwest::{Client, RequestBuilder, StatusCode, Url, header};
use serde::Deserialize;

use super::question::Question;
use crate::{
    config::AuthMethod,
    requests::{BodyError, read_body, why},
};

/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Why a server has not granted anything.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It cannot be reached, is too slow or says that it cannot answer now.
    #[error("{0}")]
    Unavailable(String),
    /// It has answered something that is no grant.
    #[error("{0}")]
    Refused(String),
}

/// An auth server.
#[derive(Debug, PartialEq, Eq)]
pub struct Server {
    /// Without name and password.
    url: String,
    /// What `user:password@` in the URL stands for, as HTTP has it.
    login: Option<(String, String)>,
}

/// How a question is put.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// In the query or in a body.
    pub method: AuthMethod,
    /// From the connect to the last byte of the answer.
    pub timeout: Duration,
}

impl Server {
    /// Takes `host:port` or a URL.
    pub fn new(address: &str) -> Self {
        let Some((scheme, rest)) = address.split_once("://") else {
            return Self { url: format!("http://{address}/auth"), login: None };
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(authority_end);
        let slash = if path.starts_with('/') { "" } else { "/" };
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (Some(parse_login(login)), host),
            None => (None, authority),
        };
        Self { url: format!("{scheme}://{host}{slash}{path}"), login }
    }

    /// What to call it in a log: no password, no query.
    pub fn name(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }

    /// Asks once, and once more over TLS if the server wants that; the body of its answer.
    pub async fn ask(
        &self,
        client: &Client,
        manner: Manner,
        question: &Question,
    ) -> Result<Bytes, Failure> {
        let url = match manner.method {
            AuthMethod::Get => self.with_query(&question.to_query()),
            AuthMethod::Post => self.url.clone(),
        };
        let url = Url::parse(&url).map_err(|error| unavailable(&error))?;
        match self.exchange(client, manner, question, url.clone()).await? {
            Answer::Granted(body) => Ok(body),
            Answer::UseTls(port) => {
                let url = over_tls(url, port).ok_or_else(|| refused(StatusCode::FORBIDDEN))?;
                match self.exchange(client, manner, question, url).await? {
                    Answer::Granted(body) => Ok(body),
                    Answer::UseTls(_) => Err(refused(StatusCode::FORBIDDEN)),
                }
            }
        }
    }

    /// The URL with something behind what it already asks.
    fn with_query(&self, query: &str) -> String {
        let separator = match self.url.split_once('?') {
            None => "?",
            Some((_, before)) if before.is_empty() || before.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{}{separator}{query}", self.url)
    }

    async fn exchange(
        &self,
        client: &Client,
        manner: Manner,
        question: &Question,
        url: Url,
    ) -> Result<Answer, Failure> {
        let is_plain = url.scheme() == "http";
        let exchanged = async {
            let request = self.request(client, manner.method, question, url);
            let response = request.send().await.map_err(|error| unavailable(&why(error)))?;
            let status = response.status();
            let body = read_body(response, ANSWER_BYTES_MAX).await.map(Bytes::from);
            judge(status, body, is_plain)
        };
        match timeout(manner.timeout, exchanged).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(unavailable(&format!("no answer within {:?}", manner.timeout))),
        }
    }

    fn request(
        &self,
        client: &Client,
        method: AuthMethod,
        question: &Question,
        url: Url,
    ) -> RequestBuilder {
        let request = match method {
            AuthMethod::Get => client.get(url),
            AuthMethod::Post => client
                .post(url)
                .header(header::CONTENT_TYPE, "application/json")
                .body(question.to_json()),
        };
        let request = request
            .header(header::ACCEPT, "application/vnd.nsq; version=1.0")
            .header(header::CONNECTION, "close");
        match &self.login {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }
}

/// What a server says.
enum Answer {
    Granted(Bytes),
    /// Its TLS port.
    UseTls(u16),
}

fn judge(
    status: StatusCode,
    body: Result<Bytes, BodyError>,
    is_plain: bool,
) -> Result<Answer, Failure> {
    match status {
        StatusCode::OK => match body {
            Ok(body) => Ok(Answer::Granted(body)),
            Err(error @ BodyError::TooLong(_)) => Err(Failure::Refused(error.to_string())),
            Err(error) => Err(unavailable(&error)),
        },
        StatusCode::FORBIDDEN if is_plain => match body.ok().as_deref().and_then(https_port) {
            Some(port) => Ok(Answer::UseTls(port)),
            None => Err(refused(status)),
        },
        _ => Err(refused(status)),
    }
}

/// An answer in its place says no; one that speaks of the server's own trouble says nothing.
fn refused(status: StatusCode) -> Failure {
    let busy = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    let text = format!("answered {status}");
    if status.is_server_error() || busy {
        Failure::Unavailable(text)
    } else {
        Failure::Refused(text)
    }
}

fn unavailable(reason: &impl ToString) -> Failure {
    Failure::Unavailable(reason.to_string())
}

fn https_port(body: &[u8]) -> Option<u16> {
    #[derive(Deserialize)]
    struct Forbidden {
        https_port: u16,
    }
    let forbidden: Forbidden = serde_json::from_slice(body).ok()?;
    Some(forbidden.https_port)
}

/// The same at another port. Nothing if the URL can have none.
fn over_tls(mut url: Url, port: u16) -> Option<Url> {
    url.set_scheme("https").ok()?;
    url.set_port(Some(port)).ok()?;
    Some(url)
}

fn parse_login(login: &str) -> (String, String) {
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    (percent_decoded(user), percent_decoded(password))
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).filter(|_| *first == b'%');
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_a_url() {
        for (address, url, name) in [
            ("auth:4180", "http://auth:4180/auth?q", "http://auth:4180/auth"),
            ("[::1]:4180", "http://[::1]:4180/auth?q", "http://[::1]:4180/auth"),
            ("https://auth/v2", "https://auth/v2?q", "https://auth/v2"),
            ("http://auth", "http://auth/?q", "http://auth/"),
            ("http://auth?a=b", "http://auth/?a=b&q", "http://auth/"),
            ("http://auth/x?a=b", "http://auth/x?a=b&q", "http://auth/x"),
            ("http://auth/x?a=b&", "http://auth/x?a=b&q", "http://auth/x"),
            ("http://auth/x?#top", "http://auth/x?q", "http://auth/x"),
        ] {
            let server = Server::new(address);
            assert_eq!(server.with_query("q"), url, "{address}");
            assert_eq!(server.name(), name, "{address}");
            assert!(Url::parse(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_login_in_the_url_is_taken_out_of_it() {
        let server = Server::new("http://joe:p%40ss%zz@auth:1/x@y");
        assert_eq!(server.url, "http://auth:1/x@y");
        assert_eq!(server.login, Some(("joe".to_owned(), "p@ss%zz".to_owned())));
        assert_eq!(Server::new("http://joe@auth").login, Some(("joe".to_owned(), String::new())));
    }

    #[test]
    fn tls_changes_scheme_and_port_only() {
        let changed = |text: &str, port| over_tls(Url::parse(text).unwrap(), port).unwrap();
        let url = changed("http://auth:4180/auth?secret=a", 4181);
        assert_eq!(url.as_str(), "https://auth:4181/auth?secret=a");
        assert_eq!(changed("http://[::1]/", 1).as_str(), "https://[::1]:1/");
    }

    #[test]
    fn only_a_server_in_trouble_says_nothing() {
        for (status, says_no) in
            [(204, true), (400, true), (401, true), (403, true), (404, true), (301, true)]
        {
            let failure = refused(StatusCode::from_u16(status).unwrap());
            assert_eq!(matches!(failure, Failure::Refused(_)), says_no, "{status}");
        }
        for status in [408, 429, 500, 502, 503] {
            let failure = refused(StatusCode::from_u16(status).unwrap());
            assert!(matches!(failure, Failure::Unavailable(_)), "{status}");
        }
    }
}
