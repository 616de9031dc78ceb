//! Every error of the protocol: the bytes that bring it about, the frame that answers them, and what
//! becomes of the connection. Rows stand in the order in which a command is checked.

mod auth;
mod consuming;
mod identify;
mod lines;
mod publishing;
mod quoting;
mod settling;
mod storing;

use crate::support::{Client, Nsqd, commands};

/// Published behind a command that must end the connection.
const BEHIND: &str = "never_published";

/// Where a client is when it sends the bytes of a row.
#[derive(Debug, Clone, Copy)]
enum State {
    Init,
    WithoutHeartbeats,
    Subscribed,
    Closing,
}

impl State {
    #[track_caller]
    fn enter(self, nsqd: &Nsqd) -> Client {
        let mut client = match self {
            Self::WithoutHeartbeats => nsqd.client_with(r#"{"heartbeat_interval":-1}"#),
            _ => nsqd.client(),
        };
        if matches!(self, Self::Subscribed | Self::Closing) {
            client.subscribe("consumed", "audit");
        }
        if matches!(self, Self::Closing) {
            client.send(commands::CLS);
            client.expect_response("CLOSE_WAIT");
        }
        client
    }
}

/// A frame, to the byte.
fn frame(kind: u32, data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(4 + data.len()).unwrap();
    [&size.to_be_bytes(), &kind.to_be_bytes(), data].concat()
}

fn error_frame(text: impl AsRef<[u8]>) -> Vec<u8> {
    frame(1, text.as_ref())
}

/// The error comes, the connection ends, and what was sent behind the command is not read.
#[track_caller]
fn ends(nsqd: &Nsqd, state: State, sent: impl AsRef<[u8]>, error: impl AsRef<[u8]>) {
    let mut client = state.enter(nsqd);
    client.send(&[sent.as_ref(), &commands::publish(BEHIND, b"x")].concat());
    client.expect_bytes(&error_frame(error));
    client.expect_closed();
    assert!(nsqd.topic(BEHIND).is_null(), "read on behind {:?}", sent.as_ref().escape_ascii());
}

/// The same when the peer stops in the middle of what it sends.
#[track_caller]
fn ends_cut_off(nsqd: &Nsqd, sent: impl AsRef<[u8]>, error: impl AsRef<[u8]>) {
    let mut client = nsqd.client();
    client.send(sent.as_ref());
    client.half_close();
    client.expect_bytes(&error_frame(error));
    client.expect_closed();
}

/// The error comes, and the next command is obeyed.
#[track_caller]
fn is_survived(nsqd: &Nsqd, state: State, sent: impl AsRef<[u8]>, error: impl AsRef<[u8]>) {
    let mut client = state.enter(nsqd);
    client.send(&[sent.as_ref(), &commands::publish("survived", b"x")].concat());
    client.expect_bytes(&[error_frame(error), frame(0, b"OK")].concat());
}

/// No error: the command is answered with this, or with nothing, and the next one is obeyed.
#[track_caller]
fn is_obeyed(nsqd: &Nsqd, state: State, sent: impl AsRef<[u8]>, response: Option<&str>) {
    let mut client = state.enter(nsqd);
    client.send(&[sent.as_ref(), &commands::publish("obeyed", b"x")].concat());
    let response = response.map(|text| frame(0, text.as_bytes())).unwrap_or_default();
    client.expect_bytes(&[response, frame(0, b"OK")].concat());
}
