//! Deadlines and heartbeats of a connection.

use std::time::Duration;

use super::output::Output;
use crate::broker::Moment;

/// What the clock says must happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A heartbeat frame.
    Heartbeat,
    /// The peer has not said in time who it is, or has sent no command for two heartbeats.
    Silence,
    /// The peer takes nothing from its socket.
    Stuck,
    /// What the client was found to be allowed must be looked for again.
    PermissionsExpired,
    /// Time to try again what a full mailbox refused.
    Retry,
    /// The peer has had its time to read the last error.
    Linger,
}

/// The moments that a connection waits for.
#[derive(Debug)]
pub struct Timing {
    /// `None` when the client has turned heartbeats off, and with them all deadlines.
    interval: Option<Duration>,
    heartbeat_at: Moment,
    /// Until the peer has said its magic.
    magic_until: Option<Moment>,
    last_command: Moment,
    /// A full mailbox is tried again.
    pub retry_at: Option<Moment>,
    /// Permissions that were found hold until this.
    pub permitted_until: Option<Moment>,
    /// After the last error the socket is read until this, and what comes is dropped.
    pub linger_until: Option<Moment>,
}

impl Timing {
    /// For a new connection, which must say its magic within `magic_timeout`.
    pub fn new(interval: Option<Duration>, magic_timeout: Duration, now: Moment) -> Self {
        Self {
            interval,
            heartbeat_at: interval.map_or(Moment::NEVER, |interval| now + interval),
            magic_until: Some(now + magic_timeout),
            last_command: now,
            retry_at: None,
            permitted_until: None,
            linger_until: None,
        }
    }

    /// The peer has said its magic.
    pub fn magic_came(&mut self, now: Moment) {
        self.magic_until = None;
        self.last_command = now;
        self.heartbeat_at = self.interval.map_or(Moment::NEVER, |interval| now + interval);
    }

    /// IDENTIFY has settled the heartbeat interval. Only the first one restarts the heartbeat.
    pub fn identified(&mut self, interval: Option<Duration>, first: bool, now: Moment) {
        self.interval = interval;
        if first || interval.is_none() {
            self.heartbeat_at = interval.map_or(Moment::NEVER, |interval| now + interval);
        }
    }

    /// A whole command came.
    pub fn command_came(&mut self, now: Moment) {
        self.last_command = now;
    }

    /// The earliest moment at which something may be due.
    pub fn next(&self, output: &Output) -> Option<Moment> {
        let or_never = |moment: Option<Moment>| moment.unwrap_or(Moment::NEVER);
        let next = self
            .magic_until
            .unwrap_or(self.heartbeat_at)
            .min(or_never(self.silent_at()))
            .min(or_never(self.stuck_at(output)))
            .min(or_never(self.retry_at))
            .min(or_never(self.permitted_until))
            .min(or_never(self.linger_until));
        Some(next).filter(|&next| next != Moment::NEVER)
    }

    /// One thing that is due now. A heartbeat goes before the end that falls due with it.
    pub fn due(&mut self, output: &Output, now: Moment) -> Option<Due> {
        let passed = |moment: Option<Moment>| moment.is_some_and(|moment| moment <= now);
        if passed(self.linger_until) {
            return Some(Due::Linger);
        }
        if let Some(interval) = self.interval
            && self.heartbeat_at <= now
        {
            // From the last one, not from now: late turns must not add up.
            self.heartbeat_at = (self.heartbeat_at + interval).max(now);
            return Some(Due::Heartbeat);
        }
        if passed(self.magic_until) || passed(self.silent_at()) {
            return Some(Due::Silence);
        }
        if passed(self.stuck_at(output)) {
            return Some(Due::Stuck);
        }
        if passed(self.permitted_until) {
            self.permitted_until = None;
            return Some(Due::PermissionsExpired);
        }
        let retry = passed(self.retry_at).then(|| self.retry_at.take());
        retry.map(|_| Due::Retry)
    }

    fn silent_at(&self) -> Option<Moment> {
        let interval = self.interval.filter(|_| self.magic_until.is_none())?;
        Some(self.last_command + 2 * interval)
    }

    fn stuck_at(&self, output: &Output) -> Option<Moment> {
        Some(output.stuck_since()? + self.interval?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Moment {
        Moment(0) + Duration::from_millis(millis)
    }

    #[test]
    fn heartbeats_come_at_the_interval_and_silence_ends_after_two() {
        let (mut timing, output) = (Timing::new(Some(SECOND), SECOND, at(0)), Output::default());
        timing.magic_came(at(0));
        assert_eq!(timing.due(&output, at(999)), None);
        assert_eq!(timing.due(&output, at(1000)), Some(Due::Heartbeat));
        assert_eq!(timing.due(&output, at(1001)), None);
        timing.command_came(at(1500));
        assert_eq!(timing.due(&output, at(2000)), Some(Due::Heartbeat));
        assert_eq!(timing.due(&output, at(3000)), Some(Due::Heartbeat));
        assert_eq!(timing.next(&output), Some(at(3500)));
        assert_eq!(timing.due(&output, at(3500)), Some(Due::Silence));
    }

    #[test]
    fn permissions_expire_once() {
        let (mut timing, output) = (Timing::new(None, SECOND, at(0)), Output::default());
        timing.magic_came(at(0));
        timing.permitted_until = Some(at(5000));
        assert_eq!((timing.next(&output), timing.due(&output, at(4999))), (Some(at(5000)), None));
        assert_eq!(timing.due(&output, at(5000)), Some(Due::PermissionsExpired));
        assert_eq!((timing.next(&output), timing.due(&output, at(5001))), (None, None));
    }

    #[test]
    fn who_does_not_say_its_magic_is_silent() {
        let (mut timing, output) = (Timing::new(None, SECOND, at(0)), Output::default());
        assert_eq!(timing.next(&output), Some(at(1000)));
        assert_eq!(timing.due(&output, at(1000)), Some(Due::Silence));
        timing.magic_came(at(900));
        assert_eq!((timing.next(&output), timing.due(&output, at(90_000))), (None, None));
    }
}
