//! The consuming side of a connection.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use actix::{Addr, AsyncContext, Context, Handler, MailboxError, Recipient, prelude::SendError};
use tokio::sync::oneshot;

use super::ClientConnection;
use crate::{
    actors::{
        channel::{
            Answer, Channel, ChannelEmptied, ChannelRestarted, ClientClosed, CloseClient,
            CloseSubscription, Consumer, Deliver, Ready, Refused, RefusedReply, Resume, Settle,
            Subscribe, SubscriptionClosed,
        },
        node::{FindTopic, TopicError},
        shared::Shared,
        topic::{ChannelError, FindChannel, Topic},
    },
    broker::{ClientId, SubscribeError, channel::SettleError, holdings::Holdings},
    protocol::{
        ChannelName, ClientState, Keyword, MessageRef, ProtocolError, SettleFailure,
        SubscribeFailure, TopicName, frame,
    },
};

/// An ephemeral topic or channel may be on its way out just when it is asked for again.
const SUBSCRIBE_RETRY: Duration = Duration::from_millis(100);

/// A seat in a channel; given up when it is dropped, however the connection ends.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) channel: Addr<Channel>,
    client: ClientId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.channel.do_send(ClientClosed(self.client));
    }
}

/// What a consumer has with its channel.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) seat: Seat,
    consumer: Consumer,
    ready: u32,
    /// Answers of this read, on their way to the channel.
    answers: Vec<Answer>,
    /// As many as there were last: about as many are to come.
    answers_expected: usize,
    holdings: Holdings,
    /// Bytes that have left the socket; the channel has not been told.
    unreported_bytes: usize,
    /// The channel was sent answers and not asked what becomes of them: what it refuses may be on its
    /// way as a message.
    has_unheard: bool,
    /// Hears that the channel has closed the subscription, after CLS.
    closed: Option<oneshot::Sender<()>>,
}

pub(super) type Subscribing = Pin<Box<dyn Future<Output = Result<Subscription, ProtocolError>>>>;

/// Finds or makes the channel and takes a seat in it.
pub(super) fn subscribe(
    shared: Arc<Shared>,
    node: Recipient<FindTopic>,
    topic: TopicName,
    channel: ChannelName,
    consumer: Consumer,
    held_max: usize,
) -> Subscribing {
    Box::pin(async move {
        let mut seat = take_seat(&shared, &node, &topic, &channel, &consumer).await;
        if matches!(seat, Err(SubscribeFailure::Exiting)) {
            actix_rt::time::sleep(SUBSCRIBE_RETRY).await;
            seat = take_seat(&shared, &node, &topic, &channel, &consumer).await;
        }
        let seat = seat.map_err(|failure| refusal(failure, &topic, &channel))?;
        Ok(Subscription {
            seat,
            consumer,
            ready: 0,
            answers: Vec::new(),
            answers_expected: 0,
            holdings: Holdings::new(held_max),
            unreported_bytes: 0,
            has_unheard: false,
            closed: None,
        })
    })
}

/// Upstream has words of its own for what is ephemeral and ends while it is asked for.
fn refusal(failure: SubscribeFailure, topic: &TopicName, channel: &ChannelName) -> ProtocolError {
    let ephemeral = topic.is_ephemeral() || channel.is_ephemeral();
    ProtocolError::SubscribeFailed(match failure {
        SubscribeFailure::Exiting if ephemeral => SubscribeFailure::Deleted,
        failure => failure,
    })
}

fn exiting(_: MailboxError) -> SubscribeFailure {
    SubscribeFailure::Exiting
}

/// The node is asked only if it has none of that name.
async fn find_topic(
    shared: &Shared,
    node: &Recipient<FindTopic>,
    name: &TopicName,
) -> Result<Addr<Topic>, SubscribeFailure> {
    if let Some(topic) = shared.topics.get(name) {
        return Ok(topic);
    }
    let found = node.send(FindTopic { name: name.clone(), create: true }).await;
    found.map_err(exiting)?.map_err(|_: TopicError| SubscribeFailure::Exiting)
}

async fn take_seat(
    shared: &Shared,
    node: &Recipient<FindTopic>,
    topic: &TopicName,
    channel: &ChannelName,
    consumer: &Consumer,
) -> Result<Seat, SubscribeFailure> {
    let found = find_topic(shared, node, topic).await?;
    let find = FindChannel { name: channel.clone(), create: true };
    let found = found.send(find).await.map_err(exiting)?.map_err(|error| match error {
        ChannelError::NotFound | ChannelError::Exiting => SubscribeFailure::Exiting,
        ChannelError::Store(error) => {
            log::error!("topic={topic} channel={channel} not created: {error}");
            SubscribeFailure::Storage(error.to_string())
        }
    })?;
    // The seat exists before it is taken, so that it is given up if this future is dropped between.
    let seat = Seat { channel: found, client: consumer.client };
    let subscribed = seat.channel.send(Subscribe(consumer.clone())).await.map_err(exiting)?;
    subscribed.map_err(|error| match error {
        SubscribeError::Exiting => SubscribeFailure::Exiting,
        SubscribeError::TooManyConsumers(limit) => SubscribeFailure::TooManyConsumers {
            topic: topic.clone(),
            channel: channel.clone(),
            limit: limit as u64,
        },
    })?;
    Ok(seat)
}

impl Subscription {
    pub(super) fn ready(&mut self, count: u32) {
        self.ready = count;
        self.seat.channel.do_send(Ready { client: self.seat.client, count });
    }

    /// Wants nothing more; what is returned resolves when nothing more comes.
    pub(super) fn close(&mut self) -> oneshot::Receiver<()> {
        self.ready = 0;
        let (closed, heard) = oneshot::channel();
        self.closed = Some(closed);
        self.seat.channel.do_send(CloseSubscription(self.seat.client));
        heard
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        if let Answer::Finish(id) | Answer::Requeue(id, _) = answer {
            self.holdings.settled(id);
        }
        if self.answers.is_empty() {
            self.answers.reserve(self.answers_expected);
        }
        self.answers.push(answer);
    }

    /// There is something that the channel must be told.
    pub(super) fn has_news(&self) -> bool {
        !self.answers.is_empty() || self.unreported_bytes > 0
    }

    /// Nothing that was answered depends on this subscription any more.
    pub(super) fn is_over(&self) -> bool {
        !self.has_news() && !self.has_unheard
    }

    /// Sends the channel what has gathered for it; false if its mailbox is full.
    pub(super) fn settle(&mut self, sent_bytes: usize, refused: Option<RefusedReply>) -> bool {
        self.unreported_bytes += sent_bytes;
        let answers = std::mem::take(&mut self.answers);
        let sent_bytes = std::mem::take(&mut self.unreported_bytes);
        if !answers.is_empty() {
            self.answers_expected = answers.len();
        }
        let is_unheard = refused.is_none() && !answers.is_empty();
        let settle = Settle { client: self.seat.client, answers, sent_bytes, refused };
        match self.seat.channel.try_send(settle) {
            Err(SendError::Full(settle)) => {
                self.answers = settle.answers;
                self.unreported_bytes = settle.sent_bytes;
                false
            }
            _ => {
                self.has_unheard |= is_unheard;
                true
            }
        }
    }

    /// Asks the channel to say when it has carried out what it was sent; `None` if its mailbox is full.
    fn ask_whether_heard(&mut self) -> Option<oneshot::Receiver<Refused>> {
        let (reply, heard) = oneshot::channel();
        let (client, answers) = (self.seat.client, Vec::new());
        let ask = Settle { client, answers, sent_bytes: 0, refused: Some(reply) };
        if matches!(self.seat.channel.try_send(ask), Err(SendError::Full(_))) {
            return None;
        }
        self.has_unheard = false;
        Some(heard)
    }
}

impl ClientConnection {
    /// A client that is about to go must still hear what is refused of its earlier answers; false if
    /// the channel's mailbox is full.
    pub(super) fn await_unheard(&mut self) -> bool {
        let Some(subscription) = self.subscription.as_mut().filter(|it| it.has_unheard) else {
            return true;
        };
        let heard = subscription.ask_whether_heard();
        let is_asked = heard.is_some();
        heard.into_iter().for_each(|heard| self.responses.put_unheard(heard));
        is_asked
    }
}

impl Handler<Deliver> for ClientConnection {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut Self::Context) {
        if let Some(subscription) = &mut self.subscription {
            subscription.holdings.delivered(&deliver.holdings);
            self.output.deliver(deliver.frames);
        }
    }
}

impl Handler<Refused> for ClientConnection {
    type Result = ();

    fn handle(&mut self, refused: Refused, _: &mut Self::Context) {
        let mut frames = Vec::new();
        put_refused(&mut frames, &refused);
        self.responses.put_early(frames);
    }
}

/// The error frames for answers that were refused.
pub(super) fn put_refused(frames: &mut Vec<u8>, refused: &Refused) {
    for &(answer, error) in &refused.0 {
        let (keyword, id) = match answer {
            Answer::Finish(id) => (Keyword::Fin, id),
            Answer::Requeue(id, _) => (Keyword::Req, id),
            Answer::Touch(id) => (Keyword::Touch, id),
        };
        let failure = match error {
            SettleError::NotInFlight => SettleFailure::NotInFlight,
            SettleError::NotOwner => SettleFailure::NotOwner,
        };
        let id = MessageRef::new(id.to_hex());
        frame::put_error(frames, &ProtocolError::settle_failed(keyword, &id, failure));
    }
}

impl Handler<SubscriptionClosed> for ClientConnection {
    type Result = ();

    fn handle(&mut self, _: SubscriptionClosed, _: &mut Self::Context) {
        let closed = self.subscription.as_mut().and_then(|subscription| subscription.closed.take());
        if let Some(closed) = closed {
            let _ = closed.send(()); // the answers may have ended with an error
        }
    }
}

impl Handler<ChannelRestarted> for ClientConnection {
    type Result = ();

    fn handle(&mut self, _: ChannelRestarted, _: &mut Self::Context) {
        let closing = self.session.state == ClientState::Closing;
        if let Some(subscription) = &mut self.subscription {
            let resume = Resume {
                consumer: subscription.consumer.clone(),
                ready: subscription.ready,
                closing,
                held: subscription.holdings.held().to_vec(),
            };
            subscription.seat.channel.do_send(resume);
        }
    }
}

impl Handler<ChannelEmptied> for ClientConnection {
    type Result = ();

    fn handle(&mut self, _: ChannelEmptied, _: &mut Self::Context) {
        if let Some(subscription) = &mut self.subscription {
            subscription.holdings.clear();
        }
    }
}

impl Handler<CloseClient> for ClientConnection {
    type Result = ();

    fn handle(&mut self, _: CloseClient, ctx: &mut Self::Context) {
        self.end(ctx);
    }
}

/// The consumer as it introduces itself to a channel.
pub(super) fn consumer(connection: &ClientConnection, ctx: &Context<ClientConnection>) -> Consumer {
    Consumer {
        client: connection.spec.id,
        connection: ctx.address(),
        terms: connection.terms(),
        info: connection.info(),
    }
}
