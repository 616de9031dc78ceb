//! Names with the suffix.

use super::{consumer, expect_topic_gone};
use crate::support::{Nsqd, commands, eventually};

#[test]
fn names_are_written_with_percent_23_in_paths() {
    let nsqd = Nsqd::start();
    let (topic, channel) = ("topic=news%23ephemeral", "channel=tail%23ephemeral");
    nsqd.post(&format!("/topic/create?{topic}"), b"");
    nsqd.post(&format!("/channel/create?{topic}&{channel}"), b"");
    nsqd.post(&format!("/pub?{topic}"), b"one");
    nsqd.post(&format!("/mpub?{topic}"), b"two\nthree");
    nsqd.expect_channel("news#ephemeral", "tail#ephemeral", &[("depth", 3)]);
    nsqd.post(&format!("/channel/pause?{topic}&{channel}"), b"");
    assert_eq!(nsqd.channel("news#ephemeral", "tail#ephemeral")["paused"], true);
    nsqd.post(&format!("/channel/unpause?{topic}&{channel}"), b"");
    nsqd.post(&format!("/channel/empty?{topic}&{channel}"), b"");
    nsqd.expect_channel("news#ephemeral", "tail#ephemeral", &[("depth", 0), ("message_count", 3)]);
    for operation in ["pause", "unpause", "empty"] {
        nsqd.post(&format!("/topic/{operation}?{topic}"), b"");
    }
    let picked = nsqd.http("GET", &format!("/stats?format=json&{topic}&{channel}"), b"").json();
    assert_eq!(picked["topics"][0]["channels"][0]["channel_name"], "tail#ephemeral");
    nsqd.post(&format!("/channel/delete?{topic}&{channel}"), b"");
    expect_topic_gone(&nsqd, "news#ephemeral");
    // `EXITING` as long as the old one is on its way out, though it is shown no more.
    eventually("the topic is made anew", || {
        let answer = nsqd.http("POST", &format!("/topic/create?{topic}"), b"");
        assert!(answer.status == 200 || answer.text().contains("EXITING"), "{}", answer.text());
        (answer.status == 200).then_some(())
    });
    nsqd.post(&format!("/topic/delete?{topic}"), b"");
    expect_topic_gone(&nsqd, "news#ephemeral");
}

#[test]
fn suffix_alone_or_in_the_middle_is_no_name() {
    let nsqd = Nsqd::start();
    let (longest, too_long) = ("x".repeat(54), "x".repeat(55));
    consumer(&nsqd, &format!("{longest}#ephemeral"), &format!("{longest}#ephemeral"))
        .expect_alive();
    for name in [
        "#ephemeral",
        "a#ephemeral#ephemeral",
        "a#ephemeralb",
        "a#EPHEMERAL",
        "a#",
        &format!("{too_long}#ephemeral"),
    ] {
        let mut client = nsqd.client();
        client.send(&commands::sub(name, "audit"));
        client.expect_fatal(&format!("E_BAD_TOPIC SUB topic name \"{name}\" is not valid"));
        let mut client = nsqd.client();
        client.send(&commands::sub("orders", name));
        client.expect_fatal(&format!("E_BAD_CHANNEL SUB channel name \"{name}\" is not valid"));
    }
}
