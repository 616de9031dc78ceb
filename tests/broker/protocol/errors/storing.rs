//! Publishes that the disk does not take.

use std::fs;

use super::error_frame;
use crate::support::{
    Nsqd,
    commands::{publish, publish_deferred, publish_many},
    ours,
};

#[test]
fn messages_that_cannot_be_stored_are_refused_with_the_reason() {
    if !ours() {
        return; // nsqd 1.3 keeps them in memory.
    }
    let nsqd = Nsqd::start();
    // A file stands where the topic's directory should be.
    let directory = nsqd.data_path().join("topics/orders");
    fs::write(&directory, b"").unwrap();
    let reason = format!("cannot create {}: file exists", directory.display());
    for (verb, bytes) in [
        ("PUB", publish("orders", b"one")),
        ("MPUB", publish_many("orders", &["one", "two"])),
        ("DPUB", publish_deferred("orders", 0, b"one")),
    ] {
        let mut client = nsqd.client();
        client.send(&bytes);
        client.expect_bytes(&error_frame(format!("E_{verb}_FAILED {verb} failed {reason}")));
        client.expect_closed();
    }
    nsqd.client().publish("other", b"one");
}
