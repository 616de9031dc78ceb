//! From lines to messages to files. `tests/million` does the same with a million lines, and measures.

use super::{Tool, archived, set};
use crate::support::{Nsqd, eventually};

const LINES: usize = 20_000;

#[test]
fn lines_that_were_published_stand_in_files() {
    let nsqd = Nsqd::start();
    nsqd.post("/topic/create?topic=lines", b"");
    nsqd.post("/channel/create?topic=lines&channel=nsq_to_file", b"");
    let out = tempfile::tempdir().unwrap();
    let address = format!("--nsqd-tcp-address={}", nsqd.tcp());
    let flags = [
        "--topic=lines",
        "--gzip",
        "--rotate-size=100000",
        "--max-in-flight=2500",
        &address,
        &format!("--output-dir={}", out.path().join("out").display()),
        &format!("--work-dir={}", out.path().join("work").display()),
    ];
    let archiving = Tool::start("nsq_to_file", &flags);
    let lines: Vec<_> = (0..LINES).map(|number| format!("line {number} of many")).collect();
    let ended = Tool::run("to_nsq", &["--topic=lines", &address], lines.join("\n").as_bytes());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    eventually("all are received", || {
        let channel = nsqd.channel("lines", "nsq_to_file");
        (channel["message_count"] == LINES && channel["depth"] == 0).then_some(())
    });
    let ended = archiving.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let found = archived(&out.path().join("out"));
    assert_eq!(found.len(), LINES, "none is written twice as nothing has failed");
    assert_eq!(set(found), set(lines));
    nsqd.expect_channel("lines", "nsq_to_file", &[("depth", 0), ("in_flight_count", 0)]);
}
