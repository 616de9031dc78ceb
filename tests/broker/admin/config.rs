//! `/config/:opt`.

use serde_json::json;

use crate::support::{Nsqadmin, Nsqd, Nsqlookupd, eventually};

#[test]
fn options_are_shown_as_upstream_shows_them() {
    let admin = Nsqadmin::with(&[
        "--lookupd-http-address=127.0.0.1:1",
        "--lookupd-http-address=127.0.0.1:2",
        "--admin-user=carol",
        "--statsd-counter-format=",
        "--graphite-url=http://me:secret@graphite:8080/g",
        "--notification-http-endpoint=http://me:secret@hooks/told?a=b",
    ]);
    for (key, value) in [
        ("nsqlookupd_http_addresses", "[\"127.0.0.1:1\",\"127.0.0.1:2\"]"),
        ("nsqd_http_addresses", "[]"),
        ("admin_users", "[\"carol\"]"),
        ("log_level", "2"),
        ("base_path", "/"),
        ("proxy_graphite", "false"),
        ("statsd_prefix", "nsq.%s"),
        ("graphite_url", "http://graphite:8080/g"),
        ("notification_http_endpoint", "http://hooks/told?a=b"),
        ("statsd_counter_format", ""),
        ("statsd_interval", "60000000000"),
        ("poll_interval", "2000000000"),
        ("http_client_request_timeout", "5000000000"),
    ] {
        let answer = admin.http("GET", &format!("/config/{key}"), "");
        assert_eq!((answer.status, answer.text().as_str()), (200, value), "{key}");
    }
    for key in ["config", "version", "verbose", "lookupd-http-address", "x"] {
        let answer = admin.http("GET", &format!("/config/{key}"), "");
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (400, "{\"message\":\"INVALID_OPTION\"}")
        );
    }
}

#[test]
fn the_level_of_the_log_is_changed() {
    let admin = Nsqadmin::alone(&[]);
    let put = |body: &str| {
        let answer = admin.http("PUT", "/config/log_level", body);
        (answer.status, answer.text())
    };
    let refused = |status, message: &str| (status, format!("{{\"message\":\"{message}\"}}"));
    assert_eq!(put("Error"), (200, "4".to_owned()));
    admin.http("GET", "/quiet", "");
    assert_eq!(put("info"), (200, "2".to_owned()));
    admin.log().expect(&["INFO: HTTP: log_level set to info"]);
    assert!(!admin.log().lines().iter().any(|line| line.contains("/quiet")));
    for wrong in ["\"debug\"", "all", "\u{fffd}"] {
        assert_eq!(put(wrong), refused(400, "INVALID_VALUE"), "{wrong}");
    }
    assert_eq!(put(""), refused(413, "INVALID_VALUE"));
    assert_eq!(put(&"x".repeat((1 << 20) + 1)), refused(413, "INVALID_VALUE"));
    assert_eq!(admin.http("GET", "/config/log_level", "").text(), "2");
    let answer = admin.http("PUT", "/config/base_path", "/x");
    assert_eq!((answer.status, answer.text()), refused(400, "INVALID_OPTION"));
}

#[test]
fn nsqlookupds_are_replaced_and_taken_away() {
    let nsqd = Nsqd::start();
    let admin = Nsqadmin::of_nsqds(&[&nsqd], &[]);
    let put = |body: &str| {
        let answer = admin.http("PUT", "/config/nsqlookupd_http_addresses", body);
        (answer.status, answer.text())
    };
    let mode = || admin.get("/api/v1/session")["mode"].clone();
    assert_eq!(mode(), "direct");
    let list = "[\"127.0.0.1:1\",\"[::1]:4161\"]";
    assert_eq!(put(list), (200, list.to_owned()));
    assert_eq!(mode(), "lookupd");
    for wrong in ["[1]", "\"a:1\"", "[\"http://a:1\"]", "[\"a\"]", "{}", "x"] {
        assert_eq!(put(wrong), (400, "{\"message\":\"INVALID_VALUE\"}".to_owned()), "{wrong}");
    }
    assert_eq!(admin.http("GET", "/config/nsqlookupd_http_addresses", "").text(), list);
    assert_eq!(put("[]"), (200, "[]".to_owned()));
    assert_eq!(mode(), "direct");
}

#[test]
fn the_cluster_of_other_nsqlookupds_is_seen_at_once() {
    let (first, second) = (Nsqlookupd::start(), Nsqlookupd::start());
    first.post("/topic/create?topic=first");
    second.post("/topic/create?topic=second");
    let admin = Nsqadmin::of_lookupds(&[&first], &["--poll-interval=100ms"]);
    let listed = |path: &str| admin.get(path)["topics"].clone();
    let seen = |topic: &str| {
        eventually(&format!("only {topic} is seen"), || {
            let names: Vec<_> = listed("/api/v1/topics").as_array()?.clone();
            let names: Vec<_> = names.iter().map(|row| row["topic"].clone()).collect();
            (names == [topic]).then_some(())
        });
    };
    assert_eq!(listed("/api/topics"), json!(["first"]));
    seen("first");
    let body = format!("[\"{}\"]", second.http_address());
    assert_eq!(admin.http("PUT", "/config/nsqlookupd_http_addresses", &body).status, 200);
    assert_eq!(listed("/api/topics"), json!(["second"]));
    seen("second");
}

#[test]
fn somebody_is_left_to_be_asked() {
    let admin = Nsqadmin::with(&["--lookupd-http-address=127.0.0.1:1"]);
    let answer = admin.http("PUT", "/config/nsqlookupd_http_addresses", "[]");
    assert_eq!((answer.status, answer.text().as_str()), (400, "{\"message\":\"INVALID_VALUE\"}"));
    assert_eq!(admin.get("/api/v1/session")["mode"], "lookupd");
}

#[test]
fn only_peers_of_the_network_may_look() {
    let refused = (403, "{\"message\":\"FORBIDDEN\"}".to_owned());
    let elsewhere = Nsqadmin::alone(&["--allow-config-from-cidr=10.0.0.0/8"]);
    for method in ["GET", "PUT"] {
        let answer = elsewhere.http(method, "/config/log_level", "debug");
        assert_eq!((answer.status, answer.text()), refused);
    }
    let here = Nsqadmin::alone(&[]);
    let through = |list: &str| {
        let header = format!("X-Forwarded-For: {list}");
        let answer = here.http_with("GET", "/config/log_level", &[&header], "");
        (answer.status, answer.text())
    };
    assert_eq!(through("127.0.0.1"), (200, "2".to_owned()));
    assert_eq!(through("10.1.2.3"), refused);
    assert_eq!(through("127.0.0.1, 10.1.2.3"), refused);
    let open = Nsqadmin::alone(&["--allow-config-from-cidr="]);
    let answer = open.http_with("GET", "/config/log_level", &["X-Forwarded-For: 10.1.2.3"], "");
    assert_eq!(answer.text(), "2");
}
