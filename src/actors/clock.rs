//! The two clocks: one that never steps, for deadlines, and the wall's, for what is written down.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix_rt::time::Instant;

use crate::broker::Moment;

/// Where the steady clock was anchored: both clocks read once, when the process starts.
struct Anchor {
    instant: Instant,
    wall: Moment,
}

fn anchor() -> &'static Anchor {
    static ANCHOR: OnceLock<Anchor> = OnceLock::new();
    ANCHOR.get_or_init(|| Anchor {
        instant: Instant::now(),
        wall: Moment(u64::try_from(wall_ns()).unwrap_or(0)),
    })
}

/// The steady clock: nanoseconds that only rise, near Unix time.
pub fn now() -> Moment {
    let anchor = anchor();
    anchor.wall + Instant::now().saturating_duration_since(anchor.instant)
}

/// Unix time in nanoseconds, as the machine's clock has it now.
pub fn wall_ns() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
}

/// The steady clock's time for a time on the wall.
pub fn moment_of(wall: i64) -> Moment {
    let ahead = wall.saturating_sub(wall_ns());
    let now = now();
    if ahead >= 0 {
        now + Duration::from_nanos(ahead.unsigned_abs())
    } else {
        Moment(now.0.saturating_sub(ahead.unsigned_abs()))
    }
}

/// The wall's time for a moment of the steady clock.
pub fn wall_of(moment: Moment) -> i64 {
    let now = now();
    let ahead = i64::try_from(moment.0.abs_diff(now.0)).unwrap_or(i64::MAX);
    if moment >= now { wall_ns().saturating_add(ahead) } else { wall_ns().saturating_sub(ahead) }
}

/// The runtime's instant for a moment, to sleep until it.
pub fn instant_of(moment: Moment) -> Instant {
    Instant::now() + moment.since(now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_and_steady_clock_translate_both_ways() {
        let due = wall_ns() + 5_000_000_000;
        let back = wall_of(moment_of(due));
        assert!((back - due).abs() < 50_000_000, "{}", back - due);
        assert!(now().since(moment_of(wall_ns() - 1_000_000_000)) >= Duration::from_millis(990));
    }
}
