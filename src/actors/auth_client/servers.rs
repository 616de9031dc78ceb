//! All auth servers together.

use std::{
    cell::RefCell,
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Weak},
    time::Duration,
};

use awc::{Client, Connector};
use bytes::Bytes;
use tokio_rustls::rustls::ClientConfig;

use super::{
    AuthError, REQUESTS_MAX,
    question::Question,
    server::{Failure, Manner, Server},
};
use crate::{broker::Grant, config::NsqdOptions};

/// A redirect leads on, so many times in one request.
const REDIRECTS_MAX: u8 = 10;
/// Answers that are recognised when they come again, and how long they may be.
const KNOWN_MAX: usize = 1024;
const KNOWN_BYTES_MAX: usize = 16 * 1024;

/// The servers, and how they are asked.
pub struct Servers {
    servers: Vec<Server>,
    client: Client,
    manner: Manner,
    known: RefCell<Known>,
}

impl Servers {
    /// Those of the options; `tls` is for URLs with https.
    pub fn new(options: &NsqdOptions, tls: Option<Arc<ClientConfig>>) -> Self {
        let manner = Manner {
            method: options.auth_http_request_method,
            timeout: options.http_client_request_timeout,
        };
        let addresses = options.auth_http_addresses.iter();
        Self {
            servers: addresses.map(|address| Server::new(address)).collect(),
            client: client(options.http_client_connect_timeout, manner.timeout, tls),
            manner,
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
        self.known.borrow_mut().keep(body, &grant);
        Ok(grant)
    }
}

fn client(connect: Duration, request: Duration, tls: Option<Arc<ClientConfig>>) -> Client {
    let connector =
        Connector::new().timeout(connect).handshake_timeout(request).limit(REQUESTS_MAX);
    let connector = match tls {
        Some(config) => connector.rustls_0_23(config),
        None => connector,
    };
    let client = Client::builder().connector(connector).max_redirects(REDIRECTS_MAX);
    client.disable_timeout().finish()
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

    fn keep(&mut self, body: Bytes, grant: &Arc<Grant>) {
        if body.len() > KNOWN_BYTES_MAX {
            return;
        }
        if self.0.len() >= KNOWN_MAX {
            self.0.retain(|_, grant| grant.strong_count() > 0);
        }
        if self.0.len() < KNOWN_MAX {
            self.0.insert(body, Arc::downgrade(grant));
        }
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
        known.keep(body.clone(), &grant);
        assert!(Arc::ptr_eq(&known.find(&body).unwrap(), &grant));
        drop(grant);
        assert!(known.find(&body).is_none());
    }

    #[test]
    fn what_is_recognised_is_bounded() {
        let (mut known, grant) = (Known::default(), grant());
        let body = |number: usize| Bytes::from(number.to_string());
        (0..=KNOWN_MAX).for_each(|number| known.keep(body(number), &grant));
        assert!(known.find(&body(KNOWN_MAX - 1)).is_some());
        assert!(known.find(&body(KNOWN_MAX)).is_none());
        drop(grant);
        let other = self::grant();
        known.keep(body(KNOWN_MAX), &other);
        assert!(known.find(&body(KNOWN_MAX)).is_some());
        let long = Bytes::from(vec![b'a'; KNOWN_BYTES_MAX + 1]);
        known.keep(long.clone(), &other);
        assert!(known.find(&long).is_none());
    }
}
