//! Graphite, asked on behalf of browsers and scripts.

use serde_json::json;

use crate::{
    auth::server::{AuthServer as HttpServer, Reply},
    support::{Nsqadmin, free_address},
};

fn answer(status: &'static str, kind: &str, body: &str) -> Reply {
    Reply::Answer(status, vec![("Content-Type", kind.to_owned())], body.as_bytes().to_vec())
}

fn proxying(graphite: &HttpServer, flags: &[&str]) -> Nsqadmin {
    let url = format!("--graphite-url=http://me:secret@{}/graphite/", graphite.address());
    Nsqadmin::alone(&[&[url.as_str(), "--proxy-graphite"], flags].concat())
}

#[test]
fn graphs_are_fetched_for_browsers() {
    let graphite = HttpServer::always(answer("200 OK", "image/png", "picture"));
    let admin = proxying(&graphite, &["--base-path=/nsq"]);
    let session = admin.get("/nsq/api/v1/session");
    assert_eq!(session["graphite"]["url"], "/nsq");
    let path = "/nsq/render?target=sum(a%2Cb)&from=-2h";
    let graph = admin.http_with("GET", path, &["X-Forwarded-For: 10.0.0.9", "Cookie: a=b"], "");
    assert_eq!((graph.status, graph.text().as_str()), (200, "picture"));
    assert_eq!(graph.header("content-type"), Some("image/png"));
    let asked = &graphite.requests()[0];
    assert_eq!(asked.line, "GET /graphite/render?target=sum(a%2Cb)&from=-2h HTTP/1.1");
    assert_eq!(asked.header("authorization"), "Basic bWU6c2VjcmV0");
    assert_eq!(asked.header("x-forwarded-for"), "10.0.0.9, 127.0.0.1");
    assert_eq!(asked.header("host"), graphite.address());
    assert_eq!(asked.header("cookie"), "");
}

#[test]
fn what_is_no_picture_is_no_page_either() {
    let script = "<script>alert(1)</script>";
    let graphite = HttpServer::always(answer("500 Oops", "text/html", script));
    let admin = proxying(&graphite, &[]);
    let answer = admin.http("GET", "/render?target=x", "");
    assert_eq!((answer.status, answer.text().as_str()), (500, script));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn a_graphite_that_is_away_is_named() {
    let url = format!("--graphite-url=http://{}", free_address());
    let admin = Nsqadmin::alone(&[&url, "--proxy-graphite"]);
    let answer = admin.http("GET", "/render?target=x", "");
    assert_eq!(answer.status, 502);
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("UPSTREAM_ERROR: failed to query graphite: "), "{message}");
}

#[test]
fn one_that_does_not_answer_is_given_up() {
    let graphite = HttpServer::always(Reply::Nothing);
    let admin = proxying(&graphite, &["--http-client-request-timeout=50ms"]);
    let answer = admin.http("GET", "/render?target=x", "");
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("i/o timeout"), "{}", answer.text());
}

#[test]
fn browsers_fetch_graphs_themselves_unless_told_otherwise() {
    let admin = Nsqadmin::alone(&[
        "--graphite-url=http://me:secret@graphite:8080/g/",
        "--statsd-interval=10s",
        "--statsd-prefix=nsq_%s",
        "--statsd-gauge-format=",
    ]);
    assert_eq!(admin.http("GET", "/render?target=x", "").status, 404);
    let expected = json!({"url": "http://graphite:8080/g", "interval_s": 10, "prefix": "nsq_%s",
        "counter_format": "stats.counters.%s.count", "gauge_format": "%s"});
    assert_eq!(admin.get("/api/v1/session")["graphite"], expected);
}

#[test]
fn scripts_get_a_rate() {
    let numbers = |body: &'static str| {
        let graphite = HttpServer::always(answer("200 OK", "application/json", body));
        let admin = proxying(&graphite, &["--statsd-interval=10s"]);
        let answer = admin.http("GET", "/api/graphite?metric=rate&target=sum(a)", "");
        let line = graphite.requests()[0].line.clone();
        let asked = "format=json&from=-20sec&target=sum%28a%29&until=-10sec";
        assert_eq!(line, format!("GET /graphite/render?{asked} HTTP/1.1"));
        (answer.status, answer.text())
    };
    let rate = |rate: &str| (200, format!("{{\"rate\":\"{rate}\"}}"));
    assert_eq!(numbers(r#"[{"target":"a","datapoints":[[40.0,1],[9,2]]}]"#), rate("4.00"));
    assert_eq!(numbers(r#"[{"target":"a","datapoints":[[-1,1]]}]"#), rate("N/A"));
    let failed = (500, "{\"message\":\"INTERNAL_ERROR\"}".to_owned());
    for none in ["[]", r#"[{"datapoints":[[null,1]]}]"#, "<html>"] {
        assert_eq!(numbers(none), failed, "{none}");
    }
}

#[test]
fn a_rate_needs_a_metric_and_a_target() {
    let admin = Nsqadmin::alone(&[]);
    for (query, status, message) in [
        ("", 400, "INVALID_ARG_METRIC"),
        ("?metric=depth&target=a", 400, "INVALID_ARG_METRIC"),
        ("?metric=rate", 400, "INVALID_ARG_TARGET"),
        ("?metric=rate&target=", 400, "INVALID_ARG_TARGET"),
        ("?metric=%zz", 400, "INVALID_REQUEST"),
        ("?metric=rate&target=a", 500, "INTERNAL_ERROR"), // there is no Graphite
    ] {
        let answer = admin.http("GET", &format!("/api/graphite{query}"), "");
        let expected = (status, format!("{{\"message\":\"{message}\"}}"));
        assert_eq!((answer.status, answer.text()), expected, "{query}");
    }
}
