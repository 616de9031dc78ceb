//! The actor that looks at the whole cluster, for everybody who wants to see it.
//!
//! One poll serves all pages. What it has gathered lives in a [`Feed`] beside the actor, so that a restart loses nothing but
//! the answers that were awaited.

mod feed;
mod nodes;
mod polling;
mod registries;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use actix::{
    Actor, Addr, AsyncContext, Context, Handler, Message, Recipient, Supervised, WrapFuture,
};
use actix_rt::Arbiter;

pub use self::feed::{Feed, Seen};
use super::supervisor::{ChildFailed, ChildSpec, Crash, supervise};
use crate::cluster::{Ask, Sources};

/// Messages in the mailbox before `try_send` refuses.
const MAILBOX: usize = 64;

/// Something has been changed: look at once, not when the interval is over.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct LookNow;

/// Whom to ask, how, and how often.
#[derive(Clone)]
pub struct CollectorSpec {
    /// How nodes are asked.
    pub ask: Ask,
    /// Where they are found.
    pub sources: Arc<Sources>,
    /// The time between two polls, unless one takes long.
    pub poll_interval: Duration,
    /// Where what is seen is put.
    pub feed: Arc<Feed>,
}

/// The supervised actor. All that it owns is the poll that is under way.
pub struct Collector {
    spec: CollectorSpec,
}

impl Collector {
    /// Starts it on this thread; `failed` hears if it cannot go on.
    pub fn start(spec: CollectorSpec, failed: Recipient<ChildFailed>) -> Addr<Self> {
        let child = ChildSpec {
            name: "collector".into(),
            mailbox: MAILBOX,
            restarts: Arc::clone(&spec.feed.restarts),
            failed,
        };
        supervise(&Arbiter::current(), child, move |_| Self { spec })
    }
}

impl Actor for Collector {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(polling::keep_polling(self.spec.clone()).into_actor(self));
    }
}

impl Supervised for Collector {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.spec.feed.mend();
    }
}

impl Handler<LookNow> for Collector {
    type Result = ();

    fn handle(&mut self, _: LookNow, _: &mut Self::Context) {
        self.spec.feed.wake.notify_one();
    }
}

impl Handler<Crash> for Collector {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}
