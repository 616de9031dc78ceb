//! TLS of the broker: certificates, who is asked for one, HTTPS.

mod https;
mod policies;
mod reload;
mod required;
mod starting;

use crate::support::{
    Nsqd,
    tls::{Authority, Identity},
};

/// A broker with a certificate, and its authority.
struct Secure {
    nsqd: Nsqd,
    authority: Authority,
    identity: Identity,
}

impl Secure {
    #[track_caller]
    fn with(flags: &[&str]) -> Self {
        Self::of(Authority::new(), flags)
    }

    /// With flags that name files of the authority.
    #[track_caller]
    fn of(authority: Authority, flags: &[&str]) -> Self {
        let identity = authority.server("node");
        let nsqd = start(&identity, flags);
        Self { nsqd, authority, identity }
    }
}

#[track_caller]
fn start(identity: &Identity, flags: &[&str]) -> Nsqd {
    let own = identity.flags();
    let all: Vec<_> = own.iter().map(String::as_str).chain(flags.iter().copied()).collect();
    Nsqd::with(&all)
}
