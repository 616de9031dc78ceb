//! The end of an actor's turn: its mailbox is empty, now the effects of the whole turn leave.

use std::{
    pin::Pin,
    task::{self, Poll},
};

use actix::{Actor, ActorFuture};

/// An actor that gathers work while it empties its mailbox and carries it out at the end.
pub trait Turn: Actor {
    /// Carries out what the turn has gathered. `cx` wakes the actor for another turn.
    fn end_turn(&mut self, ctx: &mut Self::Context, cx: &mut task::Context<'_>);
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
