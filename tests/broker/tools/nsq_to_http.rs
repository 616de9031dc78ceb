//! `nsq_to_http`.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use rustix::process::Signal;

use super::{Tool, messages, set};
use crate::{
    auth::server::{AuthServer as HttpServer, Reply, Request},
    support::{DEADLINE, Nsqd, eventually, tls::Authority},
};

const CHANNEL: &str = "nsq_to_http";
/// What has failed comes again soon.
const QUICK: [&str; 3] = [
    "--consumer-opt=default_requeue_delay,10ms",
    "--consumer-opt=backoff_multiplier,1ms",
    "--consumer-opt=max_backoff_duration,20ms",
];

fn publish(nsqd: &Nsqd, count: usize) {
    nsqd.post("/mpub?topic=orders", messages(0..count).join("\n").as_bytes());
}

fn start(nsqd: &Nsqd, flags: &[&str]) -> Tool {
    let address = format!("--nsqd-tcp-address={}", nsqd.tcp());
    Tool::start(CHANNEL, &[&["--topic=orders", &address], flags].concat())
}

/// All are finished, and none of them failed on the way.
#[track_caller]
fn expect_finished(nsqd: &Nsqd, count: u64) {
    nsqd.expect_channel(
        "orders",
        CHANNEL,
        &[("message_count", count), ("depth", 0), ("in_flight_count", 0), ("deferred_count", 0)],
    );
}

#[track_caller]
fn expect_no_failure(nsqd: &Nsqd) {
    nsqd.expect_channel("orders", CHANNEL, &[("requeue_count", 0), ("timeout_count", 0)]);
}

fn answer(status: &'static str) -> Reply {
    Reply::Answer(status, vec![("Connection", "close".to_owned())], b"whatever".to_vec())
}

/// A server that takes everything.
fn taker() -> HttpServer {
    HttpServer::always(answer("200 OK"))
}

fn post(server: &HttpServer) -> String {
    format!("--post=http://{}/in", server.address())
}

fn bodies(server: &HttpServer) -> Vec<String> {
    server.requests().into_iter().map(|request| request.body).collect()
}

#[test]
fn an_endpoint_that_fails_half_of_the_time_is_told_everything() {
    let nsqd = Nsqd::start();
    publish(&nsqd, 100);
    let taken = Arc::new(Mutex::new(BTreeSet::new()));
    let takes = Arc::clone(&taken);
    let server = HttpServer::scripted(move |request: &Request, before| match before % 4 {
        0 => answer("500 Internal Server Error"),
        2 => Reply::Close,
        _ => {
            takes.lock().unwrap().insert(request.body.clone());
            answer("200 OK")
        }
    });
    let tool = start(&nsqd, &[&QUICK[..], &[&post(&server)]].concat());
    expect_finished(&nsqd, 100);
    assert_eq!(*taken.lock().unwrap(), set(messages(0..100)));
    assert!(nsqd.channel("orders", CHANNEL)["requeue_count"].as_u64().unwrap() > 0);
    let ended = tool.terminate();
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{}", ended.err);
    assert!(ended.err.contains("Handler returned error (got status code 500)"), "{}", ended.err);
    assert!(!ended.err.contains("giving up"), "nothing is given up unless asked for");
}

#[test]
fn one_endpoint_of_many_that_hangs_or_fails_holds_nobody_up() {
    for (bad, reason) in [
        (HttpServer::always(Reply::Nothing), "i/o timeout"),
        (HttpServer::always(answer("503 Service Unavailable")), "got status code 503"),
    ] {
        for mode in ["hostpool", "round-robin", "epsilon-greedy"] {
            let nsqd = Nsqd::start();
            publish(&nsqd, 20);
            let good = taker();
            let flags = [
                &post(&bad),
                &post(&good),
                "--http-client-request-timeout=500ms",
                &format!("--mode={mode}"),
                "-n=4",
            ];
            let before = bad.requests().len();
            let tool = start(&nsqd, &flags);
            expect_finished(&nsqd, 20);
            expect_no_failure(&nsqd);
            assert_eq!(set(bodies(&good)), set(messages(0..20)), "{mode}");
            // Which one the third begins with is left to chance.
            if mode != "epsilon-greedy" {
                assert!(bad.requests().len() > before, "it was asked, {mode}");
                tool.expect_said(&format!("takes no messages: {reason}; others are tried"));
            }
            assert_eq!(tool.terminate().code, Some(0));
        }
    }
}

#[test]
fn long_requests_are_touched() {
    let nsqd = Nsqd::with(&["--msg-timeout=4s"]);
    publish(&nsqd, 4);
    let server = HttpServer::scripted(|_, _| {
        thread::sleep(Duration::from_secs(5)); // what it takes is what this is about
        answer("200 OK")
    });
    // Two wait for their turn, which takes longer still.
    let tool = start(&nsqd, &[&post(&server), "-n=2"]);
    expect_finished(&nsqd, 4);
    expect_no_failure(&nsqd);
    assert_eq!(set(bodies(&server)), set(messages(0..4)));
    assert_eq!(server.requests().len(), 4, "nothing is sent twice");
    assert_eq!(tool.terminate().code, Some(0));
}

#[test]
fn posts_look_as_the_flags_say() {
    let nsqd = Nsqd::start();
    nsqd.post("/pub?topic=orders", b"a b\n");
    let server = HttpServer::always(answer("202 Accepted"));
    let flags = [&post(&server), "--content-type=text/plain", "--header=X-One: 1:2", "--mode=all"];
    let tool = start(&nsqd, &flags);
    expect_finished(&nsqd, 1);
    assert_eq!(tool.terminate().code, Some(0));
    let request = &server.requests()[0];
    assert_eq!((request.line.as_str(), request.body.as_str()), ("POST /in HTTP/1.1", "a b\n"));
    let agent = format!("nsq_to_http v{}", env!("CARGO_PKG_VERSION"));
    for (name, value) in [
        ("user-agent", agent.as_str()),
        ("content-type", "text/plain"),
        ("x-one", "1:2"),
        ("host", &server.address()),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
}

#[test]
fn gets_have_the_message_in_their_url() {
    let nsqd = Nsqd::start();
    nsqd.post("/pub?topic=orders", "é /+".as_bytes());
    let server = HttpServer::always(answer("204 No Content"));
    let get = format!("--get=http://{}/a%20b?m=%s", server.address());
    let tool = start(&nsqd, &[&get, "--header=User-Agent: me"]);
    expect_finished(&nsqd, 1);
    expect_no_failure(&nsqd);
    assert_eq!(tool.terminate().code, Some(0));
    let request = &server.requests()[0];
    assert_eq!(request.line, "GET /a%20b?m=%C3%A9+%2F%2B HTTP/1.1");
    assert_eq!((request.header("user-agent"), request.header("content-type")), ("me", ""));
}

fn redirect(status: &'static str, location: &str) -> Reply {
    let close = ("Connection", "close".to_owned());
    Reply::Answer(status, vec![("Location", location.to_owned()), close], Vec::new())
}

#[test]
fn redirects_that_keep_the_message_are_followed() {
    let nsqd = Nsqd::start();
    for status in ["307 Temporary Redirect", "308 Permanent Redirect"] {
        let server = HttpServer::scripted(move |request, _| {
            if request.line.contains("/there") {
                return answer("200 OK");
            }
            redirect(status, "/there")
        });
        publish(&nsqd, 1);
        let tool = start(&nsqd, &[&post(&server)]);
        eventually("it has gone there", || (server.requests().len() == 2).then_some(()));
        let request = &server.requests()[1];
        let went = (request.line.as_str(), request.body.as_str());
        assert_eq!(went, ("POST /there HTTP/1.1", "message 0"), "{status}");
        assert_eq!(tool.terminate().code, Some(0));
        expect_no_failure(&nsqd);
    }
}

#[test]
fn redirects_that_would_lose_the_message_are_failures() {
    for (status, code) in
        [("301 Moved Permanently", 301), ("302 Found", 302), ("303 See Other", 303)]
    {
        let nsqd = Nsqd::start();
        publish(&nsqd, 1);
        // Whoever follows it is told that all is well.
        let server = HttpServer::scripted(move |request, before| match before {
            0 => redirect("307 Temporary Redirect", "/in/again"),
            1 => redirect(status, "/there"),
            _ if request.line.contains("/there") => answer("200 OK"),
            _ => answer("202 Accepted"),
        });
        let tool = start(&nsqd, &[&QUICK[..], &[&post(&server)]].concat());
        expect_finished(&nsqd, 1);
        nsqd.expect_channel("orders", CHANNEL, &[("requeue_count", 1)]);
        let lines: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
        let expected = ["POST /in HTTP/1.1", "POST /in/again HTTP/1.1", "POST /in HTTP/1.1"];
        assert_eq!(lines, expected, "{status}");
        assert_eq!(bodies(&server), ["message 0"; 3], "{status}");
        let ended = tool.terminate();
        assert_eq!(ended.code, Some(0));
        let reason = format!("got status code {code}: following it would lose the message");
        assert!(ended.err.contains(&reason), "{}", ended.err);
    }
}

#[test]
fn redirects_of_gets_are_followed() {
    let nsqd = Nsqd::start();
    publish(&nsqd, 1);
    let server = HttpServer::scripted(|request, _| match request.line.contains("/there") {
        true => answer("200 OK"),
        false => redirect("302 Found", "/there"),
    });
    let get = format!("--get=http://{}/in?m=%s", server.address());
    let tool = start(&nsqd, &[&get]);
    expect_finished(&nsqd, 1);
    expect_no_failure(&nsqd);
    assert_eq!(server.requests()[1].line, "GET /there HTTP/1.1");
    assert_eq!(tool.terminate().code, Some(0));
}

#[test]
fn redirects_lead_on_but_not_for_ever() {
    let nsqd = Nsqd::start();
    publish(&nsqd, 1);
    let server = HttpServer::scripted(|_, before| match before {
        0..10 => redirect("307 Temporary Redirect", "/in"),
        _ => answer("200 OK"),
    });
    let tool = start(&nsqd, &[&QUICK[..], &[&post(&server)]].concat());
    expect_finished(&nsqd, 1);
    nsqd.expect_channel("orders", CHANNEL, &[("requeue_count", 1)]);
    assert_eq!(bodies(&server), ["message 0"; 11]);
    tool.expect_said("Handler returned error (too many redirects)");
    assert_eq!(tool.terminate().code, Some(0));
}

#[test]
fn https_is_verified_by_the_authorities_of_the_system() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = HttpServer::over_tls(authority.server("in").served(), answer("200 OK"));
    let nsqd = Nsqd::start();
    publish(&nsqd, 1);
    let address = format!("--nsqd-tcp-address={}", nsqd.tcp());
    let post = format!("--post=https://{}/in", server.address());
    let flags = [&["--topic=orders", &address, &post], &QUICK[..]].concat();
    let trusting = |authority: &Authority| {
        let file = authority.file();
        Tool::with_environment(CHANNEL, &flags, &[("SSL_CERT_FILE", file.to_str().unwrap())])
    };
    let tool = trusting(&other);
    tool.expect_said("invalid peer certificate: ");
    assert_eq!(tool.terminate().code, Some(0));
    assert!(server.requests().is_empty());
    let tool = trusting(&authority);
    expect_finished(&nsqd, 1);
    assert_eq!(tool.terminate().code, Some(0));
    assert_eq!(bodies(&server), ["message 0"]);
}

#[test]
fn a_stop_waits_for_the_requests_under_way() {
    for signal in [Signal::TERM, Signal::INT] {
        let nsqd = Nsqd::start();
        publish(&nsqd, 50);
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let server = HttpServer::scripted(move |_, _| {
            let _sender_is_gone = released.lock().unwrap().recv_timeout(DEADLINE);
            answer("200 OK")
        });
        let tool = start(&nsqd, &[&post(&server), "-n=5"]);
        eventually("requests are under way", || (server.requests().len() == 5).then_some(()));
        tool.signal(signal);
        tool.expect_said("stopping...");
        drop(release);
        let ended = tool.end();
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{}", ended.err);
        expect_finished(&nsqd, 50);
        expect_no_failure(&nsqd);
        assert_eq!(set(bodies(&server)), set(messages(0..50)));
        assert_eq!(server.requests().len(), 50);
    }
}

#[test]
fn a_sample_is_sent_and_the_rest_is_finished() {
    let nsqd = Nsqd::start();
    publish(&nsqd, 1000);
    let server = taker();
    let tool = start(&nsqd, &[&post(&server), "--sample=0.1", "--status-every=10"]);
    expect_finished(&nsqd, 1000);
    expect_no_failure(&nsqd);
    let ended = tool.terminate();
    let sent = server.requests().len();
    assert!((40..200).contains(&sent), "{sent}");
    assert!(ended.err.contains(" [aggregate]: finished 10 - 99th: "), "{}", ended.err);
    assert!(ended.err.contains(" Warning: use more than 100 status values"), "{}", ended.err);
    assert!(!ended.err.contains('\r'), "progress is for terminals: {:?}", ended.err);
}

#[test]
fn what_cannot_start_says_why() {
    let nsqd = Nsqd::start();
    let address = format!("--nsqd-tcp-address={}", nsqd.tcp());
    let common = ["--topic=orders", "--post=http://127.0.0.1:1/"];
    let nobody = "--nsqd-tcp-address=127.0.0.1:1";
    for (flags, code, text) in [
        (&[&address, "--mode=hostpol"][..], 1, " --mode must be round-robin, hostpool,"),
        (&[nobody], 1, " (127.0.0.1:1) dial tcp 127.0.0.1:1: connect: connection refused"),
        (&[&address, "--consumer-opt=x"], 2, "for flag -consumer-opt: invalid option x\nUsage of"),
        (&["-h"], 0, "Usage of nsq_to_http:\n"),
    ] {
        let ended = Tool::run(CHANNEL, &[&common[..], flags].concat(), b"");
        assert_eq!((ended.code, ended.out.as_str()), (Some(code), ""), "{}", ended.err);
        assert!(ended.err.contains(text), "{}", ended.err);
    }
}
