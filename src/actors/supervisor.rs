//! Keeps an actor alive: catches its panics, restarts it within a budget, else tells its parent.
//!
//! `actix::Supervisor` restarts an actor that *stops*; a handler that *panics* would drop the actor
//! and close its address. Here the address stays valid and the mailbox keeps its messages; only the
//! message being handled is lost, and its sender is told (`MailboxError::Closed`).
//! `Supervised::restarting` then rebuilds the state rather than trusting what the panic left behind.

use std::{
    any::Any,
    collections::VecDeque,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{self, Poll, ready},
    time::Duration,
};

use actix::{
    Actor, Addr, Context, Message, Recipient, Supervised,
    dev::{ContextFut, channel},
};
use actix_rt::{
    ArbiterHandle,
    time::{Instant, Sleep, sleep},
};

/// Restarts allowed to an actor within [`RESTART_WINDOW`]; one more and the failure goes up.
pub const RESTARTS_MAX: usize = 10;
/// The time over which restarts are counted.
pub const RESTART_WINDOW: Duration = Duration::from_secs(10);
const BACKOFF_MIN: Duration = Duration::from_millis(1);
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// A child has failed more often than its budget allows, and is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ChildFailed {
    /// Which one, as in the log.
    pub child: String,
    /// Its last panic.
    pub cause: String,
}

/// Makes an actor panic in its handler: fault injection for tests and test systems, reachable only
/// with `--enable-experiment=chaos`.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Crash;

impl Crash {
    /// The panic itself.
    pub fn now(&self) {
        panic!("crashed on request");
    }
}

/// What the supervisor knows of its child.
pub struct ChildSpec {
    /// For the log: `channel topic=orders channel=audit`.
    pub name: String,
    /// Messages in the mailbox before `try_send` refuses.
    pub mailbox: usize,
    /// Counts restarts.
    pub restarts: Arc<AtomicU64>,
    /// Who hears when the budget is spent.
    pub failed: Recipient<ChildFailed>,
}

/// Starts an actor under supervision on `arbiter`.
pub fn supervise<A, F>(arbiter: &ArbiterHandle, spec: ChildSpec, make: F) -> Addr<A>
where
    A: Supervised + Actor<Context = Context<A>>,
    F: FnOnce(&mut Context<A>) -> A + Send + 'static,
{
    let (sender, receiver) = channel::channel(spec.mailbox);
    arbiter.spawn_fn(move || {
        let mut context = Context::with_receiver(receiver);
        let actor = make(&mut context);
        let child = Box::new(context.into_future(actor));
        actix_rt::spawn(Supervisor {
            child: Some(child),
            spec,
            budget: Budget::default(),
            pause: None,
            must_restart: false,
        });
    });
    Addr::new(sender)
}

/// Passes a child's failure on: the parent fails too, and is rebuilt or fails upward in its turn.
pub fn escalate(failed: &ChildFailed) -> ! {
    resume_unwind(Box::new(format!("child failed: {}: {}", failed.child, failed.cause)))
}

struct Supervisor<A: Actor<Context = Context<A>>> {
    child: Option<Box<ContextFut<A, Context<A>>>>,
    spec: ChildSpec,
    budget: Budget,
    /// The back-off before a restart.
    pause: Option<Pin<Box<Sleep>>>,
    must_restart: bool,
}

type Panic = Box<dyn Any + Send>;

impl<A: Supervised + Actor<Context = Context<A>>> Future for Supervisor<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            if let Some(pause) = &mut this.pause {
                ready!(pause.as_mut().poll(cx));
                this.pause = None;
            }
            match this.poll_child(cx) {
                Ok(pending_or_stopped) => return pending_or_stopped,
                Err(panic) => this.child_panicked(&*panic),
            }
        }
    }
}

impl<A: Supervised + Actor<Context = Context<A>>> Supervisor<A> {
    /// Runs the child, after restarting it if it must be.
    fn poll_child(&mut self, cx: &mut task::Context<'_>) -> Result<Poll<()>, Panic> {
        let Some(child) = &mut self.child else { return Ok(Poll::Ready(())) };
        let restart = std::mem::take(&mut self.must_restart);
        catch_unwind(AssertUnwindSafe(|| {
            if restart && !child.restart() {
                return Poll::Ready(()); // nobody has its address any more
            }
            Pin::new(child.as_mut()).poll(cx)
        }))
    }

    /// Schedules a restart, or gives the child up.
    fn child_panicked(&mut self, panic: &(dyn Any + Send)) {
        let (name, cause) = (&self.spec.name, cause_of(panic));
        if let Some(backoff) = self.budget.spend(Instant::now()) {
            self.spec.restarts.fetch_add(1, Ordering::Relaxed);
            log::error!("{name}: panicked: {cause}; restarting in {backoff:?}");
            self.pause = Some(Box::pin(sleep(backoff)));
            self.must_restart = true;
            return;
        }
        log::error!("{name}: panicked: {cause}; restart budget spent, failing upward");
        self.spec.failed.do_send(ChildFailed { child: name.clone(), cause });
        let child = self.child.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(child)));
    }
}

/// The restarts of the recent past.
#[derive(Debug, Default)]
struct Budget {
    recent: VecDeque<Instant>,
}

impl Budget {
    /// The back-off before another restart, or `None` when the budget is spent.
    fn spend(&mut self, now: Instant) -> Option<Duration> {
        while self.recent.front().is_some_and(|&at| now.duration_since(at) > RESTART_WINDOW) {
            self.recent.pop_front();
        }
        if self.recent.len() >= RESTARTS_MAX {
            return None;
        }
        let backoff = BACKOFF_MIN * 2u32.pow(u32::try_from(self.recent.len()).unwrap_or(31));
        self.recent.push_back(now);
        Some(backoff.min(BACKOFF_MAX))
    }
}

fn cause_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".into())
}

#[cfg(test)]
mod tests {
    use actix::{ActorContext, Handler};
    use actix_rt::Arbiter;

    use super::*;

    struct Counter {
        value: u32,
        started: u32,
    }

    impl Actor for Counter {
        type Context = Context<Self>;

        fn started(&mut self, _: &mut Self::Context) {
            self.started += 1;
        }
    }

    impl Supervised for Counter {
        fn restarting(&mut self, _: &mut Self::Context) {
            self.value = 100;
        }
    }

    #[derive(Message)]
    #[rtype(result = "(u32, u32)")]
    struct Increment;

    impl Handler<Increment> for Counter {
        type Result = actix::MessageResult<Increment>;

        fn handle(&mut self, _: Increment, _: &mut Self::Context) -> Self::Result {
            self.value += 1;
            actix::MessageResult((self.value, self.started))
        }
    }

    impl Handler<Crash> for Counter {
        type Result = ();

        fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
            crash.now();
        }
    }

    #[derive(Default)]
    struct Parent {
        heard: Option<tokio::sync::oneshot::Sender<ChildFailed>>,
    }

    impl Actor for Parent {
        type Context = Context<Self>;
    }

    impl Handler<ChildFailed> for Parent {
        type Result = ();

        fn handle(&mut self, failed: ChildFailed, ctx: &mut Self::Context) {
            self.heard.take().map(|heard| heard.send(failed));
            ctx.stop();
        }
    }

    fn supervised() -> (Addr<Counter>, tokio::sync::oneshot::Receiver<ChildFailed>, Arc<AtomicU64>)
    {
        let (heard, hears) = tokio::sync::oneshot::channel();
        let parent = Parent { heard: Some(heard) }.start();
        let restarts = Arc::new(AtomicU64::new(0));
        let spec = ChildSpec {
            name: "counter".into(),
            mailbox: 16,
            restarts: Arc::clone(&restarts),
            failed: parent.recipient(),
        };
        let counter = supervise(&Arbiter::current(), spec, |_| Counter { value: 0, started: 0 });
        (counter, hears, restarts)
    }

    #[actix::test]
    async fn a_panic_loses_one_message_and_keeps_address_and_mailbox() {
        let (counter, _hears, restarts) = supervised();
        assert_eq!(counter.send(Increment).await.unwrap(), (1, 1));
        let crash = counter.send(Crash);
        let behind = counter.send(Increment);
        assert!(matches!(crash.await, Err(actix::MailboxError::Closed)));
        assert_eq!(behind.await.unwrap(), (101, 2), "rebuilt, started again, mailbox kept");
        assert_eq!(restarts.load(Ordering::Relaxed), 1);
    }

    #[actix::test]
    async fn a_spent_budget_fails_upward_and_closes_the_address() {
        let (counter, hears, restarts) = supervised();
        for _ in 0..=RESTARTS_MAX {
            let _ = counter.send(Crash).await;
        }
        let failed = hears.await.unwrap();
        assert_eq!(
            (failed.child.as_str(), failed.cause.as_str()),
            ("counter", "crashed on request")
        );
        assert_eq!(restarts.load(Ordering::Relaxed), RESTARTS_MAX as u64);
        assert!(!counter.connected());
    }

    #[test]
    fn the_budget_is_for_a_window_of_time() {
        let (mut budget, start) = (Budget::default(), Instant::now());
        for _ in 0..RESTARTS_MAX {
            assert!(budget.spend(start).is_some());
        }
        assert_eq!(budget.spend(start + RESTART_WINDOW), None);
        assert!(budget.spend(start + RESTART_WINDOW + Duration::from_millis(1)).is_some());
    }
}
