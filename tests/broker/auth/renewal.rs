//! Grants that expire.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    authed, expect_logged,
    server::{AuthServer, EVERYTHING, Reply},
};
use crate::support::{Client, Frame, Nsqd, commands, ours};

/// Publishes until that is answered with an error; how often it went well, and the error.
#[track_caller]
fn publish_until_refused(client: &mut Client) -> (Duration, String) {
    let begun = Instant::now();
    loop {
        client.send(&commands::publish("orders", b"x"));
        match client.expect_frame() {
            Frame::Response(text) => assert_eq!(text, "OK"),
            Frame::Error(text) => {
                client.expect_closed();
                return (begun.elapsed(), text);
            }
            other => panic!("expected an answer to a publish, found {other:?}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "it is never refused");
    }
}

/// A server that grants everything for a second, and then does something else.
fn once_and_then(reply: Reply) -> AuthServer {
    AuthServer::scripted(move |_, before| match before {
        0 => Reply::grant(1, EVERYTHING),
        _ => reply.clone(),
    })
}

#[test]
fn an_expired_grant_is_renewed_with_the_same_secret() {
    let server = AuthServer::always(Reply::grant(1, EVERYTHING));
    let nsqd = Nsqd::with(&[&server.flag()]);
    let mut client = authed(&nsqd, "s3cret");
    let begun = Instant::now();
    let mut published = 0;
    while server.requests().len() < 4 {
        client.publish("orders", b"x");
        published += 1;
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "asked {} times",
            server.requests().len()
        );
    }
    assert!(begun.elapsed() >= Duration::from_millis(2900), "asked early: {:?}", begun.elapsed());
    assert!(server.requests().iter().all(|request| request.has_secret("s3cret")));
    assert_eq!(nsqd.topic("orders")["message_count"], published);
}

#[test]
fn nobody_is_asked_about_a_client_that_is_idle() {
    let server = AuthServer::always(Reply::grant(1, EVERYTHING));
    let nsqd = Nsqd::with(&[&server.flag()]);
    let mut client = authed(&nsqd, "s");
    client.publish("orders", b"x");
    client.expect_silence(Duration::from_millis(1500));
    assert_eq!(server.requests().len(), 1);
    client.publish("orders", b"x");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_late_sub_renews_the_grant_as_well() {
    let server = AuthServer::always(Reply::grant(1, EVERYTHING));
    let nsqd = Nsqd::with(&[&server.flag()]);
    let mut client = authed(&nsqd, "s");
    client.expect_silence(Duration::from_millis(1100));
    client.subscribe("orders", "audit");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_refusal_counts_at_once() {
    for (reply, error) in [
        (Reply::status("403 Forbidden"), "E_AUTH_FAILED AUTH failed"),
        (Reply::ok(b"{}"), "E_AUTH_FAILED AUTH failed"),
        (Reply::grant(60, ""), r#"E_UNAUTHORIZED AUTH failed for PUB on "orders" """#),
    ] {
        let server = once_and_then(reply);
        let nsqd = Nsqd::with(&[&server.flag()]);
        let (_, text) = publish_until_refused(&mut authed(&nsqd, "s"));
        assert_eq!(text, error);
        assert_eq!(server.requests().len(), 2, "an outage would be asked about again");
    }
}

#[test]
fn permissions_are_those_of_the_last_answer() {
    let narrower = r#"{"topic":"^other$","channels":[".*"],"permissions":["publish"]}"#;
    let server = once_and_then(Reply::grant(60, narrower));
    let nsqd = Nsqd::with(&[&server.flag()]);
    let (_, text) = publish_until_refused(&mut authed(&nsqd, "s"));
    assert_eq!(text, r#"E_UNAUTHORIZED AUTH failed for PUB on "orders" """#);
}

#[test]
fn an_outage_is_survived_for_as_long_as_the_grant_was_for() {
    if !ours() {
        return; // nsqd 1.3 closes the connection
    }
    for outage in [Reply::Close, Reply::status("503 Service Unavailable")] {
        let server = once_and_then(outage);
        let nsqd = Nsqd::with(&[&server.flag()]);
        let (after, text) = publish_until_refused(&mut authed(&nsqd, "s"));
        assert_eq!(text, "E_AUTH_FAILED AUTH failed");
        assert!(after >= Duration::from_millis(1900), "{after:?}");
        assert!(server.requests().len() > 2, "it has been asked again");
        expect_logged(&nsqd, &["WARNING", "no auth server answers, its permissions stand for now"]);
    }
}

#[test]
fn after_an_outage_all_is_as_before() {
    if !ours() {
        return; // nsqd 1.3 closes the connection
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let server = AuthServer::scripted({
        let asked = Arc::clone(&asked);
        move |_, before| {
            asked.store(before + 1, Ordering::SeqCst);
            if before == 1 { Reply::Close } else { Reply::grant(1, EVERYTHING) }
        }
    });
    let nsqd = Nsqd::with(&[&server.flag()]);
    let mut client = authed(&nsqd, "s");
    let begun = Instant::now();
    while asked.load(Ordering::SeqCst) < 4 {
        client.publish("orders", b"x");
        assert!(begun.elapsed() < Duration::from_secs(15));
    }
}
