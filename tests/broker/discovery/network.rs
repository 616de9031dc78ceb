//! Faults of the network, between hosts of their own.

use std::{
    env,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::hosts::{Host, with_network};
use crate::support::{Nsqd, eventually, ours};

/// For how long a registry is cut off; another number of seconds can be asked for.
const CUT_S: &str = "NSQ_CUT_S";
const CUT: Duration = Duration::from_secs(10);

fn cut() -> Duration {
    let seconds = env::var(CUT_S).ok().and_then(|text| text.parse().ok());
    seconds.map_or(CUT, Duration::from_secs)
}

/// Stops whoever looks at it, also when its owner panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Has the host run nearly never meanwhile.
fn with_slow<T>(host: &Host, meanwhile: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                host.freeze();
                thread::sleep(Duration::from_millis(300));
                host.thaw();
                thread::sleep(Duration::from_millis(20));
            }
        });
        let _stop = Stop(&stop);
        meanwhile()
    })
}

fn topics(prefix: &str) -> Vec<String> {
    (0..20).map(|number| format!("{prefix}{number}")).collect()
}

/// Publishes and subscribes on twenty new topics, and says how long the slowest of them took.
fn work(nsqd: &Nsqd, prefix: &str) -> Duration {
    let each = |topic: String| {
        let begun = Instant::now();
        nsqd.client().publish(&topic, b"x");
        nsqd.client().subscribe(&topic, "archive");
        begun.elapsed()
    };
    topics(prefix).into_iter().map(each).max().unwrap_or_default()
}

/// Waits until the registry knows that the node has the twenty topics.
fn expect_known(host: &Host, nsqd: &Nsqd, prefix: &str) {
    let port = nsqd.tcp().port();
    for topic in topics(prefix) {
        let known = || host.ports(&topic).contains(&port).then_some(());
        eventually(&format!("{topic} is known"), known);
    }
}

/// Nobody waits for a registry in trouble; one second and a slow machine's delays would be three.
const PROMPT: Duration = Duration::from_secs(3);

#[test]
fn registries_that_are_cut_off_slow_or_silent_delay_nobody_and_learn_everything() {
    if !ours() {
        return; // Upstream serves its registries one after the other, each with a second for everything.
    }
    with_network(|| {
        let hosts = [1, 2, 3, 4].map(Host::start);
        let [good, lost, slow, silent] = &hosts;
        let flags = hosts.each_ref().map(Host::flag);
        let mut flags: Vec<_> = flags.iter().map(String::as_str).collect();
        flags.push("--http-client-request-timeout=2s");
        silent.freeze();
        let nsqd = Nsqd::with(&flags);
        with_slow(slow, || {
            assert!(work(&nsqd, "before") < PROMPT, "somebody waited");
            for host in [good, lost, slow] {
                expect_known(host, &nsqd, "before");
            }
            lost.cut_off();
            let begun = Instant::now();
            assert!(work(&nsqd, "meanwhile") < PROMPT, "somebody waited");
            for host in [good, slow] {
                expect_known(host, &nsqd, "meanwhile");
            }
            thread::sleep(cut().saturating_sub(begun.elapsed()));
        });
        lost.join_again();
        silent.thaw();
        assert!(work(&nsqd, "after") < PROMPT, "somebody waited");
        for host in &hosts {
            for prefix in ["before", "meanwhile", "after"] {
                expect_known(host, &nsqd, prefix);
            }
        }
    });
}
