//! Faults that were found once, by name.

use super::*;
use crate::{broker::Proximity, protocol::MessageId};

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

fn join(channel: &mut ChannelRules<()>, client: u64) -> SubscriberKey {
    let terms = Terms {
        msg_timeout: Duration::from_nanos(10),
        sample_rate: 0,
        proximity: Proximity::default(),
    };
    let key = channel.subscribe(ClientId(client), terms).expect("there is room");
    channel.ready(key, 10);
    key
}

#[test]
fn a_deferred_message_is_no_surplus() {
    let mut channel = channel(Settings { depth_max: Some(1), ..settings() }, 0);
    channel.defer(4, NOW, ());
    channel.released(5, 4);
    assert_eq!((channel.depth(), channel.deferred_count()), (1, 1));
    assert_eq!((channel.next_fresh(), channel.counters().dropped_count), (Some(1), 2));
}

#[test]
fn a_consumer_that_subscribes_twice_is_one_consumer() {
    let mut channel = channel(Settings { consumers_max: 1, ..settings() }, 1);
    assert_eq!(join(&mut channel, 7), join(&mut channel, 7));
    assert_eq!(channel.subscribers().iter().count(), 1);
}

#[test]
fn a_consumer_that_closes_shows_no_credit_whatever_it_says() {
    let mut channel = channel(settings(), 1);
    let key = join(&mut channel, 7);
    channel.close(key);
    channel.ready(key, 5);
    assert_eq!(channel.subscribers().get(key).map(|subscriber| subscriber.ready), Some(0));
}

#[test]
fn the_cursor_stays_within_what_is_released() {
    let mut channel = channel(settings(), 2);
    channel.discard(1..6);
    assert_eq!((channel.next_fresh(), channel.depth(), channel.depth_below(4)), (None, 0, 0));
    channel.empty();
    channel.released(7, 4);
    assert_eq!((channel.next_fresh(), channel.depth(), channel.floor()), (Some(6), 1, 6));
}

fn pending(seq: u64, attempts: u16) -> Pending<()> {
    Pending { seq, attempts, body: () }
}

#[test]
fn a_message_held_while_its_body_is_read_is_not_delivered_again() {
    let mut channel = channel(settings(), 1);
    let key = join(&mut channel, 7);
    channel.hold(key, MessageId(1), pending(1, 1), NOW);
    channel.client_closed(ClientId(7));
    let taken = channel.pop_again().expect("it was given back");
    channel.fetch(taken);
    let key = join(&mut channel, 8);
    channel.hold(key, MessageId(1), pending(1, 1), NOW);
    channel.fetched(1, ());
    assert_eq!((channel.in_flight_count(), channel.has_again()), (1, false));
}

#[test]
fn of_two_consumers_that_say_they_hold_a_message_the_later_has_it() {
    for later_first in [true, false] {
        let mut channel = channel(settings(), 1);
        let (early, late) = (join(&mut channel, 7), join(&mut channel, 8));
        let mut said = [(early, pending(1, 1)), (late, pending(1, 2))];
        if later_first {
            said.reverse();
        }
        for (key, held) in said {
            channel.hold(key, MessageId(1), held, NOW);
        }
        assert_eq!(channel.finish(early, MessageId(1)), Err(SettleError::NotOwner));
        assert_eq!(channel.subscribers().iter().map(|s| s.in_flight).sum::<u32>(), 1);
        assert_eq!(channel.finish(late, MessageId(1)), Ok(()));
    }
}

#[test]
fn a_holder_that_timed_out_does_not_undo_a_later_requeue() {
    for attempts in [1, 2] {
        let mut channel = channel(settings(), 1);
        channel.restore(pending(1, attempts), Some(NOW));
        let key = join(&mut channel, 7);
        channel.hold(key, MessageId(1), pending(1, 1), NOW);
        assert_eq!((channel.in_flight_count(), channel.deferred_count()), (0, 1));
    }
}

#[test]
fn what_the_topic_drops_takes_nothing_from_what_was_carried_forward() {
    let mut channel = channel(settings(), 2);
    let key = join(&mut channel, 7);
    channel.deliver_fresh(key, MessageId(1), 0, (), 0, NOW);
    channel.carried(&[carried(1, 4), carried(2, 5)]);
    channel.discard(3..7);
    assert_eq!((channel.in_flight_count(), channel.depth(), channel.floor()), (1, 1, 4));
    assert_eq!(channel.finish(key, MessageId(1)), Ok(()));
    channel.released(7, 4);
    assert_eq!((channel.next_fresh(), channel.floor()), (None, 5));
}

#[test]
fn what_is_finished_while_it_is_carried_forward_stays_finished() {
    let mut channel = channel(settings(), 2);
    let key = join(&mut channel, 7);
    channel.deliver_fresh(key, MessageId(1), 0, (), 0, NOW);
    channel.expect_carried(3..5);
    channel.released(5, 0);
    assert_eq!(channel.finish(key, MessageId(1)), Ok(()));
    assert_eq!((channel.depth(), channel.floor()), (1, 2), "a copy is no message yet");
    channel.carried(&[carried(1, 3), carried(2, 4)]);
    channel.carrying_ended();
    assert_eq!((channel.depth(), channel.floor(), channel.in_flight_count()), (1, 4, 0));
    assert_eq!(channel.pop_again(), Some(pending(4, 0)));
}

#[test]
fn copies_that_do_not_come_to_anything_are_finished() {
    let mut channel = channel(settings(), 2);
    channel.expect_carried(3..5);
    channel.released(5, 0);
    channel.carrying_ended();
    assert_eq!((channel.depth(), channel.floor(), channel.next_fresh()), (2, 1, Some(1)));
    assert!(channel.progress(|_| ()).finished.into_iter().eq(std::iter::once(3..5)));
}

fn carried(old: u64, new: u64) -> Carried<()> {
    Carried { old, new: pending(new, 0), due: None }
}

#[test]
fn emptying_finishes_what_a_restart_brought_back_before_it_is_released() {
    let mut channel = channel(settings(), 0);
    channel.restore(pending(1, 1), None);
    channel.restore(pending(3, 1), Some(NOW));
    channel.empty();
    channel.released(4, 0);
    assert_eq!((channel.next_fresh(), channel.floor()), (Some(2), 2));
    channel.skip_fresh();
    assert_eq!((channel.next_fresh(), channel.floor()), (None, 4));
}

#[test]
fn two_messages_with_one_id_do_not_push_each_other_out_for_ever() {
    let mut channel = channel(settings(), 2);
    let key = join(&mut channel, 7);
    channel.deliver_fresh(key, MessageId(1), 0, (), 0, NOW);
    channel.deliver_fresh(key, MessageId(1), 0, (), 0, NOW);
    assert_eq!((channel.in_flight_count(), channel.has_again()), (1, false));
    assert_eq!(channel.subscribers().get(key).map(|subscriber| subscriber.in_flight), Some(1));
    assert_eq!(channel.finish(key, MessageId(1)), Ok(()));
    let wake = channel.next_wake().expect("the other message waits");
    channel.expire(wake);
    assert_eq!(channel.pop_again(), Some(pending(1, 1)));
}

#[test]
fn what_consumers_take_at_once_is_no_surplus() {
    let settings = Settings { depth_max: Some(0), ..settings() };
    let mut channel = channel(settings, 0);
    let key = join(&mut channel, 7);
    channel.released(5, 4);
    assert_eq!((channel.depth(), channel.counters().dropped_count), (4, 0));
    channel.ready(key, 1);
    channel.released(9, 4);
    assert_eq!((channel.depth(), channel.counters().dropped_count), (1, 7));
    assert_eq!(channel.next_fresh(), Some(1), "the newest are dropped");
    channel.set_paused(true);
    channel.released(10, 1);
    assert_eq!((channel.depth(), channel.counters().dropped_count), (0, 9));
}

#[test]
fn what_is_dropped_or_deferred_is_wanted_no_more() {
    let mut channel = channel(Settings { depth_max: Some(2), ..settings() }, 0);
    channel.defer(3, NOW, ());
    channel.released(7, 6);
    assert!(channel.wants_any_of(2..4));
    assert!(!channel.wants_any_of(3..7));
    assert!(channel.wants_any_of(7..8), "not released yet");
    channel.empty();
    assert!(!channel.wants_any_of(1..7));
}

#[test]
fn a_deferred_message_that_is_not_in_the_sample_is_finished() {
    let mut channel = channel(settings(), 0);
    channel.defer(1, NOW, ());
    channel.released(2, 1);
    channel.expire(NOW);
    let pending = channel.pop_again().expect("it is due");
    channel.skip_again(&pending);
    assert_eq!((channel.depth(), channel.in_flight_count(), channel.floor()), (0, 0, 2));
    assert_eq!(channel.counters().delivered_count, 0);
    assert!(channel.is_changed());
}

#[test]
fn deliveries_before_a_message_came_into_the_log_count() {
    let mut channel = channel(settings(), 1);
    let key = join(&mut channel, 7);
    assert_eq!(channel.deliver_fresh(key, MessageId(1), 3, (), 0, NOW).attempts, 4);
    assert_eq!(channel.in_flight_count(), 1);
}

#[test]
fn attempts_wrap_and_the_message_is_delivered_all_the_same() {
    let mut channel = channel(settings(), 1);
    let key = join(&mut channel, 7);
    let mut attempts = channel.deliver_fresh(key, MessageId(1), 0, (), 0, NOW).attempts;
    for expected in (2..=u16::MAX).chain([0, 1, 2]) {
        assert_eq!(channel.requeue(key, MessageId(1), Duration::ZERO, NOW), Ok(()));
        let again = channel.pop_again().expect("it was requeued");
        attempts = channel.deliver_again(key, MessageId(1), again, 0, NOW).attempts;
        assert_eq!(attempts, expected);
    }
    assert_eq!((attempts, channel.in_flight_count()), (2, 1));
}

#[test]
fn a_touch_counts_from_now_but_never_beyond_the_maximum_of_this_delivery() {
    let mut channel = channel(settings(), 1);
    let key = join(&mut channel, 7); // a timeout of 10, a maximum of 50
    channel.deliver_fresh(key, MessageId(1), 0, (), 0, NOW);
    for (touched, deadline) in [(0, 10), (9, 19), (18, 28), (35, 45), (40, 50), (41, 50), (49, 50)]
    {
        let touched = Moment(NOW.0 + touched);
        assert_eq!(channel.touch(key, MessageId(1), touched), Ok(()));
        channel.expire(Moment(NOW.0 + deadline - 1));
        assert_eq!(channel.in_flight_count(), 1, "not before {deadline}");
    }
    channel.expire(Moment(NOW.0 + 50));
    assert_eq!((channel.in_flight_count(), channel.counters().timeout_count), (0, 1));
    assert_eq!(channel.touch(key, MessageId(1), NOW), Err(SettleError::NotInFlight));
    // The next attempt has its own maximum.
    let again = channel.pop_again().expect("it timed out");
    let later = Moment(NOW.0 + 60);
    channel.deliver_again(key, MessageId(1), again, 0, later);
    assert_eq!(channel.touch(key, MessageId(1), Moment(later.0 + 9)), Ok(()));
    channel.expire(Moment(later.0 + 18));
    assert_eq!(channel.in_flight_count(), 1);
}

#[test]
fn a_timeout_is_no_requeue_and_frees_the_credit() {
    let mut channel = channel(settings(), 1);
    let key = join(&mut channel, 7);
    channel.deliver_fresh(key, MessageId(1), 0, (), 0, NOW);
    channel.expire(Moment(NOW.0 + 9));
    assert_eq!(channel.in_flight_count(), 1);
    channel.expire(Moment(NOW.0 + 10));
    let counters = channel.counters();
    assert_eq!((counters.timeout_count, counters.requeue_count), (1, 0));
    let subscriber = channel.subscribers().get(key).expect("it is still there");
    assert_eq!((subscriber.in_flight, subscriber.requeue_count), (0, 0));
    assert_eq!(channel.pop_again(), Some(pending(1, 1)), "attempts are kept");
}

#[test]
fn a_requeue_keeps_the_attempts_and_counts_for_channel_and_client() {
    let mut channel = channel(settings(), 2);
    let key = join(&mut channel, 7);
    for id in [1, 2] {
        channel.deliver_fresh(key, MessageId(id), 0, (), 0, NOW);
    }
    assert_eq!(channel.requeue(key, MessageId(1), Duration::ZERO, NOW), Ok(()));
    assert_eq!(channel.requeue(key, MessageId(2), Duration::from_nanos(5), NOW), Ok(()));
    assert_eq!((channel.depth(), channel.deferred_count(), channel.in_flight_count()), (1, 1, 0));
    let subscriber = channel.subscribers().get(key).expect("it is still there");
    assert_eq!((subscriber.in_flight, subscriber.requeue_count), (0, 2));
    assert_eq!(channel.counters().requeue_count, 2);
    assert_eq!(channel.pop_again(), Some(pending(1, 1)));
    channel.expire(Moment(NOW.0 + 4));
    assert_eq!(channel.pop_again(), None);
    channel.expire(Moment(NOW.0 + 5));
    assert_eq!(channel.pop_again(), Some(pending(2, 1)));
}

#[test]
fn after_cls_what_is_open_can_be_settled_and_nothing_comes() {
    let mut channel = channel(settings(), 4);
    let key = join(&mut channel, 7);
    for id in [1, 2, 3] {
        channel.deliver_fresh(key, MessageId(id), 0, (), 0, NOW);
    }
    channel.close(key);
    channel.ready(key, 10);
    assert_eq!(channel.whose_turn(), None);
    assert_eq!(channel.finish(key, MessageId(1)), Ok(()));
    assert_eq!(channel.touch(key, MessageId(2), NOW), Ok(()));
    assert_eq!(channel.requeue(key, MessageId(2), Duration::ZERO, NOW), Ok(()));
    channel.expire(Moment(NOW.0 + 100));
    assert_eq!((channel.in_flight_count(), channel.depth(), channel.whose_turn()), (0, 3, None));
    assert_eq!(channel.subscribers().len(), 1, "it counts as a consumer until it goes");
}

#[test]
fn only_what_waits_in_the_log_can_be_lost_there() {
    let mut channel = channel(settings(), 0);
    channel.defer(3, NOW, ());
    channel.released(7, 6);
    assert_eq!((channel.first_wanted_from(0), channel.first_wanted_from(3)), (Some(1), Some(4)));
    channel.lose_range(2..5);
    assert_eq!((channel.counters().lost_count, channel.depth()), (2, 3));
    assert_eq!((channel.first_wanted_from(2), channel.first_wanted_from(7)), (Some(5), None));
    channel.lose_range(0..100);
    assert_eq!((channel.counters().lost_count, channel.depth()), (5, 0));
    assert_eq!((channel.deferred_count(), channel.first_wanted_from(0)), (1, None));
    assert_eq!((channel.next_fresh(), channel.floor()), (None, 3));
}
