//! Messages, and the duty to answer them.

use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;

use super::{backoff::Outcome, line::Line};
use crate::{
    client::{options::Options, subject::Subject, wire::IncomingMessage},
    protocol::{
        MessageId,
        outgoing::{put_finish, put_requeue, put_touch},
    },
};

/// What answers need to know of their consumer.
pub(super) struct Terms {
    pub(super) subject: Subject,
    default_requeue_delay: Duration,
    max_requeue_delay: Duration,
    /// The consumer is finding its way back from a back-off, so that successes count.
    pub(super) is_backing_off: AtomicBool,
}

impl Terms {
    pub(super) fn new(subject: Subject, options: &Options) -> Self {
        Self {
            subject,
            default_requeue_delay: options.default_requeue_delay,
            max_requeue_delay: options.max_requeue_delay,
            is_backing_off: AtomicBool::new(false),
        }
    }

    fn requeue_delay(&self, attempts: u16) -> Duration {
        let delay = self.default_requeue_delay.saturating_mul(u32::from(attempts));
        delay.min(self.max_requeue_delay)
    }
}

/// A message. Its body shares memory with others that came at the same time.
pub struct Message {
    timestamp_ns: i64,
    attempts: u16,
    id: [u8; 16],
    body: Bytes,
    line: Arc<Line>,
}

impl Message {
    /// The id, unique within its topic and its nsqd.
    pub fn id(&self) -> MessageId {
        // What nsqd sends is hexadecimal; another server's id is shown as 0 and still answered as it came.
        MessageId::from_hex(&self.id).unwrap_or(MessageId(0))
    }

    /// What was published.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// How often it was delivered, this time included.
    pub fn attempts(&self) -> u16 {
        self.attempts
    }

    /// When nsqd accepted it, in nanoseconds since the Unix epoch.
    pub fn timestamp_ns(&self) -> i64 {
        self.timestamp_ns
    }

    /// When nsqd accepted it.
    pub fn timestamp(&self) -> SystemTime {
        let since = Duration::from_nanos(self.timestamp_ns.unsigned_abs());
        if self.timestamp_ns < 0 {
            SystemTime::UNIX_EPOCH - since
        } else {
            SystemTime::UNIX_EPOCH + since
        }
    }

    /// The nsqd that has sent it.
    pub fn nsqd_address(&self) -> &str {
        &self.line.address
    }

    /// Asks nsqd for as much time again as it gave at first. False if the connection is gone or takes nothing.
    pub fn touch(&self) -> bool {
        self.line.touch(|out| put_touch(out, &self.id))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Message")
            .field("id", &self.id())
            .field("attempts", &self.attempts)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why a message was not handled, and what is to become of it. Any error becomes one by `?`.
#[derive(Debug)]
pub struct Failure {
    reason: Box<dyn Error + Send + Sync>,
    delay: Option<Duration>,
    backs_off: bool,
}

impl Failure {
    /// The message is to come again after this time, not after `default_requeue_delay` for each attempt.
    #[must_use]
    pub fn requeue_after(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// The failure says nothing about the next messages: the consumer is not to back off.
    #[must_use]
    pub fn without_backoff(mut self) -> Self {
        self.backs_off = false;
        self
    }

    /// Why.
    pub fn reason(&self) -> &(dyn Error + Send + Sync) {
        &*self.reason
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { reason: error.into(), delay: None, backs_off: true }
    }
}

/// A message of a stream, to be answered once. One that is dropped without an answer is given back, like one whose
/// handler has failed.
pub struct Delivery {
    message: Message,
    duty: Duty,
}

impl Delivery {
    pub(super) fn new(incoming: IncomingMessage, line: &Arc<Line>, terms: &Arc<Terms>) -> Self {
        let IncomingMessage { timestamp_ns, attempts, id, body } = incoming;
        let duty = Duty {
            line: Arc::clone(line),
            terms: Arc::clone(terms),
            id,
            attempts,
            is_answered: false,
        };
        let message = Message { timestamp_ns, attempts, id, body, line: Arc::clone(line) };
        Self { message, duty }
    }

    /// Answers that it is done with. Like all answers: false if the connection that brought it is gone, and nsqd
    /// delivers it again.
    pub fn finish(self) -> bool {
        self.duty.finish()
    }

    /// Gives it back to be delivered again after `delay`, without a word on how things go.
    pub fn requeue(self, delay: Duration) -> bool {
        self.duty.requeue(Some(delay), Outcome::Neutral)
    }

    /// Gives it back because it could not be handled.
    pub fn fail(self, failure: impl Into<Failure>) -> bool {
        self.duty.fail(&failure.into())
    }

    /// Its connection is gone, so that nsqd delivers it again and no answer counts.
    pub(super) fn is_orphaned(&self) -> bool {
        self.duty.line.is_gone()
    }

    /// The message and the duty to answer it, each by itself.
    pub(super) fn split(self) -> (Message, Duty) {
        (self.message, self.duty)
    }
}

impl std::ops::Deref for Delivery {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(formatter)
    }
}

/// The duty to answer a message once.
pub(super) struct Duty {
    line: Arc<Line>,
    terms: Arc<Terms>,
    id: [u8; 16],
    attempts: u16,
    is_answered: bool,
}

impl Duty {
    pub(super) fn finish(mut self) -> bool {
        self.is_answered = true;
        let tells = self.terms.is_backing_off.load(Ordering::Relaxed);
        self.line.answer(Outcome::Success, tells, |out| put_finish(out, &self.id))
    }

    pub(super) fn fail(self, failure: &Failure) -> bool {
        let (subject, id) = (&self.terms.subject, self.id.escape_ascii());
        log::error!("{subject} Handler returned error ({}) for msg {id}", failure.reason);
        let outcome = if failure.backs_off { Outcome::Failure } else { Outcome::Neutral };
        self.requeue(failure.delay, outcome)
    }

    fn requeue(mut self, delay: Option<Duration>, outcome: Outcome) -> bool {
        self.give_back(delay, outcome)
    }

    fn give_back(&mut self, delay: Option<Duration>, outcome: Outcome) -> bool {
        self.is_answered = true;
        let delay = delay.unwrap_or_else(|| self.terms.requeue_delay(self.attempts));
        let tells =
            outcome == Outcome::Failure || self.terms.is_backing_off.load(Ordering::Relaxed);
        self.line.answer(outcome, tells, |out| put_requeue(out, &self.id, delay))
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        if !self.is_answered {
            self.give_back(None, Outcome::Failure);
        }
    }
}
