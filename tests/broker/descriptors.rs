//! A process that may open few files.

use std::time::{Duration, Instant};

use crate::support::{
    Client, DEADLINE, Frame, Nsqd, commands, connect_raw, eventually, http, ours,
};

const DESCRIPTORS: usize = 64;

/// A broker that may have so many files and sockets open.
fn limited(soft: usize, hard: usize) -> Nsqd {
    let script = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$@\"");
    let wrapper = ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
    let flags = ["--worker-threads=1", "--sync-timeout=20ms", "--max-bytes-per-file=100000"];
    Nsqd::wrapped(wrapper, tempfile::tempdir().unwrap(), &flags)
}

/// Connects until the broker accepts nothing more.
fn exhaust(nsqd: &Nsqd) -> Vec<Client> {
    let connections = (0..2 * DESCRIPTORS).map(|_| connect_raw(nsqd.tcp())).collect();
    nsqd.expect_logged(&["accept failed", "Too many open files"]);
    connections
}

/// Publishes to a new topic and to another, until that is refused. Between two attempts to accept a
/// connection a file may have been closed, which leaves room for a topic.
#[track_caller]
fn publish_to_new_topics(client: &mut Client) -> String {
    for number in 0..DESCRIPTORS {
        client.send(&commands::publish(&format!("new{number}"), b"one"));
        match client.expect_frame() {
            Frame::Error(text) => return text,
            answer => assert_eq!(answer, Frame::Response("OK".to_owned())),
        }
    }
    panic!("{DESCRIPTORS} topics with as many descriptors")
}

#[test]
fn without_descriptors_open_topics_go_on_and_new_ones_are_refused_with_the_reason() {
    if !ours() {
        return; // nsqd 1.3 says OK to what it cannot write.
    }
    let nsqd = limited(DESCRIPTORS, DESCRIPTORS);
    let [mut publisher, mut other] = [nsqd.client(), nsqd.client()];
    publisher.publish("orders", b"0");
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "audit");
    consumer.ready(1);
    other.expect_alive();
    let connections = exhaust(&nsqd);
    let (begun, before) = (Instant::now(), nsqd.cpu_time());
    for number in 0..50 {
        let message = consumer.expect_body(&number.to_string());
        consumer.finish(message.id);
        publisher.publish("orders", (number + 1).to_string().as_bytes());
    }
    let text = publish_to_new_topics(&mut other);
    assert!(text.starts_with("E_PUB_FAILED PUB failed "), "{text}");
    assert!(text.contains("Too many open files"), "{text}");
    consumer.expect_body("50");
    consumer.expect_silence(Duration::from_secs(1));
    let (passed, worked) = (begun.elapsed(), nsqd.cpu_time() - before);
    assert!(worked < passed / 2, "it has worked for {worked:?} of {passed:?}");
    drop(connections);
    eventually("new connections are served, and all is well", || {
        let mut client = Client::try_connect(nsqd.tcp()).ok()?;
        client.try_send(&commands::publish("new", b"one")).ok()?;
        let frame = client.next_frame(DEADLINE).ok()?;
        (frame == Frame::Response("OK".to_owned())).then_some(())
    });
    eventually("health is good again", || {
        let ping = http::request_bytes("GET", "/ping", b"");
        let answer = http::try_exchange(nsqd.http_address(), &ping)?;
        (answer.text() == "OK").then_some(())
    });
    let accept_errors = nsqd.logged().matches("accept failed").count();
    assert_eq!(accept_errors, 1, "lines for one want of descriptors");
}

#[test]
fn the_limit_of_descriptors_is_raised_as_far_as_it_goes() {
    let nsqd = limited(DESCRIPTORS, 4 * DESCRIPTORS);
    let clients: Vec<_> = (0..2 * DESCRIPTORS).map(|_| nsqd.client()).collect();
    for mut client in clients {
        client.expect_alive();
    }
}
