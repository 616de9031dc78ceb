use std::{
    collections::BTreeMap,
    io::IoSlice,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    TakeOverError,
    fixtures::{self, File, message, messages},
    take_over,
};
use crate::{
    protocol::{ChannelName, MessageId, TopicName},
    storage::{
        BatchBuilder, Cursor, DataDir, Disk, Log, LogOptions, LogPosition, PendingMessage, Stamp,
        StoredTopic,
        counting_disk::CountingDisk,
        disk::write_all_at,
        log::UNSYNCED_SEGMENTS_MAX,
        lossy_disk::{LossyDisk, Survival},
        stored_topic,
        upstream::Observer,
    },
};

/// What came out of a queue: number of the message, attempts, body.
type Found = BTreeMap<String, Vec<(u64, u16, String)>>;

/// A data path on a disk in memory.
struct Rig {
    dir: tempfile::TempDir,
    disk: LossyDisk,
    lines: Vec<String>,
}

impl Rig {
    fn new(files: &[File]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = LossyDisk::new(dir.path());
        let mut rig = Self { dir, disk, lines: Vec::new() };
        rig.put(files);
        rig
    }

    /// Writes files durably.
    fn put(&mut self, files: &[File]) {
        for (name, bytes) in files {
            let file = self.disk.create(&self.path(name)).unwrap();
            write_all_at(&*file, &mut [IoSlice::new(bytes)], 0).unwrap();
            file.sync_data().unwrap();
        }
        self.disk.sync_dir(self.dir.path()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn options(&self) -> LogOptions {
        let disk = Arc::new(self.disk.clone());
        LogOptions { segment_bytes_max: 300, batch_bytes_max: 200, disk }
    }

    fn data_dir(&self) -> DataDir {
        DataDir::open(self.dir.path(), Arc::new(self.disk.clone())).unwrap()
    }

    fn start(&mut self) -> Result<(), TakeOverError> {
        self.start_unless(&|| false)
    }

    fn start_unless(&mut self, is_cancelled: &dyn Fn() -> bool) -> Result<(), TakeOverError> {
        let Ok(data_dir) = DataDir::open(self.dir.path(), Arc::new(self.disk.clone())) else {
            assert!(self.disk.is_off());
            return Err(TakeOverError::Cancelled);
        };
        let options = self.options();
        let lines = &mut self.lines;
        let mut say = |level: log::Level, line: std::fmt::Arguments<'_>| {
            lines.push(format!("{level} {line}"));
        };
        let mut observer = Observer { say: &mut say, is_cancelled };
        take_over(&data_dir, &options, "then", &mut observer)
    }

    fn names(&self, dir: &str) -> Vec<String> {
        let names = self.disk.list(&self.path(dir)).unwrap();
        names.into_iter().map(|name| name.into_string().unwrap()).collect()
    }

    /// Everything that channels still have to deliver, and topics to hand out.
    fn found(&self) -> Found {
        let data_dir = self.data_dir();
        let mut found = Found::new();
        for topic in data_dir.topics().unwrap() {
            self.find_in_topic(&topic, &data_dir.topic_dir(&topic), &mut found);
        }
        found
    }

    fn find_in_topic(&self, topic: &TopicName, dir: &Path, found: &mut Found) {
        let stored = StoredTopic::open(dir, self.options()).unwrap();
        assert_eq!(stored.recovery.damaged, []);
        let has_channels = !stored.channels.is_empty();
        let held = stored_topic::held_from(&stored.metadata, has_channels, &stored.recovery);
        let held = held.unwrap_or(u64::MAX);
        let is_paused = stored.metadata.paused;
        let messages = messages_in(&stored);
        let of_topic = messages.iter().filter(|(seq, _)| *seq >= held);
        found.insert(named(topic.as_str(), is_paused), of_topic.map(|(_, m)| m.clone()).collect());
        for channel in &stored.channels {
            let cursor = Cursor::load(&self.disk, dir, channel).unwrap().unwrap();
            let is_finished = |seq: u64| {
                seq < cursor.floor || cursor.finished.iter().any(|range| range.contains(&seq))
            };
            let wanted = messages.iter().filter(|(seq, _)| *seq < held && !is_finished(*seq));
            let name = named(&format!("{topic}:{channel}"), cursor.paused);
            found.insert(name, wanted.map(|(_, message)| message.clone()).collect());
        }
    }
}

fn named(name: &str, is_paused: bool) -> String {
    format!("{name}{}", if is_paused { " (paused)" } else { "" })
}

/// Sequence numbers and messages of a log, checked to be what the generator made.
fn messages_in(stored: &StoredTopic) -> Vec<(u64, (u64, u16, String))> {
    let reader = stored.log.reader();
    let (mut messages, mut at) = (Vec::new(), LogPosition::START);
    loop {
        let chunk = reader.read(at, 1000).unwrap();
        if chunk.batches.is_empty() {
            return messages;
        }
        for batch in &chunk.batches {
            let seq = batch.first_seq();
            let number = batch.id(seq).0 - 0x18a6_d4ec_39a6_9000;
            assert_eq!(batch.timestamp_ns() as u64, 1_795_367_506_000_000_000 + number);
            assert!(stored.recovery.last_id.unwrap() >= batch.id(seq), "ids rise above it");
            let body = String::from_utf8(batch.message(seq).unwrap().to_vec()).unwrap();
            messages.push((seq, (number, batch.attempts(), body)));
        }
        at = chunk.next;
    }
}

fn expected(queues: &[(&str, &[(u64, u16)])]) -> Found {
    let body = |number| if number == 6 { String::new() } else { format!("m{number}") };
    let message = |&(number, attempts): &(u64, u16)| (number, attempts, body(number));
    let queue = |(name, list): &(&str, &[(u64, u16)])| {
        ((*name).to_owned(), list.iter().map(message).collect())
    };
    queues.iter().map(queue).collect()
}

fn expected_of_stopped() -> Found {
    expected(&[
        ("orders", &[]),
        ("orders:audit", &[(2, 0), (3, 0), (4, 2), (5, 1), (6, 65535), (7, 0)]),
        ("orders:billing (paused)", &[(3, 0), (4, 0), (7, 0)]),
        ("waiting", &[(1, 0), (2, 0), (3, 0)]),
        ("held (paused)", &[(2, 0), (3, 0)]),
        ("held:c", &[(1, 0)]),
        ("idle.topic", &[]),
        ("idle.topic:.dot", &[]),
    ])
}

fn expected_of_killed() -> Found {
    expected(&[
        ("t", &[]),
        ("t:old", &[(2, 0), (3, 0), (4, 0)]),
        ("t:new", &[(1, 0), (2, 0)]),
        ("t:garbage", &[(1, 0), (2, 0)]),
        ("t:emptied", &[(1, 0), (2, 0), (3, 0)]),
        ("t:torn", &[(1, 0), (2, 0), (4, 0)]),
        ("t:bad", &[(1, 0), (4, 0)]),
    ])
}

#[test]
fn a_graceful_stop_of_upstream_leaves_everything() {
    let mut rig = Rig::new(&fixtures::stopped());
    rig.start().unwrap();
    assert_eq!(rig.found(), expected_of_stopped());
    assert_eq!(rig.names(""), ["imported-then", "topics"]);
    assert_eq!(rig.names("imported-then").len(), fixtures::stopped().len());
    assert!(rig.lines.iter().all(|line| line.starts_with("INFO ")), "{:#?}", rig.lines);
    let said = "INFO queue=orders:audit 5 messages imported from 2 files, depth was 5";
    assert!(rig.lines.contains(&said.to_owned()), "{:#?}", rig.lines);
    rig.start().unwrap();
    assert_eq!(rig.found(), expected_of_stopped(), "once is enough");
}

#[test]
fn whatever_a_kill_of_upstream_leaves_is_imported_and_what_is_damaged_is_said() {
    let mut rig = Rig::new(&fixtures::killed());
    rig.start().unwrap();
    assert_eq!(rig.found(), expected_of_killed());
    for line in [
        "WARN skipping creation of invalid channel not valid",
        "WARN skipping creation of invalid topic no/topic",
        "WARN 5 files of upstream's nsqd belong to no topic or channel in nsqd.dat or were set \
         aside by it, and are left alone: gone.diskqueue.meta.dat, …",
        "WARN queue=t:new t:new.diskqueue.meta.dat is missing: all its files are read from the \
         beginning",
        "WARN queue=t:garbage t:garbage.diskqueue.meta.dat is garbage: all its files are read \
         from the beginning",
        "WARN queue=t:emptied t:emptied.diskqueue.000001.dat is not among the files that \
         t:emptied.diskqueue.meta.dat counts: all of it is read",
        "WARN queue=t:emptied t:emptied.diskqueue.000009.dat is not among the files that \
         t:emptied.diskqueue.meta.dat counts: all of it is read",
        "ERROR t:torn.diskqueue.000000.dat is damaged at 64: the last message is cut short; the \
         last 31 bytes of it are lost",
        "ERROR t:bad.diskqueue.000000.dat is damaged at 32: invalid message read size \
         (2130706441); the last 64 bytes of it are lost",
    ] {
        assert!(rig.lines.contains(&line.to_owned()), "{line}\n{:#?}", rig.lines);
    }
    let left = rig.names("");
    for name in ["gone.diskqueue.000000.dat", "t:gone.diskqueue.000000.dat", "nsqd.dat.123456.tmp"]
    {
        assert!(left.contains(&name.to_owned()), "{left:?}");
    }
}

/// How a start ends that does not come to its end.
#[derive(Debug, Clone, Copy)]
enum End {
    Kill,
    Power(Survival),
}

fn interrupt(rig: &mut Rig, step: usize, end: End) -> bool {
    rig.disk.stop_at(rig.disk.steps() + step);
    let result = rig.start();
    let is_off = rig.disk.is_off();
    assert!(is_off || result.is_ok(), "{result:?}");
    match end {
        End::Kill => rig.disk.come_back(),
        End::Power(survival) => rig.disk.lose_power(survival),
    }
    is_off
}

fn check_every_step(make: fn() -> Rig, expected: &Found) {
    let ends = |seed| {
        let some = |percent| End::Power(Survival::Some { percent, seed });
        [End::Kill, End::Power(Survival::Nothing), some(30), some(80)]
    };
    let mut step = 1;
    let mut is_interrupted = true;
    while is_interrupted {
        for end in ends(step as u64) {
            let mut rig = make();
            is_interrupted = interrupt(&mut rig, step, end);
            interrupt(&mut rig, 1 + step * 7 % 50, end);
            rig.start().unwrap_or_else(|error| panic!("step {step} {end:?}: {error}"));
            assert_eq!(rig.found(), *expected, "step {step} {end:?}");
            let left = rig.names("");
            let is_old = |name: &&String| name.starts_with("t:old") || *name == "nsqd.dat";
            assert_eq!(left.iter().find(is_old), None, "step {step} {end:?}");
            assert!(left.iter().all(|name| !name.starts_with('.')), "step {step} {end:?}");
        }
        step += 1;
    }
    assert!(step > 50, "only {step} steps");
}

#[test]
fn interrupted_at_any_step_nothing_is_lost_and_nothing_comes_twice() {
    check_every_step(|| Rig::new(&fixtures::stopped()), &expected_of_stopped());
    check_every_step(|| Rig::new(&fixtures::killed()), &expected_of_killed());
}

/// Upstream's nsqd was used again after a takeover.
fn used_again() -> Rig {
    let mut rig = Rig::new(&fixtures::stopped());
    rig.start().unwrap();
    let topology = r#"{"topics":[{"name":"orders","channels":[{"name":"audit"},{"name":"late"}]},{"name":"waiting","channels":[{"name":"first"}]}]}"#;
    rig.put(&[
        ("nsqd.dat", topology.as_bytes().to_vec()),
        ("orders:audit.diskqueue.000000.dat", messages(11..=12)),
        ("orders.diskqueue.000000.dat", messages(13..=13)),
        ("waiting:first.diskqueue.000000.dat", message(14, 3, "m14")),
    ]);
    rig
}

#[test]
fn a_second_takeover_goes_behind_what_the_first_has_left() {
    let all = expected(&[
        ("orders", &[]),
        (
            "orders:audit",
            &[(2, 0), (3, 0), (4, 2), (5, 1), (6, 65535), (7, 0), (11, 0), (12, 0), (13, 0)],
        ),
        ("orders:billing (paused)", &[(3, 0), (4, 0), (7, 0), (13, 0)]),
        ("orders:late", &[(13, 0)]),
        ("waiting", &[]),
        ("waiting:first", &[(1, 0), (2, 0), (3, 0), (14, 3)]),
        ("held (paused)", &[(2, 0), (3, 0)]),
        ("held:c", &[(1, 0)]),
        ("idle.topic", &[]),
        ("idle.topic:.dot", &[]),
    ]);
    let mut rig = used_again();
    rig.start().unwrap();
    assert_eq!(rig.found(), all);
    assert_eq!(rig.names(""), ["imported-then", "imported-then-2", "topics"]);
    check_every_step(used_again, &all);
}

#[test]
fn what_was_carried_forward_for_a_channel_outlives_the_loss_of_its_cursor() {
    let mut rig = used_again();
    let dir = rig.path("topics/orders");
    let audit = ChannelName::parse("audit").unwrap();
    let (mut log, _) = Log::open(&dir, rig.options()).unwrap();
    let (position, first_seq) = log.reader().end();
    let stamp = Stamp { first_seq, first_id: MessageId(9), timestamp_ns: 1, due_ns: 70, position };
    let copy = BatchBuilder::for_channel(&audit, b"copy").seal_delivered(stamp, 5);
    log.append(&[Arc::new(copy)]).unwrap();
    log.sync().unwrap();
    rig.put(&[("topics/orders/audit.cursor", b"garbage".to_vec())]);
    rig.start().unwrap();
    let cursor = Cursor::load(&rig.disk, &dir, &audit).unwrap().unwrap();
    let copy = PendingMessage { seq: first_seq, position, attempts: 5, due_ns: 70 };
    assert_eq!((cursor.floor, cursor.pending), (1, vec![copy]));
    assert_eq!(cursor.finished, [], "what is for all channels, or for this one, is still to come");
}

#[test]
fn a_start_that_is_told_to_stop_begins_again_the_next_time() {
    let mut rig = Rig::new(&fixtures::stopped());
    let big = (0..3000).flat_map(|number| message(number, 0, "body")).collect();
    rig.put(&[("waiting.diskqueue.000001.dat", big)]);
    let cancelled = rig.start_unless(&|| true);
    assert!(matches!(cancelled, Err(TakeOverError::Cancelled)), "{cancelled:?}");
    assert!(rig.names("").contains(&"nsqd.dat".to_owned()));
    rig.start().unwrap();
    assert_eq!(rig.found()["waiting"].len(), 3003);
}

#[test]
fn unparsable_topology_is_refused_and_nothing_is_touched() {
    let mut rig = Rig::new(&fixtures::stopped());
    rig.put(&[("nsqd.dat", Vec::new())]);
    let before = rig.names("");
    let path = rig.path("nsqd.dat");
    assert_eq!(
        rig.start().unwrap_err().to_string(),
        format!("failed to parse metadata in {} - unexpected end of JSON input", path.display())
    );
    let mut left = rig.names("");
    left.retain(|name| name != "topics");
    assert_eq!(left, before);
}

#[test]
fn without_topology_nothing_is_imported() {
    let mut rig = Rig::new(&fixtures::stopped()[1..]);
    rig.start().unwrap();
    assert_eq!(rig.found(), Found::new());
    assert_eq!(rig.names("").len(), fixtures::stopped().len());
}

#[track_caller]
fn comes_out(file: Vec<u8>, read_from: u64, numbers: &[u64]) -> Vec<String> {
    let topology = br#"{"topics":[{"name":"t"}]}"#.to_vec();
    let positions = format!("1\n0,{read_from}\n0,{}\n", file.len()).into_bytes();
    let mut rig = Rig::new(&[
        ("nsqd.dat", topology),
        ("t.diskqueue.meta.dat", positions),
        ("t.diskqueue.000000.dat", file),
    ]);
    rig.start().unwrap();
    let found: Vec<_> = rig.found()["t"].iter().map(|(number, ..)| *number).collect();
    assert_eq!(found, numbers);
    rig.lines
}

#[test]
fn reading_goes_on_where_a_message_begins() {
    comes_out(messages(1..=3), 0, &[1, 2, 3]);
    comes_out(messages(1..=3), 64, &[3]);
    comes_out(messages(1..=3), 96, &[]);
    let lines = comes_out(messages(1..=3), 40, &[1, 2, 3]);
    assert!(lines.iter().any(|line| line.contains("has no message at 40")), "{lines:#?}");
    let lines = comes_out(messages(1..=3), 97, &[]);
    assert!(lines.iter().any(|line| line.contains("was read to 97, but ends at 96")));
}

#[test]
fn a_file_may_end_at_any_byte() {
    let bytes = messages(1..=3);
    for len in 0..bytes.len() {
        let whole: Vec<_> = (1..=len as u64 / 32).collect();
        let lines = comes_out(bytes[..len].to_vec(), 0, &whole);
        let is_said = lines.iter().any(|line| line.starts_with("ERROR"));
        assert_eq!(is_said, len % 32 != 0, "{len}");
    }
}

#[test]
fn a_flipped_bit_of_a_length_gives_up_the_rest_of_the_file_at_most() {
    for bit in 0..32 {
        let mut bytes = [messages(1..=2), message(3, 0, "longer")].concat();
        bytes[32 + bit / 8] ^= 1 << (bit % 8);
        let topology = br#"{"topics":[{"name":"t"}]}"#.to_vec();
        let mut rig = Rig::new(&[("nsqd.dat", topology), ("t.diskqueue.000000.dat", bytes)]);
        rig.start().unwrap();
        let is_said = rig.lines.iter().any(|line| line.starts_with("ERROR"));
        assert!(is_said, "bit {bit}: {:#?}", rig.lines);
    }
}

#[test]
fn however_small_the_segments_a_bounded_number_of_them_is_open() {
    const COUNT: u64 = 3 * UNSYNCED_SEGMENTS_MAX as u64;
    let (dir, disk) = (tempfile::tempdir().unwrap(), CountingDisk::default());
    let topology = r#"{"topics":[{"name":"t","paused":false,"channels":null}],"version":"1.3.0"}"#;
    let queue = messages(1..=COUNT);
    let positions = format!("{COUNT}\n0,0\n0,{}\n", queue.len());
    for (name, bytes) in [
        ("nsqd.dat", topology.as_bytes()),
        ("t.diskqueue.meta.dat", positions.as_bytes()),
        ("t.diskqueue.000000.dat", &queue),
    ] {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    let data_dir = DataDir::open(dir.path(), Arc::new(disk.clone())).unwrap();
    let options =
        LogOptions { segment_bytes_max: 1, disk: Arc::new(disk.clone()), ..LogOptions::default() };
    let mut observer = Observer { say: &mut |_, _| {}, is_cancelled: &|| false };
    take_over(&data_dir, &options, "then", &mut observer).unwrap();
    let open_max = disk.open_max();
    assert!(open_max <= UNSYNCED_SEGMENTS_MAX + 4, "{open_max} files open at once");
    let topic_dir = data_dir.topic_dir(&TopicName::parse("t").unwrap());
    let stored = StoredTopic::open(&topic_dir, options).unwrap();
    assert_eq!(messages_in(&stored).len() as u64, COUNT);
}
