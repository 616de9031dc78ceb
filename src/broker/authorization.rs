//! A client's grant and how long it is relied on.

use std::{sync::Arc, time::Duration};

use super::{
    grant::{Access, Grant},
    moment::Moment,
};

/// A grant that cannot be renewed, because no auth server answers, is relied on for as long again
/// as it held, and no longer than this.
pub const GRACE_MAX: Duration = Duration::from_secs(5 * 60);
/// Within that time the auth servers are asked again after this.
pub const GRACE_RETRY: Duration = Duration::from_secs(10);

/// What is known of a client's permissions.
#[derive(Debug)]
pub struct Authorization {
    grant: Arc<Grant>,
    /// The first command from then on asks again.
    ask_at: Moment,
    /// Without an answer the grant is not relied on any longer.
    ends_at: Moment,
}

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be carried out.
    Allowed,
    /// It may not.
    Forbidden,
    /// The auth servers must be asked first.
    Expired,
}

impl Authorization {
    /// A grant that has just been given.
    pub fn new(grant: Arc<Grant>, now: Moment) -> Self {
        let ask_at = now + grant.ttl;
        Self { ask_at, ends_at: ask_at + grant.ttl.min(GRACE_MAX), grant }
    }

    /// What was granted.
    pub fn grant(&self) -> &Arc<Grant> {
        &self.grant
    }

    /// When a permission that was found once must be looked for again.
    pub fn ask_at(&self) -> Moment {
        self.ask_at
    }

    /// What the grant says, if it holds.
    pub fn verdict(&self, access: Access<'_>, now: Moment) -> Verdict {
        if now >= self.ask_at {
            Verdict::Expired
        } else if self.grant.allows(access) {
            Verdict::Allowed
        } else {
            Verdict::Forbidden
        }
    }

    /// No auth server has answered; false if the grant can no longer be relied on.
    pub fn rely_on(&mut self, now: Moment) -> bool {
        if now >= self.ends_at {
            return false;
        }
        self.ask_at = (now + GRACE_RETRY).min(self.ends_at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCESS: Access<'_> = Access::Publish("orders");

    fn at(seconds: u64) -> Moment {
        Moment(1) + Duration::from_secs(seconds)
    }

    fn authorization(ttl_s: u64, now: Moment) -> Authorization {
        let entry = r#"{"topic":"^orders$","channels":[".*"],"permissions":["publish"]}"#;
        let answer = format!(r#"{{"ttl":{ttl_s},"authorizations":[{entry}]}}"#);
        Authorization::new(Arc::new(Grant::parse(answer.as_bytes()).unwrap()), now)
    }

    #[test]
    fn a_grant_holds_for_its_time() {
        let authorization = authorization(60, at(0));
        assert_eq!(authorization.verdict(ACCESS, at(59)), Verdict::Allowed);
        assert_eq!(authorization.verdict(Access::Publish("other"), at(59)), Verdict::Forbidden);
        assert_eq!(authorization.verdict(ACCESS, at(60)), Verdict::Expired);
        assert_eq!(authorization.verdict(Access::Publish("other"), at(60)), Verdict::Expired);
    }

    #[test]
    fn without_an_answer_it_is_relied_on_for_as_long_again() {
        let mut authorization = authorization(60, at(0));
        assert!(authorization.rely_on(at(60)));
        assert_eq!(authorization.verdict(ACCESS, at(69)), Verdict::Allowed);
        assert_eq!(authorization.verdict(ACCESS, at(70)), Verdict::Expired);
        assert!(authorization.rely_on(at(115)));
        assert_eq!(authorization.ask_at(), at(120));
        assert!(!authorization.rely_on(at(120)));
    }

    #[test]
    fn a_long_grant_is_relied_on_for_some_minutes_more() {
        let mut authorization = authorization(86_400, at(0));
        assert!(authorization.rely_on(at(86_400 + 299)));
        assert!(!authorization.rely_on(at(86_400 + 300)));
    }

    #[test]
    fn the_longest_time_does_not_overflow() {
        let authorization = authorization(i64::MAX as u64, at(0));
        assert_eq!(authorization.ask_at(), Moment::NEVER);
    }
}
