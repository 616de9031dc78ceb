//! The HTTP API around the registrations.

use serde_json::json;

use crate::support::Nsqlookupd;

const JSON: &str = "application/json; charset=utf-8";
const NSQ: &str = "nsq; version=1.0";

#[track_caller]
fn fails(lookupd: &Nsqlookupd, (method, path): (&str, &str), (status, message): (u16, &str)) {
    let response = lookupd.http(method, path);
    let expected = format!("{{\"message\":\"{message}\"}}");
    assert_eq!((response.status, response.text()), (status, expected), "{method} {path}");
    assert_eq!(response.header("X-NSQ-Content-Type"), Some(NSQ), "{method} {path}");
    assert_eq!(response.header("Content-Type"), Some(JSON), "{method} {path}");
}

#[test]
fn ping_and_info_are_answered() {
    let lookupd = Nsqlookupd::start();
    let ping = lookupd.http("GET", "/ping");
    assert_eq!((ping.status, ping.text().as_str()), (200, "OK"));
    assert_eq!(ping.header("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(ping.header("X-NSQ-Content-Type"), None);
    let info = lookupd.http("GET", "/info");
    assert_eq!(info.header("X-NSQ-Content-Type"), Some(NSQ));
    assert_eq!(info.text(), format!("{{\"version\":{}}}", info.json()["version"]));
}

#[test]
fn lists_are_empty_and_never_null() {
    let lookupd = Nsqlookupd::start();
    for (path, text) in [
        ("/topics", "{\"topics\":[]}"),
        ("/channels?topic=t", "{\"channels\":[]}"),
        ("/channels?topic=", "{\"channels\":[]}"),
        ("/channels?topic=*", "{\"channels\":[]}"),
        ("/nodes", "{\"producers\":[]}"),
    ] {
        let response = lookupd.http("GET", path);
        assert_eq!((response.status, response.text().as_str()), (200, text), "{path}");
        assert_eq!(response.header("Content-Type"), Some(JSON), "{path}");
        assert_eq!(response.header("X-NSQ-Content-Type"), Some(NSQ), "{path}");
    }
    lookupd.post("/topic/create?topic=t");
    let lookup = lookupd.http("GET", "/lookup?topic=t");
    assert_eq!(lookup.text(), "{\"channels\":[],\"producers\":[]}");
}

#[test]
fn topics_and_channels_are_made_and_forgotten_by_hand() {
    let lookupd = Nsqlookupd::start();
    for _ in 0..2 {
        let response = lookupd.http("POST", "/topic/create?topic=t");
        assert_eq!((response.status, response.text().as_str()), (200, ""));
        assert_eq!(response.header("Content-Type"), None);
        assert_eq!(response.header("X-NSQ-Content-Type"), Some(NSQ));
        lookupd.post("/channel/create?topic=u&channel=c");
    }
    assert_eq!(lookupd.get("/topics"), json!({"topics": ["t", "u"]}));
    lookupd.post("/channel/delete?topic=u&channel=c");
    fails(&lookupd, ("POST", "/channel/delete?topic=u&channel=c"), (404, "CHANNEL_NOT_FOUND"));
    let _node = lookupd.node("a", &["v c"]);
    lookupd.post("/topic/delete?topic=v");
    lookupd.post("/topic/delete?topic=v");
    assert_eq!(lookupd.get("/channels?topic=v"), json!({"channels": []}));
    fails(&lookupd, ("GET", "/lookup?topic=v"), (404, "TOPIC_NOT_FOUND"));
    assert_eq!(lookupd.get("/topics"), json!({"topics": ["t", "u"]}));
}

#[test]
fn parameters_are_checked_in_upstreams_order() {
    let lookupd = Nsqlookupd::start();
    for (path, error) in [
        ("/channels", (400, "MISSING_ARG_TOPIC")),
        ("/channels?topic=%zz", (400, "INVALID_REQUEST")),
        ("/lookup", (400, "MISSING_ARG_TOPIC")),
        ("/lookup?topic=a;b", (400, "INVALID_REQUEST")),
        ("/lookup?topic=", (404, "TOPIC_NOT_FOUND")),
        ("/lookup?topic=*", (404, "TOPIC_NOT_FOUND")),
        ("/lookup?topic=t", (404, "TOPIC_NOT_FOUND")),
    ] {
        fails(&lookupd, ("GET", path), error);
    }
    for (path, error) in [
        ("/topic/create", (400, "MISSING_ARG_TOPIC")),
        ("/topic/create?topic=", (400, "INVALID_ARG_TOPIC")),
        ("/topic/create?topic=a*", (400, "INVALID_ARG_TOPIC")),
        ("/topic/delete", (400, "MISSING_ARG_TOPIC")),
        ("/topic/tombstone?node=a:1", (400, "MISSING_ARG_TOPIC")),
        ("/topic/tombstone?topic=t", (400, "MISSING_ARG_NODE")),
        ("/topic/tombstone?topic=%zz", (400, "INVALID_REQUEST")),
        ("/channel/create", (400, "MISSING_ARG_TOPIC")),
        ("/channel/create?topic=*", (400, "INVALID_ARG_TOPIC")),
        ("/channel/create?topic=t", (400, "MISSING_ARG_CHANNEL")),
        ("/channel/create?topic=t&channel=*", (400, "INVALID_ARG_CHANNEL")),
        ("/channel/delete?topic=t&channel=", (400, "INVALID_ARG_CHANNEL")),
        ("/channel/delete?topic=t&channel=c", (404, "CHANNEL_NOT_FOUND")),
    ] {
        fails(&lookupd, ("POST", path), error);
    }
    assert_eq!(lookupd.get("/topics"), json!({"topics": []}));
}

#[test]
fn nothing_is_wiped_out_by_an_asterisk() {
    let lookupd = Nsqlookupd::start();
    let _node = lookupd.node("a", &["t c"]);
    fails(&lookupd, ("POST", "/topic/delete?topic=*"), (400, "INVALID_ARG_TOPIC"));
    fails(&lookupd, ("POST", "/topic/tombstone?topic=*&node=a:4151"), (400, "INVALID_ARG_TOPIC"));
    assert_eq!(lookupd.found("t"), ["a"]);
}

#[test]
fn paths_and_methods_are_told_apart() {
    let lookupd = Nsqlookupd::start();
    for (path, allow) in [("/topics", "GET, OPTIONS"), ("/topic/create", "OPTIONS, POST")] {
        let options = lookupd.http("OPTIONS", path);
        assert_eq!((options.status, options.text().as_str()), (200, ""));
        assert_eq!(options.header("Allow"), Some(allow));
        let refused = lookupd.http("DELETE", path);
        assert_eq!((refused.status, refused.header("Allow")), (405, Some(allow)));
    }
    fails(&lookupd, ("GET", "/topic/create"), (405, "METHOD_NOT_ALLOWED"));
    for path in ["/", "/nope", "/create_topic", "/stats", "/debug/pprof/nope"] {
        fails(&lookupd, ("GET", path), (404, "NOT_FOUND"));
    }
    for (method, path, status, location) in [
        ("GET", "/lookup/?topic=t", 301, "/lookup?topic=t"),
        ("GET", "//TOPICS", 301, "/topics"),
        ("GET", "/debug/pprof/", 301, "/debug/pprof"),
        ("POST", "/topic/create/?topic=t", 307, "/topic/create?topic=t"),
    ] {
        let moved = lookupd.http(method, path);
        assert_eq!((moved.status, moved.header("Location")), (status, Some(location)), "{path}");
    }
}

#[test]
fn profiles_are_where_tools_look_for_them() {
    let lookupd = Nsqlookupd::start();
    assert!(lookupd.http("GET", "/debug/pprof").text().contains("/debug/pprof/profile?seconds=30"));
    assert!(lookupd.http("GET", "/debug/pprof/cmdline").text().contains("nsqlookupd"));
    assert_eq!(lookupd.http("POST", "/debug/pprof/symbol").text(), "num_symbols: 1\n");
    assert_eq!(lookupd.http("GET", "/debug/pprof/profile?seconds=1").status, 200);
    assert_eq!(lookupd.http("GET", "/debug/pprof/heap").status, 501);
}

#[test]
fn figures_follow_what_happens() {
    let lookupd = Nsqlookupd::start();
    let mut link = lookupd.node("a", &["t c", "u"]);
    link.ask("PING", "OK");
    lookupd.post("/topic/tombstone?topic=t&node=a:4151");
    lookupd.http("GET", "/lookup?topic=t");
    lookupd.http("GET", "/lookup?topic=x");
    lookupd.node("b", &[]).ask("X", "E_INVALID invalid command X");
    let response = lookupd.http("GET", "/metrics");
    let text = response.text();
    for line in [
        "nsqlookupd_topics 2",
        "nsqlookupd_channels 1",
        "nsqlookupd_registrations 3",
        "nsqlookupd_tombstones 1",
        "nsqlookupd_connections_accepted_total 2",
        "nsqlookupd_connections_closed_total{reason=\"error\"} 1",
        "nsqlookupd_commands_total{command=\"REGISTER\"} 2",
        "nsqlookupd_commands_total{command=\"PING\"} 1",
        "nsqlookupd_lookups_total{found=\"yes\"} 1",
        "nsqlookupd_lookups_total{found=\"no\"} 1",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in {text}");
    }
}
