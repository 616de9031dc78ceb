//! Graphite on behalf of browsers: `/render`, and a rate for scripts.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};
use reqwest::{Client, Response, Url};
use serde::Serialize;
use tokio_rustls::rustls::ClientConfig;

use super::State;
use crate::{
    cluster::Timeouts,
    http::{HttpError, Params, reply},
    requests::{self, read_body, why},
};

/// The largest graph, or list of numbers, that is passed on.
const ANSWER_BYTES_MAX: usize = 16 << 20;
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// A Graphite.
#[derive(Debug, Clone)]
pub struct Graphite {
    url: Url,
    client: Client,
    /// Between two points of what statsd tells it.
    interval: Duration,
}

impl Graphite {
    /// Reads `--graphite-url`, which may have a path and a user.
    pub fn parse_url(text: &str) -> Result<Url, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(url),
            _ => Err("not the URL of a web server".to_owned()),
        }
    }

    /// For the Graphite at that URL.
    pub fn new(
        url: Url,
        interval: Duration,
        timeouts: Timeouts,
        tls: ClientConfig,
    ) -> Result<Self, String> {
        let client = requests::client(tls, timeouts.connect).timeout(timeouts.request).build();
        client.map(|client| Self { url, client, interval }).map_err(why)
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The URL as browsers get to know it: without a password, and without a slash at its end.
    pub(super) fn url_for_browsers(&self) -> String {
        format!("{}{}", self.origin(), self.url.path().trim_end_matches('/'))
    }

    /// Its `/render` with a query that is escaped already.
    fn render_url(&self, query: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/render", self.url.path().trim_end_matches('/')));
        url.set_query(Some(query));
        url.set_fragment(None);
        url
    }

    /// The first of the points of `target` that are complete, per second.
    async fn rate(&self, target: &str) -> Result<f64, String> {
        let seconds = self.interval.as_secs();
        let mut url = self.render_url("");
        url.query_pairs_mut().clear().extend_pairs([
            ("format", "json"),
            ("from", &format!("-{}sec", 2 * seconds)),
            ("target", target),
            ("until", &format!("-{seconds}sec")),
        ]);
        let response = self.client.get(url).send().await.map_err(why)?;
        if response.status() != StatusCode::OK.as_u16() {
            return Err(format!("got response {}", response.status()));
        }
        let body =
            read_body(response, ANSWER_BYTES_MAX).await.map_err(|error| error.to_string())?;
        let point = first_point(&body).ok_or("no number in the answer")?;
        Ok(point / self.interval.as_secs_f64())
    }
}

/// `GET /render`: a graph, or numbers, as Graphite gives them.
pub(super) async fn render(admin: State, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let graphite = admin.graphite.as_ref().filter(|_| admin.options.proxy_graphite);
    let graphite = graphite.ok_or(HttpError::NotFound)?;
    let asked = graphite.client.get(graphite.render_url(request.query_string()));
    let answer = asked.header(X_FORWARDED_FOR, forwarded_for(&request)).send().await;
    passed_on(answer.map_err(|error| unreachable(&why(error)))?).await
}

/// `GET /api/graphite`: how many a second, as text with two digits.
pub(super) async fn rate(admin: State, params: Params) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    struct Rate {
        rate: String,
    }
    if params.get("metric") != Some("rate") {
        return Err(HttpError::InvalidArg("METRIC"));
    }
    let target = params.get("target").filter(|target| !target.is_empty());
    let target = target.ok_or(HttpError::InvalidArg("TARGET"))?;
    let failed = |reason: &str| {
        log::error!("Graphite: no rate of {target:?}: {reason}");
        HttpError::Internal
    };
    let graphite = admin.graphite.as_ref().ok_or_else(|| failed("there is no --graphite-url"))?;
    let rate = graphite.rate(target).await.map_err(|reason| failed(&reason))?;
    reply::json(&Rate { rate: if rate < 0.0 { "N/A".to_owned() } else { format!("{rate:.2}") } })
}

fn first_point(json: &[u8]) -> Option<f64> {
    let series: serde_json::Value = serde_json::from_slice(json).ok()?;
    series[0]["datapoints"][0][0].as_f64()
}

/// Those whom the request has come through, and our peer.
fn forwarded_for(request: &HttpRequest) -> String {
    let before = request.headers().get_all(X_FORWARDED_FOR).filter_map(|list| list.to_str().ok());
    let peer = request.peer_addr().map(|peer| peer.ip().to_string());
    before.map(str::to_owned).chain(peer).collect::<Vec<_>>().join(", ")
}

fn unreachable(reason: &str) -> HttpError {
    log::warn!("Graphite: {reason}");
    HttpError::Upstream(format!("failed to query graphite: {reason}"))
}

async fn passed_on(answer: Response) -> Result<HttpResponse, HttpError> {
    let status = StatusCode::from_u16(answer.status().as_u16());
    let status = status.map_err(|error| unreachable(&error.to_string()))?;
    let kind = answer.headers().get(reqwest::header::CONTENT_TYPE);
    let kind = harmless(kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default()).to_owned();
    let body = read_body(answer, ANSWER_BYTES_MAX).await;
    let body = body.map_err(|error| unreachable(&error.to_string()))?;
    let mut response = HttpResponse::build(status);
    Ok(response.insert_header((header::CONTENT_TYPE, kind)).body(body))
}

/// Pictures and numbers are what they are; anything else comes from our address, and must be no page and no script there.
fn harmless(content_type: &str) -> &str {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_data = ["application/json", "application/pdf", "text/csv"].contains(&kind.as_str());
    if is_data || kind.starts_with("image/") { content_type } else { "text/plain; charset=utf-8" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::trusting_nobody;

    fn graphite(url: &str) -> Graphite {
        let second = Duration::from_secs(1);
        let timeouts = Timeouts { connect: second, request: second };
        let url = Graphite::parse_url(url).unwrap();
        Graphite::new(url, 10 * second, timeouts, trusting_nobody()).unwrap()
    }

    #[test]
    fn the_path_of_the_url_is_kept() {
        let graphite = graphite("http://me:secret@g:8080/graphite/");
        let render = graphite.render_url("target=a%20b&from=-1h");
        let expected = "http://me:secret@g:8080/graphite/render?target=a%20b&from=-1h";
        assert_eq!(render.as_str(), expected);
        assert_eq!(graphite.url_for_browsers(), "http://g:8080/graphite");
        assert_eq!(graphite.origin(), "http://g:8080");
    }

    #[test]
    fn urls_of_anything_else_are_refused() {
        for url in ["", "graphite", "/graphite", "g:8080", "ftp://g/", "//g", "data:x"] {
            assert!(Graphite::parse_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_first_point_of_the_first_series_counts() {
        let point = |json: &str| first_point(json.as_bytes());
        assert_eq!(point(r#"[{"target":"a","datapoints":[[40.0,1],[50.0,2]]}]"#), Some(40.0));
        for none in ["[]", r#"[{"datapoints":[]}]"#, r#"[{"datapoints":[[null,1]]}]"#, "null", "x"]
        {
            assert_eq!(point(none), None, "{none}");
        }
    }

    #[test]
    fn scripts_and_pages_become_text() {
        for kind in ["image/png", "image/svg+xml", "application/json; charset=utf-8", "text/csv"] {
            assert_eq!(harmless(kind), kind);
        }
        for kind in ["text/html", "text/javascript", "Text/HTML; charset=x", "", "application/x"] {
            assert_eq!(harmless(kind), "text/plain; charset=utf-8", "{kind}");
        }
    }
}
