use std::sync::Arc;

use super::{
    counting_disk::CountingDisk,
    data_dir::DataDir,
    log::{Log, LogOptions, UNSYNCED_SEGMENTS_MAX},
    repair::{Repaired, repair},
    test_log::batch,
};
use crate::protocol::TopicName;

#[test]
fn however_small_the_segments_a_bounded_number_of_them_is_open() {
    const COUNT: usize = 3 * UNSYNCED_SEGMENTS_MAX;
    let (dir, disk) = (tempfile::tempdir().unwrap(), CountingDisk::default());
    let options =
        LogOptions { segment_bytes_max: 1, disk: Arc::new(disk.clone()), ..LogOptions::default() };
    let data_dir = DataDir::open(dir.path(), Arc::new(disk.clone())).unwrap();
    let topic = TopicName::parse("t").unwrap();
    let log_dir = data_dir.create_topic(&topic).unwrap();
    let (mut log, _) = Log::open(&log_dir, options.clone()).unwrap();
    while log.segment_count() < COUNT {
        let (position, seq) = log.reader().end();
        log.append(&[Arc::new(batch(seq, position, &[vec![b'x']]))]).unwrap();
        log.sync().unwrap();
    }
    drop(log);
    let damaged = log_dir.join(format!("{:020}.log", 3));
    let mut bytes = std::fs::read(&damaged).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    disk.forget();
    let repaired = repair(&data_dir, &topic, &options, &dir.path().join("aside")).unwrap();
    assert!(matches!(repaired, Repaired::Rewritten), "{repaired:?}");
    let open_max = disk.open_max();
    assert!(open_max <= UNSYNCED_SEGMENTS_MAX + 4, "{open_max} files open at once");
    let (log, recovery) = Log::open(&log_dir, options).unwrap();
    assert_eq!((recovery.damaged.len(), log.segment_count()), (0, COUNT - 1));
}
