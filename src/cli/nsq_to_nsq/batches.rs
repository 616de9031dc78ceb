//! Messages that are published together.

use bytes::Bytes;

/// What one command may hold; a larger message has one of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

/// Messages for one topic, and what is published of each.
#[derive(Debug, PartialEq)]
pub(super) struct Batch<M> {
    pub(super) messages: Vec<M>,
    pub(super) bodies: Vec<Bytes>,
}

/// Parts messages, in their order.
pub(super) fn batches<M>(
    messages: impl IntoIterator<Item = (M, Bytes)>,
    limits: Limits,
) -> Vec<Batch<M>> {
    let mut batches: Vec<Batch<M>> = Vec::new();
    let mut bytes = 0;
    for (message, body) in messages {
        let length = body.len();
        match batches.last_mut() {
            Some(last) if last.bodies.len() < limits.messages && bytes + length <= limits.bytes => {
                last.messages.push(message);
                last.bodies.push(body);
                bytes += length;
            }
            _ => {
                batches.push(Batch { messages: vec![message], bodies: vec![body] });
                bytes = length;
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn batches_are_as_large_as_they_may_be() {
        let lengths = [4, 4, 3, 11, 1, 1, 1, 1, 10];
        let messages = lengths.into_iter().map(|length| (length, Bytes::from(vec![0; length])));
        let batches = batches(messages, Limits { messages: 3, bytes: 10 });
        let parts: Vec<_> = batches.into_iter().map(|batch| batch.messages).collect();
        assert_eq!(parts, [&[4, 4][..], &[3], &[11], &[1, 1, 1], &[1], &[10]]);
    }

    proptest! {
        #[test]
        fn nothing_is_left_out_and_limits_hold(
            lengths in prop::collection::vec(0_usize..20, 0..50),
            messages in 1_usize..5,
            bytes in 1_usize..30,
        ) {
            let all = lengths.iter().map(|length| (*length, Bytes::from(vec![0; *length])));
            let batches = batches(all, Limits { messages, bytes });
            for batch in &batches {
                let sum: usize = batch.bodies.iter().map(Bytes::len).sum();
                prop_assert!(batch.bodies.len() == 1 || sum <= bytes);
                prop_assert!((1..=messages).contains(&batch.bodies.len()));
                prop_assert!(batch.messages.iter().eq(batch.bodies.iter().map(Bytes::len).collect::<Vec<_>>().iter()));
            }
            let parted: Vec<_> = batches.into_iter().flat_map(|batch| batch.messages).collect();
            prop_assert_eq!(parted, lengths);
        }
    }
}
