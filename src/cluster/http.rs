//! One question to one node.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::{Client, Response, StatusCode, Url, header};
use serde::{Deserialize, de::DeserializeOwned};
use tokio_rustls::rustls::ClientConfig;

use crate::{
    config::NSQ_VERSION,
    protocol::{excerpt, text_excerpt},
    requests::{self, read_body, why},
    tls::trusting_the_system,
};

/// The longest answer that is read: statistics of some hundred thousand channels.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Questions that are under way at once.
const QUESTIONS_MAX: usize = 64;

/// How long a question may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// Until the last byte of the answer.
    pub request: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address}: {reason}")]
pub struct AskError {
    /// Who was asked, `host:port`.
    pub address: String,
    /// What has gone wrong.
    pub reason: String,
}

/// Asks nodes for JSON.
#[derive(Debug, Clone)]
pub struct Ask {
    client: Client,
}

impl Ask {
    /// Reads the authorities that the system trusts. `user_agent` is what nodes log.
    pub fn new(user_agent: &str, timeouts: Timeouts) -> Result<Self, String> {
        Self::with_tls(user_agent, timeouts, trusting_the_system())
    }

    /// The same with other authorities, or a certificate to show.
    pub fn with_tls(
        user_agent: &str,
        timeouts: Timeouts,
        tls: ClientConfig,
    ) -> Result<Self, String> {
        let client = requests::client(tls, timeouts.connect)
            .timeout(timeouts.request)
            .user_agent(format!("{user_agent}/{NSQ_VERSION}"))
            .build();
        client.map(|client| Self { client }).map_err(why)
    }

    /// `GET http://<address><path>?<query>`. None if there is no such thing there. A node that wants HTTPS is asked again
    /// at the port that it names.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        address: &str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Option<T>, AskError> {
        let failed = |reason| AskError { address: address.to_owned(), reason };
        let answer = async {
            let url = url("http", address, path, query)?;
            let response = self.send(url.clone()).await?;
            if response.status() != StatusCode::FORBIDDEN {
                return read(response).await;
            }
            let secure = https(url, &body(response).await?)?;
            read(self.send(secure).await?).await
        };
        answer.await.map_err(failed)
    }

    async fn send(&self, url: Url) -> Result<Response, String> {
        let request =
            self.client.get(url).header(header::ACCEPT, "application/vnd.nsq; version=1.0");
        request.send().await.map_err(why)
    }
}

/// Asks all at once, but for a limit, and keeps their order.
pub(super) async fn ask_all<T, A, F>(nodes: impl IntoIterator<Item = T>, ask: A) -> Vec<F::Output>
where
    A: FnMut(T) -> F,
    F: Future,
{
    stream::iter(nodes.into_iter().map(ask)).buffered(QUESTIONS_MAX).collect().await
}

fn url(scheme: &str, address: &str, path: &str, query: &[(&str, &str)]) -> Result<Url, String> {
    let mut url =
        Url::parse(&format!("{scheme}://{address}{path}")).map_err(|error| error.to_string())?;
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

/// Where a node that is for TLS only wants to be asked.
fn https(mut url: Url, refusal: &[u8]) -> Result<Url, String> {
    #[derive(Deserialize)]
    struct Refusal {
        https_port: u16,
    }
    let text =
        || format!("got response 403 Forbidden {:?}", String::from_utf8_lossy(excerpt(refusal)));
    let Refusal { https_port } = serde_json::from_slice(refusal).map_err(|_| text())?;
    url.set_scheme("https").map_err(|()| text())?;
    url.set_port(Some(https_port)).map_err(|()| text())?;
    Ok(url)
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<Option<T>, String> {
    let status = response.status();
    if status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let body = body(response).await?;
    if status != StatusCode::OK {
        return Err(format!("got response {status} {:?}", String::from_utf8_lossy(excerpt(&body))));
    }
    serde_json::from_slice(&body)
        .map(Some)
        .map_err(|error| format!("no answer that can be read: {}", text_excerpt(error)))
}

async fn body(response: Response) -> Result<Vec<u8>, String> {
    read_body(response, ANSWER_BYTES_MAX).await.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_urls() {
        let url =
            url("http", "[::1]:4151", "/stats", &[("topic", "a#ephemeral"), ("format", "json")]);
        assert_eq!(
            url.unwrap().as_str(),
            "http://[::1]:4151/stats?topic=a%23ephemeral&format=json"
        );
    }

    #[test]
    fn who_wants_https_names_a_port() {
        let plain = url("http", "n:4151", "/stats", &[]).unwrap();
        let secure =
            https(plain.clone(), br#"{"message":"TLS_REQUIRED","https_port":4152}"#).unwrap();
        assert_eq!(secure.as_str(), "https://n:4152/stats");
        assert!(https(plain.clone(), &[b'x'; 10_000]).unwrap_err().len() < 600);
        let error = https(plain, b"no").unwrap_err();
        assert_eq!(error, r#"got response 403 Forbidden "no""#);
    }
}
