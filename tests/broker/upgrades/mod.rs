//! Connections that go over to TLS, snappy or DEFLATE inside IDENTIFY.

mod encryption;
mod exchange;
mod order;
mod stats;

use std::{fmt, sync::Arc};

use serde_json::Value;
use tokio_rustls::rustls::ClientConfig;

use crate::support::{
    Client, Frame, Nsqd, commands,
    tls::{Authority, ONLY_1_2},
};

/// What a client asks for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wish {
    pub(crate) tls: bool,
    pub(crate) snappy: bool,
    pub(crate) deflate_level: Option<u8>,
}

pub(crate) const TLS: Wish = Wish { tls: true, ..PLAIN };
pub(crate) const SNAPPY: Wish = Wish { snappy: true, ..PLAIN };
pub(crate) const DEFLATE: Wish = Wish { deflate_level: Some(6), ..PLAIN };
const PLAIN: Wish = Wish { tls: false, snappy: false, deflate_level: None };

impl fmt::Display for Wish {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tls, snappy, deflate_level } = self;
        write!(formatter, "tls={tls} snappy={snappy} deflate={deflate_level:?}")
    }
}

impl Wish {
    /// The body of the IDENTIFY.
    pub(crate) fn to_json(self) -> String {
        let (tls, snappy, deflate) = (self.tls, self.snappy, self.deflate_level.is_some());
        let level = self.deflate_level.unwrap_or(0);
        format!(
            r#"{{"feature_negotiation":true,"tls_v1":{tls},"snappy":{snappy},"deflate":{deflate},"deflate_level":{level}}}"#
        )
    }
}

/// A broker with a certificate, and who has signed it.
struct Secure {
    nsqd: Nsqd,
    authority: Authority,
}

impl Secure {
    #[track_caller]
    fn with(flags: &[&str]) -> Self {
        let authority = Authority::new();
        let own = authority.server("node").flags();
        let all: Vec<_> = own.iter().map(String::as_str).chain(flags.iter().copied()).collect();
        let nsqd = Nsqd::with(&all);
        Self { nsqd, authority }
    }

    /// What a client needs that shows nothing of itself.
    fn config(&self) -> Arc<ClientConfig> {
        self.authority.peer().config()
    }

    /// The same with an older version.
    fn config_of_1_2(&self) -> Arc<ClientConfig> {
        self.authority.peer().speaking(ONLY_1_2).config()
    }

    /// A client that has got what it wished for.
    #[track_caller]
    fn client(&self, wish: Wish) -> Client {
        upgrade(self.nsqd.client(), wish, &self.config())
    }
}

/// Says IDENTIFY and follows the broker through the upgrades that it agrees to.
#[track_caller]
pub(crate) fn upgrade(mut client: Client, wish: Wish, config: &Arc<ClientConfig>) -> Client {
    client.send(&commands::identify(&wish.to_json()));
    follow(&mut client, wish, config);
    client
}

/// The same behind the IDENTIFY.
#[track_caller]
fn follow(client: &mut Client, wish: Wish, config: &Arc<ClientConfig>) {
    let agreed = expect_json(client);
    assert_eq!(agreed["tls_v1"], wish.tls);
    assert_eq!(agreed["snappy"], wish.snappy);
    assert_eq!(agreed["deflate"], wish.deflate_level.is_some());
    if wish.tls {
        client.upgrade_to_tls(config);
        client.expect_ok();
    }
    compress(client, wish);
}

#[track_caller]
fn compress(client: &mut Client, wish: Wish) {
    if wish.snappy {
        client.upgrade_to_snappy();
        client.expect_ok();
    } else if wish.deflate_level.is_some() {
        client.upgrade_to_deflate();
        client.expect_ok();
    }
}

/// A client on a broker without TLS that has got its compression.
#[track_caller]
pub(crate) fn compressed(nsqd: &Nsqd, wish: Wish) -> Client {
    let mut client = nsqd.client();
    client.send(&commands::identify(&wish.to_json()));
    expect_json(&mut client);
    compress(&mut client, wish);
    client
}

#[track_caller]
pub(crate) fn expect_json(client: &mut Client) -> Value {
    match client.expect_frame() {
        Frame::Response(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("expected the answer to IDENTIFY, found {other:?}"),
    }
}
