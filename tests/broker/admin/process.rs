//! The process: its command line, its log, its end.

use std::fs;

use rustix::process::Signal;

use crate::support::{Nsqadmin, Nsqd, eventually, nsq_command, run_to_end};

const NOBODY: &str = "--lookupd-http-address=127.0.0.1:1";

#[test]
fn signals_stop_it() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut admin = Nsqadmin::alone(&[]);
        admin.signal(signal);
        assert_eq!(admin.expect_exit().code(), Some(0));
        let lines = admin.log().lines_to_the_end();
        assert!(lines.last().unwrap().contains("HTTP: closing 127.0.0.1:"), "{lines:?}");
    }
}

#[test]
fn what_it_cannot_start_with_is_fatal() {
    let refused = |flags: &[&str], text: &str| {
        let ended = run_to_end(Nsqadmin::command(), flags.iter().copied());
        assert_eq!(ended.code, Some(1), "{flags:?}");
        let line = format!(" FATAL: failed to instantiate nsqadmin - {text}");
        assert!(ended.err.contains(&line), "{}", ended.err);
    };
    refused(&[], "--nsqd-http-address or --lookupd-http-address required\n");
    refused(
        &[NOBODY, "--nsqd-http-address=127.0.0.1:2"],
        "use --nsqd-http-address or --lookupd-http-address not both\n",
    );
    refused(
        &["--lookupd-http-address=http://lookup1:4161"],
        "failed to resolve --lookupd-http-address (http://lookup1:4161) - ",
    );
    let other = Nsqadmin::alone(&[]);
    let address = other.http_address();
    let flag = format!("--http-address={address}");
    refused(&[NOBODY, &flag], &format!("listen ({address}) failed - "));
}

#[test]
fn a_name_that_nobody_knows_is_a_warning() {
    let admin = Nsqadmin::with(&["--lookupd-http-address=nobody.invalid:4161"]);
    admin.log().expect(&[
        "WARNING: failed to resolve --lookupd-http-address (nobody.invalid:4161) - ",
        "looked up again each time",
    ]);
    assert_eq!(admin.http("GET", "/ping", "").status, 200);
}

#[test]
fn file_is_read_and_its_mistakes_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nsqadmin.cfg");
    let text = "nsqlookupd_http_addresses = ['127.0.0.1:1']\nbase_path = 'x'\nadmin_user = ['a']\n";
    fs::write(&path, text).unwrap();
    let admin = Nsqadmin::with(&[&format!("--config={}", path.display())]);
    admin.log().expect(&["WARNING", "unknown key admin_user", "admin_users"]);
    assert_eq!(admin.http("GET", "/x/ping", "").text(), "OK");
}

#[test]
fn the_sample_is_printed() {
    let ended = run_to_end(nsq_command(), ["config-sample", "nsqadmin"]);
    assert_eq!(ended.out, include_str!("../../../contrib/nsqadmin.cfg.example"));
}

#[test]
fn every_request_leaves_a_line() {
    let admin = Nsqadmin::alone(&[]);
    admin.http("GET", "/topics/a%0Ab?x=1", "");
    admin.log().expect(&["INFO: 200 GET /topics/a%0Ab?x=1 (127.0.0.1:"]);
    admin.http_with("PUT", "/config/log_level", &["Origin: http://elsewhere"], "debug");
    admin.log().expect(&["INFO: 403 PUT /config/log_level (127.0.0.1:"]);
}

#[test]
fn those_who_are_looked_at_do_not_log_each_look() {
    let nsqd = Nsqd::start();
    let admin = Nsqadmin::of_nsqds(&[&nsqd], &["--poll-interval=100ms"]);
    eventually("it has looked three times", || {
        let overview = admin.get("/api/v1/overview");
        (overview["poll"].as_u64()? >= 3).then_some(())
    });
    nsqd.http("GET", "/stats?format=json&by=somebody", b"");
    let logged = "INFO: 200 GET /stats?format=json&by=somebody";
    eventually("others leave a line", || nsqd.logged().contains(logged).then_some(()));
    assert_eq!(nsqd.logged().matches("GET /stats").count(), 1);
}
