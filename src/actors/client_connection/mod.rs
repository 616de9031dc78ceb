//! The actor of a client connection: socket, decoder, answers in order, heartbeats.
//!
//! It is not supervised: its state is the socket's. Whatever way it ends, its seat in a channel
//! is given up and the listener hears of it, because both hang on values that are dropped.

mod authorizing;
mod commands;
mod consuming;
mod handshake;
mod info;
pub(super) mod input;
mod output;
mod publishing;
mod responses;
mod stream;
mod timing;
mod upgrading;

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
    time::Duration,
};

use actix::{
    Actor, ActorContext, Addr, AsyncContext, Context, Handler, MailboxError, MessageResult,
    Recipient, dev::channel,
};
use actix_rt::ArbiterHandle;
use tokio::sync::oneshot;

pub use info::{ClientInfo, ClientSpec, TlsInfo};
pub use stream::Stream;

use self::{
    authorizing::{Asking, Authorizing},
    consuming::{Subscribing, Subscription},
    info::{identify_limits, ip_of, limits},
    input::Input,
    output::Output,
    publishing::Publishing,
    responses::Responses,
    timing::{Due, Timing},
    upgrading::Upgrade,
};
use super::{
    alarm::Alarm,
    clock,
    listener::ClientGone,
    node::TopicError,
    snapshot::{ClientSnapshot, Observe},
    topic::Topic,
    turn::{EndOfTurn, Turn, take_another_turn},
};
use crate::{
    broker::{ClientId, Terms},
    config::TlsRequired,
    protocol::{
        ClientState, Decoder, Negotiated, ProtocolError, PublishFailure, Session, TopicName, Verb,
        frame,
    },
    stream::Duplex,
};

/// Messages in a connection's mailbox before `try_send` refuses.
const MAILBOX: usize = 256;
/// Reads in one turn at most; then other actors of the thread come first.
const READS_PER_TURN: usize = 4;
/// Commands carried out in one turn at most, for the same reason.
const COMMANDS_PER_TURN: usize = 1024;
/// A connection is not read while publishes of so many bytes wait for their topics.
const UNSTORED_BYTES_MAX: usize = 1024 * 1024;
/// A connection is not read while so many bytes wait for its socket: who does not read its answers
/// gets no more of them.
const UNSENT_BYTES_MAX: usize = 1024 * 1024;
/// How long a peer may take to read its last error.
const LINGER: Duration = Duration::from_secs(1);
/// What a full mailbox refused is tried again after this.
const RETRY: Duration = Duration::from_millis(1);

type FindingTopic =
    Pin<Box<dyn Future<Output = Result<Result<Addr<Topic>, TopicError>, MailboxError>>>>;

/// What a command waits for; meanwhile nothing more is decoded.
enum Waiting {
    Topic(TopicName, Verb, FindingTopic),
    Subscription(Subscribing),
    Upgrade(Upgrade),
    Authorization(Asking),
}

/// One client's connection.
pub struct ClientConnection {
    spec: ClientSpec,
    _gone: Goodbye,
    stream: Box<dyn Duplex>,
    decoder: Decoder,
    session: Session,
    negotiated: Box<Negotiated>,
    /// What TLS has agreed on; none without TLS.
    tls: Option<Arc<TlsInfo>>,
    input: Input,
    output: Output,
    responses: Responses,
    publishing: Publishing,
    authorizing: Authorizing,
    subscription: Option<Subscription>,
    waiting: Option<Waiting>,
    timing: Timing,
    alarm: Alarm,
    /// The next command may only be carried out when everything before it has been answered.
    awaits_answers: bool,
    /// Commands that this turn may still carry out.
    commands_left: usize,
    magic_came: bool,
    is_identified: bool,
    is_producer: bool,
    /// The peer has sent its last byte.
    is_at_end: bool,
    /// An error is or will be the last answer.
    is_failing: bool,
    /// The last answer has been given; only the output is left.
    is_answered: bool,
}

/// Tells the listener of the connection's end when it is dropped.
struct Goodbye(ClientId, Recipient<ClientGone>);

impl Drop for Goodbye {
    fn drop(&mut self) {
        self.1.do_send(ClientGone(self.0));
    }
}

/// How a turn leaves the connection.
type Progress = Result<(), Ended>;

/// The connection is over.
#[derive(Debug)]
struct Ended;

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl ClientConnection {
    /// Starts a connection on `arbiter`.
    pub fn start_in(arbiter: &ArbiterHandle, spec: ClientSpec, stream: Stream) -> Addr<Self> {
        let (sender, receiver) = channel::channel(MAILBOX);
        arbiter.spawn_fn(move || {
            let goodbye = Goodbye(spec.id, spec.gone.clone());
            match stream.open() {
                Ok(stream) => {
                    let connection = Self::new(spec, goodbye, stream);
                    let context = Context::with_receiver(receiver);
                    actix_rt::spawn(Box::new(context.into_future(connection)));
                }
                Err(error) => log::error!("client={} not served: {error}", spec.remote_address),
            }
        });
        Addr::new(sender)
    }

    fn new(spec: ClientSpec, goodbye: Goodbye, stream: Box<dyn Duplex>) -> Self {
        let shared = &spec.shared;
        let limits = limits(&shared.options);
        let peer_ip = ip_of(&spec.remote_address);
        let negotiated = Negotiated::before_identify(&identify_limits(shared), peer_ip);
        let timing =
            Timing::new(negotiated.heartbeat_interval, shared.options.magic_timeout, clock::now());
        let tls_missing = shared.tls_required() != TlsRequired::No;
        Self {
            _gone: goodbye,
            stream,
            decoder: Decoder::new(limits),
            session: Session { state: ClientState::Init, heartbeats: true, tls_missing },
            negotiated: Box::new(negotiated),
            tls: None,
            input: Input::default(),
            output: Output::default(),
            responses: Responses::default(),
            publishing: Publishing::default(),
            authorizing: Authorizing::default(),
            subscription: None,
            waiting: None,
            timing,
            alarm: Alarm::default(),
            awaits_answers: false,
            commands_left: COMMANDS_PER_TURN,
            magic_came: false,
            is_identified: false,
            is_producer: false,
            is_at_end: false,
            is_failing: false,
            is_answered: false,
            spec,
        }
    }

    fn info(&self) -> Arc<ClientInfo> {
        Arc::new(ClientInfo {
            id: self.spec.id,
            remote_address: self.spec.remote_address.clone(),
            connect_ts: self.spec.connect_ts,
            negotiated: (*self.negotiated).clone(),
            tls: self.tls.clone(),
            grant: self.authorizing.grant().cloned(),
        })
    }

    fn terms(&self) -> Terms {
        let negotiated = &self.negotiated;
        let place = (&*negotiated.topology_region, &*negotiated.topology_zone);
        let topology = self.spec.shared.topology();
        Terms {
            msg_timeout: negotiated.msg_timeout,
            sample_rate: negotiated.sample_rate,
            proximity: topology.proximity(Some(place).filter(|_| self.is_identified)),
        }
    }

    fn is_ending(&self) -> bool {
        self.is_failing || self.is_answered
    }

    fn may_decode(&self) -> bool {
        self.waiting.is_none()
            && !self.is_ending()
            && self.timing.retry_at.is_none()
            && (!self.awaits_answers || self.responses.is_empty())
            && self.commands_left > 0
    }

    fn may_read(&self) -> bool {
        self.may_decode()
            && !self.is_at_end
            && self.responses.unstored_bytes() < UNSTORED_BYTES_MAX
            && self.output.len() < UNSENT_BYTES_MAX
    }

    /// Closes the socket at once.
    fn end(&mut self, ctx: &mut Context<Self>) {
        self.is_answered = true;
        self.say_goodbye();
        ctx.stop();
    }

    fn turn(&mut self, ctx: &mut Context<Self>, cx: &mut task::Context<'_>) -> Progress {
        if self.timing.linger_until.is_some() {
            self.linger(cx)?;
        }
        self.poll_waiting(cx);
        while self.waiting.is_none() {
            self.read(ctx, cx)?;
            if self.waiting.is_none() {
                break;
            }
            self.poll_waiting(cx);
        }
        self.publishing.flush(&mut self.responses);
        self.settle();
        if self.has_heard_all() {
            self.leave_channel();
        }
        let held_up = !self.may_read();
        if self.responses.poll(self.output.buffer(), cx) {
            self.is_answered = true;
        }
        self.write(cx)?;
        self.report_sent();
        self.watch_clock(cx)?;
        self.commands_left = COMMANDS_PER_TURN;
        let may_go_on = self.may_read() || self.awaits_answers && self.may_decode();
        if held_up && may_go_on {
            take_another_turn(cx); // what held reading up is gone
        }
        if self.may_upgrade() {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    fn read(&mut self, ctx: &mut Context<Self>, cx: &mut task::Context<'_>) -> Progress {
        if self.may_decode() && self.input.may_decode() {
            let mut input = std::mem::take(&mut self.input);
            input.decode(|buf| self.decode(buf, ctx));
            self.input = input;
        }
        for _ in 0..READS_PER_TURN {
            if !self.may_read() {
                return Ok(());
            }
            let mut input = std::mem::take(&mut self.input);
            let mut stream = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
            let read = input.poll_read(&mut *stream, cx, |buf| self.decode(buf, ctx));
            (self.input, self.stream) = (input, stream);
            match read {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return self.at_end(),
                // TLS that ends without saying so is an end like any other: commands have lengths.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return self.at_end();
                }
                Poll::Ready(Err(error)) => {
                    log::debug!("client={} {error}", self.spec.remote_address);
                    return Err(error.into());
                }
                Poll::Ready(Ok(_)) => {}
            }
        }
        take_another_turn(cx);
        Ok(())
    }

    /// The peer has sent its last byte: what it asked for is still answered.
    fn at_end(&mut self) -> Progress {
        self.is_at_end = true;
        if !self.magic_came {
            return Err(Ended);
        }
        self.fail_truncated();
        Ok(())
    }

    /// Nothing more can come from the peer, and nothing of what came is left to carry out.
    fn has_heard_all(&self) -> bool {
        self.is_at_end && self.waiting.is_none() && !self.input.may_decode()
    }

    /// Gives the seat in the channel up, unless that still has to hear what was answered.
    fn leave_channel(&mut self) {
        self.subscription = self.subscription.take().filter(|it| !it.is_over());
    }

    fn fail_truncated(&mut self) {
        if let Some(error) = self.decoder.truncated(self.input.pending(), &self.session) {
            self.fail(error);
        }
    }

    fn poll_waiting(&mut self, cx: &mut task::Context<'_>) {
        match self.waiting.take() {
            Some(Waiting::Topic(name, verb, mut finding)) => match finding.as_mut().poll(cx) {
                Poll::Pending => self.waiting = Some(Waiting::Topic(name, verb, finding)),
                Poll::Ready(Ok(Ok(topic))) => self.publishing.learn(name, topic),
                Poll::Ready(Ok(Err(_)) | Err(_)) => {
                    self.fail(ProtocolError::publish_failed(verb, PublishFailure::Exiting));
                }
            },
            Some(Waiting::Subscription(mut subscribing)) => match subscribing.as_mut().poll(cx) {
                Poll::Pending => self.waiting = Some(Waiting::Subscription(subscribing)),
                Poll::Ready(Ok(subscription)) => {
                    self.subscription = Some(subscription);
                    self.session.state = ClientState::Subscribed;
                    self.respond(|frames| frames.extend_from_slice(&frame::OK_FRAME));
                }
                Poll::Ready(Err(error)) => self.fail(error),
            },
            Some(Waiting::Upgrade(upgrade)) => self.poll_upgrade(upgrade, cx),
            Some(Waiting::Authorization(asking)) => self.poll_asking(asking, cx),
            None => {}
        }
    }

    fn write(&mut self, cx: &mut task::Context<'_>) -> Progress {
        if self.output.poll_write(&mut *self.stream, cx, clock::now)?.is_pending() {
            return Ok(());
        }
        let done = self.responses.is_empty() && self.subscription.is_none();
        if self.is_answered || done && self.has_heard_all() {
            self.begin_lingering(cx)?;
        }
        Ok(())
    }

    /// Says that nothing more comes, but reads on for a while: to close with bytes unread would make
    /// the kernel throw the last answer away.
    fn begin_lingering(&mut self, cx: &mut task::Context<'_>) -> Progress {
        if self.is_at_end {
            return Err(Ended);
        }
        if self.timing.linger_until.is_none() {
            let _ = Pin::new(&mut *self.stream).poll_shutdown(cx)?;
            self.timing.linger_until = Some(clock::now() + LINGER);
            self.leave_channel();
            self.linger(cx)?;
        }
        Ok(())
    }

    fn linger(&mut self, cx: &mut task::Context<'_>) -> Progress {
        let mut dropped = Input::default();
        for _ in 0..READS_PER_TURN {
            let all = |buf: &[u8]| input::Used { consumed: buf.len(), needed: 1 };
            match dropped.poll_read(&mut *self.stream, cx, all)? {
                Poll::Pending => return Ok(()),
                Poll::Ready(0) => return Err(Ended),
                Poll::Ready(_) => {}
            }
        }
        take_another_turn(cx);
        Ok(())
    }

    /// Sends the channel the answers that have gathered; false if its mailbox is full. To a client
    /// that publishes as well, or is about to go, refusals are given in their place among the other
    /// answers.
    fn settle(&mut self) -> bool {
        let is_leaving = self.is_failing || self.is_at_end;
        if is_leaving && !self.await_unheard() {
            self.timing.retry_at = Some(clock::now() + RETRY);
            return false;
        }
        let Some(subscription) = &mut self.subscription else { return true };
        if !subscription.has_news() {
            return true;
        }
        let (reply, refused) = if self.is_producer || is_leaving {
            let (reply, refused) = oneshot::channel();
            (Some(reply), Some(refused))
        } else {
            (None, None)
        };
        let sent_bytes = self.output.take_sent(false);
        let is_taken = subscription.settle(sent_bytes, reply);
        match refused.filter(|_| is_taken) {
            Some(refused) => self.responses.put_refused(refused),
            None if is_taken => {}
            None => self.timing.retry_at = Some(clock::now() + RETRY),
        }
        is_taken
    }

    /// Tells the channel what has left the socket, once it is worth a message.
    fn report_sent(&mut self) {
        let Some(subscription) = &mut self.subscription else { return };
        let sent_bytes = self.output.take_sent(true);
        if sent_bytes > 0 && !subscription.settle(sent_bytes, None) {
            self.timing.retry_at = Some(clock::now() + RETRY);
        }
    }

    fn watch_clock(&mut self, cx: &mut task::Context<'_>) -> Progress {
        while self.alarm.poll(self.timing.next(&self.output), cx) {
            while let Some(due) = self.timing.due(&self.output, clock::now()) {
                match due {
                    // In the middle of an upgrade nobody could read it, and nobody can say a command.
                    Due::Heartbeat if self.is_upgrading() => {}
                    // Nor can it be heard while it waits for what it may do.
                    Due::Silence if self.is_upgrading() || self.awaits_auth_servers() => {
                        self.timing.command_came(clock::now());
                    }
                    Due::Heartbeat => {
                        self.output.buffer().extend_from_slice(&frame::HEARTBEAT_FRAME);
                    }
                    Due::Retry => {
                        self.settle();
                    }
                    Due::PermissionsExpired => self.publishing.forget_permissions(),
                    Due::Silence if self.decoder_awaits_body() => {
                        self.timing.command_came(clock::now()); // time to say so
                        self.fail_truncated();
                    }
                    Due::Silence | Due::Stuck | Due::Linger => {
                        // The last heartbeat may have fallen due at the same time.
                        let _ = self.output.poll_write(&mut *self.stream, cx, clock::now)?;
                        return Err(Ended);
                    }
                }
                cx.waker().wake_by_ref();
            }
        }
        Ok(())
    }

    fn awaits_auth_servers(&self) -> bool {
        matches!(self.waiting, Some(Waiting::Authorization(_)))
    }

    /// The read deadline has come in the middle of a body, and nothing has been said of it yet.
    fn decoder_awaits_body(&self) -> bool {
        let pending = self.input.pending();
        self.magic_came
            && !self.is_ending()
            && self.decoder.truncated(pending, &self.session).is_some()
    }
}

impl Actor for ClientConnection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(EndOfTurn);
    }
}

impl Turn for ClientConnection {
    fn end_turn(&mut self, ctx: &mut Self::Context, cx: &mut task::Context<'_>) {
        if self.turn(ctx, cx).is_err() {
            self.end(ctx);
        }
    }
}

impl Handler<Observe<ClientSnapshot>> for ClientConnection {
    type Result = MessageResult<Observe<ClientSnapshot>>;

    fn handle(&mut self, _: Observe<ClientSnapshot>, _: &mut Self::Context) -> Self::Result {
        let counts = self.publishing.counts();
        MessageResult(ClientSnapshot::producer(&self.info(), self.session.state, counts))
    }
}
