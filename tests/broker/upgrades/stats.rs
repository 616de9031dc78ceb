//! What `/stats` says of an upgraded connection.

use serde_json::{Value, json};

use super::{DEFLATE, SNAPPY, Secure, TLS, Wish, upgrade};

const KEYS: [&str; 7] = [
    "tls",
    "tls_cipher_suite",
    "tls_version",
    "tls_negotiated_protocol",
    "tls_negotiated_protocol_is_mutual",
    "snappy",
    "deflate",
];

fn shown(client: &Value) -> Vec<Value> {
    KEYS.iter().map(|key| client[key].clone()).collect()
}

#[test]
fn upgrades_are_shown_of_consumers_and_producers() {
    let secure = Secure::with(&[]);
    let tls = Wish { tls: true, ..SNAPPY };
    let suite = "Unknown 49196"; // upstream knows no name of TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
    for (topic, wish, expected) in [
        ("plain", Wish::default(), json!([false, "", "", "", false, false, false])),
        ("snappy", SNAPPY, json!([false, "", "", "", false, true, false])),
        ("deflate", DEFLATE, json!([false, "", "", "", false, false, true])),
        ("tls", TLS, json!([true, suite, "TLS1.2", "", true, false, false])),
        ("both", tls, json!([true, suite, "TLS1.2", "", true, true, false])),
    ] {
        let config = secure.config_of_1_2();
        let mut client = upgrade(secure.nsqd.client(), wish, &config);
        client.publish(topic, b"x");
        client.subscribe(topic, "audit");
        let consumer = secure.nsqd.channel(topic, "audit")["clients"][0].clone();
        assert_eq!(json!(shown(&consumer)), expected, "{topic}: consumer");
        let producers = secure.nsqd.stats()["producers"].clone();
        let published = |producer: &&Value| producer["pub_counts"][0]["topic"] == topic;
        let producer = producers.as_array().unwrap().iter().find(published).unwrap();
        assert_eq!(json!(shown(producer)), expected, "{topic}: producer");
    }
}

#[test]
fn the_newest_version_is_shown() {
    let secure = Secure::with(&[]);
    let mut client = secure.client(TLS);
    client.subscribe("orders", "audit");
    let shown = secure.nsqd.channel("orders", "audit")["clients"][0].clone();
    assert_eq!(shown["tls_version"], "TLS1.3");
}
