//! The registry crashes.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::support::{Client, Nsqlookupd, commands, eventually, identify_json};

/// Nodes that connect and register again whenever their link ends, as our nsqd does.
struct Nodes {
    stop: Arc<AtomicBool>,
    links: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Nodes {
    fn start(address: SocketAddr, count: usize) -> Self {
        let (stop, links) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let threads = (0..count).map(|number| {
            let (stop, links) = (Arc::clone(&stop), Arc::clone(&links));
            thread::spawn(move || {
                while !stop.load(SeqCst) {
                    hold(address, &format!("node{number}"), &stop, &links);
                }
            })
        });
        Self { threads: threads.collect(), stop, links }
    }

    fn finish(self) {
        self.stop.store(true, SeqCst);
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

fn hold(address: SocketAddr, name: &str, stop: &AtomicBool, links: &AtomicUsize) {
    let mut client = crate::support::connect_raw(address);
    let wire =
        [b"  V1".as_slice(), &commands::identify(&identify_json(name)), b"REGISTER t c\n"].concat();
    if client.try_send(&wire).is_err() {
        return;
    }
    links.fetch_add(1, SeqCst);
    while !stop.load(SeqCst) {
        if is_closed(&mut client) {
            return;
        }
    }
}

fn is_closed(client: &mut Client) -> bool {
    use std::io::Read;
    let mut stream = client.stream();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    match stream.read(&mut [0; 512]) {
        Ok(count) => count == 0,
        Err(error) => {
            !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
        }
    }
}

#[test]
fn every_node_is_there_again_behind_a_crash_of_the_registry() {
    let lookupd = Nsqlookupd::with(&["--enable-experiment=chaos"]);
    let nodes = Nodes::start(lookupd.tcp(), 10);
    let all: Vec<_> = (0..10).map(|number| format!("node{number}")).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    lookupd.expect_found("t", &all);
    for round in 1..=3 {
        let before = nodes.links.load(SeqCst);
        lookupd.post("/debug/crash?actor=registry");
        eventually("all have come back", || {
            (nodes.links.load(SeqCst) >= before + 10).then_some(())
        });
        lookupd.expect_found("t", &all);
        assert_eq!(lookupd.http("GET", "/ping").text(), "OK");
        let restarts = format!("nsqlookupd_actor_restarts_total{{actor=\"registry\"}} {round}");
        let text = lookupd.http("GET", "/metrics").text();
        assert!(text.lines().any(|line| line == restarts), "{text}");
    }
    nodes.finish();
    lookupd.expect_found("t", &[]);
}

#[test]
fn accept_loop_crashes_and_links_stand() {
    let lookupd = Nsqlookupd::with(&["--enable-experiment=chaos"]);
    let mut link = lookupd.node("a", &["t"]);
    lookupd.post("/debug/crash?actor=listener");
    link.ask("PING", "OK");
    let _other = lookupd.node("b", &["t"]);
    assert_eq!(lookupd.found("t"), ["a", "b"]);
    drop(link);
    lookupd.expect_found("t", &["b"]);
}

#[test]
fn process_ends_when_the_budget_is_spent() {
    let mut lookupd = Nsqlookupd::with(&["--enable-experiment=chaos"]);
    for _ in 0..20 {
        let request =
            b"POST /debug/crash?actor=registry HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let _may_be_gone = crate::support::http::try_exchange(lookupd.http_address(), request);
    }
    assert_eq!(lookupd.expect_exit().code(), Some(70));
    lookupd.log().expect(&["restart budget spent"]);
}

#[test]
fn nothing_crashes_unless_it_was_asked_for_at_the_start() {
    let lookupd = Nsqlookupd::start();
    let refused = lookupd.http("POST", "/debug/crash?actor=registry");
    assert_eq!(
        (refused.status, refused.text().as_str()),
        (403, "{\"message\":\"CHAOS_DISABLED\"}")
    );
}
