//! One unfinished old message keeps neither the disk full nor anybody waiting.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::support::{Client, DEADLINE, Frame, NsqMessage, Nsqd, commands, eventually, ours};

const SEGMENT_BYTES: u64 = 4096;
const BATCHES: usize = 80;
const BATCH_MESSAGES: usize = 16;
const MESSAGES: usize = BATCHES * BATCH_MESSAGES;

fn nsqd() -> Nsqd {
    Nsqd::with(&["--max-bytes-per-file=4096", "--sync-timeout=20ms", "--msg-timeout=1m"])
}

/// As said with the flag.
const MSG_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of the topic's segments.
fn log_bytes(nsqd: &Nsqd) -> u64 {
    let entries = fs::read_dir(nsqd.data_path().join("topics/orders")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let segments = paths.filter(|path| path.extension().is_some_and(|suffix| suffix == "log"));
    segments.filter_map(|path| fs::metadata(path).ok()).map(|metadata| metadata.len()).sum()
}

/// More than fifty segments pass by.
fn publish_segments(nsqd: &Nsqd) {
    let mut publisher = nsqd.client();
    for batch in 0..BATCHES {
        let bodies: Vec<_> = (0..BATCH_MESSAGES).map(|at| format!("{batch}-{at:0200}")).collect();
        publisher.send(&commands::publish_many("orders", &bodies));
        publisher.expect_ok();
    }
}

/// Finishes everything but the message with `held` as its body. False if that came, at its time.
#[track_caller]
fn finish_others(consumer: &mut Client, held: &str, due: Instant) -> bool {
    for _ in 0..MESSAGES {
        let message = consumer.expect_message();
        if message.text() == held {
            assert!(Instant::now() >= due, "it is not its time");
            return false;
        }
        consumer.finish(message.id);
    }
    true
}

/// Runs a test in which much has to happen while a message is deferred. It says false when the machine
/// was too slow for the delay, and is given more time then.
#[track_caller]
fn with_delay(test: impl Fn(Duration) -> bool) {
    let mut delays = [6, 12, 24, 48].into_iter().map(Duration::from_secs);
    assert!(!ours() || delays.any(test), "the machine is too slow to see it");
}

/// Live is one message of some bytes: what is left is two segments and less than another.
#[track_caller]
fn expect_small_log(nsqd: &Nsqd) {
    eventually("the log is small", || (log_bytes(nsqd) < 3 * SEGMENT_BYTES).then_some(()));
}

/// A message that a consumer has given back, to have it again at its time.
struct Deferral {
    nsqd: Nsqd,
    audit: Client,
    message: NsqMessage,
    due: Instant,
}

impl Deferral {
    #[track_caller]
    fn new(nsqd: Nsqd, delay: Duration) -> Self {
        let mut audit = nsqd.consumer("orders", "audit", 100);
        nsqd.client().publish("orders", b"later");
        let message = audit.expect_body("later");
        let due = Instant::now() + delay;
        audit.send(&commands::requeue(message.id, delay.as_millis() as u64));
        Self { nsqd, audit, message, due }
    }

    /// False when that took too long.
    #[track_caller]
    fn sees_segments_pass(&mut self) -> bool {
        publish_segments(&self.nsqd);
        finish_others(&mut self.audit, "later", self.due)
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.due
    }
}

#[test]
fn a_deferred_message_does_not_keep_fifty_segments_and_comes_once_at_its_time() {
    with_delay(|delay| {
        let nsqd = nsqd();
        nsqd.post("/topic/create?topic=orders", b"");
        nsqd.post("/channel/create?topic=orders&channel=billing", b"");
        let mut billing = nsqd.consumer("orders", "billing", 100);
        let mut deferral = Deferral::new(nsqd, delay);
        let finished = billing.expect_body("later");
        billing.finish(finished.id);
        if !deferral.sees_segments_pass() {
            return false;
        }
        assert!(finish_others(&mut billing, "later", deferral.due));
        expect_small_log(&deferral.nsqd);
        let Deferral { nsqd, .. } = &deferral;
        let channels = ["audit", "billing"].map(|name| nsqd.channel("orders", name));
        if deferral.is_over() {
            return false;
        }
        let counters = channels.map(|it| (it["depth"].clone(), it["deferred_count"].clone()));
        assert_eq!(counters, [(0.into(), 1.into()), (0.into(), 0.into())]);
        comes_once(deferral, billing);
        true
    });
}

#[track_caller]
fn comes_once(deferral: Deferral, mut billing: Client) {
    let Deferral { nsqd, mut audit, message: first, due } = deferral;
    let again = audit.expect_body("later");
    assert!(Instant::now() >= due, "early");
    assert_eq!((again.id, again.attempts), (first.id, 2));
    assert_eq!(again.timestamp_nanos, first.timestamp_nanos);
    audit.finish(again.id);
    let count = MESSAGES as u64 + 1;
    for channel in ["audit", "billing"] {
        let counters = [("depth", 0), ("in_flight_count", 0), ("message_count", count)];
        nsqd.expect_channel("orders", channel, &counters);
    }
    let topic = nsqd.topic("orders");
    assert_eq!((&topic["message_count"], &topic["depth"]), (&count.into(), &0.into()));
    audit.expect_silence(Duration::from_millis(200));
    billing.expect_silence(Duration::from_millis(10));
}

#[test]
fn what_a_consumer_holds_is_carried_forward_under_its_hands() {
    if !ours() {
        return;
    }
    let mut nsqd = nsqd();
    let mut audit = nsqd.consumer("orders", "audit", 1);
    nsqd.client().publish("orders", b"held");
    let held = audit.expect_body("held");
    let mut other = nsqd.consumer("orders", "audit", 100);
    publish_segments(&nsqd);
    assert!(finish_others(&mut other, "held", Instant::now() + MSG_TIMEOUT));
    expect_small_log(&nsqd);
    nsqd.expect_channel("orders", "audit", &[("in_flight_count", 1), ("depth", 0)]);
    audit.send(&commands::touch(held.id));
    audit.ready(0);
    audit.send(&commands::requeue(held.id, 0));
    let again = other.expect_body("held");
    assert_eq!((again.id, again.attempts), (held.id, 2));
    other.finish(again.id);
    nsqd.expect_channel("orders", "audit", &[("in_flight_count", 0), ("depth", 0)]);
    assert!(nsqd.terminate().success());
    nsqd.restart();
    nsqd.consumer("orders", "audit", 10).expect_silence(Duration::from_millis(200));
}

#[test]
fn a_published_delay_survives_being_carried_forward_and_a_kill() {
    with_delay(|delay| {
        let mut nsqd = nsqd();
        nsqd.post("/topic/create?topic=orders", b"");
        nsqd.post("/channel/create?topic=orders&channel=audit", b"");
        let due = Instant::now() + delay;
        let mut publisher = nsqd.client();
        publisher.send(&commands::publish_deferred("orders", delay.as_millis() as u64, b"later"));
        publisher.expect_ok();
        let mut audit = nsqd.consumer("orders", "audit", 100);
        publish_segments(&nsqd);
        if !finish_others(&mut audit, "later", due) {
            return false;
        }
        expect_small_log(&nsqd);
        nsqd.kill9();
        if Instant::now() >= due {
            return false;
        }
        nsqd.restart();
        assert_eq!(carried_once(&nsqd, due), 1);
        true
    });
}

#[track_caller]
fn next_message(consumer: &mut Client, wait: Duration) -> Option<NsqMessage> {
    match consumer.next_frame(wait).ok()? {
        Frame::Message(message) => Some(message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_channel_that_has_lost_its_cursor_finds_what_was_carried_forward_for_it() {
    with_delay(|delay| {
        let mut deferral = Deferral::new(nsqd(), delay);
        if !deferral.sees_segments_pass() {
            return false;
        }
        expect_small_log(&deferral.nsqd);
        deferral.nsqd.kill9();
        if deferral.is_over() {
            return false;
        }
        let Deferral { mut nsqd, due, .. } = deferral;
        fs::write(nsqd.data_path().join("topics/orders/audit.cursor"), "garbage").unwrap();
        nsqd.restart();
        assert_eq!(carried_once(&nsqd, due), 2);
        true
    });
}

/// Takes everything until the deferred message has come and nothing more does; its attempts.
#[track_caller]
fn carried_once(nsqd: &Nsqd, due: Instant) -> u16 {
    let mut audit = nsqd.consumer("orders", "audit", 100);
    let mut attempts = None;
    loop {
        let left = due.saturating_duration_since(Instant::now());
        let wait = if attempts.is_some() { Duration::from_millis(300) } else { left + DEADLINE };
        let Some(message) = next_message(&mut audit, wait) else { break };
        if message.text() == "later" {
            assert!(Instant::now() >= due, "early");
            assert_eq!(attempts.replace(message.attempts), None, "twice");
        }
        audit.finish(message.id);
    }
    attempts.expect("it comes")
}

#[test]
fn a_kill_at_any_time_while_messages_are_carried_forward_loses_none_and_doubles_none() {
    with_delay(|delay| {
        let mut deferral = Deferral::new(nsqd(), delay);
        let (nsqd, due) = (&mut deferral.nsqd, deferral.due);
        nsqd.expect_channel("orders", "audit", &[("requeue_count", 1)]);
        nsqd.post("/channel/pause?topic=orders&channel=audit", b""); // its cursor is saved with that
        nsqd.post("/channel/unpause?topic=orders&channel=audit", b"");
        if deferral.is_over() || !deferral.sees_segments_pass() {
            return false;
        }
        let mut nsqd = deferral.nsqd;
        for millis in [0, 3, 10, 25] {
            thread::sleep(Duration::from_millis(millis));
            nsqd.kill9();
            nsqd.restart();
            if !finish_what_comes_again(&mut nsqd.consumer("orders", "audit", 100), due) {
                return false;
            }
        }
        expect_small_log(&nsqd);
        let is_early = Instant::now() < due;
        assert_eq!(carried_once(&nsqd, due), 2);
        is_early
    });
}

/// What was finished shortly before a kill. False if it took too long.
#[track_caller]
fn finish_what_comes_again(audit: &mut Client, due: Instant) -> bool {
    while let Some(message) = next_message(audit, Duration::from_millis(50)) {
        if message.text() == "later" {
            assert!(Instant::now() >= due, "early");
            return false;
        }
        audit.finish(message.id);
    }
    true
}
