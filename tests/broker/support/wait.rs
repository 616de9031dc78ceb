//! Waiting for what must come true.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Time for anything that is not itself about time. Ample: it is reached only by what never comes,
/// however busy the machine is with other tests and builds.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks again until there is an answer; fails when there is none within [`DEADLINE`].
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let mut pace = Pace::until(DEADLINE);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(pace.again(), "never came true: {what}");
    }
}

/// The rhythm in which a condition that cannot be waited for is asked for.
pub struct Pace {
    end: Instant,
}

impl Pace {
    /// Asks for no longer than `deadline`.
    pub fn until(deadline: Duration) -> Self {
        Self { end: Instant::now() + deadline }
    }

    /// Lets a moment pass; false when time is over.
    pub fn again(&mut self) -> bool {
        thread::sleep(Duration::from_millis(5));
        Instant::now() < self.end
    }
}
