//! What follows an IDENTIFY that asks for it: TLS, then a compression, each with an `OK` inside.

use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{self, Poll},
};

use tokio_rustls::server::TlsStream;

use super::{
    ClientConnection, Waiting,
    handshake::{Deadlined, Handshake},
    info::TlsInfo,
};
use crate::{
    actors::clock,
    protocol::{
        Features, ProtocolError, frame,
        upgrade::{DeflateDecoder, DeflateEncoder, SnappyDecoder, SnappyEncoder},
    },
    stream::Compressed,
};

/// The next step of an upgrade. Until the last one is done nothing is read as a command, and nothing
/// but answers to earlier commands and the `OK` of each step is written.
pub(super) enum Upgrade {
    /// TLS, when everything before it has left.
    Tls,
    /// TLS is being agreed on.
    Handshake(Box<Handshake>),
    /// Snappy or DEFLATE, when everything before it has left.
    Compression,
}

impl ClientConnection {
    /// Begins what has been negotiated. What the peer has sent already is forgotten: it came in the
    /// clear and must not count as said behind the upgrade.
    pub(super) fn begin_upgrade(&mut self) {
        let Features { tls_v1, snappy, deflate } = self.negotiated.features;
        if tls_v1 {
            self.waiting = Some(Waiting::Upgrade(Upgrade::Tls));
        } else if snappy || deflate {
            self.waiting = Some(Waiting::Upgrade(Upgrade::Compression));
        }
    }

    /// Something other than plain commands and frames is being agreed on.
    pub(super) fn is_upgrading(&self) -> bool {
        matches!(self.waiting, Some(Waiting::Upgrade(_)))
    }

    /// The next step has waited for nothing but the output, and that has left.
    pub(super) fn may_upgrade(&self) -> bool {
        let waits =
            matches!(self.waiting, Some(Waiting::Upgrade(Upgrade::Tls | Upgrade::Compression)));
        waits && self.has_left()
    }

    /// Everything that there was to say has left.
    fn has_left(&self) -> bool {
        self.responses.is_empty() && self.output.has_left()
    }

    pub(super) fn poll_upgrade(&mut self, upgrade: Upgrade, cx: &mut task::Context<'_>) {
        match upgrade {
            Upgrade::Handshake(handshake) => self.poll_handshake(handshake, cx),
            _ if self.is_ending() => {} // an earlier command has failed meanwhile
            upgrade if !self.has_left() => self.waiting = Some(Waiting::Upgrade(upgrade)),
            Upgrade::Tls => self.begin_handshake(cx),
            Upgrade::Compression => self.compress(),
        }
    }

    fn begin_handshake(&mut self, cx: &mut task::Context<'_>) {
        let tls = self.spec.shared.tls.as_ref().expect("TLS is agreed on only where there is some");
        let socket = mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let handshake = Handshake::new(&tls.acceptor(), socket);
        self.poll_handshake(Box::new(handshake), cx);
    }

    fn poll_handshake(&mut self, mut handshake: Box<Handshake>, cx: &mut task::Context<'_>) {
        match Pin::new(&mut *handshake).poll(cx) {
            Poll::Pending => self.waiting = Some(Waiting::Upgrade(Upgrade::Handshake(handshake))),
            Poll::Ready(Ok(stream)) => self.encrypted(stream),
            Poll::Ready(Err((error, socket))) => {
                let client = &self.spec.remote_address;
                log::warn!("client={client} TLS handshake failed: {error}");
                self.stream = socket;
                self.fail(ProtocolError::IdentifyFailed(error));
            }
        }
    }

    fn encrypted(&mut self, stream: TlsStream<Deadlined>) {
        self.tls = Some(TlsInfo::of(stream.get_ref().1).into());
        self.stream = Box::new(stream);
        self.session.tls_missing = false;
        self.upgraded();
        let Features { snappy, deflate, .. } = self.negotiated.features;
        if snappy || deflate {
            self.waiting = Some(Waiting::Upgrade(Upgrade::Compression));
        }
    }

    fn compress(&mut self) {
        let below = mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        self.stream = if self.negotiated.features.snappy {
            let (encoder, decoder) = (SnappyEncoder::default(), SnappyDecoder::default());
            Box::new(Compressed::new(below, encoder, decoder))
        } else {
            let encoder = DeflateEncoder::new(self.negotiated.deflate_level);
            Box::new(Compressed::new(below, encoder, DeflateDecoder::default()))
        };
        self.upgraded();
    }

    /// A step is done. The peer has had no chance to send a command meanwhile.
    fn upgraded(&mut self) {
        self.timing.command_came(clock::now());
        self.respond(|frames| frames.extend_from_slice(&frame::OK_FRAME));
    }

    /// Says in TLS's own words, if the socket takes them at once, that nothing more comes.
    pub(super) fn say_goodbye(&mut self) {
        if self.tls.is_some() {
            let mut cx = task::Context::from_waker(task::Waker::noop());
            let _: Poll<_> = Pin::new(&mut *self.stream).poll_shutdown(&mut cx);
        }
    }
}
