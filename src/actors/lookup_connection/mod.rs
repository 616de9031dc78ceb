//! nsqlookupd's side of an nsqd's link.
//!
//! Everything that one read brought goes to the registry as one message, and all answers leave in one write. The actor
//! is not supervised: its state is the socket's. Whatever way it ends, its producer is gone from the registry.

mod conversation;
mod hearing;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, Recipient,
    WrapFuture,
};

use self::conversation::Conversation;
use super::{
    lookup_registry::{LookupRegistry, messages::LinkGone},
    lookup_shared::LookupShared,
};
use crate::{broker::LinkId, stream::Duplex};

/// How long a peer may take to say the magic.
const MAGIC_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a peer may take to read its answers.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a peer may take to read its last error.
const LINGER: Duration = Duration::from_secs(1);

/// Ends the link at once.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct CloseLink;

/// What a link is given.
pub struct LinkSpec {
    /// Its number.
    pub id: LinkId,
    /// `ip:port` of the peer.
    pub remote: Arc<str>,
    /// Where producers are registered.
    pub registry: Addr<LookupRegistry>,
    /// Who else hears of its end.
    pub gone: Recipient<LinkGone>,
    /// Options and counters.
    pub shared: Arc<LookupShared>,
}

/// One link.
pub struct LookupConnection {
    conversation: Option<Conversation>,
    _goodbye: Goodbye,
}

/// Tells of the link's end when it is dropped.
struct Goodbye {
    id: LinkId,
    registry: Addr<LookupRegistry>,
    gone: Recipient<LinkGone>,
}

impl Drop for Goodbye {
    fn drop(&mut self) {
        self.registry.do_send(LinkGone(self.id));
        self.gone.do_send(LinkGone(self.id));
    }
}

impl LookupConnection {
    /// Starts a link on the calling thread, where the registry lives.
    pub fn start_new(spec: LinkSpec, stream: Box<dyn Duplex>) -> Addr<Self> {
        let goodbye =
            Goodbye { id: spec.id, registry: spec.registry.clone(), gone: spec.gone.clone() };
        let conversation = Some(Conversation::new(spec, stream));
        Self { conversation, _goodbye: goodbye }.start()
    }
}

impl Actor for LookupConnection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(conversation) = self.conversation.take() else { return };
        let whole = conversation.hold().into_actor(self);
        ctx.spawn(whole.map(|(), _, ctx| ctx.stop()));
    }
}

impl Handler<CloseLink> for LookupConnection {
    type Result = ();

    fn handle(&mut self, _: CloseLink, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
