//! `--config`.

use std::{fs, path::PathBuf};

use crate::support::{Ended, Nsqd, command, nsq_command, ours, run_to_end};

struct File {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nsqd.cfg");
        fs::write(&path, text).unwrap();
        Self { path, _dir: dir }
    }

    fn flag(&self) -> String {
        format!("--config={}", self.path.display())
    }
}

#[track_caller]
fn shows(nsqd: &Nsqd, key: &str, value: &str) {
    let response = nsqd.http("GET", &format!("/config/{key}"), b"");
    assert_eq!((response.status, response.text().as_str()), (200, value), "{key}");
}

#[test]
fn an_upstream_file_works_and_flags_win_over_it() {
    let file = File::new(
        "log_level = \"info\"\ntcp_address = \"0.0.0.0:4150\"\n\
         nsqlookupd_tcp_addresses = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n\
         mem_queue_size = 100\nsync_timeout = \"2s\"\nmsg_timeout = 5000\nmax_req_timeout = \"1h\"\n\
         statsd_prefix = \"nsq.%s\"\ne2e_processing_latency_percentiles = [0.95, 1.0, 0.99]\n\
         tls_required = false\ntls_min_version = \"\"\ndeflate = true\nmax_deflate_level = 5\n\
         snappy = true\n",
    );
    let nsqd = Nsqd::with(&[
        &file.flag(),
        "--max-deflate-level=4",
        "--lookupd-tcp-address=127.0.0.1:3",
        "--snappy=false",
    ]);
    shows(&nsqd, "msg_timeout", "5000000000");
    shows(&nsqd, "mem_queue_size", "100");
    shows(&nsqd, "e2e_processing_latency_percentiles", "[0.95,1,0.99]");
    shows(&nsqd, "max_deflate_level", "4");
    shows(&nsqd, "nsqlookupd_tcp_addresses", "[\"127.0.0.1:3\"]");
    shows(&nsqd, "snappy", "false");
    shows(&nsqd, "max_body_size", "5242880");
}

#[test]
fn what_has_no_effect_is_a_warning() {
    if !ours() {
        return; // Upstream says nothing.
    }
    let file = File::new("msg-timeout = \"1s\"\n[nsqd]\nmax_rdy_count = 1\n");
    let nsqd = Nsqd::with(&[&file.flag()]);
    let said = |what: &str| format!("WARNING: config file {}: {what}", file.path.display());
    nsqd.expect_line(&said("line 1: unknown key msg-timeout has no effect; is msg_timeout meant?"));
    nsqd.expect_line(&said(
        "line 2: [nsqd] has no effect: keys must stand in front of the first section",
    ));
    shows(&nsqd, "msg_timeout", "60000000000");
    shows(&nsqd, "max_rdy_count", "2500");
}

fn start(flags: &[&str]) -> Ended {
    run_to_end(command(), flags.iter().copied())
}

#[test]
fn a_file_that_is_not_there_is_fatal() {
    let ended = start(&["--config=/nope.toml"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    let end = " FATAL: failed to load config file /nope.toml - \
               open /nope.toml: no such file or directory\n";
    assert!(ended.err.starts_with("[nsqd] ") && ended.err.ends_with(end), "{}", ended.err);
}

#[test]
fn a_file_that_makes_no_sense_is_fatal_and_says_where() {
    if !ours() {
        return; // nsqd 1.3 takes numbers for words and switches.
    }
    for (text, problem) in [
        ("id = 1\nid = 2\n", "toml: line 2: duplicate key at \"id\""),
        ("\nmsg_timeout = \"5000\"\n", "toml: line 2: msg_timeout must be a duration"),
        ("deflate = 1\n", "toml: line 1: deflate must be true or false, not 1"),
        ("log_prefix = 5\n", "toml: line 1: log_prefix must be text in quotes, not 5"),
        ("log_level = \"x\"\n", "toml: line 1: failed parsing log_level x"),
        ("tls_required = \"x\"\n", "toml: line 1: failed parsing tls_required x"),
        ("tls_min_version = \"x\"\n", "toml: line 1: failed parsing tls_min_version x"),
    ] {
        let file = File::new(text);
        let ended = start(&[&file.flag()]);
        assert_eq!(ended.code, Some(1), "{text}: {}", ended.err);
        let path = file.path.display();
        let said = format!(" FATAL: failed to load config file {path} - {problem}");
        assert!(ended.err.contains(&said), "{said} in {}", ended.err);
    }
}

#[test]
fn values_of_a_file_are_checked_like_those_of_flags() {
    let file = File::new("id = 1024\n");
    let ended = start(&[&file.flag()]);
    assert_eq!(ended.code, Some(1));
    let said = "FATAL: failed to instantiate nsqd - --node-id must be [0,1024)\n";
    assert!(ended.err.ends_with(said), "{}", ended.err);
}

#[test]
fn version_is_told_whatever_the_file_says() {
    let ended = start(&["--config=/nope.toml", "--version"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
}

#[test]
fn the_printed_sample_starts_a_broker() {
    if !ours() {
        return;
    }
    let printed = run_to_end(nsq_command(), ["config-sample", "nsqd"]);
    assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""));
    let file = File::new(&printed.out);
    shows(&Nsqd::with(&[&file.flag()]), "msg_timeout", "60000000000");
}
