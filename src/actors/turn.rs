//! The end of an actor's turn: its mailbox is empty, now the effects of the whole turn leave.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{self, Poll, ready},
};

use actix::{Actor, ActorFuture};

/// An actor that gathers work while it empties its mailbox and carries it out at the end.
pub trait Turn: Actor {
    /// Carries out what the turn has gathered. `cx` wakes the actor for another turn.
    fn end_turn(&mut self, ctx: &mut Self::Context, cx: &mut task::Context<'_>);
}

/// Asks for another turn of the actor that `cx` belongs to, after other actors and after a look at
/// sockets and timers. Waking oneself would do for the first, but the runtime looks at sockets only
/// now and then while tasks are ready.
pub fn take_another_turn(cx: &mut task::Context<'_>) {
    let yielding = pin!(tokio::task::yield_now());
    let _ = yielding.poll(cx); // leaves the waker where the runtime finds it after that look
}

/// Spawned once into an actor's context, calls [`Turn::end_turn`] after each emptying of the mailbox.
///
/// A context polls every spawned future each time it is woken, and after the mailbox; that is the
/// whole mechanism.
#[derive(Debug)]
pub struct EndOfTurn;

impl<A: Turn> ActorFuture<A> for EndOfTurn {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut A::Context,
        cx: &mut task::Context<'_>,
    ) -> Poll<()> {
        actor.end_turn(ctx, cx);
        Poll::Pending
    }
}

/// A spawned future whose completion is work for the end of a turn: see [`TurnExt::ending_turn`].
#[derive(Debug)]
pub struct EndingTurn<F>(F);

impl<A: Turn, F: ActorFuture<A, Output = ()> + Unpin> ActorFuture<A> for EndingTurn<F> {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut A::Context,
        cx: &mut task::Context<'_>,
    ) -> Poll<()> {
        ready!(Pin::new(&mut self.0).poll(actor, ctx, cx));
        cx.waker().wake_by_ref();
        Poll::Ready(())
    }
}

/// For futures that are spawned into the context of an actor with turns.
pub trait TurnExt<A: Turn>: ActorFuture<A, Output = ()> + Sized {
    /// Gives the actor another turn when the future is done: futures are polled beside
    /// [`EndOfTurn`], perhaps after it.
    fn ending_turn(self) -> EndingTurn<Pin<Box<Self>>> {
        EndingTurn(Box::pin(self))
    }
}

impl<A: Turn, F: ActorFuture<A, Output = ()>> TurnExt<A> for F {}
