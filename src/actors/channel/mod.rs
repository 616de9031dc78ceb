//! The actor of a channel: deliveries to its consumers, their answers, its cursor.

mod body;
mod carrying;
mod delivering;
mod keeping;
pub mod messages;
mod operating;
mod reading;
mod sampler;
mod saving;
mod settling;
mod window;

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering::Relaxed},
    task,
};

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Supervised, WrapFuture};

pub use messages::*;

use self::{body::Body, delivering::Outbox, sampler::Sampler, window::Window};
use super::{
    alarm::Alarm,
    clock,
    disk_queue::{DiskQueue, FindCopies, LoadCursor, RETRY_PAUSE, StoreError},
    shared::Shared,
    topic::ChannelStarted,
    turn::{EndOfTurn, Turn, take_another_turn},
};
use crate::{
    broker::{
        AckSet, ChannelRules, ClientId, Latencies, Moment, channel::Counters, channel::Pending,
    },
    protocol::{ChannelName, TopicName},
    storage::{Cursor, LogPosition},
};

/// The supervised actor of one channel.
pub struct Channel {
    topic: TopicName,
    name: ChannelName,
    shared: Arc<Shared>,
    parent: Parent,
    /// The topic's log; `None` for an ephemeral topic.
    disk: Option<Addr<DiskQueue>>,
    /// Where the channel begins if there is no cursor to say so.
    first_seq: u64,
    /// The channel is new: what waits for it in the topic counts as received.
    created: bool,
    /// Ephemeral, or its topic is: what waits is in memory, and needs no log.
    keeps_bodies: bool,
    rules: ChannelRules<Body>,
    window: Window,
    /// Of each consumer, by its key: its connection and what this turn has for it.
    outboxes: Vec<Option<Outbox>>,
    /// Consumers that have not said yet what they hold, after a restart. Deliveries wait for them.
    resuming: HashSet<ClientId>,
    reading: bool,
    /// Old messages are being appended again.
    carrying: bool,
    save_scheduled: bool,
    /// The last attempt to save the cursor has failed.
    is_unsaved: bool,
    /// Of the cursor that was saved last: finished ranges and pending messages.
    cursor_entries: usize,
    alarm: Alarm,
    sampler: Sampler,
    /// Ephemeral, and its last consumer has gone: the topic is about to end it.
    abandoned: bool,
    /// Only if percentiles of the latency are asked for.
    latencies: Option<Box<Latencies>>,
    /// When it began to count.
    since: Moment,
}

impl Channel {
    /// A channel that loads its cursor when it starts.
    pub fn new(
        topic: TopicName,
        name: ChannelName,
        shared: Arc<Shared>,
        parent: Parent,
        disk: Option<Addr<DiskQueue>>,
        first_seq: u64,
        created: bool,
    ) -> Self {
        let keeps_bodies = disk.is_none() || name.is_ephemeral();
        let settings = shared.channel_settings(keeps_bodies);
        let finished = AckSet::starting_at(first_seq);
        let latencies = shared.new_latencies();
        Self {
            topic,
            name,
            shared,
            parent,
            disk,
            first_seq,
            created,
            keeps_bodies,
            rules: ChannelRules::new(settings, finished, false, Counters::default()),
            window: Window::default(),
            outboxes: Vec::new(),
            resuming: HashSet::new(),
            reading: false,
            carrying: false,
            save_scheduled: false,
            is_unsaved: false,
            cursor_entries: 0,
            alarm: Alarm::default(),
            sampler: Sampler::new(),
            abandoned: false,
            latencies,
            since: clock::now(),
        }
    }

    /// Without a log, memory is all there is.
    fn is_in_memory(&self) -> bool {
        self.disk.is_none()
    }

    fn has_cursor(&self) -> bool {
        !self.keeps_bodies
    }

    /// Reads the cursor; messages wait in the mailbox meanwhile.
    fn load(&mut self, ctx: &mut Context<Self>) {
        let Some(disk) = self.disk.clone().filter(|_| self.has_cursor()) else {
            return self.loaded(&self.cursor_at_start());
        };
        let (name, at_start) = (self.name.clone(), self.cursor_at_start());
        let load = async move {
            let load = disk.send(LoadCursor { channel: name.clone() });
            if let Some(cursor) = load.await.unwrap_or(Err(StoreError::NotOpen))? {
                return Ok(cursor);
            }
            let find = disk.send(FindCopies { channel: name });
            let pending = find.await.unwrap_or(Err(StoreError::NotOpen))?;
            Ok(Cursor { pending, ..at_start })
        };
        ctx.wait(load.into_actor(self).map(|result, channel, ctx| match result {
            Ok(cursor) => channel.loaded(&cursor),
            Err(error) => channel.load_later(&error, ctx),
        }));
    }

    /// The disk does not give the cursor now, or the log's actor is restarting.
    fn load_later(&self, error: &StoreError, ctx: &mut Context<Self>) {
        let (topic, channel) = (&self.topic, &self.name);
        log::warn!("topic={topic} channel={channel} cursor not read: {error}; trying again");
        let pause = actix_rt::time::sleep(RETRY_PAUSE).into_actor(self);
        ctx.wait(pause.map(|(), channel, ctx| channel.load(ctx)));
    }

    fn loaded(&mut self, cursor: &Cursor) {
        let settings = self.shared.channel_settings(self.keeps_bodies);
        let mut finished = AckSet::starting_at(cursor.floor);
        cursor.finished.iter().for_each(|range| finished.finish_range(range.clone()));
        let counters = self.rules.counters();
        self.rules = ChannelRules::new(settings, finished, cursor.paused, counters);
        for pending in &cursor.pending {
            let due = (pending.due_ns != 0).then(|| clock::moment_of(pending.due_ns));
            let body = Body::at(pending.position);
            let (seq, attempts) = (pending.seq, pending.attempts);
            self.rules.restore(Pending { seq, attempts, body }, due);
        }
        // The nearest known place before what is read next saves a walk over its segment.
        if let Some((seq, position)) = cursor.place_before(self.rules.first_unknown()) {
            self.window.expect_at(seq, position);
        }
        self.parent.started.do_send(ChannelStarted(self.name.clone()));
    }

    fn cursor_at_start(&self) -> Cursor {
        Cursor {
            floor: self.first_seq.max(self.rules.floor()),
            floor_position: LogPosition::START,
            finished: Vec::new(),
            pending: Vec::new(),
            paused: self.rules.is_paused(),
        }
    }
}

impl Actor for Channel {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(EndOfTurn);
        self.load(ctx);
    }
}

impl Supervised for Channel {
    /// Messages come back from the cursor and the log, and from the consumers, who say what they
    /// hold. Only the addresses of the connections are taken over.
    fn restarting(&mut self, _: &mut Self::Context) {
        for outbox in std::mem::take(&mut self.outboxes).into_iter().flatten() {
            self.resuming.insert(outbox.client);
            outbox.connection.do_send(ChannelRestarted);
        }
        self.created = false; // what comes back has been counted
        self.window.clear();
        self.alarm = Alarm::default();
        self.reading = false;
        self.carrying = false;
        self.save_scheduled = false;
    }
}

impl Turn for Channel {
    fn end_turn(&mut self, ctx: &mut Self::Context, cx: &mut task::Context<'_>) {
        loop {
            let more = self.deliver(clock::now());
            if more {
                take_another_turn(cx);
            }
            let wanted = self.rules.next_wake();
            if !self.alarm.poll(wanted, cx) {
                break;
            }
            self.rules.expire(clock::now());
        }
        self.hand_out();
        self.parent.needed_from.store(self.needed_from(), Relaxed);
        self.read_ahead(ctx);
        self.schedule_save(ctx);
    }
}
