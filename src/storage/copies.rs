//! Messages that were carried forward for one channel, found in the log.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    protocol::{MessageId, names::ChannelName},
    storage::{batch::Batch, cursor::PendingMessage, log::LogError, log_reader::LogReader},
};

/// About how much is read at a time.
const READ_BYTES: usize = 1 << 20;

/// What was carried forward for `channel` alone and is left in the log: of each message the newest copy, as
/// its record describes it. A cursor says which of them count; only where it is lost, all of them do.
pub fn copies_for(
    reader: &LogReader,
    channel: &ChannelName,
) -> Result<Vec<PendingMessage>, LogError> {
    let (mut copies, mut next) = (BTreeMap::new(), reader.start().0);
    loop {
        let chunk = reader.read(next, READ_BYTES)?;
        if chunk.batches.is_empty() {
            let mut newest: Vec<_> = copies.into_values().collect();
            newest.sort_unstable_by_key(|copy: &PendingMessage| copy.seq);
            return Ok(newest);
        }
        next = chunk.next;
        let is_for = |batch: &&Arc<Batch>| batch.audience() == Some(channel.as_str());
        copies.extend(chunk.batches.iter().filter(is_for).flat_map(|batch| pending(batch)));
    }
}

fn pending(batch: &Batch) -> impl Iterator<Item = (MessageId, PendingMessage)> + '_ {
    (batch.first_seq()..batch.end_seq()).map(|seq| {
        let (attempts, due_ns) = (batch.attempts(), batch.due_ns());
        (batch.id(seq), PendingMessage { seq, position: batch.position(), attempts, due_ns })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{BatchBuilder, Stamp, test_log::TestLog};

    #[test]
    fn the_newest_copies_of_a_channel_are_found_with_what_they_keep() {
        let mut log = TestLog::new(300);
        let [audit, billing] = ["audit", "billing"].map(|name| ChannelName::parse(name).unwrap());
        log.append(&["for everybody", "too"]);
        let mut expected = Vec::new();
        // The first one has been carried forward again later.
        for (channel, id, attempts) in
            [(&audit, 9, 0), (&billing, 8, 1), (&audit, 7, 7), (&audit, 9, 2)]
        {
            let (position, first_seq) = log.log.reader().end();
            let due_ns = 5 * i64::from(attempts);
            let first_id = MessageId(id);
            let stamp = Stamp { first_seq, first_id, timestamp_ns: 1, due_ns, position };
            let copy = BatchBuilder::for_channel(channel, &[b'x'; 100]);
            log.log.append(&[Arc::new(copy.seal_delivered(stamp, attempts))]).unwrap();
            if *channel == audit && attempts > 0 {
                expected.push(PendingMessage { seq: first_seq, position, attempts, due_ns });
            }
        }
        assert_eq!(copies_for(&log.log.reader(), &audit).unwrap(), expected);
        log.reopen();
        assert_eq!(copies_for(&log.log.reader(), &audit).unwrap(), expected);
    }
}
