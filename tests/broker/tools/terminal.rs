//! What a person at a terminal sees. That nobody else sees it is held where each tool is.

use super::{Tool, messages};
use crate::{
    auth::server::{AuthServer as HttpServer, Reply},
    support::Nsqd,
};

/// Messages 0 to 9 are nine bytes each.
const ALL: &str = "10 messages, 90 B, ";

fn with_messages() -> Nsqd {
    let nsqd = Nsqd::start();
    nsqd.post("/mpub?topic=orders", messages(0..10).join("\n").as_bytes());
    nsqd
}

#[test]
fn to_nsq_shows_its_progress() {
    let nsqd = Nsqd::start();
    let address = format!("--nsqd-tcp-address={}", nsqd.tcp());
    let mut tool = Tool::at_terminal("to_nsq", &["--topic=orders", &address]);
    tool.feed(messages(0..10).join("\n").as_bytes());
    tool.close_input();
    let ended = tool.end();
    assert_eq!(ended.code, Some(0), "{}", ended.out);
    let last = ended.out.rsplit(ALL).next().filter(|_| ended.out.contains(ALL));
    let last = last.unwrap_or_else(|| panic!("no progress: {}", ended.out));
    assert!(last.contains("/s, "), "a rate: {}", ended.out);
}

#[test]
fn those_that_consume_show_their_progress() {
    let (destination, out) = (Nsqd::start(), tempfile::tempdir().unwrap());
    let close = vec![("Connection", "close".to_owned())];
    let server = HttpServer::always(Reply::Answer("200 OK", close, Vec::new()));
    for (name, flag) in [
        ("nsq_to_file", format!("--output-dir={}", out.path().display())),
        ("nsq_to_http", format!("--post=http://{}/", server.address())),
        ("nsq_to_nsq", format!("--destination-nsqd-tcp-address={}", destination.tcp())),
    ] {
        let nsqd = with_messages();
        let address = format!("--nsqd-tcp-address={}", nsqd.tcp());
        let tool = Tool::at_terminal(name, &["--topic=orders", &address, &flag]);
        tool.expect_printed(ALL);
        assert_eq!(tool.terminate().code, Some(0), "{name}");
    }
}

#[test]
fn statistics_fit_into_80_columns() {
    let nsqd = with_messages();
    nsqd.post("/channel/create?topic=orders&channel=audit", b"");
    nsqd.post("/channel/pause?topic=orders&channel=audit", b"");
    let address = format!("--nsqd-http-address={}", nsqd.http_address());
    let flags = ["--topic=orders", "--channel=audit", "--interval=20ms", "--count=2", &address];
    let ended = Tool::at_terminal("nsq_stat", &flags).end();
    assert_eq!(ended.code, Some(0), "{}", ended.out);
    let lines: Vec<_> = ended.out.lines().collect();
    assert_eq!(lines.len(), 4, "{}", ended.out);
    assert!(lines[1].starts_with("    in   out | total   mem  disk "), "{}", ended.out);
    assert!(lines[3].ends_with(" paused"), "{}", ended.out);
    assert!(lines.iter().all(|line| line.len() <= 80), "{}", ended.out);
}
