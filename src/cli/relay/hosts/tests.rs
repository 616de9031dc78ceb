use proptest::prelude::*;

use super::*;

const MILLI: Duration = Duration::from_millis(1);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Never by chance.
fn never() -> f64 {
    0.999_999
}

/// Spread evenly, and the same in each run.
fn spread() -> impl FnMut() -> f64 {
    let mut state = 0_u64;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn choose(hosts: &mut Hosts, tried: &[usize], now: Instant) -> Option<usize> {
    hosts.choose(tried, now, &mut never)
}

fn choose_many(hosts: &mut Hosts, count: usize, now: Instant) -> Vec<usize> {
    (0..count).map(|_| choose(hosts, &[], now).unwrap()).collect()
}

#[test]
fn names_of_modes() {
    for (name, mode) in [
        ("round-robin", Some(Mode::RoundRobin)),
        ("hostpool", Some(Mode::Hostpool)),
        ("epsilon-greedy", Some(Mode::EpsilonGreedy)),
        ("hostpol", None),
        ("Hostpool", None),
        ("", None),
    ] {
        assert_eq!(Mode::parse(name), mode, "{name}");
    }
}

#[test]
fn round_robin_begins_with_the_second_and_knows_no_failures() {
    let now = Instant::now();
    let mut hosts = Hosts::new(Mode::RoundRobin, 3);
    assert_eq!(choose_many(&mut hosts, 4, now), [1, 2, 0, 1]);
    hosts.failed(2, now);
    assert_eq!(choose_many(&mut hosts, 4, now), [2, 0, 1, 2]);
    assert_eq!(choose_many(&mut Hosts::new(Mode::RoundRobin, 1), 2, now), [0, 0]);
}

#[test]
fn second_tries_go_on_from_the_first_and_do_not_move_the_turn() {
    let now = Instant::now();
    for mode in [Mode::RoundRobin, Mode::Hostpool] {
        let mut hosts = Hosts::new(mode, 3);
        hosts.next = 0;
        assert_eq!(choose(&mut hosts, &[], now), Some(0));
        assert_eq!(choose(&mut hosts, &[0], now), Some(1));
        assert_eq!(choose(&mut hosts, &[0, 1], now), Some(2));
        assert_eq!(choose(&mut hosts, &[0, 1, 2], now), None);
        assert_eq!(choose(&mut hosts, &[], now), Some(1), "{mode:?}");
    }
}

#[test]
fn hostpool_leaves_out_the_dead_until_they_are_due() {
    let now = Instant::now();
    let mut hosts = Hosts::new(Mode::Hostpool, 3);
    assert_eq!(choose_many(&mut hosts, 4, now), [0, 1, 2, 0]);
    hosts.failed(1, now);
    assert_eq!(choose_many(&mut hosts, 4, now + seconds(29)), [2, 0, 2, 0]);
    let due = now + seconds(30);
    assert_eq!(choose_many(&mut hosts, 5, due), [1, 2, 0, 2, 0], "one message finds out");
    hosts.failed(1, due);
    assert_eq!(choose_many(&mut hosts, 2, due + seconds(59)), [2, 0]);
    assert_eq!(choose_many(&mut hosts, 3, due + seconds(60)), [1, 2, 0]);
    hosts.succeeded(1, MILLI, due);
    assert_eq!(choose_many(&mut hosts, 3, due), [1, 2, 0]);
}

#[test]
fn where_all_are_dead_the_one_that_is_due_first_is_tried() {
    let now = Instant::now();
    let mut hosts = Hosts::new(Mode::Hostpool, 3);
    for (host, at) in [(0, 2), (1, 1), (2, 3)] {
        hosts.failed(host, now + seconds(at));
    }
    let now = now + seconds(4);
    assert_eq!(choose_many(&mut hosts, 2, now), [1, 1]);
    assert_eq!(choose(&mut hosts, &[1], now), Some(0));
    assert_eq!(choose(&mut hosts, &[1, 0], now), Some(2));
    assert_eq!(choose(&mut hosts, &[1, 0, 2], now), None);
    hosts.succeeded(2, MILLI, now);
    assert_eq!(choose_many(&mut hosts, 2, now), [2, 2]);
}

#[test]
fn a_message_whose_host_has_failed_goes_to_one_that_lives() {
    let now = Instant::now();
    let mut hosts = Hosts::new(Mode::Hostpool, 4);
    hosts.failed(1, now);
    hosts.failed(0, now);
    assert_eq!(choose(&mut hosts, &[0], now), Some(2));
    assert_eq!(choose(&mut hosts, &[0, 2], now), Some(3));
    assert_eq!(choose(&mut hosts, &[0, 2, 3], now), Some(1), "better a dead one than none");
}

#[test]
fn the_faster_ones_have_more_also_below_a_millisecond() {
    let now = Instant::now();
    let mut hosts = Hosts::new(Mode::EpsilonGreedy, 3);
    for (host, micros) in [(0, 100), (1, 300), (2, 600)] {
        hosts.succeeded(host, Duration::from_micros(micros), now);
    }
    hosts.exploring = 0.0;
    let mut chance = spread();
    let mut counts = [0_u32; 3];
    for _ in 0..9000 {
        counts[hosts.choose(&[], now, &mut chance).unwrap()] += 1;
    }
    for (count, expected) in counts.into_iter().zip([6000, 2000, 1000]) {
        assert!(count.abs_diff(expected) < expected / 10, "{counts:?}");
    }
}

#[test]
fn exploring_gets_rarer_and_never_ends() {
    let now = Instant::now();
    let mut hosts = Hosts::new(Mode::EpsilonGreedy, 2);
    let mut always = || 0.0;
    let picks: Vec<_> = (0..4).map(|_| hosts.choose(&[], now, &mut always).unwrap()).collect();
    assert_eq!(picks, [0, 1, 0, 1]);
    assert!((hosts.exploring - 0.3 * 0.9_f64.powi(4)).abs() < 1e-9);
    for _ in 0..100 {
        hosts.choose(&[], now, &mut always);
    }
    assert!((hosts.exploring - 0.01).abs() < 1e-9);
}

#[test]
fn what_was_never_measured_is_found_out_about_by_exploring_alone() {
    let now = Instant::now();
    let mut hosts = Hosts::new(Mode::EpsilonGreedy, 2);
    assert_eq!(choose_many(&mut hosts, 3, now), [0, 1, 0], "nothing measured: like hostpool");
    hosts.succeeded(0, MILLI, now);
    assert_eq!(choose_many(&mut hosts, 3, now), [0, 0, 0]);
    hosts.failed(0, now);
    assert_eq!(choose_many(&mut hosts, 2, now), [1, 1], "the dead are no candidates");
}

proptest! {
    /// Whatever has happened: a message is sent to each address at most once, and to all before it is given up.
    #[test]
    fn every_address_is_tried_once_and_none_twice(
        mode in prop_oneof![
            Just(Mode::RoundRobin), Just(Mode::Hostpool), Just(Mode::EpsilonGreedy)
        ],
        count in 1_usize..6,
        past in prop::collection::vec((0_usize..6, any::<bool>(), 0_u64..100_000), 0..40),
        chances in prop::collection::vec(0.0..1.0, 1..8),
    ) {
        let mut now = Instant::now();
        let mut hosts = Hosts::new(mode, count);
        let mut chances = chances.into_iter().cycle();
        let mut chance = move || chances.next().unwrap_or_default();
        for (host, succeeds, millis) in past {
            now += Duration::from_millis(millis);
            hosts.choose(&[], now, &mut chance);
            match succeeds {
                true => hosts.succeeded(host % count, Duration::from_millis(millis), now),
                false => hosts.failed(host % count, now),
            };
        }
        let mut tried = Vec::new();
        while let Some(host) = hosts.choose(&tried, now, &mut chance) {
            prop_assert!(host < count && !tried.contains(&host));
            tried.push(host);
        }
        prop_assert_eq!(tried.len(), count);
    }

    /// The dead are left alone as long as another lives.
    #[test]
    fn no_message_goes_to_the_dead_while_another_lives(
        dead in prop::collection::vec(any::<bool>(), 1..6),
        turns in 0_usize..10,
    ) {
        let now = Instant::now();
        let mut hosts = Hosts::new(Mode::Hostpool, dead.len());
        choose_many(&mut hosts, turns, now);
        for (host, _) in dead.iter().enumerate().filter(|(_, dead)| **dead) {
            hosts.failed(host, now);
        }
        let host = choose(&mut hosts, &[], now).unwrap();
        prop_assert!(!dead[host] || dead.iter().all(|dead| *dead));
    }
}
