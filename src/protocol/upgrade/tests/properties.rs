//! What holds for all bytes, and for every cut of a stream.

use proptest::{collection::vec, prelude::*};

use super::*;

/// Bytes that compress, bytes that do not, and lengths around a snappy block.
fn plain() -> impl Strategy<Value = Vec<u8>> {
    let noise = vec(any::<u8>(), 0..3000);
    let runs = vec((any::<u8>(), 1..40_000usize), 0..6)
        .prop_map(|runs| runs.into_iter().flat_map(|(byte, n)| vec![byte; n]).collect());
    let blocks = (65_530..65_545usize, any::<u8>()).prop_map(|(n, byte)| vec![byte; n]);
    prop_oneof![noise, runs, blocks]
}

fn round_trip(
    (mut encoder, mut decoder): (impl Encode, impl Decode),
    writes: &[Vec<u8>],
    piece: usize,
    room: usize,
) -> Result<(), TestCaseError> {
    let stream = encode(&mut encoder, writes);
    let plain = decode_in(&mut decoder, &stream, piece, room).unwrap();
    prop_assert!(plain == writes.concat());
    Ok(())
}

/// Neither garbage nor the beginning of a stream does any harm, and nothing that is cut off is said.
fn survives(mut decoder: impl Decode, stream: &[u8], plain: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(decoded) = decode_in(&mut decoder, stream, 777, 500) {
        prop_assert!(plain.starts_with(&decoded));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn snappy_brings_over_what_was_written(
        writes in vec(plain(), 1..4), piece in 1..70_000usize, room in 1..70_000usize
    ) {
        round_trip((SnappyEncoder::default(), SnappyDecoder::default()), &writes, piece, room)?;
    }

    #[test]
    fn deflate_brings_over_what_was_written(
        writes in vec(plain(), 1..4),
        level in 1..10,
        piece in 1..70_000usize,
        room in 1..70_000usize
    ) {
        round_trip((DeflateEncoder::new(level), DeflateDecoder::default()), &writes, piece, room)?;
    }

    #[test]
    fn small_writes_in_small_pieces_come_over(
        writes in vec(vec(any::<u8>(), 1..50), 1..20), piece in 1..10usize, room in 1..10usize
    ) {
        round_trip((SnappyEncoder::default(), SnappyDecoder::default()), &writes, piece, room)?;
        round_trip((DeflateEncoder::new(6), DeflateDecoder::default()), &writes, piece, room)?;
    }

    #[test]
    fn what_is_cut_off_is_not_made_up(writes in vec(plain(), 1..3), kept in 0.0..1.0f64) {
        let plain = writes.concat();
        for (stream, is_snappy) in [
            (encode(&mut SnappyEncoder::default(), &writes), true),
            (encode(&mut DeflateEncoder::new(6), &writes), false),
        ] {
            let stream = &stream[..(stream.len() as f64 * kept) as usize];
            if is_snappy {
                survives(SnappyDecoder::default(), stream, &plain)?;
            } else {
                survives(DeflateDecoder::default(), stream, &plain)?;
            }
        }
    }

    #[test]
    fn a_changed_byte_of_snappy_is_noticed(
        plain in vec(any::<u8>(), 1..500), at in any::<prop::sample::Index>(), change in 1..=255u8
    ) {
        let mut stream = encode(&mut SnappyEncoder::default(), &[&plain]);
        let at = at.index(stream.len());
        stream[at] ^= change;
        if let Ok(decoded) = decode(&mut SnappyDecoder::default(), &stream) {
            prop_assert!(plain.starts_with(&decoded), "{decoded:?}");
        }
    }

    #[test]
    fn garbage_does_no_harm(garbage in vec(any::<u8>(), 0..2000), piece in 1..2000usize) {
        let _refused_or_not = decode_in(&mut DeflateDecoder::default(), &garbage, piece, 100);
        let _refused_or_not = decode_in(&mut SnappyDecoder::default(), &garbage, piece, 100);
        let identified = after_identifier(&garbage);
        let _refused_or_not = decode_in(&mut SnappyDecoder::default(), &identified, piece, 100);
    }
}
