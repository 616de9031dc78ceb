//! One timer for everything that an actor waits for.

use std::{future::Future, pin::Pin, task};

use actix_rt::time::{Sleep, sleep_until};

use super::clock;
use crate::broker::Moment;

/// A timer that is armed for the earliest of many moments.
///
/// It is only moved when it must ring earlier: work that pushes its deadline ahead with every
/// message costs no timer call. It may therefore ring for nothing; the owner looks at its rules.
#[derive(Debug, Default)]
pub struct Alarm {
    sleep: Option<(Moment, Pin<Box<Sleep>>)>,
}

impl Alarm {
    /// Arms the alarm for `wanted` and returns true if it has rung: then ask again with what is
    /// wanted after the work is done.
    pub fn poll(&mut self, wanted: Option<Moment>, cx: &mut task::Context<'_>) -> bool {
        let Some(wanted) = wanted else {
            self.sleep = None;
            return false;
        };
        match &mut self.sleep {
            Some((armed, _)) if *armed <= wanted => {}
            Some((armed, sleep)) => {
                *armed = wanted;
                sleep.as_mut().reset(clock::instant_of(wanted));
            }
            None => self.sleep = Some((wanted, Box::pin(sleep_until(clock::instant_of(wanted))))),
        }
        let rung = self.sleep.as_mut().is_some_and(|(_, sleep)| sleep.as_mut().poll(cx).is_ready());
        if rung {
            self.sleep = None;
        }
        rung
    }
}
