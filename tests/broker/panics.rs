//! Actors panic while the process lives on.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    discovery::{nsqd_with, registry::Registry},
    support::{
        Bystander, DEADLINE, Ledger, Nsqd, Random, commands, consume, drain, eventually, http,
        ours, publish_until_told,
    },
};

const CHAOS: &str = "--enable-experiment=chaos";
const ROUNDS: usize = 20;
/// An actor may be restarted 10 times in 10 seconds, so this can go on for ever.
const ROUND_TIME: Duration = Duration::from_millis(1200);
/// One of each kind, of the topic that the traffic is on.
const EACH_KIND: [&str; 4] = [
    "actor=topic&topic=orders",
    "actor=channel&topic=orders&channel=audit",
    "actor=diskqueue&topic=orders",
    "actor=node",
];
/// What a process exits with that gave up on itself.
const GAVE_UP: i32 = 70;

fn crash(nsqd: &Nsqd, actor: &str) {
    if ours() {
        nsqd.post(&format!("/debug/crash?{actor}"), b"");
    }
}

/// Ends what runs beside the test, also when the test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `meanwhile` while three clients publish and two consume on each channel. The consumers must
/// keep their connections to the end if `must_last`.
fn with_traffic(
    nsqd: &Nsqd,
    ledger: &Ledger,
    random: &mut Random,
    must_last: bool,
    meanwhile: impl FnOnce(),
) {
    let (address, stop) = (nsqd.tcp(), AtomicBool::new(false));
    thread::scope(|scope| {
        let stopping = StopOnDrop(&stop);
        for number in 0..3 {
            let (random, stop) = (random.fork(), &stop);
            scope.spawn(move || {
                publish_until_told(address, ledger, &format!("by{number}"), random, stop);
            });
        }
        for channel in ledger.channels().flat_map(|channel| [channel; 2]) {
            let (client, random, stop) = (nsqd.client(), random.fork(), &stop);
            scope.spawn(move || {
                let ended = consume(client, ledger, channel, random, stop);
                assert!(ended.is_ok() || !must_last, "a consumer of {channel} was cut off");
            });
        }
        assert!(ledger.reaches(100), "publishing got stuck");
        meanwhile();
        drop(stopping);
    });
}

#[test]
fn panics_of_every_kind_of_actor_lose_nothing() {
    let mut random = Random::new();
    let nsqd = Nsqd::with(&[CHAOS, "--msg-timeout=3s"]);
    let ledger = Ledger::new("orders", &["audit", "billing"]);
    ledger.create(&nsqd);
    let bystander = Bystander::start(&nsqd);
    let rounds = if ours() { ROUNDS } else { 2 };
    with_traffic(&nsqd, &ledger, &mut random.fork(), true, || {
        for _ in 0..rounds {
            let begun = Instant::now();
            for actor in EACH_KIND {
                let pause = random.below(ROUND_TIME.as_millis() as usize / EACH_KIND.len());
                thread::sleep(Duration::from_millis(pause as u64));
                crash(&nsqd, actor);
            }
            thread::sleep(ROUND_TIME.saturating_sub(begun.elapsed()));
        }
        let goal = ledger.acknowledged() + 100;
        assert!(ledger.reaches(goal), "publishing got stuck behind the last panic");
    });
    drain(&nsqd, &ledger);
    bystander.finish();
    if ours() {
        let restarts = nsqd.stats()["restarts"].clone();
        for kind in ["topic", "channel", "diskqueue", "node"] {
            assert!(restarts[kind].as_u64() >= Some(ROUNDS as u64), "{kind} in {restarts}");
        }
    }
}

#[test]
fn process_gives_up_when_the_budgets_are_spent_and_the_next_finds_everything() {
    if !ours() {
        return;
    }
    let mut nsqd = Nsqd::with(&[CHAOS, "--msg-timeout=3s"]);
    let ledger = Ledger::new("orders", &["audit", "billing"]);
    ledger.create(&nsqd);
    publish_and_give_up(&mut nsqd, &ledger);
    nsqd.restart();
    drain(&nsqd, &ledger);
}

fn publish_and_give_up(nsqd: &mut Nsqd, ledger: &Ledger) {
    let (address, http) = (nsqd.tcp(), nsqd.http_address());
    thread::scope(|scope| {
        for number in 0..3 {
            let random = Random::new().fork();
            scope.spawn(move || {
                let name = format!("by{number}");
                crate::support::publish_until_cut(address, ledger, &name, random);
            });
        }
        assert!(ledger.reaches(100), "publishing got stuck");
        let begun = Instant::now();
        let actors =
            ["actor=channel&topic=orders&channel=audit", "actor=topic&topic=orders", "actor=node"];
        for actor in actors.iter().cycle() {
            let request = http::request_bytes("POST", &format!("/debug/crash?{actor}"), b"");
            for _ in 0..12 {
                let _answered_or_gone = http::try_exchange(http, &request);
            }
            if !nsqd.is_running() || begun.elapsed() > 2 * DEADLINE {
                break;
            }
        }
        let running = nsqd.is_running();
        let status = if running { nsqd.terminate() } else { nsqd.expect_exit(DEADLINE) };
        assert!(!running, "it goes on for ever");
        assert_eq!(status.code(), Some(GAVE_UP));
    });
}

#[test]
fn only_actors_that_exist_can_be_crashed() {
    if !ours() {
        return;
    }
    let nsqd = Nsqd::with(&[CHAOS]);
    nsqd.post("/topic/create?topic=orders", b"");
    for (query, statuses) in [
        ("", &[400][..]),
        ("?actor=", &[400, 404]),
        ("?actor=gremlin", &[400, 404]),
        ("?actor=topic", &[400]),
        ("?actor=topic&topic=none", &[404]),
        ("?actor=diskqueue&topic=none", &[404]),
        ("?actor=channel&topic=orders", &[400]),
        ("?actor=channel&topic=orders&channel=none", &[404]),
        ("?actor=topic&topic=orders", &[200]),
        ("?actor=diskqueue&topic=orders", &[200]),
        ("?actor=lookup_peer", &[400]),
        ("?actor=lookup_peer&address=127.0.0.1:1", &[404]),
        ("?actor=discovery", &[200]),
        ("?actor=node", &[200]),
    ] {
        let response = nsqd.http("POST", &format!("/debug/crash{query}"), b"");
        assert!(statuses.contains(&response.status), "{query}: {response:?}");
    }
    nsqd.client().publish("orders", b"after");
}

#[test]
fn nothing_can_be_crashed_without_the_experiment() {
    let nsqd = Nsqd::start();
    nsqd.post("/topic/create?topic=orders", b"");
    for actor in EACH_KIND {
        let response = nsqd.http("POST", &format!("/debug/crash?{actor}"), b"");
        assert!([403, 404].contains(&response.status), "{response:?}");
    }
}

/// Nothing is published that would lead the topic to the log's new actor.
#[test]
fn backlog_is_read_on_after_a_panic_of_its_log() {
    if !ours() {
        return;
    }
    let nsqd = Nsqd::with(&[CHAOS, "--mem-queue-size=0"]);
    let mut publisher = nsqd.client();
    let bodies: Vec<_> = (0..100).map(|number| format!("{number:0>1000}")).collect();
    publisher.send(&commands::publish_many("orders", &bodies));
    publisher.expect_ok();
    nsqd.post("/debug/crash?actor=diskqueue&topic=orders", b"");
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "audit");
    consumer.ready(10);
    assert_eq!(consumer.finish_bodies(bodies.len()), bodies);
}

/// All topics and channels, as a registry should know them.
fn truth(nsqd: &Nsqd) -> Vec<String> {
    let stats = nsqd.stats();
    let mut names = Vec::new();
    for topic in stats["topics"].as_array().unwrap() {
        let name = topic["topic_name"].as_str().unwrap();
        names.push(name.to_owned());
        let channels = topic["channels"].as_array().unwrap().iter();
        let channels = channels.map(|channel| channel["channel_name"].as_str().unwrap());
        names.extend(channels.map(|channel| format!("{name} {channel}")));
    }
    names.sort();
    names
}

#[test]
fn whatever_panics_registries_come_to_know_what_there_is() {
    if !ours() {
        return;
    }
    let registries = [Registry::start(), Registry::start()];
    let nsqd = nsqd_with(&[&registries[0], &registries[1]], &[CHAOS]);
    let mut random = Random::new();
    nsqd.post("/topic/create?topic=t0", b"");
    let peers =
        registries.each_ref().map(|it| format!("actor=lookup_peer&address={}", it.address()));
    let actors = [&peers[0], &peers[1], "actor=discovery", "actor=node", "actor=topic&topic=t0"];
    for round in 0..40 {
        let (topic, channel) = (random.below(4), random.below(3));
        let path = match random.below(5) {
            0 if topic > 0 => format!("/topic/delete?topic=t{topic}"),
            1 => format!("/channel/delete?topic=t{topic}&channel=c{channel}"),
            2 => format!("/topic/create?topic=t{topic}"),
            _ => format!("/channel/create?topic=t{topic}&channel=c{channel}"),
        };
        nsqd.http("POST", &path, b""); // there may be no such topic or channel
        if round % 5 == 0 {
            crash(&nsqd, actors[round / 5 % actors.len()]);
        }
    }
    for registry in &registries {
        eventually("the registry knows what there is", || {
            let known: Vec<_> = registry.seen().registered.into_iter().collect();
            (known == truth(&nsqd)).then_some(())
        });
    }
    let restarts = nsqd.stats()["restarts"].clone();
    for kind in ["lookup_peer", "discovery"] {
        assert!(restarts[kind].as_u64() > Some(0), "{kind} in {restarts}");
    }
}

#[test]
fn a_link_whose_budget_is_spent_is_made_anew_by_its_parent() {
    if !ours() {
        return;
    }
    let registry = Registry::start();
    let nsqd = nsqd_with(&[&registry], &[CHAOS]);
    nsqd.post("/topic/create?topic=orders", b"");
    for _ in 0..15 {
        crash(&nsqd, &format!("actor=lookup_peer&address={}", registry.address()));
    }
    eventually("the parent was restarted", || {
        (nsqd.stats()["restarts"]["discovery"].as_u64() > Some(0)).then_some(())
    });
    nsqd.post("/topic/create?topic=clicks", b"");
    registry.expect_registered(&["clicks", "orders"]);
}
