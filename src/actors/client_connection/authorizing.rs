//! AUTH, and what a client may do after it.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{self, Poll, ready},
};

use tokio::sync::oneshot;

use super::{ClientConnection, Waiting, info::ip_of};
use crate::{
    actors::{
        auth_client::{AuthError, Authorize, Question},
        clock,
    },
    broker::{Access, Authorization, Grant, Moment, Verdict},
    protocol::{AuthResponse, Keyword, ProtocolError, frame},
};

/// An answer of the auth servers that has not come yet.
pub(super) type Asking = oneshot::Receiver<Result<Arc<Grant>, AuthError>>;

/// What a client has shown and what it may do for it.
#[derive(Debug, Default)]
pub(super) struct Authorizing {
    /// What it has shown; asked about again when the grant has expired.
    question: Option<Question>,
    authorization: Option<Authorization>,
}

impl Authorizing {
    /// What was granted, once there is something.
    pub(super) fn grant(&self) -> Option<&Arc<Grant>> {
        self.authorization.as_ref().map(Authorization::grant)
    }
}

/// Whether a command may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    /// It may.
    Free,
    /// The auth servers are asked; it comes again when they have answered.
    Later,
    /// It may not, and the connection ends.
    Closed,
}

impl ClientConnection {
    /// AUTH: asks what the client may do.
    pub(super) fn authenticate(&mut self, secret: &[u8]) {
        if self.authorizing.authorization.is_some() {
            return self.fail(ProtocolError::AuthAlreadySet);
        }
        if self.spec.auth.is_none() {
            return self.fail(ProtocolError::AuthDisabled);
        }
        self.authorizing.question = Some(Question {
            secret: secret.into(),
            remote_ip: ip_of(&self.spec.remote_address).to_owned(),
            tls: self.tls.is_some(),
            common_name: self.tls.as_ref().map(|tls| tls.common_name.clone()).unwrap_or_default(),
        });
        self.ask_auth_servers();
    }

    /// May the client do this? Answered from what is known, as long as that holds.
    pub(super) fn authorize(&mut self, keyword: Keyword, access: Access<'_>) -> Passage {
        if self.spec.auth.is_none() {
            return Passage::Free;
        }
        let Some(authorization) = &self.authorizing.authorization else {
            self.refuse(ProtocolError::AuthFirst(keyword));
            return Passage::Closed;
        };
        match authorization.verdict(access, clock::now()) {
            Verdict::Allowed => Passage::Free,
            Verdict::Expired => {
                self.ask_auth_servers();
                Passage::Later
            }
            Verdict::Forbidden => {
                let (topic, channel) = match access {
                    Access::Publish(topic) => (topic, ""),
                    Access::Subscribe(topic, channel) => (topic, channel),
                };
                let (topic, channel) = (topic.to_owned(), channel.to_owned());
                self.refuse(ProtocolError::Unauthorized { keyword, topic, channel });
                Passage::Closed
            }
        }
    }

    fn ask_auth_servers(&mut self) {
        if let (Some(auth), Some(question)) = (&self.spec.auth, &self.authorizing.question) {
            let (reply, asking) = oneshot::channel();
            auth.do_send(Authorize { question: question.clone(), reply });
            self.waiting = Some(Waiting::Authorization(asking));
        }
    }

    /// Looks whether the auth servers have answered.
    pub(super) fn poll_asking(&mut self, mut asking: Asking, cx: &mut task::Context<'_>) {
        match poll_answer(&mut asking, cx) {
            Poll::Pending => self.waiting = Some(Waiting::Authorization(asking)),
            Poll::Ready(answer) => {
                let now = clock::now();
                self.timing.command_came(now); // it could not be heard meanwhile
                self.auth_answered(answer, now);
            }
        }
    }

    fn auth_answered(&mut self, answer: Result<Arc<Grant>, AuthError>, now: Moment) {
        let held = self.authorizing.authorization.as_mut();
        match answer {
            Ok(grant) if held.is_some() => self.hold(grant, now),
            Ok(grant) if grant.permission_count() == 0 => {
                self.refuse(ProtocolError::NoAuthorizations);
            }
            Ok(grant) => {
                let json = AuthResponse {
                    identity: &grant.identity,
                    identity_url: &grant.identity_url,
                    permission_count: grant.permission_count(),
                }
                .to_json();
                self.hold(grant, now);
                self.respond(|frames| frame::put_response(frames, &json));
            }
            Err(AuthError::Unavailable) if held.is_some_and(|held| held.rely_on(now)) => {
                let client = &self.spec.remote_address;
                log::warn!("client={client} no auth server answers, its permissions stand for now");
                self.watch_grant();
            }
            Err(_) => self.refuse(ProtocolError::AuthFailed),
        }
    }

    fn hold(&mut self, grant: Arc<Grant>, now: Moment) {
        self.authorizing.authorization = Some(Authorization::new(grant, now));
        self.watch_grant();
    }

    /// Permissions that were found are forgotten when their grant expires, so that a publish need
    /// not look at the clock.
    fn watch_grant(&mut self) {
        self.timing.permitted_until =
            self.authorizing.authorization.as_ref().map(Authorization::ask_at);
    }

    fn refuse(&mut self, error: ProtocolError) {
        log::warn!("client={} {error}", self.spec.remote_address);
        self.fail(error);
    }
}

/// No answer at all means that whom we asked has crashed.
fn poll_answer(
    asking: &mut Asking,
    cx: &mut task::Context<'_>,
) -> Poll<Result<Arc<Grant>, AuthError>> {
    let answer = ready!(Pin::new(asking).poll(cx));
    Poll::Ready(answer.unwrap_or(Err(AuthError::Unavailable)))
}
