//! Faults that were found once, by name.

use super::*;

const NOW: Moment = Moment(1_000);

fn settings() -> Settings {
    Settings {
        max_msg_timeout: Duration::from_nanos(50),
        consumers_max: 0,
        requeue_on_disconnect: true,
        depth_max: None,
    }
}

/// A channel whose topic has released the numbers from 1 to `count`.
fn channel(settings: Settings, count: u64) -> ChannelRules<()> {
    let finished = AckSet::starting_at(1);
    let mut channel = ChannelRules::new(settings, finished, false, Counters::default());
    channel.released(count + 1, count);
    channel
}

#[test]
fn a_deferred_message_is_no_surplus() {
    let mut channel = channel(Settings { depth_max: Some(1), ..settings() }, 0);
    channel.defer(4, NOW, ());
    channel.released(5, 4);
    assert_eq!((channel.depth(), channel.deferred_count()), (1, 1));
    assert_eq!((channel.next_fresh(), channel.counters().dropped_count), (Some(1), 2));
}
