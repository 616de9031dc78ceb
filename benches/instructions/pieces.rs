//! What is counted.

use std::{hint::black_box, time::Duration};

use nsq_actors::storage::Cursor;

use crate::work::{
    BODY_BYTES, codec, log,
    memory_disk::MemoryDisk,
    rules::{self, Served},
    scattered,
};

/// Work with what it needs at hand.
pub type Work = Box<dyn FnMut() -> u64>;

/// A piece of work.
pub struct Piece {
    /// What is done, and per what the figure is.
    pub name: &'static str,
    /// How many times that is done.
    pub count: u64,
    /// Lays ready what is needed, which does not count.
    pub prepare: fn() -> Work,
}

const COUNT: u64 = 1000;
const MESSAGES: u32 = 10;

/// All there is.
pub const PIECES: &[Piece] = &[
    piece("codec: decode PUB, per command", || decode(codec::publishes(COUNT, BODY_BYTES))),
    piece("codec: decode MPUB, per message", || decode(codec::multi_publish(COUNT, BODY_BYTES))),
    piece("codec: decode FIN, per command", || decode(codec::finishes(COUNT))),
    piece("codec: decode RDY, per command", || decode(codec::readies(COUNT))),
    piece("codec: encode message frame, per message", || {
        let (body, mut out) = ([b'x'; BODY_BYTES], Vec::with_capacity(1 << 20));
        Box::new(move || {
            codec::put_messages(&mut out, COUNT, black_box(&body));
            out.len() as u64
        })
    }),
    piece("rules: publish to topic, per batch", || {
        let mut topic = rules::topic();
        Box::new(move || rules::publish(&mut topic, COUNT, black_box(MESSAGES)))
    }),
    piece("rules: deliver fresh, per message", || on(Served::waiting(COUNT), Served::deliver)),
    piece("rules: finish in order, per message", || in_flight(|served| served.finish(0..COUNT))),
    piece("rules: finish scattered, per message", || {
        in_flight(|served| served.finish(scattered(COUNT)))
    }),
    piece("rules: requeue at once and deliver again, per message", || {
        in_flight(|served| {
            served.requeue(Duration::ZERO);
            served.deliver();
        })
    }),
    piece("rules: requeue deferred, per message", || {
        in_flight(|served| served.requeue(Duration::from_secs(90)))
    }),
    piece("rules: time out, per message", || in_flight(Served::time_out)),
    piece("rules: ask a grant of ten topics, per question", || {
        let grant = rules::grant(10);
        rules::ask(&grant, 1);
        Box::new(move || {
            rules::ask(&grant, COUNT);
            0
        })
    }),
    piece("log: seal, per record of ten messages", || {
        let framed = log::framed(MESSAGES, BODY_BYTES);
        Box::new(move || {
            let seal = |_| log::seal(black_box(&framed), MESSAGES).encoded_len() as u64;
            (0..COUNT).map(seal).sum()
        })
    }),
    piece("log: verify, per record of ten messages", || {
        let batch = log::seal(&log::framed(MESSAGES, BODY_BYTES), MESSAGES);
        Box::new(move || {
            let decode = |_| log::decode(black_box(batch.encoded())).end_seq();
            (0..COUNT).map(decode).sum()
        })
    }),
    piece("log: append, per record of ten messages", || {
        let batches = log::batches(COUNT, MESSAGES, BODY_BYTES);
        let mut log = log::open(&MemoryDisk::forgetting());
        Box::new(move || {
            log::append(&mut log, &batches);
            log.bytes_on_disk()
        })
    }),
    piece("log: read back, per record of ten messages", || {
        let log = log::open(&log::stored(COUNT, MESSAGES, BODY_BYTES));
        Box::new(move || log::read(&log))
    }),
    piece("log: recover, per record of ten messages", || {
        let disk = log::stored(COUNT, MESSAGES, BODY_BYTES);
        Box::new(move || log::open(&disk).bytes_on_disk())
    }),
    piece("log: encode cursor, per range and pending message", || {
        let cursor = log::cursor(COUNT);
        Box::new(move || black_box(&cursor).encode().len() as u64)
    }),
    piece("log: decode cursor, per range and pending message", || {
        let bytes = log::cursor(COUNT).encode();
        Box::new(move || Cursor::decode(black_box(&bytes)).map_or(0, |cursor| cursor.known_end()))
    }),
];

const fn piece(name: &'static str, prepare: fn() -> Work) -> Piece {
    Piece { name, count: COUNT, prepare }
}

fn decode(stream: Vec<u8>) -> Work {
    Box::new(move || codec::decode(black_box(&stream)))
}

fn in_flight(work: fn(&mut Served)) -> Work {
    on(Served::in_flight(COUNT), move |served| {
        work(served);
        0
    })
}

fn on(mut served: Served, work: impl Fn(&mut Served) -> u64 + 'static) -> Work {
    Box::new(move || work(&mut served))
}
