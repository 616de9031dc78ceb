//! Clients that must show a secret, and an auth server that is asked about it.

mod commands;
mod permissions;
mod renewal;
mod requests;
pub(crate) mod server;
mod tls;
mod trouble;

use crate::support::{Client, Frame, Nsqd, commands::sized, ours};

const GRANTED: &str = r#"{"identity":"joe","identity_url":"http://x/joe","permission_count":1}"#;

fn auth(secret: &str) -> Vec<u8> {
    sized("AUTH", secret.as_bytes())
}

/// A client that has shown a secret, which is good.
#[track_caller]
fn authed(nsqd: &Nsqd, secret: &str) -> Client {
    let mut client = nsqd.client();
    client.send(&auth(secret));
    match client.expect_frame() {
        Frame::Response(answer) => assert!(answer.starts_with(r#"{"identity":"#), "{answer}"),
        other => panic!("expected an identity, found {other:?}"),
    }
    client
}

/// A client that shows a secret and is turned away.
#[track_caller]
fn turned_away(nsqd: &Nsqd, secret: &str, error: &str) {
    let mut client = nsqd.client();
    client.send(&auth(secret));
    client.expect_fatal(error);
}

/// A line that has all of these in it; another broker has other words.
#[track_caller]
fn expect_logged(nsqd: &Nsqd, parts: &[&str]) {
    if ours() {
        nsqd.expect_logged(parts);
    }
}
