//! A disk without room, a real one of a few megabytes.

use crate::support::{Client, DEADLINE, Frame, Gone, Nsqd, SmallDisk, commands, eventually, ours};

const DISK_BYTES: usize = 8 << 20;
const BODY_BYTES: usize = 60_000;
/// What another program has on it from the start, and gives back when that is asked of it.
const FOREIGN_BYTES: usize = 2 << 20;
/// Of the rest, the broker must be able to use so much for messages.
const USABLE_BYTES: usize = 4 << 20;

/// A broker on a small disk with a topic and a channel; `None` where there can be none.
fn small(flags: &[&str]) -> Option<(SmallDisk, Nsqd)> {
    if !ours() {
        return None; // nsqd 1.3 says OK, and drops what it cannot write.
    }
    let found = SmallDisk::start(DISK_BYTES, flags)?;
    found.0.fill_partly(FOREIGN_BYTES);
    found.1.post("/topic/create?topic=orders", b"");
    found.1.post("/channel/create?topic=orders&channel=audit", b"");
    Some(found)
}

fn body(number: usize) -> String {
    format!("{number:0BODY_BYTES$}")
}

fn number(body: &[u8]) -> usize {
    String::from_utf8_lossy(body).parse().unwrap()
}

/// Publishes until the disk is full, and says how many messages were taken. Not a byte is left then.
fn publish_until_full(disk: &SmallDisk, nsqd: &Nsqd) -> usize {
    let mut publisher = nsqd.client();
    for taken in 0.. {
        publisher.send(&commands::publish("orders", body(taken).as_bytes()));
        match publisher.next_frame(DEADLINE) {
            Ok(Frame::Response(text)) if text == "OK" => {}
            Ok(Frame::Error(text)) => {
                assert!(text.starts_with("E_PUB_FAILED PUB failed cannot write "), "{text}");
                assert!(text.to_lowercase().contains("no space left on device"), "{text}");
                assert_eq!(publisher.next_frame(DEADLINE), Err(Gone::Closed));
                disk.fill();
                return taken;
            }
            other => panic!("a publish was answered with {other:?}"),
        }
    }
    unreachable!("a disk of {DISK_BYTES} bytes is never full")
}

#[track_caller]
fn expect_no_room(nsqd: &Nsqd) {
    let refused = nsqd.http("POST", "/pub?topic=orders", &[b'x'; BODY_BYTES]);
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(
        refused.text().to_lowercase().contains("no space left on device"),
        "{}",
        refused.text()
    );
    let ping = nsqd.http("GET", "/ping", b"");
    assert_eq!(ping.status, 500);
    assert!(ping.text().starts_with("NOK - "), "{}", ping.text());
    assert!(nsqd.stats()["health"].as_str().unwrap().starts_with("NOK - "));
}

#[track_caller]
fn expect_no_new_channel(nsqd: &Nsqd) {
    let created = nsqd.http("POST", "/channel/create?topic=orders&channel=new", b"");
    assert_eq!(created.status, 503, "{}", created.text());
    assert!(created.text().to_lowercase().contains("no space left on device"), "{created:?}");
    let mut client = nsqd.client();
    client.send(&commands::sub("orders", "new"));
    expect_refusal(&mut client, "E_SUB_FAILED SUB failed ");
}

/// A fatal error that says what was not possible and that there is no room.
#[track_caller]
fn expect_refusal(client: &mut Client, start: &str) {
    match client.expect_frame() {
        Frame::Error(text) => {
            assert!(text.starts_with(start), "{text}");
            assert!(text.to_lowercase().contains("no space left on device"), "{text}");
        }
        other => panic!("it was answered with {other:?}"),
    }
    client.expect_closed();
}

/// Health is asked for and nothing else, as by a load balancer that has taken the node out.
#[track_caller]
fn expect_recovery(nsqd: &Nsqd) {
    eventually("health is good again", || {
        (nsqd.http("GET", "/ping", b"").text() == "OK").then_some(())
    });
    nsqd.client().publish("orders", b"after");
}

/// Waits until the cursor says what has been finished.
fn save_cursor(nsqd: &Nsqd) {
    nsqd.post("/channel/pause?topic=orders&channel=audit", b"");
    nsqd.post("/channel/unpause?topic=orders&channel=audit", b"");
}

#[test]
fn a_full_disk_refuses_publishes_and_goes_on_when_consumers_have_made_room() {
    for durability in ["process", "power"] {
        let durability = format!("--durability={durability}");
        let flags = [&durability, "--max-bytes-per-file=300000", "--sync-timeout=20ms"];
        let Some((disk, nsqd)) = small(&flags) else { return };
        let taken = publish_until_full(&disk, &nsqd);
        assert!(taken > USABLE_BYTES / BODY_BYTES, "{taken} messages fill the disk");
        expect_no_room(&nsqd);
        let mut consumer = nsqd.consumer("orders", "audit", 10);
        for expected in 0..taken {
            let message = consumer.expect_message();
            assert_eq!(number(&message.body), expected);
            consumer.finish(message.id);
        }
        expect_recovery(&nsqd);
        consumer.expect_body("after");
        assert_eq!(nsqd.topic("orders")["message_count"], taken + 1);
    }
}

#[test]
fn what_is_finished_on_a_full_disk_stays_finished_over_a_kill() {
    // All in one segment, so that consumers can make no room.
    let flags = ["--sync-timeout=20ms", "--mem-queue-size=10"];
    let Some((disk, mut nsqd)) = small(&flags) else { return };
    let taken = publish_until_full(&disk, &nsqd);
    let mut client = nsqd.consumer("orders", "audit", 1);
    for expected in 0..taken / 2 {
        let message = client.expect_message();
        assert_eq!(number(&message.body), expected);
        client.finish(message.id);
    }
    nsqd.expect_channel("orders", "audit", &[("depth", (taken - taken / 2 - 1) as u64)]);
    eventually("the cursor is written into the reserve, which may be whole again by now", || {
        if disk.file("reserve").exists() {
            disk.fill(); // a publish that was taken back may have left some room
        }
        save_cursor(&nsqd);
        nsqd.has_logged("NSQ: the disk is full: ").then_some(())
    });
    expect_no_room(&nsqd);
    expect_no_new_channel(&nsqd);
    nsqd.kill9();
    nsqd.restart();
    expect_no_room(&nsqd);
    let mut client = nsqd.consumer("orders", "audit", 1);
    for expected in taken / 2..taken {
        let message = client.expect_message();
        assert_eq!(number(&message.body), expected);
        client.finish(message.id);
    }
    expect_no_room(&nsqd);
    disk.free();
    expect_recovery(&nsqd);
    client.expect_body("after");
    assert!(disk.file("reserve").exists());
}

/// A cursor for which the usual reserve is too small.
#[test]
fn a_large_cursor_has_room_on_a_full_disk_too() {
    const DEFERRED: usize = 50_000;
    const IN_BATCH: usize = 1000;
    let flags = ["--max-bytes-per-file=300000", "--mem-queue-size=10", "--max-req-timeout=1000h"];
    let Some((disk, mut nsqd)) = small(&flags) else { return };
    let mut publisher = nsqd.client();
    let mut client = nsqd.consumer("orders", "audit", IN_BATCH);
    for _ in 0..DEFERRED / IN_BATCH {
        publisher.send(&commands::publish_many("orders", &["x"; IN_BATCH]));
        publisher.expect_ok();
        let ids: Vec<_> = (0..IN_BATCH).map(|_| client.expect_message().id).collect();
        let answers: Vec<_> =
            ids.into_iter().flat_map(|id| commands::requeue(id, 1_000_000_000)).collect();
        client.send(&answers);
    }
    nsqd.expect_channel("orders", "audit", &[("deferred_count", DEFERRED as u64)]);
    save_cursor(&nsqd);
    let cursor_bytes = std::fs::metadata(disk.file("topics/orders/audit.cursor")).unwrap().len();
    assert!(cursor_bytes > 1 << 20, "{cursor_bytes} bytes");
    let taken = publish_until_full(&disk, &nsqd);
    for expected in 0..taken {
        let message = client.expect_message();
        assert_eq!(number(&message.body), expected);
        client.finish(message.id);
    }
    nsqd.expect_channel("orders", "audit", &[("depth", 0), ("in_flight_count", 0)]);
    save_cursor(&nsqd);
    nsqd.kill9();
    nsqd.restart();
    let counters = [("depth", 0), ("in_flight_count", 0), ("deferred_count", DEFERRED as u64)];
    nsqd.expect_channel("orders", "audit", &counters);
    expect_recovery(&nsqd); // what was finished has made room
    nsqd.consumer("orders", "audit", 1).expect_body("after");
}

#[test]
fn what_no_cursor_could_say_is_finished_is_kept_and_comes_again() {
    let flags = ["--sync-timeout=20ms", "--max-bytes-per-file=300000"];
    let Some((disk, mut nsqd)) = small(&flags) else { return };
    let taken = publish_until_full(&disk, &nsqd);
    // Another program has taken even what is kept for cursors.
    std::fs::remove_file(disk.file("reserve")).unwrap();
    disk.fill();
    let mut client = nsqd.consumer("orders", "audit", 10);
    for _ in 0..taken {
        let message = client.expect_message();
        client.finish(message.id);
    }
    nsqd.expect_logged(&["topic=orders channel=audit cursor not saved", "No space left on device"]);
    nsqd.expect_channel("orders", "audit", &[("depth", 0), ("in_flight_count", 0)]);
    nsqd.kill9();
    nsqd.restart();
    let mut client = nsqd.consumer("orders", "audit", 10);
    for expected in 0..taken {
        let message = client.expect_message();
        assert_eq!(number(&message.body), expected, "not one segment has gone");
        client.finish(message.id);
    }
    assert!(!nsqd.has_logged("are not in the log"));
    disk.free();
    expect_recovery(&nsqd);
    client.expect_body("after");
}

#[test]
fn topics_that_cannot_be_created_are_refused_with_the_reason() {
    let Some((disk, nsqd)) = small(&[]) else { return };
    publish_until_full(&disk, &nsqd);
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish("new", b"one"));
    expect_refusal(&mut publisher, "E_PUB_FAILED PUB failed cannot create ");
    let mut consumer = nsqd.client();
    consumer.send(&commands::sub("new", "audit"));
    expect_refusal(&mut consumer, "E_SUB_FAILED SUB failed ");
    disk.free();
    eventually("the topic can be created", || {
        (nsqd.http("POST", "/pub?topic=new", b"one").status == 200).then_some(())
    });
    expect_recovery(&nsqd);
}
