//! What auth servers are asked, and in which way.

use std::collections::BTreeSet;

use super::{
    authed, expect_logged,
    server::{AuthServer, Reply},
    turned_away,
};
use crate::support::{Nsqd, ours};

const FAILED: &str = "E_AUTH_FAILED AUTH failed";

#[test]
fn a_get_has_everything_in_its_query() {
    let server = AuthServer::always(Reply::everything());
    let nsqd = Nsqd::with(&[&server.flag()]);
    authed(&nsqd, "a b&c/d~*é\"");
    let request = &server.requests()[0];
    let query = "common_name=&remote_ip=127.0.0.1&secret=a+b%26c%2Fd~%2A%C3%A9%22&tls=false";
    assert_eq!(request.line, format!("GET /auth?{query} HTTP/1.1"));
    assert_eq!(request.header("accept"), "application/vnd.nsq; version=1.0");
    assert_eq!(request.header("host"), server.address());
    assert_eq!(request.body, "");
}

#[test]
fn a_post_has_everything_in_its_body() {
    let server = AuthServer::always(Reply::everything());
    let nsqd = Nsqd::with(&[&server.flag(), "--auth-http-request-method=post"]);
    authed(&nsqd, "a<\"b\n");
    let request = &server.requests()[0];
    assert_eq!(request.line, "POST /auth HTTP/1.1");
    assert_eq!(request.header("accept"), "application/vnd.nsq; version=1.0");
    assert_eq!(request.header("content-type"), "application/json");
    let body = r#"{"common_name":[""],"remote_ip":["127.0.0.1"],"secret":["a\u003c\"b\n"],"tls":["false"]}"#;
    assert_eq!(request.body, body);
}

#[test]
fn a_url_is_used_as_it_is() {
    let server = AuthServer::always(Reply::everything());
    let lines = |url: &str| {
        let nsqd = Nsqd::with(&[&format!("--auth-http-address={url}")]);
        authed(&nsqd, "s");
        server.requests().pop().unwrap()
    };
    let query = "common_name=&remote_ip=127.0.0.1&secret=s&tls=false";
    let address = server.address();
    let plain = lines(&format!("http://{address}/v2/check"));
    assert_eq!(plain.line, format!("GET /v2/check?{query} HTTP/1.1"));
    if ours() {
        let with_query = lines(&format!("http://{address}/check?realm=nsq"));
        assert_eq!(with_query.line, format!("GET /check?realm=nsq&{query} HTTP/1.1"));
    }
    let with_login = lines(&format!("http://joe:p%40ss@{address}/check"));
    assert_eq!(with_login.line, format!("GET /check?{query} HTTP/1.1"));
    assert_eq!(with_login.header("authorization"), "Basic am9lOnBAc3M=");
}

#[test]
fn every_server_is_tried_until_one_grants() {
    let failing = [
        AuthServer::always(Reply::Close),
        AuthServer::always(Reply::status("500 Internal Server Error")),
        AuthServer::always(Reply::status("403 Forbidden")),
        AuthServer::always(Reply::ok(b"not json")),
        AuthServer::always(Reply::ok(br#"{"ttl":0,"authorizations":[]}"#)),
    ];
    let good = AuthServer::always(Reply::everything());
    let mut flags: Vec<_> = failing.iter().map(AuthServer::flag).collect();
    flags.push(good.flag());
    let nsqd = Nsqd::with(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    // Any of the six is the first: within so many rounds each has been, but for one time in 10^15.
    const ROUNDS: usize = 200;
    for number in 0..ROUNDS {
        authed(&nsqd, &number.to_string());
    }
    assert_eq!(good.requests().len(), ROUNDS);
    for server in &failing {
        let asked: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
        let different: BTreeSet<_> = asked.iter().collect();
        assert_eq!(asked.len(), different.len(), "asked once at most about each");
        assert!((1..ROUNDS).contains(&asked.len()), "{}", asked.len());
    }
}

#[test]
fn when_all_fail_the_client_is_turned_away() {
    for reply in [
        Reply::Close,
        Reply::status("500 Internal Server Error"),
        Reply::status("403 Forbidden"),
        Reply::status("204 No Content"),
        Reply::ok(b""),
        Reply::ok(b"not json"),
        Reply::ok(br#"{"ttl":0,"authorizations":[]}"#),
        Reply::ok(br#"{"ttl":1,"authorizations":[{"topic":"("}]}"#),
        Reply::ok(br#"{"ttl":1,"authorizations":[{"permissions":["admin"]}]}"#),
    ] {
        let servers = [AuthServer::always(reply.clone()), AuthServer::always(reply)];
        let nsqd = Nsqd::with(&[&servers[0].flag(), &servers[1].flag()]);
        turned_away(&nsqd, "s", FAILED);
        for server in &servers {
            assert_eq!(server.requests().len(), 1);
        }
        expect_logged(&nsqd, &["WARNING", "auth server http://127.0.0.1:", "/auth"]);
    }
}

#[test]
fn an_answer_without_authorizations_is_no_permission() {
    for authorizations in ["[]", "null"] {
        let body = format!(r#"{{"ttl":60,"identity":"joe","authorizations":{authorizations}}}"#);
        let server = AuthServer::always(Reply::ok(body.as_bytes()));
        let nsqd = Nsqd::with(&[&server.flag()]);
        turned_away(&nsqd, "s", "E_UNAUTHORIZED AUTH no authorizations found");
        expect_logged(&nsqd, &["WARNING", "client=127.0.0.1:", "no authorizations found"]);
    }
}

#[test]
fn redirects_lead_on_but_not_for_ever() {
    let server = AuthServer::scripted(|request, _| {
        let to = |target: &str| vec![("Location", target.to_owned())];
        if request.line.contains("/final") {
            Reply::everything()
        } else if request.has_secret("once") {
            Reply::Answer("302 Found", to("/final?moved=1"), Vec::new())
        } else {
            Reply::Answer("302 Found", to("/auth?secret=round&x=1"), Vec::new())
        }
    });
    let nsqd = Nsqd::with(&[&server.flag()]);
    authed(&nsqd, "once");
    assert_eq!(server.requests()[1].line, "GET /final?moved=1 HTTP/1.1");
    turned_away(&nsqd, "round", FAILED);
    assert_eq!(server.requests().len(), 2 + 10);
}

#[test]
fn a_secret_is_never_logged() {
    if !ours() {
        return; // nsqd 1.3 logs the URL it has asked
    }
    let good = AuthServer::always(Reply::everything());
    let bad = AuthServer::always(Reply::status("500 Internal Server Error"));
    let url = format!("--auth-http-address=http://joe:passw0rd@{}/x?key=k3y", bad.address());
    let nsqd = Nsqd::with(&["--log-level=debug", &good.flag(), &url]);
    while bad.requests().is_empty() {
        authed(&nsqd, "s3cret");
    }
    let refusing = AuthServer::always(Reply::status("401 Unauthorized"));
    let other = Nsqd::with(&["--log-level=debug", &refusing.flag()]);
    turned_away(&other, "s3cret", FAILED);
    expect_logged(&nsqd, &["answered 500"]);
    expect_logged(&other, &["client=127.0.0.1:", FAILED]);
    let logged = nsqd.logged() + &other.logged();
    for hidden in ["s3cret", "passw0rd", "k3y"] {
        assert!(!logged.contains(hidden), "{hidden} in {logged}");
    }
}
