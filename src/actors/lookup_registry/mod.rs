//! nsqlookupd's database as an actor.
//!
//! It has nothing to be rebuilt from but the nsqds themselves: after a panic it is empty, and the listener ends
//! every link, so that every nsqd connects and registers again.

mod log_lines;
pub mod messages;

use std::sync::Arc;

use actix::{Actor, Context, Handler, MessageResult, Recipient, Supervised};

use self::messages::{
    AddChannel, AddTopic, Applied, Apply, DumpRegistrations, FindProducers, LinkGone, ListChannels,
    ListNodes, ListTopics, RegistryRestarted, RegistrySnapshot, RemoveChannel, RemoveTopic,
    TellOfRestarts, Tombstone,
};
use super::{clock, lookup_shared::LookupShared, snapshot::Observe, supervisor::Crash};
use crate::{
    broker::{
        LinkId, Moment, Registrations,
        registrations::{Capacity, NotAdded, Producer},
    },
    protocol::lookup::LookupCommand,
};

/// Who has what.
pub struct LookupRegistry {
    rules: Registrations,
    shared: Arc<LookupShared>,
    restarted: Option<Recipient<RegistryRestarted>>,
}

impl LookupRegistry {
    /// One that knows nothing yet.
    pub fn new(shared: Arc<LookupShared>) -> Self {
        Self { rules: empty(&shared), shared, restarted: None }
    }

    fn carry_out(
        &mut self,
        (link, remote): (LinkId, &str),
        command: LookupCommand,
        now: Moment,
    ) -> Result<(), NotAdded> {
        self.shared.counters.count(&command);
        match command {
            LookupCommand::Identify(info) => {
                self.rules.identify(link, Producer::new(remote.to_owned(), info), now);
                log_lines::identified(remote);
            }
            LookupCommand::Register(registration) => {
                let added = self.rules.register(link, &registration)?;
                log_lines::registered(remote, &registration, added);
            }
            LookupCommand::Unregister(registration) => {
                let left = self.rules.unregister(link, &registration);
                log_lines::unregistered(remote, &registration, &left);
            }
            LookupCommand::Ping => {
                if let Some(silence) = self.rules.ping(link, now) {
                    log::debug!("CLIENT({remote}): pinged (last ping {silence:?})");
                }
            }
        }
        Ok(())
    }
}

fn empty(shared: &LookupShared) -> Registrations {
    Registrations::new(shared.lifetimes(), Capacity::default())
}

impl Actor for LookupRegistry {
    type Context = Context<Self>;
}

impl Supervised for LookupRegistry {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.rules = empty(&self.shared);
        if let Some(listener) = &self.restarted {
            listener.do_send(RegistryRestarted);
        }
    }
}

impl Handler<TellOfRestarts> for LookupRegistry {
    type Result = ();

    fn handle(&mut self, tell: TellOfRestarts, _: &mut Self::Context) {
        self.restarted = Some(tell.0);
    }
}

impl Handler<Apply> for LookupRegistry {
    type Result = MessageResult<Apply>;

    fn handle(&mut self, apply: Apply, _: &mut Self::Context) -> Self::Result {
        let (from, now) = ((apply.link, &*apply.remote), clock::now());
        let whole = apply.commands.len();
        for (count, command) in apply.commands.into_iter().enumerate() {
            if let Err(refused) = self.carry_out(from, command, now) {
                return MessageResult(Applied { count, refused: Some(refused) });
            }
        }
        MessageResult(Applied { count: whole, refused: None })
    }
}

impl Handler<LinkGone> for LookupRegistry {
    type Result = ();

    fn handle(&mut self, gone: LinkGone, _: &mut Self::Context) {
        if let Some(producer) = self.rules.disconnect(gone.0) {
            log_lines::disconnected(&producer.remote_address);
        }
    }
}

impl Handler<ListTopics> for LookupRegistry {
    type Result = MessageResult<ListTopics>;

    fn handle(&mut self, _: ListTopics, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.rules.topics())
    }
}

impl Handler<ListChannels> for LookupRegistry {
    type Result = MessageResult<ListChannels>;

    fn handle(&mut self, list: ListChannels, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.rules.channels(&list.0))
    }
}

impl Handler<FindProducers> for LookupRegistry {
    type Result = MessageResult<FindProducers>;

    fn handle(&mut self, find: FindProducers, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.rules.lookup(&find.0, clock::now()))
    }
}

impl Handler<ListNodes> for LookupRegistry {
    type Result = MessageResult<ListNodes>;

    fn handle(&mut self, _: ListNodes, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.rules.nodes(clock::now()))
    }
}

impl Handler<DumpRegistrations> for LookupRegistry {
    type Result = MessageResult<DumpRegistrations>;

    fn handle(&mut self, _: DumpRegistrations, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.rules.dump())
    }
}

impl Handler<AddTopic> for LookupRegistry {
    type Result = Result<(), NotAdded>;

    fn handle(&mut self, add: AddTopic, _: &mut Self::Context) -> Self::Result {
        log::info!("DB: adding topic({})", add.0);
        self.rules.create_topic(&add.0).map(drop)
    }
}

impl Handler<AddChannel> for LookupRegistry {
    type Result = Result<(), NotAdded>;

    fn handle(&mut self, add: AddChannel, _: &mut Self::Context) -> Self::Result {
        let AddChannel(topic, channel) = add;
        log::info!("DB: adding channel({channel}) in topic({topic})");
        self.rules.create_channel(&topic, &channel).map(drop)
    }
}

impl Handler<RemoveTopic> for LookupRegistry {
    type Result = ();

    fn handle(&mut self, remove: RemoveTopic, _: &mut Self::Context) {
        log::info!("DB: removing topic({})", remove.0);
        self.rules.delete_topic(&remove.0);
    }
}

impl Handler<RemoveChannel> for LookupRegistry {
    type Result = bool;

    fn handle(&mut self, remove: RemoveChannel, _: &mut Self::Context) -> bool {
        let RemoveChannel(topic, channel) = remove;
        let was_there = self.rules.delete_channel(&topic, &channel);
        if was_there {
            log::info!("DB: removing channel({channel}) from topic({topic})");
        }
        was_there
    }
}

impl Handler<Tombstone> for LookupRegistry {
    type Result = ();

    fn handle(&mut self, tombstone: Tombstone, _: &mut Self::Context) {
        let Tombstone { topic, node } = tombstone;
        let shown = node.escape_debug();
        log::info!("DB: setting tombstone for producer@{shown} of topic({topic})");
        self.rules.tombstone(&topic, &node, clock::now());
    }
}

impl Handler<Observe<RegistrySnapshot>> for LookupRegistry {
    type Result = MessageResult<Observe<RegistrySnapshot>>;

    fn handle(&mut self, _: Observe<RegistrySnapshot>, _: &mut Self::Context) -> Self::Result {
        MessageResult(RegistrySnapshot { counts: self.rules.counts(clock::now()) })
    }
}

impl Handler<Crash> for LookupRegistry {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}
