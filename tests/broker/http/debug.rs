//! `/debug`.

use std::{
    io::Read,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use flate2::read::GzDecoder;
use pprof::protos::{Message, Profile};

use super::expect_error;
use crate::support::{DEADLINE, Nsqd, eventually, http::Response, ours};

const TEXT: Option<&str> = Some("text/plain; charset=utf-8");

#[track_caller]
fn expect_plain(response: &Response, status: u16, text: &str) {
    assert_eq!((response.status, response.text().as_str()), (status, text), "{response:?}");
    assert_eq!(response.header("Content-Type"), TEXT);
    assert_eq!(response.header("X-NSQ-Content-Type"), None);
}

#[test]
fn the_index_is_a_page() {
    let nsqd = Nsqd::start();
    let index = nsqd.http("GET", "/debug/pprof/", b"");
    assert_eq!(
        (index.status, index.header("Content-Type")),
        (200, Some("text/html; charset=utf-8"))
    );
    for name in ["profile", "cmdline", "heap", "goroutine", "block", "threadcreate"] {
        assert!(index.text().contains(name), "{name}");
    }
    let moved = nsqd.http("GET", "/debug/pprof", b"");
    assert_eq!((moved.status, moved.header("Location")), (301, Some("/debug/pprof/")));
}

#[test]
fn the_command_line_is_told() {
    let nsqd = Nsqd::with(&["--node-id=7"]);
    let response = nsqd.http("GET", "/debug/pprof/cmdline", b"");
    assert_eq!((response.status, response.header("Content-Type")), (200, TEXT));
    let arguments: Vec<_> = response.body.split(|&byte| byte == 0).collect();
    assert!(arguments.contains(&&b"--node-id=7"[..]), "{}", response.text());
}

#[test]
fn symbols_are_in_the_profiles() {
    let nsqd = Nsqd::start();
    for method in ["GET", "POST"] {
        expect_plain(&nsqd.http(method, "/debug/pprof/symbol", b""), 200, "num_symbols: 1\n");
    }
}

#[test]
fn profiles_that_mean_nothing_here_say_why() {
    if !ours() {
        return;
    }
    let nsqd = Nsqd::start();
    for name in ["heap", "goroutine", "block", "threadcreate"] {
        for query in ["", "?debug=1"] {
            let response = nsqd.http("GET", &format!("/debug/pprof/{name}{query}"), b"");
            assert_eq!((response.status, response.header("Content-Type")), (501, TEXT));
            assert_eq!(response.header("X-Go-Pprof"), Some("1"));
            assert!(response.text().starts_with(&format!("no {name} profile: ")), "{response:?}");
        }
    }
}

#[test]
fn profiles_that_upstream_does_not_have_are_not_found() {
    let nsqd = Nsqd::start();
    for path in ["/debug/pprof/mutex", "/debug/pprof/allocs", "/debug/pprof/trace", "/debug/x"] {
        expect_error(&nsqd.http("GET", path, b""), 404, "NOT_FOUND");
    }
    let response = nsqd.http("POST", "/debug/pprof/profile", b"");
    expect_error(&response, 405, "METHOD_NOT_ALLOWED");
    assert_eq!(response.header("Allow"), Some("GET, OPTIONS"));
}

#[test]
fn a_cpu_profile_is_recorded_while_others_are_served() {
    let nsqd = Nsqd::start();
    // On a busy machine a second may pass without a sample.
    let profile = eventually("a profile with a function of the broker", || {
        let profile = profile_under_load(&nsqd);
        let names = &profile.string_table;
        (!ours() || names.iter().any(|name| name.contains("nsq_actors"))).then_some(profile)
    });
    let text = |index: i64| profile.string_table[usize::try_from(index).unwrap()].as_str();
    let types: Vec<_> =
        profile.sample_type.iter().map(|value| (text(value.ty), text(value.unit))).collect();
    assert!(types.contains(&("cpu", "nanoseconds")), "{types:?}");
    if ours() {
        assert!(!profile.sample.is_empty());
        let handler = profile.string_table.iter().find(|name| name.contains("perf_signal_handler"));
        assert_eq!(handler, None);
    }
}

fn profile_under_load(nsqd: &Nsqd) -> Profile {
    let response = thread::scope(|scope| {
        let profiling = scope.spawn(|| nsqd.http("GET", "/debug/pprof/profile?seconds=1", b""));
        let mut served = 0;
        while !profiling.is_finished() {
            nsqd.post("/pub?topic=orders", b"one");
            served += 1;
        }
        assert!(served > 1, "{served} requests were served meanwhile");
        profiling.join().unwrap()
    });
    assert_eq!(response.status, 200);
    assert_eq!(response.header("Content-Type"), Some("application/octet-stream"));
    decode(&response.body)
}

fn decode(gzipped: &[u8]) -> Profile {
    let mut bytes = Vec::new();
    GzDecoder::new(gzipped).read_to_end(&mut bytes).unwrap();
    Profile::decode(&*bytes).unwrap()
}

#[test]
fn one_profile_is_recorded_at_a_time() {
    let nsqd = Nsqd::start();
    let refused = if ours() { 503 } else { 500 };
    // Two ask again and again, until one of them is refused.
    let is_refused = AtomicBool::new(false);
    let ask = || {
        let end = Instant::now() + DEADLINE;
        while !is_refused.load(Ordering::Relaxed) && Instant::now() < end {
            let status = nsqd.http("GET", "/debug/pprof/profile?seconds=1", b"").status;
            assert!([200, refused].contains(&status), "{status}");
            is_refused.fetch_or(status == refused, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| [(); 2].map(|()| scope.spawn(ask)).map(|one| one.join().unwrap()));
    assert!(is_refused.into_inner(), "two at a time");
    let again = nsqd.http("GET", "/debug/pprof/profile?seconds=1", b"");
    assert_eq!(again.status, 200);
}

#[test]
fn a_profile_of_hours_is_refused() {
    if !ours() {
        return;
    }
    let nsqd = Nsqd::start();
    let response = nsqd.http("GET", "/debug/pprof/profile?seconds=7200", b"");
    expect_plain(&response, 400, "profiles of at most 120 seconds are recorded\n");
}

#[test]
fn block_rates_are_read_from_the_query_and_from_forms() {
    let nsqd = Nsqd::start();
    let invalid = "invalid block rate : strconv.Atoi: parsing \"abc\": invalid syntax";
    let response = nsqd.http("PUT", "/debug/setblockrate?rate=abc", b"");
    expect_plain(&response, 400, invalid);
    let head = "PUT /debug/setblockrate?rate=0 HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\
                Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\nrate=abc";
    let response = crate::support::http::exchange(nsqd.http_address(), head.as_bytes());
    expect_plain(&response, 400, invalid);
    let response = nsqd.http("PUT", "/debug/setblockrate", b"");
    expect_plain(&response, 400, "invalid block rate : strconv.Atoi: parsing \"\": invalid syntax");
    if ours() {
        expect_plain(&nsqd.http("PUT", "/debug/setblockrate?rate=0", b""), 200, "");
        let response = nsqd.http("PUT", "/debug/setblockrate?rate=1", b"");
        expect_plain(&response, 501, "no block profile: there is nothing to record\n");
    }
}

#[test]
fn freeing_memory_loses_no_message() {
    if !ours() {
        return; // Upstream answers 500.
    }
    let nsqd = Nsqd::start();
    let channels = [("orders", "audit"), ("orders#ephemeral", "audit")];
    for (topic, channel) in channels {
        let escaped = topic.replace('#', "%23");
        nsqd.post(&format!("/topic/create?topic={escaped}"), b"");
        nsqd.post(&format!("/channel/create?topic={escaped}&channel={channel}"), b"");
        nsqd.post(&format!("/mpub?topic={escaped}"), b"one\ntwo\nthree");
        nsqd.expect_channel(topic, channel, &[("depth", 3), ("backend_depth", 0)]);
    }
    expect_plain(&nsqd.http("POST", "/debug/freememory", b""), 200, "");
    nsqd.expect_channel("orders", "audit", &[("depth", 3), ("backend_depth", 3)]);
    nsqd.expect_channel("orders#ephemeral", "audit", &[("depth", 3), ("backend_depth", 0)]);
    for (topic, channel) in channels {
        let mut client = nsqd.client();
        client.subscribe(topic, channel);
        client.ready(3);
        let mut bodies = client.finish_bodies(3);
        bodies.sort();
        assert_eq!(bodies, ["one", "three", "two"]);
    }
}
