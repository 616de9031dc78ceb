//! Starting, being refused, and stopping.

use std::{
    fs,
    os::unix::{fs::symlink, process::CommandExt},
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::support::{
    DEADLINE, Ended, Nsqd, command, commands, connect_raw, nsq_command, ours, run_to_end,
};

/// What a person waits for without thinking that it hangs.
const PROMPT: Duration = Duration::from_secs(10);

fn nsqd(arguments: &[&str]) -> Ended {
    run_to_end(command(), arguments.iter().copied())
}

#[test]
fn command_lines_that_are_not_understood_are_explained() {
    for (argument, text) in [
        ("--bogus", "flag provided but not defined: -bogus\nUsage of nsqd:\n"),
        ("---x", "bad flag syntax: ---x\nUsage of nsqd:\n"),
        ("--msg-timeout", "flag needs an argument: -msg-timeout\nUsage of nsqd:\n"),
        (
            "--msg-timeout=1000",
            "invalid value \"1000\" for flag -msg-timeout: parse error\nUsage of nsqd:\n",
        ),
    ] {
        let ended = nsqd(&[argument]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{argument}");
        let usage = |text: &str| text.replace("Usage of nsqd:", "Usage of");
        let said = ended.err.replace("Usage of nsqd:", "Usage of");
        assert!(said.starts_with(&usage(text)), "{argument}: {}", ended.err);
    }
}

#[test]
fn help_and_version_are_answers() {
    let help = nsqd(&["--help"]);
    assert_eq!((help.code, help.out.as_str()), (Some(0), ""));
    assert!(help.err.starts_with("Usage of nsqd:\n"), "{}", help.err);
    assert!(help.err.contains("\n  -max-rdy-count "), "{}", help.err);
    let version = nsqd(&["--version"]);
    assert_eq!((version.code, version.err.as_str()), (Some(0), ""));
    assert!(version.out.starts_with("nsqd v"), "{}", version.out);
    assert!(version.out.ends_with(")\n"), "{}", version.out);
}

#[test]
fn values_that_cannot_be_used_start_nothing() {
    let data = tempfile::tempdir().unwrap();
    let data_path = format!("--data-path={}", data.path().display());
    for (argument, text) in [
        ("--node-id=1024", "--node-id must be [0,1024)"),
        ("--max-deflate-level=0", "--max-deflate-level must be [1,9]"),
    ] {
        let ended = nsqd(&[&data_path, argument]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{argument}");
        let text = format!("FATAL: failed to instantiate nsqd - {text}\n");
        assert!(ended.err.contains(&text), "{argument}: {}", ended.err);
    }
}

#[test]
fn data_path_must_exist() {
    let data = tempfile::tempdir().unwrap();
    let missing = data.path().join("none");
    let ended = nsqd(&[&format!("--data-path={}", missing.display())]);
    assert_eq!(ended.code, Some(1));
    let text = format!(
        "FATAL: failed to instantiate nsqd - failed to lock data-path: open {}: no such file or directory",
        missing.display()
    );
    assert!(ended.err.contains(&text), "{}", ended.err);
}

#[test]
fn second_process_on_a_data_path_is_refused_and_the_first_goes_on() {
    let first = Nsqd::start();
    let path = first.data_path().display().to_string();
    let ended = nsqd(&[
        &format!("--data-path={path}"),
        "--tcp-address=127.0.0.1:0",
        "--http-address=127.0.0.1:0",
    ]);
    assert_eq!(ended.code, Some(1));
    let text = format!(
        concat!(
            "FATAL: failed to instantiate nsqd - failed to lock data-path: cannot flock directory {} - ",
            "resource temporarily unavailable (possibly in use by another instance of nsqd)"
        ),
        path
    );
    assert!(ended.err.contains(&text), "{}", ended.err);
    first.client().publish("orders", b"one");
}

#[test]
fn address_in_use_is_fatal() {
    let first = Nsqd::start();
    let data = tempfile::tempdir().unwrap();
    let data_path = format!("--data-path={}", data.path().display());
    for flag in ["tcp-address", "http-address"] {
        let taken = if flag == "tcp-address" { first.tcp() } else { first.http_address() };
        let free = if flag == "tcp-address" { "http-address" } else { "tcp-address" };
        let ended =
            nsqd(&[&data_path, &format!("--{flag}={taken}"), &format!("--{free}=127.0.0.1:0")]);
        assert_eq!(ended.code, Some(1));
        let text = format!("FATAL: failed to instantiate nsqd - listen ({taken}) failed - ");
        assert!(ended.err.contains(&text), "{}", ended.err);
    }
}

#[test]
fn data_path_is_free_again_behind_kill_9() {
    let mut nsqd = Nsqd::start();
    nsqd.client().publish("orders", b"one");
    nsqd.kill9();
    nsqd.restart();
    nsqd.client().publish("orders", b"two");
}

#[test]
fn signals_stop_it_whatever_its_clients_do() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut nsqd = Nsqd::start();
        let mut publisher = nsqd.client();
        publisher.publish("orders", &[b'x'; 10_000]);
        let mut stuck = nsqd.client();
        stuck.send(&[&commands::sub("orders", "audit")[..], &commands::rdy(2500)].concat());
        let mut halfway = nsqd.client();
        halfway.send(&commands::announced("PUB orders", 1000));
        let mut http = connect_raw(nsqd.http_address());
        http.send(b"POST /pub?topic=orders HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n\r\nx");
        let mut silent = connect_raw(nsqd.tcp());
        if ours() {
            silent.send(b"  ");
        } else {
            drop(silent); // Would hold nsqd 1.3 up for ever.
            silent = connect_raw(nsqd.http_address());
        }
        nsqd.expect_channel("orders", "audit", &[("client_count", 1)]);
        let begun = Instant::now();
        nsqd.signal(signal);
        let status = nsqd.expect_exit(DEADLINE);
        assert_eq!(status.code(), Some(0), "{status}");
        assert!(begun.elapsed() < PROMPT, "it has taken {:?}", begun.elapsed());
        publisher.expect_closed();
        drop((stuck, halfway, http, silent));
        nsqd.restart();
        assert_eq!(nsqd.topic("orders")["topic_name"], "orders");
    }
}

#[test]
fn signals_that_mean_nothing_are_ignored() {
    let mut nsqd = Nsqd::start();
    for signal in [Signal::USR1, Signal::USR2, Signal::PIPE] {
        nsqd.signal(signal);
    }
    nsqd.client().publish("orders", b"one");
    assert_eq!(nsqd.terminate().code(), Some(0));
}

#[test]
fn two_signals_in_one_moment_end_it_and_lose_nothing() {
    let mut nsqd = Nsqd::start();
    let mut client = nsqd.client();
    client.publish("orders", b"one");
    // While it stands still, both signals wait for it.
    for signal in [Signal::STOP, Signal::TERM, Signal::INT, Signal::CONT] {
        nsqd.signal(signal);
    }
    nsqd.expect_exit(PROMPT);
    nsqd.restart();
    if ours() {
        let mut client = nsqd.client();
        client.subscribe("orders", "audit");
        client.ready(1);
        client.expect_body("one");
    }
}

#[test]
fn link_with_the_classic_name_is_the_daemon() {
    if !ours() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("nsqd");
    symlink(nsq_command().get_program(), &link).unwrap();
    let version = run_to_end(std::process::Command::new(&link), ["--version"]);
    assert!(version.out.starts_with("nsqd v"), "{version:?}");
    let mut named = nsq_command();
    named.arg0("nsqd");
    assert_eq!(run_to_end(named, ["--version"]).out, version.out);
}

#[test]
fn graceful_stop_leaves_files_that_a_second_stop_does_not_change() {
    let mut nsqd = Nsqd::start();
    nsqd.client().publish("orders", b"one");
    nsqd.terminate();
    let names = |nsqd: &Nsqd| {
        let mut names: Vec<_> = fs::read_dir(nsqd.data_path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = names(&nsqd);
    nsqd.restart();
    nsqd.terminate();
    assert_eq!(names(&nsqd), before);
}
