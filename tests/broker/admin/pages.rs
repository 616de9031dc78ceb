//! The document of the pages, its files, and the path below which they are.

use std::{fs, io::Read};

use flate2::read::GzDecoder;

use crate::support::Nsqadmin;

const PAGES: [&str; 11] = [
    "",
    "topics",
    "topics/orders",
    "topics/orders/audit%23ephemeral",
    "nodes",
    "nodes/nsqd1:4151",
    "registries",
    "counter",
    "lookup",
    "tail/orders",
    "audit",
];

#[test]
fn every_page_is_the_same_document() {
    let admin = Nsqadmin::alone(&[]);
    for page in PAGES {
        let answer = admin.http("GET", &format!("/{page}"), "");
        assert_eq!(answer.status, 200, "{page}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        let text = answer.text();
        assert!(text.contains("<meta name=\"base\" content=\"/\">"), "{text}");
        assert!(!text.contains("{{"), "{text}");
    }
    for other in ["/topics/a/b/c", "/nodes/a/b", "/x", "/api", "/tail"] {
        let answer = admin.http("GET", other, "");
        assert_eq!((answer.status, answer.text().as_str()), (404, "{\"message\":\"NOT_FOUND\"}"));
    }
}

#[test]
fn everything_lies_below_the_base_path() {
    let admin = Nsqadmin::alone(&["--base-path=ops//nsq/"]);
    for page in PAGES {
        let path = format!("/ops/nsq/{page}");
        let answer = admin.http("GET", path.trim_end_matches('/'), "");
        assert_eq!(answer.status, 200, "{page}");
        let base = "<meta name=\"base\" content=\"/ops/nsq/\">";
        assert!(answer.text().contains(base), "{}", answer.text());
    }
    assert_eq!(admin.http("GET", "/ops/nsq/ping", "").text(), "OK");
    assert_eq!(admin.http("GET", "/ops/nsq/config/log_level", "").text(), "2");
    for (path, location) in [
        ("/ops/nsq/", "/ops/nsq"),
        ("/ops//nsq/topics/?a=b", "/ops/nsq/topics?a=b"),
        ("/OPS/nsq/Nodes/A:1", "/ops/nsq/nodes/A:1"),
    ] {
        let answer = admin.http("GET", path, "");
        assert_eq!((answer.status, answer.header("location")), (301, Some(location)), "{path}");
    }
    for outside in ["/", "/ping", "/topics", "/static/index.html", "/ops", "/api/v1/session"] {
        assert_eq!(admin.http("GET", outside, "").status, 404, "{outside}");
    }
}

#[test]
fn methods_are_those_of_the_path() {
    let admin = Nsqadmin::alone(&[]);
    for (method, path, allow) in [
        ("POST", "/topics", "GET, HEAD, OPTIONS"),
        ("HEAD", "/ping", "GET, OPTIONS"),
        ("POST", "/config/log_level", "GET, OPTIONS, PUT"),
        ("DELETE", "/config/log_level", "GET, OPTIONS, PUT"),
    ] {
        let answer = admin.http(method, path, "");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
    }
    let answer = admin.http("OPTIONS", "/topics", "");
    assert_eq!((answer.status, answer.header("allow")), (200, Some("GET, HEAD, OPTIONS")));
}

#[test]
fn a_browser_gets_a_page_once_and_is_told_that_it_is_still_the_same() {
    let admin = Nsqadmin::alone(&[]);
    let first = admin.http("GET", "/", "");
    let tag = first.header("etag").unwrap();
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    let head = admin.http("HEAD", "/", "");
    assert_eq!((head.status, head.header("etag"), head.body.len()), (200, Some(tag), 0));
    assert_eq!(head.header("content-length"), Some(first.body.len().to_string().as_str()));
    for (known, status) in [(tag, 304), ("*", 304), ("W/\"other\"", 200)] {
        for encoding in ["Accept-Encoding: identity", "Accept-Encoding: gzip"] {
            let known = format!("If-None-Match: {known}");
            let again = admin.http_with("GET", "/", &[&known, encoding], "");
            assert_eq!((again.status, again.header("etag")), (status, Some(tag)), "{known}");
            assert_eq!(again.body.is_empty(), status == 304, "{known}");
        }
    }
}

#[test]
fn answers_are_compressed_for_those_who_can_read_that() {
    let admin = Nsqadmin::alone(&[]);
    let plain = admin.http("GET", "/", "");
    assert_eq!(plain.header("content-encoding"), None);
    for path in ["/", "/api/v1/session"] {
        let plain = admin.http("GET", path, "");
        let answer = admin.http_with("GET", path, &["Accept-Encoding: br;q=0.5, gzip;q=0.9"], "");
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        let mut text = Vec::new();
        GzDecoder::new(answer.body.as_slice()).read_to_end(&mut text).unwrap();
        assert_eq!(text, plain.body);
    }
}

#[test]
fn browsers_are_told_with_every_answer_what_they_may_do() {
    let admin = Nsqadmin::alone(&["--graphite-url=https://graphite:8443/g"]);
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/static/nothing.js"),
        ("GET", "/api/v1/session"),
        ("GET", "/nothing"),
        ("POST", "/topics"),
        ("GET", "/topics/"),
        ("OPTIONS", "/topics"),
    ] {
        let answer = admin.http(method, path, "");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
        assert!(policy.contains("img-src 'self' data: https://graphite:8443; "), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"), "{path}");
    }
}

#[test]
fn files_of_a_directory_are_served_as_they_are_now() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    fs::create_dir(directory.path().join("js")).unwrap();
    file("index.html", "<p>{{base}}|{{other}}</p>");
    file("js/main.js", "first");
    let admin = Nsqadmin::alone(&[
        "--base-path=/b",
        &format!("--dev-static-dir={}", directory.path().display()),
    ]);
    assert_eq!(admin.http("GET", "/b/topics", "").text(), "<p>/b/|{{other}}</p>");
    let script = admin.http("GET", "/b/static/js/main.js", "");
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!((script.status, script.text().as_str()), (200, "first"));
    file("js/main.js", "second");
    let known = format!("If-None-Match: {}", script.header("etag").unwrap());
    let again = admin.http_with("GET", "/b/static/js/main.js", &[&known], "");
    assert_eq!((again.status, again.text().as_str()), (200, "second"));
    for (name, kind) in [
        ("a.css", "text/css; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.woff2", "font/woff2"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.unknown", "application/octet-stream"),
    ] {
        file(name, "x");
        let answer = admin.http("GET", &format!("/b/static/{name}"), "");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
    }
}

#[test]
fn nothing_outside_of_the_directory_is_served() {
    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join("secret"), "secret").unwrap();
    let directory = parent.path().join("static");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("index.html"), "x").unwrap();
    let admin = Nsqadmin::alone(&[&format!("--dev-static-dir={}", directory.display())]);
    let absolute = format!("/static/{}", parent.path().join("secret").display());
    for path in [
        "/static/../secret",
        "/static/%2e%2e/secret",
        "/static/..%2fsecret",
        "/static/..%5csecret",
        "/static/x/../../secret",
        "/static/%2fetc%2fpasswd",
        "/static/index.html",
        "/static/index.html%00",
        "/static/",
        &absolute,
    ] {
        let answer = admin.http("GET", path, "");
        assert!([301, 404].contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.text().contains("secret\n") && answer.text() != "secret", "{path}");
    }
    let answer = admin.http("GET", "/static/missing", "");
    assert_eq!((answer.status, answer.text().as_str()), (404, "NOT_FOUND"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
}
