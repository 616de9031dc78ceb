//! The actor that asks auth servers. One for all connections: equal questions are asked once, and
//! only so many at a time.

mod question;
mod server;
mod servers;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    rc::Rc,
    sync::Arc,
};

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, Supervised, WrapFuture,
};
use tokio::sync::oneshot;

use self::servers::Servers;
use super::supervisor::Crash;
use crate::broker::Grant;

pub use question::Question;
pub use servers::AuthSpec;

/// Questions under way at a time; the others wait in line.
const REQUESTS_MAX: usize = 64;

/// Why there is no grant. What exactly went wrong is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// A server has answered, and no server grants anything.
    #[error("refused")]
    Refused,
    /// No server has answered.
    #[error("no auth server answers")]
    Unavailable,
}

/// Where an answer goes; dropped without one when the actor has crashed.
pub type AuthReply = oneshot::Sender<Result<Arc<Grant>, AuthError>>;

/// Asks what a client may do. A connection has one such question at a time.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Authorize {
    /// About whom.
    pub question: Question,
    /// Hears the answer.
    pub reply: AuthReply,
}

/// The supervised client of all auth servers.
pub struct AuthClient {
    spec: AuthSpec,
    servers: Rc<Servers>,
    /// Who waits for the answer to each question.
    asking: HashMap<Question, Vec<AuthReply>>,
    /// Questions that are not under way yet.
    line: VecDeque<Question>,
    under_way: usize,
}

impl AuthClient {
    /// Made on the thread on which it lives.
    pub fn new(spec: AuthSpec) -> Self {
        let servers = Rc::new(Servers::new(&spec));
        Self { spec, servers, asking: HashMap::new(), line: VecDeque::new(), under_way: 0 }
    }

    fn ask_next(&mut self, ctx: &mut Context<Self>) {
        while self.under_way < REQUESTS_MAX
            && let Some(question) = self.line.pop_front()
        {
            let somebody_waits =
                |replies: &Vec<AuthReply>| replies.iter().any(|reply| !reply.is_closed());
            if self.asking.get(&question).is_some_and(somebody_waits) {
                self.ask(question, ctx);
            } else {
                self.asking.remove(&question);
            }
        }
    }

    fn ask(&mut self, question: Question, ctx: &mut Context<Self>) {
        self.under_way += 1;
        let servers = Rc::clone(&self.servers);
        let asked = async move {
            let answer = servers.ask(&question).await;
            (question, answer)
        };
        ctx.spawn(asked.into_actor(self).map(|(question, answer), client, ctx| {
            client.under_way -= 1;
            for reply in client.asking.remove(&question).unwrap_or_default() {
                let _ = reply.send(answer.clone()); // who asked may be gone
            }
            client.ask_next(ctx);
        }));
    }
}

impl Actor for AuthClient {
    type Context = Context<Self>;
}

impl Supervised for AuthClient {
    fn restarting(&mut self, _: &mut Self::Context) {
        *self = Self::new(self.spec.clone());
    }
}

impl Handler<Authorize> for AuthClient {
    type Result = ();

    fn handle(&mut self, authorize: Authorize, ctx: &mut Self::Context) {
        let Authorize { question, reply } = authorize;
        if let Some(replies) = self.asking.get_mut(&question) {
            replies.push(reply);
            return;
        }
        self.asking.insert(question.clone(), vec![reply]);
        self.line.push_back(question);
        self.ask_next(ctx);
    }
}

impl Handler<Crash> for AuthClient {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}
