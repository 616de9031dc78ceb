//! What each command does.

use std::sync::Arc;

use actix::Context;

use super::{
    ClientConnection, Waiting,
    authorizing::Passage,
    consuming::{consumer, subscribe},
    info::identify_limits,
    input::Used,
};
use crate::{
    actors::{channel::Answer, clock, listener::BecameProducer, node::FindTopic},
    broker::Access,
    config::NSQ_VERSION,
    protocol::{
        ChannelName, ClientState, Command, Decoded, Features, IdentifyResponse, Keyword, Magic,
        MessageRef, Negotiated, NodeInfo, ProtocolError, Publication, SettleFailure, TopicName,
        frame,
    },
};

impl ClientConnection {
    /// Carries out every whole command at the front of `buf`.
    pub(super) fn decode(&mut self, buf: &[u8], ctx: &mut Context<Self>) -> Used {
        let mut consumed = 0;
        let mut needed = 1;
        if !self.magic_came && !self.is_ending() {
            match Magic::parse(buf) {
                Ok(Some(_)) => {
                    self.magic_came = true;
                    self.timing.magic_came(clock::now());
                    consumed = Magic::V2.len();
                }
                Ok(None) => return Used { consumed: 0, needed: Magic::V2.len() },
                Err(error) => self.fail(error),
            }
        }
        let before = consumed;
        while self.may_decode() && consumed < buf.len() {
            match self.decoder.decode(&buf[consumed..], &self.session) {
                Ok(Decoded::Command { command, consumed: length }) => {
                    let room = buf.len() - consumed;
                    if !self.command(command, room, ctx) {
                        break; // it waits, for its topic perhaps, and is decoded again then
                    }
                    consumed += length;
                    self.commands_left -= 1;
                }
                Ok(Decoded::Incomplete { needed: total }) => {
                    needed = total;
                    break;
                }
                Err(error) => self.fail(error),
            }
        }
        if consumed > before {
            self.timing.command_came(clock::now());
        }
        if self.is_ending() || self.is_upgrading() {
            consumed = buf.len(); // nothing more is carried out
        }
        Used { consumed, needed }
    }

    /// Carries out one command; false if it must come again when what it waits for is there.
    fn command(&mut self, command: Command<'_>, room: usize, ctx: &mut Context<Self>) -> bool {
        match command {
            Command::Publish(publication) => return self.publish(&publication, room),
            Command::Finish(id) => self.answer(Keyword::Fin, &id, Answer::Finish),
            Command::Requeue(id, delay) => {
                self.answer(Keyword::Req, &id, |id| Answer::Requeue(id, delay));
            }
            Command::Touch(id) => self.answer(Keyword::Touch, &id, Answer::Touch),
            Command::Ready(count) => {
                self.settle();
                if let Some(subscription) = &mut self.subscription {
                    subscription.ready(count);
                }
            }
            Command::Identify(body) => self.identify(body),
            Command::Auth(secret) => self.authenticate(secret),
            Command::Subscribe { topic, channel } => return self.subscribe(topic, channel, ctx),
            Command::Close => self.close(),
            Command::Nop => {}
        }
        true
    }

    fn publish(&mut self, publication: &Publication<'_>, room: usize) -> bool {
        if !self.publishing.is_ready_for(publication.topic) {
            match self.prepare(publication) {
                Passage::Free => {}
                Passage::Later => return false,
                Passage::Closed => return true,
            }
        }
        if !std::mem::replace(&mut self.is_producer, true) {
            self.spec.became_producer.do_send(BecameProducer(self.spec.id));
        }
        if !self.settle() {
            return false; // what came before must be answered before
        }
        self.publishing.add(publication, room, &mut self.responses);
        true
    }

    /// Finds out whether the client may publish to a topic, then where that is.
    fn prepare(&mut self, publication: &Publication<'_>) -> Passage {
        let passage = self.authorize(publication.verb.into(), Access::Publish(publication.topic));
        if passage != Passage::Free || self.publishing.permit(publication.topic) {
            return passage;
        }
        let name = TopicName::parse(publication.topic).expect("the decoder checks names");
        if let Some(topic) = self.spec.shared.topics.get(&name) {
            self.publishing.learn(name.clone(), topic);
            if self.publishing.permit(publication.topic) {
                return Passage::Free;
            }
        }
        let find = FindTopic { name: name.clone(), create: true };
        let finding = Box::pin(self.spec.node.send(find));
        self.waiting = Some(Waiting::Topic(name, publication.verb, finding));
        Passage::Later
    }

    fn answer(
        &mut self,
        keyword: Keyword,
        message: &MessageRef,
        answer: impl FnOnce(crate::protocol::MessageId) -> Answer,
    ) {
        match (message.id, &mut self.subscription) {
            (Some(id), Some(subscription)) => {
                self.publishing.flush(&mut self.responses);
                subscription.answer(answer(id));
            }
            _ => {
                let failure = SettleFailure::NotInFlight;
                let error = ProtocolError::settle_failed(keyword, message, failure);
                self.respond(|frames| frame::put_error(frames, &error));
            }
        }
    }

    fn identify(&mut self, body: &[u8]) {
        if self.negotiated.features != Features::default() {
            return self.fail(ProtocolError::WrongState(Keyword::Identify)); // it stands on the upgrade
        }
        let limits = identify_limits(&self.spec.shared);
        let negotiated = match Negotiated::from_body(body, &limits, &self.negotiated) {
            Ok(negotiated) => negotiated,
            Err(error) => return self.fail(error),
        };
        let first = !std::mem::replace(&mut self.is_identified, true);
        self.timing.identified(negotiated.heartbeat_interval, first, clock::now());
        self.session.heartbeats = negotiated.heartbeat_interval.is_some();
        if negotiated.feature_negotiation {
            let options = &self.spec.shared.options;
            let node = NodeInfo {
                max_rdy_count: i64::try_from(options.max_rdy_count).unwrap_or(i64::MAX),
                version: NSQ_VERSION,
                auth_required: self.spec.auth.is_some(),
                topology_region: &options.topology_region,
                topology_zone: &options.topology_zone,
            };
            let json = IdentifyResponse::new(&negotiated, &limits, &node).to_json();
            self.respond(|frames| frame::put_response(frames, &json));
        } else {
            self.respond(|frames| frames.extend_from_slice(&frame::OK_FRAME));
        }
        *self.negotiated = negotiated;
        self.begin_upgrade();
    }

    fn subscribe(
        &mut self,
        topic: TopicName,
        channel: ChannelName,
        ctx: &mut Context<Self>,
    ) -> bool {
        self.publishing.flush(&mut self.responses);
        self.awaits_answers = !self.responses.is_empty();
        if self.awaits_answers {
            return false; // no message may come before the answer to SUB, nor that one before others
        }
        let access = Access::Subscribe(topic.as_str(), channel.as_str());
        match self.authorize(Keyword::Sub, access) {
            Passage::Free => {}
            Passage::Later => return false,
            Passage::Closed => return true,
        }
        let held_max =
            usize::try_from(self.spec.shared.options.max_rdy_count).unwrap_or(usize::MAX);
        let consumer = consumer(self, ctx);
        let (shared, node) = (Arc::clone(&self.spec.shared), self.spec.node.clone());
        let subscribing = subscribe(shared, node, topic, channel, consumer, held_max);
        self.waiting = Some(Waiting::Subscription(subscribing));
        true
    }

    fn close(&mut self) {
        self.settle();
        self.session.state = ClientState::Closing;
        if let Some(subscription) = &mut self.subscription {
            self.publishing.flush(&mut self.responses);
            self.responses.put_closed(subscription.close());
        }
    }

    /// Answers in order: at once if nothing before is unanswered.
    pub(super) fn respond(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        self.publishing.flush(&mut self.responses);
        self.settle();
        if self.responses.is_empty() {
            put(self.output.buffer());
        } else {
            let mut frames = Vec::new();
            put(&mut frames);
            self.responses.put(frames);
        }
    }

    /// Ends the connection with an error, after the answers to what came before it.
    pub(super) fn fail(&mut self, error: ProtocolError) {
        log::debug!("client={} {}", self.spec.remote_address, error);
        self.publishing.flush(&mut self.responses);
        self.is_failing = true;
        self.settle();
        self.responses.put_fatal(error);
    }
}
