//! A topic's children: found, created, deleted, told.

use std::{
    future::Future,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use actix::{
    ActorFutureExt, Addr, AsyncContext, AtomicResponse, Context, Handler, MessageResult,
    ResponseActFuture, WrapFuture, fut,
};
use futures_util::future::join_all;

use super::{
    ChannelAbandoned, ChannelError, ChannelProgress, ChannelStarted, Child, CrashChild,
    DeleteChannel, Discard, FindChannel, MAILBOX, Released, Topic, TopicAbandoned,
};
use crate::{
    actors::{
        channel::{Channel, ConfirmCursor, Parent, ShutdownChannel},
        disk_queue::{RemoveCursor, SaveCursor, StoreError},
        supervisor::{ChildSpec, Crash, supervise},
    },
    protocol::ChannelName,
    storage::{Batch, Cursor, LogPosition},
};

/// A channel as its topic knows it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) addr: Addr<Channel>,
    /// Everything below is finished, by the cursor that was saved last.
    pub(super) floor: u64,
    /// What is below it needs no more while it lives, saved or not.
    needed_from: Arc<AtomicU64>,
}

impl Topic {
    /// Starts the actor of a channel whose first message is at `floor` or above. `created`: it is
    /// new, everything that it receives counts.
    pub(super) fn start_channel(
        &mut self,
        name: &ChannelName,
        floor: u64,
        created: bool,
        ctx: &mut Context<Self>,
    ) -> Addr<Channel> {
        let spec = ChildSpec {
            name: format!("channel topic={} channel={name}", self.name),
            mailbox: MAILBOX,
            restarts: Arc::clone(&self.shared().restarts.channels),
            failed: ctx.address().recipient(),
        };
        let needed_from = Arc::new(AtomicU64::new(floor));
        let parent = Parent {
            started: ctx.address().recipient(),
            progress: ctx.address().recipient(),
            abandoned: ctx.address().recipient(),
            cache: ctx.address().recipient(),
            carry: ctx.address().recipient(),
            needed_from: Arc::clone(&needed_from),
        };
        let (topic, channel, disk) = (self.name.clone(), name.clone(), self.disk.clone());
        let shared = Arc::clone(&self.place.shared);
        let addr = supervise(&self.place.arbiter, spec, move |_| {
            Channel::new(topic, channel, shared, parent, disk, floor, created)
        });
        self.channels.insert(name.clone(), Entry { addr: addr.clone(), floor, needed_from });
        self.shared().directory.add_channel(&self.name, self.place.incarnation, name);
        addr
    }

    /// Stores and starts a channel that is not there yet.
    pub(super) fn make_channel(
        &mut self,
        name: ChannelName,
    ) -> ResponseActFuture<Self, FindResult> {
        let floor = self.rules.released();
        let cursor = Cursor {
            floor,
            floor_position: self.position_of(floor),
            finished: Vec::new(),
            pending: Vec::new(),
            paused: false,
        };
        let disk = self.disk.clone().filter(|_| !name.is_ephemeral());
        let (channel, durable) = (name.clone(), self.is_durable());
        let saved = async move {
            let Some(disk) = disk else { return Ok(()) };
            let saved = disk.send(SaveCursor { channel, cursor, durable, is_new: true });
            saved.await.unwrap_or(Err(StoreError::NotOpen))
        };
        Box::pin(saved.into_actor(self).map(move |result, topic, ctx| {
            result?;
            log::info!("TOPIC({}): new channel({name})", topic.name);
            let addr = topic.start_channel(&name, floor, true, ctx);
            topic.undeleted.remove(&name); // its file has been replaced
            topic.rules.set_has_channels(true);
            // At once: what the topic held must not be pushed out of memory by what comes.
            addr.do_send(topic.released_so_far(&name, floor));
            Ok(addr)
        }))
    }

    /// Where the batch will stand, or stands, that message `seq` is in, as far as that is still known
    /// here: a hint.
    fn position_of(&self, seq: u64) -> LogPosition {
        if seq == self.rules.next_seq() {
            return self.appending.position;
        }
        let on_their_way = self.appending.unsynced.iter().chain(&self.appending.writing);
        let cached = self.cache.batch_of(seq).map(|batch| batch.position());
        let mut batches = on_their_way.map(|writing| &writing.batch);
        let holds = |batch: &&Arc<Batch>| batch.first_seq() <= seq && seq < batch.end_seq();
        cached.or_else(|| Some(batches.find(holds)?.position())).unwrap_or(LogPosition::START)
    }

    /// Forgets a channel and removes its cursor; where that has failed, tries again. The topic then keeps what comes for the
    /// next one.
    fn remove_channel(
        &mut self,
        name: &ChannelName,
    ) -> Option<ResponseActFuture<Self, Result<(), StoreError>>> {
        let child = self.channels.remove(name);
        if child.is_none() && !self.undeleted.contains(name) {
            return None;
        }
        self.shared().directory.remove_channel(&self.name, self.place.incarnation, name);
        log::info!("TOPIC({}): deleting channel {name}", self.name);
        self.rules.set_has_channels(!self.channels.is_empty());
        // The border goes first: without it, a crash in between would give the next channel
        // everything that is still in the log.
        let border: ResponseActFuture<Self, _> = if self.channels.is_empty() {
            self.save_metadata()
        } else {
            Box::pin(fut::ready(Ok(())))
        };
        let disk = self.disk.clone().filter(|_| !name.is_ephemeral());
        let (name, channel, durable) = (name.clone(), name.clone(), self.is_durable());
        let removed = async move {
            if let Some(child) = child {
                let _ = child.addr.send(ShutdownChannel { delete: true }).await; // it may be gone
            }
            let Some(disk) = disk else { return Ok(()) };
            disk.send(RemoveCursor { channel, durable }).await.unwrap_or(Err(StoreError::NotOpen))
        };
        Some(Box::pin(border.then(move |saved, topic, _| {
            removed.into_actor(topic).map(move |removed, topic: &mut Self, ctx| {
                topic.trim(ctx);
                let removed = saved.and(removed);
                match removed.is_ok() || topic.channels.contains_key(&name) {
                    true => topic.undeleted.remove(&name),
                    false => topic.undeleted.insert(name),
                };
                removed
            })
        })))
    }

    /// For a channel that has heard nothing since `seq`.
    pub(super) fn released_so_far(&self, name: &ChannelName, seq: u64) -> Released {
        let end = self.rules.released();
        let is_kept = self.disk.is_none() || name.is_ephemeral();
        Released { end, batches: self.held_batches(seq..end, is_kept), carried: None }
    }

    /// Drops from memory what every channel is done with. Memory that was just used is also the quickest to use again.
    pub(super) fn forget_finished(&mut self) {
        let needed = self.channels.values().map(|channel| channel.needed_from.load(Relaxed));
        if let Some(needed_from) = needed.min() {
            self.cache.remove_below(needed_from);
        }
    }

    /// Which of the messages in memory a channel must be given that may go on over `seqs`: those that
    /// must wait, as their time runs, whatever the channel has to deliver before them. A channel
    /// that keeps its messages in memory is given all.
    pub(super) fn held_batches(&self, seqs: Range<u64>, all: bool) -> Arc<[Arc<Batch>]> {
        if all { self.cache.within(seqs) } else { self.cache.deferred(seqs) }
    }

    /// Tells every channel to pass over `range`, and waits until they have.
    pub(super) fn discard_in_channels(&self, range: &Range<u64>) -> impl Future + 'static {
        let channels = self.channels.values();
        let told = channels.map(|channel| channel.addr.send(Discard(range.clone())));
        join_all(told.collect::<Vec<_>>())
    }
}

pub(super) type FindResult = Result<Addr<Channel>, ChannelError>;

impl Handler<FindChannel> for Topic {
    type Result = AtomicResponse<Self, FindResult>;

    fn handle(&mut self, find: FindChannel, _: &mut Self::Context) -> Self::Result {
        let answer = |result| AtomicResponse::new(Box::pin(fut::ready(result)));
        if let Some(child) = self.channels.get(&find.name) {
            return answer(Ok(child.addr.clone()));
        }
        if self.abandoned {
            self.abandon_if_unused(); // again, in case that the node has lost it in a crash
            return answer(Err(ChannelError::Exiting));
        }
        if let Some(refusal) = &self.appending.refusal {
            return answer(Err(refusal.clone().into()));
        }
        if find.create {
            AtomicResponse::new(self.make_channel(find.name))
        } else {
            answer(Err(ChannelError::NotFound))
        }
    }
}

impl Handler<DeleteChannel> for Topic {
    type Result = ResponseActFuture<Self, Result<(), ChannelError>>;

    fn handle(&mut self, delete: DeleteChannel, _: &mut Self::Context) -> Self::Result {
        let Some(removed) = self.remove_channel(&delete.0) else {
            return Box::pin(fut::ready(Err(ChannelError::NotFound)));
        };
        Box::pin(removed.map(|result, topic, _| {
            topic.abandon_if_unused();
            Ok(result?)
        }))
    }
}

impl Handler<ChannelAbandoned> for Topic {
    type Result = ();

    fn handle(&mut self, abandoned: ChannelAbandoned, ctx: &mut Self::Context) {
        let named = self.channels.get(&abandoned.name);
        if named.is_none_or(|child| child.addr != abandoned.channel) {
            return; // it is on its way out
        }
        if let Some(removed) = self.remove_channel(&abandoned.name) {
            ctx.spawn(removed.map(|result, topic, _| {
                if let Err(error) = result {
                    log::warn!("topic={} not all of its channel removed: {error}", topic.name);
                }
                topic.abandon_if_unused();
            }));
        }
    }
}

impl Topic {
    /// An ephemeral topic ends with its last channel. Who asks for a channel meanwhile is sent away:
    /// the node has been told, and will not ask whether there is a new one.
    fn abandon_if_unused(&mut self) {
        if self.channels.is_empty() && self.name.is_ephemeral() {
            self.abandoned = true;
            self.place.abandoned.do_send(TopicAbandoned(self.name.clone()));
        }
    }
}

impl Handler<ChannelStarted> for Topic {
    type Result = ();

    fn handle(&mut self, started: ChannelStarted, _: &mut Self::Context) {
        if let Some(child) = self.channels.get(&started.0) {
            child.addr.do_send(self.released_so_far(&started.0, child.floor));
            if self.gauges.segments.load(Relaxed) > 1 {
                child.addr.do_send(ConfirmCursor); // so that they can go that are no more needed
            }
        }
    }
}

impl Handler<CrashChild> for Topic {
    type Result = MessageResult<CrashChild>;

    fn handle(&mut self, crash: CrashChild, ctx: &mut Self::Context) -> Self::Result {
        let crashed = match crash.0 {
            Child::Itself => Some(ctx.address().recipient()),
            Child::DiskQueue => self.disk.clone().map(Addr::recipient),
            Child::Channel(name) => {
                self.channels.get(&name).map(|child| child.addr.clone().recipient())
            }
        };
        if let Some(crashed) = &crashed {
            crashed.do_send(Crash);
        }
        MessageResult(crashed.is_some())
    }
}

impl Handler<ChannelProgress> for Topic {
    type Result = ();

    fn handle(&mut self, progress: ChannelProgress, ctx: &mut Self::Context) {
        if let Some(child) = self.channels.get_mut(&progress.channel) {
            child.floor = child.floor.max(progress.floor);
            self.trim(ctx);
        }
    }
}
