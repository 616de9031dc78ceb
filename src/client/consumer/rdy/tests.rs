use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn shares(max_in_flight: u32) -> Shares {
    Shares::new(&Options { max_in_flight, ..Options::default() })
}

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn connections_share_evenly_and_those_before_make_room_first() {
    let (mut shares, now) = (shares(10), Instant::now());
    assert_eq!(shares.join(1, 2500, now), [(1, 10)]);
    assert_eq!(shares.join(2, 2500, now), [(1, 5), (2, 5)]);
    assert_eq!(shares.join(3, 2500, now), [(1, 3), (2, 3), (3, 3)]);
    assert_eq!(shares.leave(2, now), [(1, 5), (3, 5)]);
    assert_eq!(shares.leave(1, now), [(3, 10)]);
}

#[test]
fn nobody_gets_more_than_its_nsqd_takes() {
    let (mut shares, now) = (shares(100), Instant::now());
    assert_eq!(shares.join(1, 7, now), [(1, 7)]);
    assert_eq!(shares.join(2, 2500, now), [(2, 50)]);
}

#[test]
fn when_less_is_to_be_taken_some_get_none() {
    let (mut shares, now) = (shares(5), Instant::now());
    shares.join(1, 2500, now);
    shares.join(2, 2500, now);
    assert_eq!(shares.set_max_in_flight(1, now), [(1, 1), (2, 1), (2, 0)]);
}

#[test]
fn without_messages_to_take_nobody_gets_any() {
    let (mut shares, now) = (shares(0), Instant::now());
    assert_eq!(shares.join(1, 2500, now), []);
    assert_eq!(shares.set_max_in_flight(4, now), [(1, 4)]);
    assert_eq!(shares.set_max_in_flight(0, now), [(1, 0)]);
    assert_eq!(shares.try_one(|_| 0, now), None);
}

#[test]
fn where_there_is_enough_nothing_is_passed_on() {
    let (mut shares, now) = (shares(2), Instant::now());
    shares.join(1, 2500, now);
    shares.join(2, 2500, now);
    assert_eq!(shares.redistribute(now + secs(3600)), []);
}

#[test]
fn idle_connections_pass_their_rdy_on() {
    let (mut shares, start) = (shares(1), Instant::now());
    assert_eq!(shares.join(1, 2500, start), [(1, 1)]);
    assert_eq!(shares.join(2, 2500, start), []);
    assert_eq!(shares.redistribute(start + secs(10)), []);
    let now = start + Duration::from_millis(10_001);
    assert_eq!(shares.redistribute(now), [(1, 0), (2, 1)]);
}

#[test]
fn busy_connections_pass_it_on_later() {
    let (mut shares, start) = (shares(1), Instant::now());
    shares.join(1, 2500, start);
    shares.join(2, 2500, start);
    shares.heard(1, start + secs(25));
    assert_eq!(shares.redistribute(start + secs(30)), []);
    assert_eq!(shares.redistribute(start + secs(31)), [(1, 0), (2, 1)]);
}

#[test]
fn in_a_back_off_one_message_is_tried_at_a_time() {
    let (mut shares, now) = (shares(10), Instant::now());
    shares.join(1, 2500, now);
    shares.join(2, 2500, now);
    assert_eq!(shares.pause(now), [(1, 0), (2, 0)]);
    assert_eq!(shares.redistribute(now + secs(100)), []);
    assert_eq!(shares.join(3, 2500, now), []);
    assert_eq!(shares.try_one(|count| count - 1, now), Some(vec![(3, 1)]));
    assert_eq!(shares.leave(3, now), []);
    assert_eq!(shares.redistribute(now), [(1, 1)]); // the one that was tried is gone
    assert_eq!(shares.resume(now), [(1, 5), (2, 5)]);
}

#[test]
fn without_connections_nothing_can_be_tried() {
    let now = Instant::now();
    assert_eq!(shares(10).try_one(|_| 0, now), None);
}

#[derive(Debug, Clone)]
enum Event {
    Join(u32),
    Leave(usize),
    Heard(usize),
    Max(u32),
    Pause,
    TryOne(usize),
    Resume,
    Redistribute,
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let event = prop_oneof![
        4 => (1..20u32).prop_map(Event::Join),
        2 => any::<usize>().prop_map(Event::Leave),
        4 => any::<usize>().prop_map(Event::Heard),
        1 => (0..20u32).prop_map(Event::Max),
        1 => Just(Event::Pause),
        1 => any::<usize>().prop_map(Event::TryOne),
        1 => Just(Event::Resume),
        4 => Just(Event::Redistribute),
    ];
    prop::collection::vec((0..40u64, event), 0..60)
}

proptest! {
    #[test]
    fn orders_never_allow_too_much(max in 0..20u32, events in events()) {
        let (mut shares, mut now, mut next) = (shares(max), Instant::now(), 0);
        let (mut max, mut budget) = (max, None); // more than the budget only where it is none
        let mut sent: HashMap<LineId, (u32, u32)> = HashMap::new();
        for (pause, event) in events {
            now += secs(pause);
            let mut ids: Vec<_> = sent.keys().copied().collect();
            ids.sort_unstable();
            let at = |index: usize| ids.get(index % ids.len().max(1)).copied();
            let orders = match event {
                Event::Join(most) => {
                    next += 1;
                    sent.insert(next, (most, 0));
                    shares.join(next, most, now)
                }
                Event::Leave(index) => match at(index) {
                    Some(id) => {
                        sent.remove(&id);
                        shares.leave(id, now)
                    }
                    None => vec![],
                },
                Event::Heard(index) => {
                    at(index).into_iter().for_each(|id| shares.heard(id, now));
                    vec![]
                }
                Event::Max(most) => {
                    max = most;
                    shares.set_max_in_flight(most, now)
                }
                Event::Pause => {
                    budget = Some(0);
                    shares.pause(now)
                }
                // Only behind a pause, as the consumer does it.
                Event::TryOne(index) if budget == Some(0) => {
                    let orders = shares.try_one(|count| index % count, now);
                    if orders.is_some() {
                        budget = Some(1);
                    }
                    orders.unwrap_or_default()
                }
                Event::TryOne(_) => vec![],
                Event::Resume => {
                    budget = None;
                    shares.resume(now)
                }
                Event::Redistribute => shares.redistribute(now),
            };
            for (id, rdy) in orders {
                let (most, current) = sent.get_mut(&id).unwrap();
                prop_assert_ne!(*current, rdy, "sent again");
                prop_assert!(rdy <= *most);
                let is_more = rdy > *current;
                *current = rdy;
                // Also between two orders: nobody gets more before others have less.
                let total: u32 = sent.values().map(|(_, rdy)| rdy).sum();
                prop_assert!(!is_more || total <= budget.unwrap_or(max));
            }
            let total: u32 = sent.values().map(|(_, rdy)| rdy).sum();
            prop_assert_eq!(total, shares.total());
            prop_assert!(budget.is_some_and(|budget| total <= budget) || total <= max);
        }
    }

    #[test]
    fn everybody_has_its_turn(count in 2..20u64, max in 1..5u32) {
        let (mut shares, mut now) = (shares(max), Instant::now());
        let mut served: Vec<u64> = (1..=count).filter(|&id| !shares.join(id, 2500, now).is_empty()).collect();
        for _ in 0..count {
            now += secs(11);
            served.extend(shares.redistribute(now).iter().filter(|(_, rdy)| *rdy > 0).map(|(id, _)| id));
        }
        served.sort_unstable();
        served.dedup();
        prop_assert_eq!(served.len() as u64, count);
    }
}
