//! Time on a link, which passes at once.

use actix::Recipient;
use actix_rt::time::{Instant, sleep};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::{actors::lookup_registry::messages::ListTopics, config::NsqlookupdOptions};

/// Whoever hears that a link is gone.
struct Listener;

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<LinkGone> for Listener {
    type Result = ();

    fn handle(&mut self, _: LinkGone, _: &mut Self::Context) {}
}

fn start() -> (Addr<LookupRegistry>, Addr<LookupConnection>, DuplexStream) {
    let shared = Arc::new(LookupShared::new(NsqlookupdOptions::default(), 1, 2, 1024));
    let registry = LookupRegistry::new(Arc::clone(&shared)).start();
    let gone: Recipient<LinkGone> = Listener.start().recipient();
    let spec = LinkSpec {
        id: shared.next_link(),
        remote: "peer:1".into(),
        registry: registry.clone(),
        gone,
        shared,
    };
    let (here, there) = duplex(1 << 16);
    (registry, LookupConnection::start_new(spec, Box::new(here)), there)
}

/// How long it takes until the link is closed from the other side, and what is said before.
async fn closed_after(peer: &mut DuplexStream) -> (u64, Vec<u8>) {
    let (begun, mut said) = (Instant::now(), Vec::new());
    peer.read_to_end(&mut said).await.unwrap();
    (begun.elapsed().as_secs(), said)
}

#[actix::test]
async fn who_does_not_say_the_magic_is_closed_after_ten_seconds() {
    tokio::time::pause();
    for magic in [&b""[..], b"  V"] {
        let (_registry, _link, mut peer) = start();
        peer.write_all(magic).await.unwrap();
        assert_eq!(closed_after(&mut peer).await, (10, Vec::new()));
    }
}

#[actix::test]
async fn who_pings_is_never_closed_and_who_is_silent_is_after_twice_the_inactive_time() {
    tokio::time::pause();
    let (_registry, _link, mut peer) = start();
    peer.write_all(b"  V1").await.unwrap();
    let mut answer = [0; 6];
    for _ in 0..20 {
        sleep(Duration::from_secs(500)).await;
        peer.write_all(b"PING\n").await.unwrap();
        peer.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"\0\0\0\x02OK");
    }
    assert_eq!(closed_after(&mut peer).await, (600, Vec::new()));
}

#[actix::test]
async fn half_a_command_is_no_sign_of_life() {
    tokio::time::pause();
    let (_registry, _link, mut peer) = start();
    peer.write_all(b"  V1IDENTIFY\n\0\0\x01").await.unwrap();
    sleep(Duration::from_secs(400)).await;
    peer.write_all(b"\0xyz").await.unwrap();
    assert_eq!(closed_after(&mut peer).await, (200, Vec::new()));
}

#[actix::test]
async fn who_reads_no_answers_is_closed() {
    tokio::time::pause();
    let (_registry, link, mut peer) = start();
    peer.write_all(b"  V1").await.unwrap();
    let flood = async { while peer.write_all(&b"PING\n".repeat(1000)).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(60), flood).await.expect("it is closed");
    sleep(Duration::from_secs(1)).await;
    assert!(!link.connected());
}

#[actix::test]
async fn what_was_wrong_is_read_before_the_end_whatever_else_is_sent() {
    tokio::time::pause();
    let (registry, _link, mut peer) = start();
    peer.write_all(b"  V1NOPE\nREGISTER t\n").await.unwrap();
    let (_, said) = closed_after(&mut peer).await;
    assert_eq!(said, b"\0\0\0\x1eE_INVALID invalid command NOPE");
    assert!(registry.send(ListTopics).await.unwrap().is_empty());
}
