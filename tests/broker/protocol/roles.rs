//! Who is shown as a producer, and who as a consumer.

use serde_json::Value;

use crate::support::{Client, Nsqd, commands};

const NOBODY: &Value = &Value::Null;

fn address(client: &Client) -> Value {
    client.stream().local_addr().unwrap().to_string().into()
}

fn producers(nsqd: &Nsqd) -> Vec<Value> {
    nsqd.stats()["producers"].as_array().cloned().unwrap_or_default()
}

#[test]
fn who_has_neither_published_nor_subscribed_is_not_shown() {
    let nsqd = Nsqd::start();
    let mut idle = nsqd.client_with(r#"{"client_id":"idle"}"#);
    idle.send(commands::NOP);
    nsqd.post("/pub?topic=orders", b"one");
    nsqd.post("/mpub?topic=orders", b"two\nthree");
    nsqd.post("/channel/create?topic=orders&channel=audit", b"");
    assert_eq!(&nsqd.stats()["producers"], NOBODY);
    nsqd.expect_channel("orders", "audit", &[("client_count", 0), ("depth", 3)]);
}

#[test]
fn who_has_published_once_is_a_producer_for_its_whole_life() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    client.publish("orders", b"one");
    for (bytes, answer, state) in [
        (commands::NOP.to_vec(), None, 0),
        (commands::sub("others", "audit"), Some("OK"), 3),
        (commands::CLS.to_vec(), Some("CLOSE_WAIT"), 4),
    ] {
        client.send(&bytes);
        answer.into_iter().for_each(|answer| client.expect_response(answer));
        let producers = producers(&nsqd);
        assert_eq!(producers.len(), 1, "{producers:?}");
        assert_eq!(
            (&producers[0]["state"], &producers[0]["remote_address"]),
            (&state.into(), &address(&client))
        );
    }
    // Its topic goes, it stays.
    nsqd.post("/topic/delete?topic=orders", b"");
    assert_eq!(producers(&nsqd).len(), 1);
    drop(client);
    nsqd.expect_channel("others", "audit", &[("client_count", 0)]);
    crate::support::eventually("it is gone", || producers(&nsqd).is_empty().then_some(()));
}

#[test]
fn who_publishes_and_consumes_is_shown_twice() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client_with(r#"{"client_id":"both"}"#);
    client.subscribe("orders", "audit");
    let channel = nsqd.channel("orders", "audit");
    assert_eq!(
        (&channel["clients"][0]["client_id"], channel["client_count"].as_u64()),
        (&"both".into(), Some(1))
    );
    assert_eq!(&nsqd.stats()["producers"], NOBODY, "a consumer only");
    for verb in ["PUB", "MPUB", "DPUB"] {
        client.send(&match verb {
            "PUB" => commands::publish("others", b"one"),
            "MPUB" => commands::publish_many("others", &["two", "three"]),
            _ => commands::publish_deferred("others", 0, b"four"),
        });
        client.expect_ok();
    }
    let producers = producers(&nsqd);
    assert_eq!((producers.len(), &producers[0]["client_id"]), (1, &"both".into()));
    assert_eq!(producers[0]["pub_counts"], serde_json::json!([{"topic":"others","count":4}]));
    nsqd.expect_channel("orders", "audit", &[("client_count", 1)]);
}
