//! The process: its command line, its file, its log, its end.

use std::fs;

use rustix::process::Signal;

use crate::support::{Nsqlookupd, nsq_command, run_to_end};

#[test]
fn signals_stop_it_and_close_every_link() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut lookupd = Nsqlookupd::start();
        let mut link = lookupd.node("a", &["t"]);
        lookupd.signal(signal);
        link.expect_closed();
        assert_eq!(lookupd.expect_exit().code(), Some(0));
        let lines = lookupd.log().lines_to_the_end();
        for text in ["TCP: closing 127.0.0.1:", "HTTP: closing 127.0.0.1:"] {
            assert!(lines.iter().any(|line| line.contains(text)), "{lines:?}");
        }
    }
}

#[test]
fn address_in_use_is_fatal() {
    let lookupd = Nsqlookupd::start();
    for (flag, address) in
        [("tcp-address", lookupd.tcp()), ("http-address", lookupd.http_address())]
    {
        let flags = ["--tcp-address=127.0.0.1:0".into(), format!("--{flag}={address}")];
        let ended = run_to_end(Nsqlookupd::command(), flags);
        assert_eq!(ended.code, Some(1));
        let text = format!("failed to instantiate nsqlookupd - listen ({address}) failed - ");
        assert!(ended.err.contains(&text), "{}", ended.err);
    }
    let ended = run_to_end(Nsqlookupd::command(), ["--tcp-address=/tmp/socket"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("nsqlookupd needs host:port"), "{}", ended.err);
}

#[test]
fn file_is_read_and_its_mistakes_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nsqlookupd.cfg");
    fs::write(&path, "broadcast_address = \"from-file\"\ntombstone-lifetime = \"1s\"\n").unwrap();
    let flag = format!("--config={}", path.display());
    let lookupd = Nsqlookupd::with(&[&flag]);
    lookupd.log().expect(&["WARNING", "unknown key tombstone-lifetime", "tombstone_lifetime"]);
    let mut link = lookupd.link();
    link.send(&crate::support::commands::identify(&crate::support::identify_json("a")));
    assert!(link.response().starts_with("{\"broadcast_address\":\"from-file\""));
    fs::write(&path, "log_level = \"x\"").unwrap();
    let ended = run_to_end(Nsqlookupd::command(), [flag]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("FATAL: failed to load config file "), "{}", ended.err);
}

#[test]
fn sample_starts_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sample");
    let sample = run_to_end(nsq_command(), ["config-sample", "nsqlookupd"]);
    fs::write(&path, &sample.out).unwrap();
    let lookupd = Nsqlookupd::with(&[&format!("--config={}", path.display())]);
    assert_eq!(lookupd.http("GET", "/ping").status, 200);
    assert!(!lookupd.log().lines().iter().any(|line| line.contains("WARNING")));
}

#[test]
fn log_says_what_operators_look_for() {
    let lookupd = Nsqlookupd::with(&["--log-level=debug"]);
    lookupd.log().expect(&["INFO: nsqlookupd v"]);
    let mut link = lookupd.node("a", &["t c"]);
    let peer = link.address();
    link.ask("PING", "OK");
    link.ask("UNREGISTER t", "OK");
    drop(link);
    for parts in [
        &["INFO: TCP: new client(", &peer][..],
        &["INFO: CLIENT(", &peer, "desired protocol magic '  V1'"],
        &["INFO: CLIENT(", &peer, "IDENTIFY Address:a TCP:4150 HTTP:4151 Version:1.3.0"],
        &["INFO: DB: client(", &peer, "REGISTER category:client key: subkey:"],
        &["INFO: DB: client(", &peer, "REGISTER category:channel key:t subkey:c"],
        &["INFO: DB: client(", &peer, "REGISTER category:topic key:t subkey:"],
        &["DEBUG: CLIENT(", &peer, "pinged (last ping "],
        &["WARNING: client(", &peer, "unexpected UNREGISTER category:channel key:t subkey:c"],
        &["INFO: DB: client(", &peer, "UNREGISTER category:topic key:t subkey:"],
        &["INFO: PROTOCOL(V1): [", &peer, "exiting ioloop"],
        &["INFO: client(", &peer, "EOF"],
        &["INFO: DB: client(", &peer, "UNREGISTER category:client key: subkey:"],
    ] {
        lookupd.log().expect(parts);
    }
    lookupd.post("/topic/tombstone?topic=t&node=x%0Ay:1");
    lookupd.log().expect(&["DB: setting tombstone for producer@x\\ny:1 of topic(t)"]);
    lookupd.log().expect(&["INFO: 200 POST /topic/tombstone?topic=t&node=x%0Ay:1 (127.0.0.1:"]);
    let mut failing = lookupd.link();
    failing.ask("\u{1b}[2J", "E_INVALID invalid command \u{1b}[2J");
    lookupd.log().expect(&["ERROR: [", "E_INVALID invalid command \\u{1b}[2J"]);
}
