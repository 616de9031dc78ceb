//! SIGHUP: certificates are read again, connections stand.

use std::{fs, io::Write, net::SocketAddr};

use rustix::process::Signal;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::{Secure, expect_alive, try_upgrade};
use crate::support::{
    DEADLINE, Nsqd,
    http::{read_response, request_bytes},
    ours,
    tls::{Authority, TlsPeer, TlsStream},
};

const READ_AGAIN: &str = "INFO: TLS: certificates read again: certificate of \"CN=node\" is valid";

#[track_caller]
fn expect_served(stream: &mut TlsStream) {
    stream.write_all(b"GET /ping HTTP/1.1\r\nHost: b\r\n\r\n").unwrap();
    assert_eq!(read_response(stream, false).unwrap().text(), "OK");
}

/// The certificate that new connections are shown.
#[track_caller]
fn shown(peer: &TlsPeer, address: SocketAddr) -> CertificateDer<'static> {
    let mut stream = peer.connect(address).unwrap();
    stream.write_all(&request_bytes("GET", "/ping", b"")).unwrap();
    assert_eq!(read_response(&mut stream, false).unwrap().text(), "OK");
    stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

#[test]
fn new_handshakes_see_the_new_certificate_and_connections_go_on() {
    if !ours() {
        return; // nsqd 1.3 ends at once.
    }
    let secure = Secure::with(&[]);
    let (address, peer) = (secure.nsqd.https_address(), secure.authority.peer());
    let mut client = try_upgrade(&secure.nsqd, &peer).unwrap();
    let mut standing = peer.connect(address).unwrap();
    expect_served(&mut standing);
    let old = secure.identity.certificate();
    assert_eq!(shown(&peer, address), old);

    let new = secure.authority.server("node").certificate();
    assert_ne!(new, old);
    secure.nsqd.signal(Signal::HUP);
    secure.nsqd.expect_line(READ_AGAIN);
    assert_eq!(shown(&peer, address), new);
    let mut later = try_upgrade(&secure.nsqd, &peer).unwrap();
    assert_eq!(later.conn.peer_certificates().unwrap(), [new]);
    expect_served(&mut standing);
    expect_alive(&mut client);
    expect_alive(&mut later);
}

#[test]
fn broken_files_keep_the_old_certificate() {
    if !ours() {
        return;
    }
    let mut secure = Secure::with(&[]);
    let (address, peer) = (secure.nsqd.https_address(), secure.authority.peer());
    let old = secure.identity.certificate();
    let whole = fs::read(&secure.identity.cert).unwrap();
    for (content, said) in
        [(&b""[..], "no certificate found in "), (&whole[..whole.len() / 2], "cannot be read")]
    {
        fs::write(&secure.identity.cert, content).unwrap();
        secure.nsqd.signal(Signal::HUP);
        let kept = "ERROR: TLS: certificates not read again, the old ones stay: ";
        secure.nsqd.expect_line(&format!("{kept}failed to build TLS config - "));
        secure.nsqd.expect_line(said);
        assert_eq!(shown(&peer, address), old);
    }
    fs::write(&secure.identity.cert, &whole).unwrap();
    fs::remove_file(&secure.identity.key).unwrap();
    secure.nsqd.signal(Signal::HUP);
    secure.nsqd.expect_line("node.key: no such file or directory");
    assert_eq!(shown(&peer, address), old);
    assert!(secure.nsqd.is_running());

    let new = secure.authority.server("node").certificate();
    secure.nsqd.signal(Signal::HUP);
    secure.nsqd.expect_line(READ_AGAIN);
    assert_eq!(shown(&peer, address), new);
}

#[test]
fn authorities_of_clients_are_read_again_too() {
    if !ours() {
        return;
    }
    let authority = Authority::new();
    let (old, other) = (authority.client("old"), Authority::new());
    let new = other.client("new");
    let authorities = authority.path("clients.pem");
    fs::copy(authority.file(), &authorities).unwrap();
    let file = format!("--tls-root-ca-file={}", authorities.display());
    let secure = Secure::of(authority, &["--tls-client-auth-policy=require-verify", &file]);
    let address = secure.nsqd.https_address();
    // The same peer each time: a session to resume would let it in again.
    let (old, new) = (secure.authority.peer().showing(&old), secure.authority.peer().showing(&new));
    let is_served = |peer: &TlsPeer| peer.try_http(address, "GET", "/ping").is_ok();
    assert_eq!((is_served(&old), is_served(&new)), (true, false));
    fs::copy(other.file(), &authorities).unwrap();
    secure.nsqd.signal(Signal::HUP);
    secure.nsqd.expect_line(READ_AGAIN);
    assert_eq!((is_served(&old), is_served(&new)), (false, true));
}

#[test]
fn hangup_without_a_certificate_is_a_graceful_stop() {
    if !ours() {
        return;
    }
    let mut nsqd = Nsqd::start();
    nsqd.client().publish("orders", b"one");
    nsqd.signal(Signal::HUP);
    assert_eq!(nsqd.expect_exit(DEADLINE).code(), Some(0));
    nsqd.restart();
    assert_eq!(nsqd.topic("orders")["topic_name"], "orders");
}

#[test]
fn other_signals_still_stop_it() {
    let mut secure = Secure::with(&[]);
    let mut standing = secure.authority.peer().connect(secure.nsqd.https_address()).unwrap();
    expect_served(&mut standing);
    assert_eq!(secure.nsqd.terminate().code(), Some(0));
}
