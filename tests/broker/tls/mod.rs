//! TLS of the broker: certificates, who is asked for one, HTTPS.

mod https;
mod policies;
mod reload;
mod required;
mod starting;

use std::io::{self, Read, Write};

use crate::{
    support::{
        Nsqd, commands,
        tls::{Authority, Identity, TlsPeer, TlsStream},
    },
    upgrades,
};

/// The frame of an `OK`.
const OK: &[u8] = b"\0\0\0\x06\0\0\0\0OK";

/// A broker with a certificate, and its authority.
struct Secure {
    nsqd: Nsqd,
    authority: Authority,
    identity: Identity,
}

impl Secure {
    #[track_caller]
    fn with(flags: &[&str]) -> Self {
        Self::of(Authority::new(), flags)
    }

    /// With flags that name files of the authority.
    #[track_caller]
    fn of(authority: Authority, flags: &[&str]) -> Self {
        let identity = authority.server("node");
        let nsqd = start(&identity, flags);
        Self { nsqd, authority, identity }
    }
}

#[track_caller]
fn start(identity: &Identity, flags: &[&str]) -> Nsqd {
    let own = identity.flags();
    let all: Vec<_> = own.iter().map(String::as_str).chain(flags.iter().copied()).collect();
    Nsqd::with(&all)
}

/// Goes over to TLS inside IDENTIFY; an error if the handshake fails on either side.
fn try_upgrade(nsqd: &Nsqd, peer: &TlsPeer) -> io::Result<TlsStream> {
    let mut client = nsqd.client();
    client.send(&commands::identify(&upgrades::TLS.to_json()));
    assert_eq!(upgrades::expect_json(&mut client)["tls_v1"], true);
    let mut stream = peer.agree(client.stream().try_clone()?)?;
    expect_bytes(&mut stream, OK)?;
    Ok(stream)
}

fn expect_bytes(stream: &mut TlsStream, expected: &[u8]) -> io::Result<()> {
    let mut received = vec![0; expected.len()];
    stream.read_exact(&mut received)?;
    assert_eq!(received, expected);
    Ok(())
}

/// A connection of NSQ's own protocol stands and obeys.
#[track_caller]
fn expect_alive(stream: &mut TlsStream) {
    stream.write_all(&commands::publish("is_it_alive", b"yes")).unwrap();
    expect_bytes(stream, OK).unwrap();
}
