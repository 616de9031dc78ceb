//! Asking an actor on behalf of a request.

use actix::{Actor, Addr, Handler, Message, dev::ToEnvelope};

use super::HttpError;

/// Asks an actor. If it fails over the question, asks once more: it has been restarted then.
pub async fn ask<A, M>(actor: &Addr<A>, question: impl Fn() -> M) -> Result<M::Result, HttpError>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    if let Ok(answer) = actor.send(question()).await {
        return Ok(answer);
    }
    actor.send(question()).await.map_err(|_| HttpError::Internal)
}
