//! `nsq_stat`.

use super::Tool;
use crate::support::Nsqd;

const HEAD: &str = "------rate------+----------------depth----------------+--------------metadata---------------\n\
     ingress  egress |   total     mem    disk inflt   def |     req     t-o         msgs clients\n";
const FLAGS: [&str; 3] = ["--topic=orders", "--channel=audit", "--interval=20ms"];

fn address(nsqd: &Nsqd) -> String {
    format!("--nsqd-http-address={}", nsqd.http_address())
}

#[track_caller]
fn with_messages(count: usize) -> Nsqd {
    let nsqd = Nsqd::start();
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=audit", b"");
    nsqd.post("/mpub?topic=orders", vec!["x"; count].join("\n").as_bytes());
    nsqd.expect_channel("orders", "audit", &[("depth", count as u64)]);
    nsqd
}

/// The columns of a line.
fn numbers(line: &str) -> Vec<i64> {
    line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn lines_add_up_the_nodes() {
    let (one, other) = (with_messages(3), with_messages(4));
    let (first, second) = (address(&one), address(&other));
    let flags = [&FLAGS[..], &["--count=26", &first, &second]].concat();
    let ended = Tool::run("nsq_stat", &flags, b"");
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let rows = ended.out.strip_prefix(HEAD).unwrap();
    assert_eq!(ended.out.matches(HEAD).count(), 2, "a head before the first and the 25th line");
    let rows: Vec<_> =
        rows.lines().filter(|line| line.starts_with(' ') && !line.contains("ingress")).collect();
    assert_eq!(rows.len(), 26);
    for row in rows {
        let numbers = numbers(row);
        assert_eq!((numbers.len(), numbers[2], numbers[9], numbers[10]), (11, 7, 7, 0), "{row}");
    }
}

#[test]
fn a_node_that_does_not_answer_is_named_and_left_out() {
    let (alive, mut dying) = (with_messages(3), with_messages(4));
    let (first, second) = (address(&alive), address(&dying));
    let tool = Tool::start("nsq_stat", &[&FLAGS[..], &[&first, &second]].concat());
    tool.expect_lines(3);
    dying.kill9();
    tool.expect_said(&format!("ERROR: {}: ", dying.http_address()));
    let so_far = tool.expect_lines(3).len();
    let line = tool.expect_lines(so_far + 2).pop().unwrap();
    assert_eq!(numbers(&line)[2], 3, "{line}");
    tool.signal(rustix::process::Signal::HUP);
    let ended = tool.end();
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.err.lines().count(), 1, "said once: {}", ended.err);
}

#[test]
fn a_channel_that_nobody_knows_is_an_error() {
    let nsqd = with_messages(1);
    let flags = ["--topic=orders", "--channel=bogus", &address(&nsqd)];
    let ended = Tool::run("nsq_stat", &flags, b"");
    assert_eq!(ended.code, Some(1));
    let said = "ERROR: failed to find channel(bogus) in stats metadata for topic(orders)\n";
    assert!(ended.err.ends_with(said), "{}", ended.err);
}
