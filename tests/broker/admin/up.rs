//! `nsq up`, on its own ports, in a network of its own.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Stdio},
    thread,
};

use serde_json::json;

use crate::{
    discovery::hosts::with_network,
    support::{
        eventually,
        http::{self, Response},
        nsq_command,
    },
};

/// Killed when it goes out of scope.
struct Up(Child);

impl Up {
    fn start(directory: &Path, flags: &[&str]) -> Self {
        let log = fs::File::create(directory.join("log")).unwrap();
        let started = nsq_command()
            .arg("up")
            .args(flags)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        Self(started.unwrap())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _already_gone = self.0.wait();
    }
}

fn get(path: &str) -> Response {
    let pages: SocketAddr = ([127, 0, 0, 1], 4171).into();
    http::request(pages, "GET", path, b"")
}

/// Runs it, and tells what it says as soon as the pages are there.
fn with_up(flags: &[&str], test: impl FnOnce(&str) + Send) {
    with_network(|| {
        let directory = tempfile::tempdir().unwrap();
        let _up = Up::start(directory.path(), flags);
        let log = || fs::read_to_string(directory.path().join("log")).unwrap();
        let announced = || log().contains("nsqadmin has its pages on http://127.0.0.1:4171/\n");
        eventually("the pages are there", || announced().then_some(()));
        test(&log());
        if thread::panicking() {
            eprintln!("{}", log());
        }
    });
}

#[test]
fn all_three_run_and_the_pages_are_about_the_other_two() {
    with_up(&[], |log| {
        assert!(log.contains("nsqd listens for clients on 127.0.0.1:4150\n"), "{log}");
        assert_eq!(get("/ping").text(), "OK");
        let session = get("/api/v1/session").json();
        assert_eq!(session["lookupds"], json!(["127.0.0.1:4161"]));
        let nsqd: SocketAddr = ([127, 0, 0, 1], 4151).into();
        http::request(nsqd, "POST", "/pub?topic=orders", b"one");
        eventually("the topic is seen", || {
            let topics = get("/api/topics").json()["topics"].clone();
            (topics == json!(["orders"])).then_some(())
        });
        assert_eq!(get("/api/topics/orders").json()["message_count"], 1);
    });
}

#[test]
fn the_pages_are_about_nsqd_alone_where_it_is_told_of_other_nsqlookupds() {
    with_up(&["--lookupd-tcp-address=127.0.0.1:9"], |_| {
        let session = get("/api/v1/session").json();
        assert_eq!((&session["mode"], &session["lookupds"]), (&json!("direct"), &json!([])));
        assert_eq!(session["nsqds"], json!(["127.0.0.1:4151"]));
        let nsqd: SocketAddr = ([127, 0, 0, 1], 4151).into();
        http::request(nsqd, "POST", "/pub?topic=orders", b"one");
        assert_eq!(get("/api/topics").json()["topics"], json!(["orders"]));
    });
}
