//! Auth servers that are slow, huge or overrun, and who must not notice.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use super::{
    auth, expect_logged,
    server::{AuthServer, Reply},
    turned_away,
};
use crate::support::{Bystander, Client, Nsqd, commands, ours};

const FAILED: &str = "E_AUTH_FAILED AUTH failed";
/// Questions under way at a time.
const REQUESTS_MAX: usize = 64;

/// Lets through once so many are there.
#[derive(Default)]
struct Gate {
    inside: Mutex<(usize, usize)>,
    changed: Condvar,
}

impl Gate {
    /// Waits until `count` have come, the first time.
    fn pass(&self, count: usize) {
        let mut inside = self.inside.lock().unwrap();
        inside.0 += 1;
        inside.1 = inside.1.max(inside.0);
        self.changed.notify_all();
        let wait = |inside: &mut (usize, usize)| inside.1 < count;
        let deadline = crate::support::DEADLINE;
        inside = self.changed.wait_timeout_while(inside, deadline, wait).unwrap().0;
        inside.0 -= 1;
    }

    fn most(&self) -> usize {
        self.inside.lock().unwrap().1
    }
}

#[test]
fn a_slow_server_is_given_up() {
    let server = AuthServer::always(Reply::Nothing);
    let nsqd = Nsqd::with(&[&server.flag(), "--http-client-request-timeout=300ms"]);
    let begun = Instant::now();
    turned_away(&nsqd, "s", FAILED);
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    expect_logged(&nsqd, &["auth server", "no answer within 300ms"]);
}

#[test]
fn a_server_that_does_not_exist_is_given_up() {
    let nsqd = Nsqd::with(&[
        "--auth-http-address=127.0.0.1:1",
        "--auth-http-address=http://no such host/",
        "--auth-http-address=gopher://127.0.0.1/",
    ]);
    turned_away(&nsqd, "s", FAILED);
}

#[test]
fn an_answer_without_end_is_not_read_to_it() {
    if !ours() {
        return; // nsqd 1.3 reads it all
    }
    let server = AuthServer::always(Reply::ok(&vec![b' '; 64 << 20]));
    let nsqd = Nsqd::with(&[&server.flag()]);
    turned_away(&nsqd, "s", FAILED);
    expect_logged(&nsqd, &["answer of more than 1048576 bytes"]);
    assert!(nsqd.resident_bytes() < 64 << 20, "{}", nsqd.resident_bytes());
}

#[test]
fn a_secret_too_long_for_a_url_is_refused() {
    let server = AuthServer::always(Reply::everything());
    let nsqd = Nsqd::with(&[&server.flag()]);
    if ours() {
        turned_away(&nsqd, &"x".repeat(1 << 20), FAILED);
    }
    let mut client = nsqd.client();
    client.send(&auth("short"));
    client.expect_response(super::GRANTED);
}

#[test]
fn a_waiting_client_has_its_heartbeats_and_is_not_taken_for_dead() {
    let server = AuthServer::always(Reply::Nothing);
    let nsqd = Nsqd::with(&[&server.flag(), "--http-client-request-timeout=3500ms"]);
    let mut client = nsqd.client_with(r#"{"heartbeat_interval":1000}"#);
    client.send(&auth("s"));
    for _ in 0..3 {
        let frame = client.try_frame(Duration::from_secs(3)).unwrap();
        assert!(frame.is_heartbeat(), "{frame:?}");
        client.send(commands::NOP);
    }
    client.expect_fatal(FAILED);
}

#[test]
fn others_do_not_notice_a_server_that_hangs() {
    let server = AuthServer::scripted(|request, _| {
        if request.has_secret("good") { Reply::everything() } else { Reply::Nothing }
    });
    let nsqd = Nsqd::with(&[&server.flag(), "--http-client-request-timeout=2s"]);
    let bystander = Bystander::start_with(|| {
        let mut client = nsqd.client();
        client.send(&auth("good"));
        client.expect_response(super::GRANTED);
        client
    });
    let mut waiting: Vec<Client> = (0..100).map(|_| nsqd.client()).collect();
    for (number, client) in waiting.iter_mut().enumerate() {
        client.send(&auth(&format!("bad{number}")));
    }
    // Two rounds of two seconds: 64 at a time.
    waiting.iter_mut().for_each(|client| client.expect_fatal(FAILED));
    assert!(bystander.finish() > 0);
}

#[test]
fn only_so_many_questions_are_asked_at_a_time() {
    let gate = Arc::new(Gate::default());
    let server = AuthServer::scripted({
        let gate = Arc::clone(&gate);
        move |_, _| {
            gate.pass(REQUESTS_MAX);
            Reply::everything()
        }
    });
    let nsqd = Nsqd::with(&[&server.flag(), "--http-client-request-timeout=30s"]);
    let mut clients: Vec<Client> = (0..2 * REQUESTS_MAX).map(|_| nsqd.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&auth(&format!("s{number}")));
    }
    clients.iter_mut().for_each(|client| client.expect_response(super::GRANTED));
    assert_eq!(server.requests().len(), 2 * REQUESTS_MAX);
    assert_eq!(gate.most(), REQUESTS_MAX);
}
