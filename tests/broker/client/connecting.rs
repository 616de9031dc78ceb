//! What is said and agreed before anything else.

use std::time::{Duration, Instant};

use nsq_actors::{
    client::{ConnectError, Consumer, Options, Producer, SetupError},
    protocol::{
        frame,
        upgrade::{Encode, SnappyEncoder},
    },
};

use super::{
    audit, channel, options,
    scripted::{ScriptedNsqd, within},
    topic,
};
use crate::{
    auth::server::{AuthServer, Reply},
    support::{Nsqd, free_address, tls::Authority},
};

#[tokio::test]
async fn clients_introduce_themselves_as_their_options_say() {
    let nsqd = ScriptedNsqd::start().await;
    let mut options = options(&[
        "client_id,a",
        "hostname,a.b",
        "heartbeat_interval,10s",
        "sample_rate,20",
        "output_buffer_size,-1",
        "output_buffer_timeout,-1ns",
        "msg_timeout,1500ms",
        "topology_region,north",
        "topology_zone,one",
    ]);
    options.user_agent = "test/1".to_owned();
    let producer = Producer::new(nsqd.address().to_string(), &options).unwrap();
    let (connected, (_peer, said)) = tokio::join!(within(producer.connect()), nsqd.introduced());
    connected.unwrap();
    let expected = serde_json::json!({
        "client_id": "a", "hostname": "a.b", "short_id": "a", "long_id": "a.b",
        "user_agent": "test/1", "feature_negotiation": true, "heartbeat_interval": 10_000,
        "sample_rate": 20, "output_buffer_size": -1, "output_buffer_timeout": -1,
        "msg_timeout": 1500, "tls_v1": false, "snappy": false, "deflate": false,
        "deflate_level": 6, "topology_region": "north", "topology_zone": "one",
    });
    assert_eq!(said, expected);
}

#[tokio::test]
async fn without_heartbeats_silence_is_no_reason_to_leave() {
    let nsqd = ScriptedNsqd::start().await;
    let options = options(&["heartbeat_interval,-1ns", "read_timeout,100ms"]);
    let producer = Producer::new(nsqd.address().to_string(), &options).unwrap();
    let (connected, (mut peer, said)) = tokio::join!(within(producer.connect()), nsqd.introduced());
    connected.unwrap();
    assert_eq!(said["heartbeat_interval"], -1);
    tokio::time::sleep(Duration::from_millis(300)).await; // nothing is to happen meanwhile
    let receipt = producer.enqueue(&topic("orders"), "one").await.unwrap();
    peer.expect(b"PUB orders\n\0\0\0\x03one").await;
    peer.respond("OK").await;
    within(receipt).await.unwrap();
}

/// Publishes and consumes over a connection of that kind.
#[track_caller]
fn round_trip(nsqd: &Nsqd, options: &Options) -> impl Future<Output = ()> {
    let (address, options) = (nsqd.tcp().to_string(), options.clone());
    async move {
        let producer = Producer::new(address.clone(), &options).unwrap();
        let body = "a body that can be compressed ".repeat(5000);
        within(producer.publish(&topic("orders"), &body)).await.unwrap();
        let builder = Consumer::builder(topic("orders"), channel("audit")).options(options);
        let mut messages = within(builder.nsqd(address).stream()).await.unwrap();
        let message = within(messages.next()).await.unwrap();
        assert!(message.body() == body.as_bytes());
        assert!(message.finish());
        within(messages.consumer().stop()).await;
        within(producer.stop()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_compressed_if_asked_for() {
    let nsqd = Nsqd::start();
    round_trip(&nsqd, &options(&["snappy"])).await;
    round_trip(&nsqd, &options(&["deflate", "deflate_level,1"])).await;
    nsqd.expect_channel("orders", "audit", &[("depth", 0), ("in_flight_count", 0)]);
}

#[tokio::test]
async fn what_comes_at_once_with_the_answer_belongs_to_the_compression() {
    let nsqd = ScriptedNsqd::start().await;
    let mut compressed_ok = Vec::new();
    SnappyEncoder::default().encode(&frame::OK_FRAME, &mut compressed_ok);
    let producer = Producer::new(nsqd.address().to_string(), &options(&["snappy"])).unwrap();
    let agreed = r#"{"snappy":true}"#;
    let (connected, _peer) =
        tokio::join!(within(producer.connect()), nsqd.introduced_behind(agreed, &compressed_ok));
    connected.unwrap();
}

#[tokio::test]
async fn nothing_said_in_the_clear_counts_as_said_behind_tls() {
    let nsqd = ScriptedNsqd::start().await;
    let options = options(&["tls_insecure_skip_verify"]);
    let producer = Producer::new(nsqd.address().to_string(), &options).unwrap();
    let (refused, _peer) = tokio::join!(
        within(producer.connect()),
        nsqd.introduced_behind(r#"{"tls_v1":true}"#, &frame::OK_FRAME)
    );
    let expected = "TLS: bytes in the clear before the handshake";
    assert_eq!(refused.unwrap_err().to_string(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_encrypted_if_asked_for() {
    let authority = Authority::new();
    let own = authority.server("node").flags();
    let flags: Vec<_> = own.iter().map(String::as_str).chain(["--tls-required=true"]).collect();
    let nsqd = Nsqd::with(&flags);
    let trusted = format!("tls_root_ca_file,{}", authority.file().display());
    round_trip(&nsqd, &options(&[&trusted])).await;
    round_trip(&nsqd, &options(&[&trusted, "snappy", "tls_min_version,tls1.3"])).await;
    round_trip(&nsqd, &options(&["tls_insecure_skip_verify", "deflate"])).await;
    let stranger = Producer::new(nsqd.tcp().to_string(), &options(&["tls_v1"])).unwrap();
    let refused = within(stranger.connect()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Tls(_)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_show_their_certificate() {
    let authority = Authority::new();
    let mut flags: Vec<_> = authority.server("node").flags().into();
    flags.push("--tls-client-auth-policy=require-verify".to_owned());
    flags.push(format!("--tls-root-ca-file={}", authority.file().display()));
    let nsqd = Nsqd::with(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    let own = authority.client("joe");
    let (cert, key) = (own.cert.display(), own.key.display());
    let trusted = format!("tls_root_ca_file,{}", authority.file().display());
    let shown = [trusted.clone(), format!("tls_cert,{cert}"), format!("tls_key,{key}")];
    round_trip(&nsqd, &options(&shown.each_ref().map(String::as_str))).await;
    let nobody = Producer::new(nsqd.tcp().to_string(), &options(&[&trusted])).unwrap();
    assert!(within(nobody.connect()).await.is_err());
    let half = Producer::new(nsqd.tcp().to_string(), &options(&[&shown[1]])).unwrap_err();
    assert!(matches!(half, SetupError::HalfAnIdentity("tls_key")), "{half:?}");
}

#[tokio::test]
async fn nothing_goes_in_the_clear_that_is_to_be_encrypted() {
    let nsqd = Nsqd::start();
    let options = options(&["tls_insecure_skip_verify"]);
    let producer = Producer::new(nsqd.tcp().to_string(), &options).unwrap();
    let refused = within(producer.connect()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::NoTls), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_show_their_secret_where_one_is_required() {
    let auth = AuthServer::scripted(|request, _| match request.line.contains("secret=good") {
        true => Reply::everything(),
        false => Reply::status("403 Forbidden"),
    });
    let nsqd = Nsqd::with(&[&auth.flag()]);
    round_trip(&nsqd, &options(&["auth_secret,good"])).await;
    for (given, expected) in [
        (&[][..], "Auth Required"),
        (&["auth_secret,bad"], "Auth Failed E_AUTH_FAILED AUTH failed"),
    ] {
        let producer = Producer::new(nsqd.tcp().to_string(), &options(given)).unwrap();
        let refused = within(producer.connect()).await.unwrap_err();
        assert_eq!(refused.to_string(), expected);
    }
}

#[tokio::test]
async fn an_nsqd_that_is_named_must_be_there_unless_it_is_waited_for() {
    let address = free_address().to_string();
    let missing = within(audit(&[]).nsqd(&address).stream()).await.unwrap_err();
    let expected = format!("({address}) dial tcp {address}: connect: connection refused");
    assert_eq!(missing.to_string(), expected);
    let mut messages = audit(&[]).nsqd(&address).wait_for_nsqds().stream().await.unwrap();
    let nsqd = Nsqd::with(&[&format!("--tcp-address={address}")]);
    super::producer(&nsqd).publish(&topic("orders"), "one").await.unwrap();
    assert!(within(messages.next()).await.unwrap().finish());
}

/// It lets everybody in, and nobody subscribe.
#[tokio::test]
async fn an_nsqd_that_refuses_the_sub_is_asked_less_and_less_often() {
    let nsqd = ScriptedNsqd::start().await;
    let began = Instant::now();
    let refusing = async {
        for _ in 0..5 {
            let mut peer = nsqd.client().await;
            peer.expect(b"SUB orders audit\n").await;
            peer.refuse("E_SUB_FAILED SUB failed too many consumers").await;
        }
    };
    let consuming = audit(&[]).nsqd(nsqd.address().to_string()).stream();
    let (messages, ()) = tokio::join!(consuming, refusing);
    assert_eq!(messages.unwrap().consumer().stats().received, 0);
    // Pauses double; chance takes up to a half of each.
    assert!(began.elapsed() >= Duration::from_millis(50 + 100 + 200 + 400));
}

#[tokio::test]
async fn a_consumer_needs_addresses_of_one_kind() {
    let none = audit(&[]).stream().await.unwrap_err();
    assert!(matches!(none, SetupError::NoAddress), "{none:?}");
    let both = audit(&[]).nsqd("a:1").lookupd("b:1").stream().await.unwrap_err();
    assert!(matches!(both, SetupError::BothAddresses), "{both:?}");
    let unfit = audit(&["read_timeout,1s"]).nsqd("a:1").stream().await.unwrap_err();
    let expected = "HeartbeatInterval 30s must be less than ReadTimeout 1s";
    assert_eq!(unfit.to_string(), expected);
}

#[tokio::test]
async fn an_nsqd_that_refuses_the_introduction_is_quoted() {
    let nsqd = Nsqd::start();
    let options = options(&["output_buffer_size,1"]);
    let producer = Producer::new(nsqd.tcp().to_string(), &options).unwrap();
    let refused = within(producer.connect()).await.unwrap_err();
    let expected = "failed to IDENTIFY - E_BAD_BODY IDENTIFY output buffer size (1) is invalid";
    assert_eq!(refused.to_string(), expected);
}
