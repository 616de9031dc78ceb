//! All auth servers together.

use std::{
    cell::RefCell,
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use reqwest::Client;
use tokio_rustls::rustls::ClientConfig;

use super::{
    AuthError,
    question::Question,
    server::{Failure, Manner, Server},
};
use crate::{
    broker::Grant,
    config::{AuthMethod, NsqdOptions},
    requests,
};

/// Answers that are recognised when they come again, and how long they may be.
const KNOWN_MAX: usize = 1024;
const KNOWN_BYTES_MAX: usize = 16 * 1024;

/// Where auth servers are and how they are asked.
#[derive(Debug, Clone)]
pub struct AuthSpec {
    /// `host:port` or a URL, of each.
    pub addresses: Vec<String>,
    /// In the query or in a body.
    pub method: AuthMethod,
    /// Time for the connect.
    pub connect_timeout: Duration,
    /// Time for a request, from the connect to the last byte of the answer.
    pub request_timeout: Duration,
    /// How the certificates of servers are checked.
    pub tls: Arc<ClientConfig>,
}

impl AuthSpec {
    /// What the options say.
    pub fn new(options: &NsqdOptions, tls: Arc<ClientConfig>) -> Self {
        Self {
            addresses: options.auth_http_addresses.clone(),
            method: options.auth_http_request_method,
            connect_timeout: options.http_client_connect_timeout,
            request_timeout: options.http_client_request_timeout,
            tls,
        }
    }
}

/// The servers, ready to be asked.
pub struct Servers {
    servers: Vec<Server>,
    client: Client,
    manner: Manner,
    known: RefCell<Known>,
}

impl Servers {
    /// Prepares a client.
    pub fn new(spec: &AuthSpec) -> Self {
        Self {
            servers: spec.addresses.iter().map(|address| Server::new(address)).collect(),
            client: client(spec),
            manner: Manner { method: spec.method, timeout: spec.request_timeout },
            known: RefCell::default(),
        }
    }

    /// Asks one after the other, starting anywhere, until one grants something.
    pub async fn ask(&self, question: &Question) -> Result<Arc<Grant>, AuthError> {
        let (before, after) = self.servers.split_at(anywhere(self.servers.len()));
        let mut error = AuthError::Unavailable;
        for server in after.iter().chain(before) {
            match self.ask_one(server, question).await {
                Ok(grant) => return Ok(grant),
                Err(failure) => {
                    log::warn!("auth server {}: {failure} client={question:?}", server.name());
                    if let Failure::Refused(_) = failure {
                        error = AuthError::Refused;
                    }
                }
            }
        }
        Err(error)
    }

    async fn ask_one(&self, server: &Server, question: &Question) -> Result<Arc<Grant>, Failure> {
        let body = server.ask(&self.client, self.manner, question).await?;
        if let Some(grant) = self.known.borrow().find(&body) {
            return Ok(grant);
        }
        // Somebody else's patterns: how long they take to compile is not for this thread to wait.
        let parsed = actix_rt::task::spawn_blocking({
            let body = body.clone();
            move || Grant::parse(&body)
        });
        let grant = match parsed.await {
            Ok(Ok(grant)) => Arc::new(grant),
            Ok(Err(bad)) => return Err(Failure::Refused(bad.to_string())),
            Err(panicked) => return Err(Failure::Unavailable(panicked.to_string())),
        };
        Ok(self.known.borrow_mut().keep(body, grant))
    }
}

fn client(spec: &AuthSpec) -> Client {
    let client = requests::client(spec.tls.as_ref().clone(), spec.connect_timeout);
    // Each question has its time over all redirects.
    client.build().expect("there is nothing in it that could be wrong")
}

/// A number below `count`, or 0.
fn anywhere(count: usize) -> usize {
    let random = RandomState::new().hash_one(count);
    usize::try_from(random % count.max(1) as u64).unwrap_or(0)
}

/// Grants that are in use. Clients of one identity get the same answer, and share its memory.
#[derive(Default)]
struct Known(HashMap<Bytes, Weak<Grant>>);

impl Known {
    fn find(&self, body: &Bytes) -> Option<Arc<Grant>> {
        self.0.get(body)?.upgrade()
    }

    /// The same grant, or one of the same answer that somebody else has got meanwhile.
    fn keep(&mut self, body: Bytes, grant: Arc<Grant>) -> Arc<Grant> {
        if let Some(known) = self.find(&body) {
            return known;
        }
        if body.len() > KNOWN_BYTES_MAX {
            return grant;
        }
        if self.0.len() >= KNOWN_MAX {
            self.0.retain(|_, grant| grant.strong_count() > 0);
        }
        if self.0.len() < KNOWN_MAX {
            self.0.insert(body, Arc::downgrade(&grant));
        }
        grant
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn grant() -> Arc<Grant> {
        Arc::new(Grant::parse(br#"{"ttl":1}"#).unwrap())
    }

    #[test]
    fn any_server_may_be_the_first() {
        let seen: BTreeSet<_> = (0..1000).map(|_| anywhere(3)).collect();
        assert_eq!(seen, BTreeSet::from([0, 1, 2]));
        assert_eq!((anywhere(0), anywhere(1)), (0, 0));
    }

    #[test]
    fn an_answer_in_use_is_recognised() {
        let (mut known, body, grant) = (Known::default(), Bytes::from_static(b"one"), grant());
        known.keep(body.clone(), Arc::clone(&grant));
        assert!(Arc::ptr_eq(&known.find(&body).unwrap(), &grant));
        assert!(Arc::ptr_eq(&known.keep(body.clone(), self::grant()), &grant));
        drop(grant);
        assert!(known.find(&body).is_none());
    }

    #[test]
    fn what_is_recognised_is_bounded() {
        let (mut known, grant) = (Known::default(), grant());
        let body = |number: usize| Bytes::from(number.to_string());
        for number in 0..=KNOWN_MAX {
            known.keep(body(number), Arc::clone(&grant));
        }
        assert!(known.find(&body(KNOWN_MAX - 1)).is_some());
        assert!(known.find(&body(KNOWN_MAX)).is_none());
        drop(grant);
        let other = self::grant();
        known.keep(body(KNOWN_MAX), Arc::clone(&other));
        assert!(known.find(&body(KNOWN_MAX)).is_some());
        let long = Bytes::from(vec![b'a'; KNOWN_BYTES_MAX + 1]);
        known.keep(long.clone(), other);
        assert!(known.find(&long).is_none());
    }
}
