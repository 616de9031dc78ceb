//! Data paths as upstream's nsqd leaves them, made from the byte layouts of its files.
//!
//! The same bytes are in `tests/fixtures/upstream`, where the whole process is started on them.

use std::path::{Path, PathBuf};

/// A file and what is in it.
pub(super) type File = (&'static str, Vec<u8>);

/// All of them, by the name of their directory.
pub(super) fn all() -> [(&'static str, Vec<File>); 2] {
    [("stopped", stopped()), ("killed", killed())]
}

/// A message as it stands in the file of a queue. Number 7 has id 0x18a6d4ec39a69007 and came
/// 7 ns after the first.
pub(super) fn message(number: u64, attempts: u16, body: &str) -> Vec<u8> {
    let length = u32::try_from(26 + body.len()).unwrap();
    let timestamp = 1_795_367_506_000_000_000 + number;
    let id = format!("{:016x}", 0x18a6_d4ec_39a6_9000 + number);
    let parts: [&[u8]; 5] = [
        &length.to_be_bytes(),
        &timestamp.to_be_bytes(),
        &attempts.to_be_bytes(),
        id.as_bytes(),
        body.as_bytes(),
    ];
    parts.concat()
}

/// Messages of consecutive numbers, never delivered, whose bodies say which they are.
pub(super) fn messages(numbers: std::ops::RangeInclusive<u64>) -> Vec<u8> {
    numbers.flat_map(|number| message(number, 0, &format!("m{number}"))).collect()
}

fn text(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// After a graceful stop: every queue has exact positions; what was in flight has its attempts, and
/// the delays are gone.
pub(super) fn stopped() -> Vec<File> {
    let topology = r#"{"topics":[{"name":"orders","paused":false,"channels":[{"name":"audit","paused":false},{"name":"billing","paused":true}]},{"name":"waiting","paused":false,"channels":null},{"name":"held","paused":true,"channels":[{"name":"c","paused":false}]},{"name":"idle.topic","paused":false,"channels":[{"name":".dot","paused":false}]}],"version":"1.3.0"}"#;
    // One message of "audit" was read, and its queue has gone on to a second file.
    let audit = [messages(1..=3), message(4, 2, "m4")].concat();
    let audit_end = [message(5, 1, "m5"), message(6, 65535, "")].concat();
    vec![
        ("nsqd.dat", text(topology)),
        ("orders:audit.diskqueue.meta.dat", text("5\n0,32\n1,62\n")),
        ("orders:audit.diskqueue.000000.dat", audit),
        ("orders:audit.diskqueue.000001.dat", audit_end),
        ("orders:billing.diskqueue.meta.dat", text("2\n7,0\n7,64\n")),
        ("orders:billing.diskqueue.000007.dat", messages(3..=4)),
        ("orders.diskqueue.meta.dat", text("1\n0,0\n0,32\n")),
        ("orders.diskqueue.000000.dat", messages(7..=7)),
        ("waiting.diskqueue.meta.dat", text("3\n0,0\n0,96\n")),
        ("waiting.diskqueue.000000.dat", messages(1..=3)),
        ("held.diskqueue.meta.dat", text("2\n0,0\n0,64\n")),
        ("held.diskqueue.000000.dat", messages(2..=3)),
        ("held:c.diskqueue.meta.dat", text("1\n0,0\n0,32\n")),
        ("held:c.diskqueue.000000.dat", messages(1..=1)),
        ("idle.topic:.dot.diskqueue.meta.dat", text("0\n0,64\n0,64\n")),
        ("idle.topic:.dot.diskqueue.000000.dat", messages(1..=2)),
    ]
}

/// After a kill, and worse: positions that are old, garbage or missing, files that no positions
/// count, damaged messages, and files that belong to nobody.
pub(super) fn killed() -> Vec<File> {
    let topology = r#"{"Topics":[{"name":"t","channels":[{"name":"old"},{"name":"new"},{"name":"garbage"},{"name":"emptied"},{"name":"torn"},{"name":"bad"},{"name":"not valid"}]},{"name":"no/topic","channels":[{"name":"c"}]}],"more":1}"#;
    let torn = &message(3, 0, "m3")[..31];
    let bad_length = [&[0x7f, 0, 0, 9], &message(2, 0, "m2")[4..]].concat();
    vec![
        ("nsqd.dat", text(topology)),
        // Written to after the last sync.
        ("t:old.diskqueue.meta.dat", text("1\n0,32\n0,64\n")),
        ("t:old.diskqueue.000000.dat", messages(1..=4)),
        // Killed before its first sync.
        ("t:new.diskqueue.000000.dat", messages(1..=2)),
        ("t:garbage.diskqueue.meta.dat", text("9\n0")),
        ("t:garbage.diskqueue.000000.dat", messages(1..=2)),
        // Written to after an Empty, and files before and behind those that count.
        ("t:emptied.diskqueue.meta.dat", text("1\n3,0\n3,32\n")),
        ("t:emptied.diskqueue.000001.dat", messages(1..=1)),
        ("t:emptied.diskqueue.000003.dat", messages(2..=2)),
        ("t:emptied.diskqueue.000009.dat", messages(3..=3)),
        ("t:torn.diskqueue.meta.dat", text("4\n0,0\n1,32\n")),
        ("t:torn.diskqueue.000000.dat", [messages(1..=2), torn.to_vec()].concat()),
        ("t:torn.diskqueue.000001.dat", messages(4..=4)),
        ("t:bad.diskqueue.meta.dat", text("4\n0,0\n1,32\n")),
        ("t:bad.diskqueue.000000.dat", [messages(1..=1), bad_length, messages(3..=3)].concat()),
        ("t:bad.diskqueue.000001.dat", messages(4..=4)),
        ("t:bad.diskqueue.000000.dat.bad", text("given up")),
        ("nsqd.dat.123456.tmp", text("half")),
        ("gone.diskqueue.meta.dat", text("1\n0,0\n0,32\n")),
        ("gone.diskqueue.000000.dat", messages(1..=1)),
        ("t:gone.diskqueue.000000.dat", messages(1..=1)),
    ]
}

fn dir(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/upstream").join(name)
}

/// `WRITE_FIXTURES=1 cargo test --lib fixtures` writes them again.
#[test]
fn the_fixtures_on_disk_are_these() {
    for (name, files) in all() {
        let dir = dir(name);
        if std::env::var_os("WRITE_FIXTURES").is_some() {
            std::fs::create_dir_all(&dir).unwrap();
            files.iter().for_each(|(name, bytes)| std::fs::write(dir.join(name), bytes).unwrap());
        }
        for (file, bytes) in &files {
            assert_eq!(std::fs::read(dir.join(file)).unwrap(), *bytes, "{name}/{file}");
        }
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), files.len(), "{name}");
    }
}
