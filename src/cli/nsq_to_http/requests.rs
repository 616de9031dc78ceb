//! Making the requests.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url, header::HeaderMap, redirect::Policy,
};

use super::template::Template;
use crate::{
    cli::{
        relay::destinations::Rejection,
        tool::{Refusal, require},
    },
    requests::{self, REDIRECTS_MAX, why},
    tls::trusting_the_system,
};

/// For which a connection is kept without a request: less than most servers wait until they close one, as a request that
/// meets the end of its connection has failed.
const IDLE_MAX: Duration = Duration::from_secs(3);
/// Of an answer, to keep its connection. Of a longer one the connection is closed.
const READ_BYTES_MAX: usize = 256 * 1024;

/// Where requests go, by the number of the address.
#[derive(Debug, Clone)]
pub(super) enum Targets {
    /// With the message as the body.
    Post(Vec<Url>),
    /// With the message in the URL.
    Get(Vec<Template>),
}

impl Targets {
    /// Reads the addresses of the flags, of which one kind must be given.
    pub(super) fn new(posts: &[String], gets: &[String]) -> Result<Self, Refusal> {
        require(!posts.is_empty() || !gets.is_empty(), "--get or --post required")?;
        require(posts.is_empty() || gets.is_empty(), "use --get or --post not both")?;
        if gets.is_empty() {
            return Ok(Self::Post(
                posts.iter().map(|url| post_url(url)).collect::<Result<_, _>>()?,
            ));
        }
        let template = |text: &String| {
            Template::parse(text)
                .ok_or_else(|| Refusal::new("invalid GET address - must be a printf string"))
        };
        let templates: Vec<_> = gets.iter().map(template).collect::<Result<_, _>>()?;
        for template in &templates {
            http_url(&template.fill_in(b"x"))
                .map_err(|reason| Refusal::new(format!("invalid GET address - {reason}")))?;
        }
        Ok(Self::Get(templates))
    }

    /// Redirects are followed as long as the message goes along.
    fn redirects(&self) -> Policy {
        let followed = Policy::limited(REDIRECTS_MAX);
        match self {
            Self::Get(_) => followed,
            Self::Post(_) => Policy::custom(move |attempt| match loses_body(attempt.status()) {
                true => attempt.stop(),
                false => followed.redirect(attempt),
            }),
        }
    }
}

/// After such an answer to a POST clients go on with a GET.
fn loses_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER)
}

fn post_url(text: &str) -> Result<Url, Refusal> {
    http_url(text).map_err(|reason| Refusal::new(format!("invalid POST address - {reason}")))
}

fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{text}: {error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("{text}: cannot speak {other}")),
    }
}

/// How long requests may take, and how many are made at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Until there is a connection.
    pub(super) connect: Duration,
    /// Until the last byte of the answer.
    pub(super) request: Duration,
    /// As many connections are kept for each address.
    pub(super) requests: usize,
}

/// Sends messages.
#[derive(Debug)]
pub(super) struct Requests {
    client: Client,
    targets: Targets,
}

impl Requests {
    /// Reads the authorities that the system trusts.
    pub(super) fn new(
        targets: Targets,
        headers: HeaderMap,
        limits: Limits,
    ) -> Result<Self, Refusal> {
        let client = requests::client(trusting_the_system(), limits.connect)
            .timeout(limits.request)
            .pool_max_idle_per_host(limits.requests)
            .pool_idle_timeout(IDLE_MAX)
            .redirect(targets.redirects())
            .default_headers(headers)
            .build()
            .map_err(|error| Refusal(why(error)))?;
        Ok(Self { client, targets })
    }

    /// Sends a message to an address. It is taken if the answer's status says so; what else the answer says does not
    /// matter.
    pub(super) async fn send(&self, host: usize, message: &Bytes) -> Result<(), Rejection> {
        let response = self.request(host, message)?.send().await.map_err(rejection)?;
        let status = response.status();
        discard(response).await;
        if status.is_success() { Ok(()) } else { Err(refusal(status)) }
    }

    fn request(&self, host: usize, message: &Bytes) -> Result<RequestBuilder, Rejection> {
        Ok(match &self.targets {
            Targets::Post(urls) => self.client.post(urls[host].clone()).body(message.clone()),
            Targets::Get(templates) => {
                let url = templates[host].fill_in(message);
                self.client.get(Url::parse(&url).map_err(Rejection::of_message)?)
            }
        })
    }
}

async fn discard(mut response: Response) {
    let mut read = 0;
    while read < READ_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => read += chunk.len(),
            Ok(None) | Err(_) => break,
        }
    }
}

/// What a status says against: a request that is wrong is so everywhere, all else is the server's own trouble.
fn refusal(status: StatusCode) -> Rejection {
    let mut reason = format!("got status code {}", status.as_u16());
    if loses_body(status) {
        reason += ": following it would lose the message";
    }
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Rejection::of_host(reason),
        status if status.is_client_error() => Rejection::of_message(reason),
        _ => Rejection::of_host(reason),
    }
}

fn rejection(error: reqwest::Error) -> Rejection {
    let blames_host = !error.is_builder();
    Rejection { reason: why(error), blames_host }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(posts: &[&str], gets: &[&str]) -> Result<Targets, String> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        Targets::new(&owned(posts), &owned(gets)).map_err(|refusal| refusal.0)
    }

    #[test]
    fn addresses_are_checked() {
        for (posts, gets, reason) in [
            (&[][..], &[][..], "--get or --post required"),
            (&["http://a"], &["http://a/%s"], "use --get or --post not both"),
            (&[], &["http://a/"], "invalid GET address - must be a printf string"),
            (
                &[],
                &["http://a/%s", "http://a/%s%s"],
                "invalid GET address - must be a printf string",
            ),
            (&[], &["a/%s"], "invalid GET address - a/x: relative URL without a base"),
            (&["a:80"], &[], "invalid POST address - a:80: cannot speak a"),
            (&["http://"], &[], "invalid POST address - http://: empty host"),
        ] {
            assert_eq!(targets(posts, gets).unwrap_err(), reason);
        }
        assert!(targets(&["http://a", "https://b:1/c?d=%20"], &[]).is_ok());
        assert!(targets(&[], &["http://a/?b=%20&c=%s"]).is_ok());
    }

    #[test]
    fn statuses_speak_against_the_message_or_the_server() {
        for (status, blames_host) in [
            (400, false),
            (404, false),
            (408, true),
            (413, false),
            (429, true),
            (500, true),
            (304, true),
        ] {
            let rejection = refusal(StatusCode::from_u16(status).unwrap());
            assert_eq!(rejection.reason, format!("got status code {status}"));
            assert_eq!(rejection.blames_host, blames_host, "{status}");
        }
    }
}
