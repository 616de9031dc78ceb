//! `nsq log`: looking at a data path, and repairing it, while no broker runs on it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use nsq_actors::{
    protocol::TopicName,
    storage::{
        Log, LogOptions, RealDisk,
        journal::{Entry, EntryKind, JournalFiles, Round},
    },
};
use serde_json::Value;

use crate::support::{DEADLINE, Ended, Frame, Nsqd, eventually, nsq_command, ours, run_to_end};

const MESSAGES: usize = 60;

/// A stopped broker with a topic in several segments, half of which one channel has finished.
fn stopped() -> Nsqd {
    let mut nsqd = Nsqd::with(&["--max-bytes-per-file=2000"]);
    for channel in ["audit", "slow"] {
        nsqd.post("/topic/create?topic=orders", b"");
        nsqd.post(&format!("/channel/create?topic=orders&channel={channel}"), b"");
    }
    for number in 0..MESSAGES {
        nsqd.post("/pub?topic=orders", body(number).as_bytes());
    }
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "audit");
    consumer.ready(1);
    consumer.finish_bodies(MESSAGES / 2 - 1);
    let last = consumer.expect_message();
    consumer.ready(0);
    consumer.finish(last.id);
    let half = MESSAGES as u64 / 2;
    nsqd.expect_channel("orders", "audit", &[("depth", half), ("in_flight_count", 0)]);
    nsqd.terminate();
    nsqd
}

fn body(number: usize) -> String {
    format!("{number:060}")
}

fn log_tool(arguments: &[&str], nsqd: &Nsqd) -> Ended {
    let data_path = nsqd.data_path().to_str().unwrap().to_owned();
    let arguments = ["log"].iter().chain(arguments).map(|text| (*text).to_owned());
    run_to_end(nsq_command(), arguments.chain([data_path]))
}

#[track_caller]
fn expect(nsqd: &Nsqd, command: &str, code: i32, parts: &[&str]) {
    let ended = log_tool(&[command], nsqd);
    let said = format!("{}{}", ended.out, ended.err);
    assert_eq!(ended.code, Some(code), "{said}");
    parts.iter().for_each(|part| assert!(said.contains(part), "{part:?} in {said}"));
}

fn file(nsqd: &Nsqd, name: &str) -> PathBuf {
    nsqd.data_path().join("topics/orders").join(name)
}

/// The segments, oldest first.
fn segments(nsqd: &Nsqd) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        contents(&file(nsqd, "")).into_keys().filter(|path| path.ends_with(".log")).collect();
    paths.sort();
    paths.into_iter().map(PathBuf::from).collect()
}

/// Every file below a directory, and what is in it.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.insert(path.to_str().unwrap().to_owned(), bytes);
        }
    }
    found
}

/// Starts again and takes what is left for a channel.
#[track_caller]
fn expect_left(nsqd: &mut Nsqd, channel: &str, numbers: &[usize]) {
    nsqd.restart();
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", channel);
    consumer.ready(100);
    let expected: Vec<_> = numbers.iter().map(|&number| body(number)).collect();
    assert_eq!(consumer.finish_bodies(numbers.len()), expected);
    nsqd.expect_channel("orders", channel, &[("depth", 0), ("in_flight_count", 0)]);
    nsqd.terminate();
}

#[test]
fn verify_reports_every_topic_and_changes_nothing() {
    if !ours() {
        return;
    }
    let nsqd = stopped();
    let before = contents(nsqd.data_path());
    let parts = [
        "topic=orders segments=",
        " records=60 messages=60 from=1 next=61\n",
        "topic=orders channel=audit floor=31 finished_ranges=0 pending=0\n",
        "topic=orders channel=slow floor=1 finished_ranges=0 pending=0\n",
        ": clean\n",
    ];
    expect(&nsqd, "verify", 0, &parts);
    assert_eq!(contents(nsqd.data_path()), before);
}

#[test]
fn a_running_node_is_left_alone() {
    if !ours() {
        return;
    }
    let nsqd = Nsqd::start();
    nsqd.post("/pub?topic=orders", b"one");
    for command in ["verify", "dump", "repair"] {
        expect(&nsqd, command, 2, &["(possibly in use by another instance of nsqd)"]);
    }
}

#[test]
fn what_is_no_data_path_is_refused_and_stays_as_it_is() {
    if !ours() {
        return;
    }
    let nsqd = stopped();
    fs::remove_dir_all(nsqd.data_path().join("topics")).unwrap();
    let before = contents(nsqd.data_path());
    for command in ["verify", "dump", "repair"] {
        expect(&nsqd, command, 2, &["cannot list ", "topics: no such file or directory"]);
    }
    assert_eq!(contents(nsqd.data_path()), before);
    assert!(!nsqd.data_path().join("topics").exists());
    let ended = run_to_end(nsq_command(), ["log", "verify"]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
}

#[test]
fn a_damaged_record_is_said_and_repaired_at_its_own_cost_only() {
    if !ours() {
        return;
    }
    let mut nsqd = stopped();
    let damaged = &segments(&nsqd)[1];
    let mut bytes = fs::read(damaged).unwrap();
    bytes[40 + 64 + 20] ^= 1; // in the body of its first record
    fs::write(damaged, bytes).unwrap();
    let lost: usize = damaged.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let before = contents(&file(&nsqd, ""));
    let reported = format!("of segment {lost} skipped, messages {lost} to {} lost", lost + 1);
    let said = ["topic=orders damaged: 128 damaged bytes at position ", reported.as_str()];
    expect(&nsqd, "verify", 1, &said);
    assert_eq!(contents(&file(&nsqd, "")), before);
    expect(&nsqd, "repair", 0, &["topic=orders written anew without what is damaged"]);
    expect(&nsqd, "verify", 0, &["messages=59 from=1 next=61\n", "audit floor=31", ": clean\n"]);
    let kept = contents(nsqd.data_path());
    let kept: Vec<_> = kept.iter().filter(|(path, _)| path.contains("/repaired-")).collect();
    assert!(before.values().all(|bytes| kept.iter().any(|(_, kept)| *kept == bytes)));
    let left: Vec<_> = (0..MESSAGES).filter(|number| *number != lost - 1).collect();
    expect_left(&mut nsqd, "slow", &left);
    expect_left(&mut nsqd, "audit", &(MESSAGES / 2..MESSAGES).collect::<Vec<_>>());
    expect(&nsqd, "repair", 0, &["topic=orders is clean\n"]);
}

#[test]
fn a_torn_tail_is_kept_aside_and_cut() {
    if !ours() {
        return;
    }
    let mut nsqd = stopped();
    let last = segments(&nsqd).pop().unwrap();
    let whole = fs::read(&last).unwrap();
    fs::write(&last, [&whole, b"NSQ1 and nothing more".as_slice()].concat()).unwrap();
    let before = contents(nsqd.data_path());
    expect(&nsqd, "verify", 1, &["topic=orders torn tail: 21 bytes of an unfinished write\n"]);
    assert_eq!(contents(nsqd.data_path()), before);
    expect(&nsqd, "repair", 0, &["topic=orders 21 bytes of an unfinished write cut off, kept in"]);
    assert_eq!(fs::read(&last).unwrap(), whole);
    let kept: Vec<_> = contents(nsqd.data_path())
        .into_iter()
        .filter(|(path, _)| path.contains("/repaired-"))
        .collect();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].0.ends_with(&format!(".log.from-{}", whole.len())), "{}", kept[0].0);
    assert_eq!(kept[0].1, b"NSQ1 and nothing more");
    expect(&nsqd, "verify", 0, &[": clean\n"]);
    expect_left(&mut nsqd, "slow", &(0..MESSAGES).collect::<Vec<_>>());
}

#[test]
fn damaged_state_is_replaced_and_costs_duplicates_only() {
    if !ours() {
        return;
    }
    let mut nsqd = stopped();
    fs::write(file(&nsqd, "audit.cursor"), "garbage").unwrap();
    fs::write(file(&nsqd, "topic.meta"), "garbage").unwrap();
    let said =
        ["damaged: the cursor of channel audit is damaged", "damaged: topic.meta is damaged"];
    expect(&nsqd, "verify", 1, &said);
    expect(&nsqd, "repair", 0, &["topic=orders written anew"]);
    expect(&nsqd, "verify", 0, &["channel=audit floor=1 ", "channel=slow floor=1 "]);
    expect_left(&mut nsqd, "audit", &(0..MESSAGES).collect::<Vec<_>>());
}

#[test]
fn what_was_carried_forward_outlives_the_damage_of_its_cursor_and_the_repair() {
    if !ours() {
        return;
    }
    let mut nsqd = Nsqd::with(&["--max-bytes-per-file=2000", "--sync-timeout=20ms"]);
    let mut holder = nsqd.consumer("orders", "audit", 1);
    let mut publisher = nsqd.client();
    publisher.publish("orders", body(0).as_bytes());
    let held = holder.expect_body(&body(0));
    let mut other = nsqd.consumer("orders", "audit", 1);
    for number in 1..400 {
        publisher.publish("orders", body(number).as_bytes());
        let message = other.expect_body(&body(number));
        other.finish(message.id);
    }
    eventually("the held message does not keep the log", || {
        let names = fs::read_dir(file(&nsqd, "")).unwrap().map(|entry| entry.unwrap().path());
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == "log");
        (names.filter(is_segment).count() < 5).then_some(())
    });
    nsqd.terminate();
    fs::write(file(&nsqd, "audit.cursor"), "garbage").unwrap();
    expect(&nsqd, "verify", 1, &["damaged: the cursor of channel audit is damaged"]);
    expect(&nsqd, "repair", 0, &["topic=orders written anew"]);
    expect(&nsqd, "verify", 0, &[" pending=1", ": clean\n"]);
    nsqd.restart();
    let (mut client, mut copies) = (nsqd.consumer("orders", "audit", 100), Vec::new());
    loop {
        let wait = if copies.is_empty() { DEADLINE } else { Duration::from_millis(300) };
        let Ok(frame) = client.next_frame(wait) else { break };
        let Frame::Message(message) = frame else { panic!("{frame:?}") };
        client.finish(message.id);
        if message.text() == body(0) {
            copies.push(message);
        }
    }
    assert_eq!(
        copies.iter().map(|copy| (copy.id, copy.attempts)).collect::<Vec<_>>(),
        [(held.id, 2)]
    );
    nsqd.expect_channel("orders", "audit", &[("depth", 0), ("in_flight_count", 0)]);
}

#[test]
fn a_missing_segment_is_a_gap_that_a_repair_closes() {
    if !ours() {
        return;
    }
    let mut nsqd = stopped();
    let segments = segments(&nsqd);
    fs::remove_file(&segments[1]).unwrap();
    let first =
        |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().parse::<usize>().unwrap();
    let lost = first(&segments[1])..first(&segments[2]);
    let reported = format!("messages {} to {} lost", lost.start, lost.end);
    expect(&nsqd, "verify", 1, &[&reported]);
    expect(&nsqd, "repair", 0, &["topic=orders written anew"]);
    expect(&nsqd, "verify", 0, &[" next=61\n", ": clean\n"]);
    let left: Vec<_> = (0..MESSAGES).filter(|number| !lost.contains(&(number + 1))).collect();
    expect_left(&mut nsqd, "slow", &left);
}

#[test]
fn an_interrupted_repair_is_finished_by_whoever_comes_next() {
    if !ours() {
        return;
    }
    let mut nsqd = stopped();
    let topics = nsqd.data_path().join("topics");
    // Complete, and the old one is out of the way already.
    fs::rename(topics.join("orders"), topics.join(".repairing-orders")).unwrap();
    expect_left(&mut nsqd, "slow", &(0..MESSAGES).collect::<Vec<_>>());
    // Not complete, as the old one is still there.
    fs::create_dir(topics.join(".repairing-orders")).unwrap();
    expect(&nsqd, "repair", 0, &["topic=orders is clean\n"]);
    assert!(!topics.join(".repairing-orders").exists());
}

#[track_caller]
fn dumped(nsqd: &Nsqd, arguments: &[&str]) -> Vec<Value> {
    let ended = log_tool(&[&["dump"], arguments].concat(), nsqd);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn dump_prints_messages_as_lines_of_json() {
    if !ours() {
        return;
    }
    let mut nsqd = stopped();
    nsqd.restart();
    nsqd.post("/pub?topic=bytes", b"\xff\x00");
    nsqd.post("/pub?topic=bytes&defer=3600000", b"later");
    nsqd.terminate();
    let lines = dumped(&nsqd, &["--topic=orders"]);
    let bodies: Vec<_> = lines.iter().map(|line| line["body"].as_str().unwrap()).collect();
    assert_eq!(bodies, (0..MESSAGES).map(body).collect::<Vec<_>>());
    assert_eq!((&lines[4]["seq"], &lines[4]["attempts"]), (&5.into(), &0.into()));
    assert_eq!(lines[4]["id"].as_str().unwrap().len(), 16);
    assert!(lines[4]["timestamp"].as_i64().unwrap() > 1_700_000_000_000_000_000);
    assert_eq!((&lines[4]["due"], &lines[4]["audience"]), (&0.into(), &Value::Null));
    let left = dumped(&nsqd, &["--topic=orders", "--channel=audit"]);
    assert_eq!(left, lines[MESSAGES / 2..]);
    assert_eq!(dumped(&nsqd, &["--channel=nobody"]), Vec::<Value>::new());
    let bytes = dumped(&nsqd, &["--topic=bytes"]);
    assert_eq!((&bytes[0]["body_base64"], &bytes[0]["body"]), (&"/wA=".into(), &Value::Null));
    let due = bytes[1]["due"].as_i64().unwrap() - bytes[1]["timestamp"].as_i64().unwrap();
    assert!(due.abs_diff(3_600_000_000_000) < 1_000_000, "{due}");
    assert_eq!(dumped(&nsqd, &[]).len(), MESSAGES + 2);
}

#[test]
fn dump_skips_what_is_damaged_and_says_so() {
    if !ours() {
        return;
    }
    let nsqd = stopped();
    let damaged = &segments(&nsqd)[0];
    let mut bytes = fs::read(damaged).unwrap();
    bytes[40 + 64 + 20] ^= 1;
    fs::write(damaged, bytes).unwrap();
    let ended = log_tool(&["dump"], &nsqd);
    assert_eq!((ended.code, ended.out.lines().count()), (Some(1), MESSAGES - 1));
    assert!(ended.err.starts_with("nsq log: topic=orders damaged: "), "{}", ended.err);
    for argument in ["--topic=none", "--topic=no/good"] {
        assert_eq!(log_tool(&["dump", argument], &nsqd).code, Some(2));
    }
}

/// Leaves the newest record to the journal alone, as a loss of power can.
fn leave_last_record_to_journal(nsqd: &Nsqd) {
    let (log, _) = Log::open(&file(nsqd, ""), LogOptions::default()).unwrap();
    let last = log.reader().read_from(MESSAGES as u64, None, 1 << 20).unwrap().batches;
    let segment = segments(nsqd).pop().unwrap();
    let len = segment.metadata().unwrap().len() - last[0].encoded_len() as u64;
    fs::File::options().write(true).open(segment).unwrap().set_len(len).unwrap();
    let entry =
        Entry { topic: TopicName::parse("orders").unwrap(), kind: EntryKind::Records(last) };
    let mut journal = JournalFiles::new(nsqd.data_path(), Arc::new(RealDisk));
    journal.carry_out(&Round { done: vec![], number: 1 }, &[entry]).unwrap();
}

#[test]
fn what_only_the_journal_has_is_said_and_put_into_its_log_by_a_repair_or_a_start() {
    if !ours() {
        return;
    }
    let mut nsqd = stopped();
    leave_last_record_to_journal(&nsqd);
    let before = contents(nsqd.data_path());
    let missing = "journal: files=1 records=1 missing_in_logs=1\n";
    expect(&nsqd, "verify", 0, &[missing, " records=59 messages=59 from=1 next=60\n"]);
    expect(&nsqd, "dump", 1, &["1 records that only the journal has are not printed"]);
    assert_eq!(contents(nsqd.data_path()), before);
    expect(&nsqd, "repair", 0, &["journal: 1 records put into their logs", "orders is clean"]);
    expect(&nsqd, "verify", 0, &[" records=60 messages=60 from=1 next=61\n"]);
    leave_last_record_to_journal(&nsqd);
    expect_left(&mut nsqd, "audit", &(MESSAGES / 2..MESSAGES).collect::<Vec<_>>());
    expect(&nsqd, "verify", 0, &[" records=60 messages=60 from=1 next=61\n"]);
}
