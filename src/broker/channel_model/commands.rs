//! What can happen to a channel, in small numbers that shrink well.

use proptest::prelude::*;

use super::model::PROXIMITIES;
use crate::broker::Proximity;

/// One thing that happens. `client` is 0 to 3; times are ticks.
#[derive(Debug, Clone, Copy)]
pub enum Command {
    /// The topic releases `count` messages, those of the bits in `deferred` with a delay.
    Publish {
        count: u64,
        deferred: u8,
        delay: u64,
    },
    Subscribe {
        client: usize,
    },
    Ready {
        client: usize,
        count: u32,
    },
    Close {
        client: usize,
    },
    Disconnect {
        client: usize,
    },
    /// Bytes of its output have left.
    Sent {
        client: usize,
        kilobytes: usize,
    },
    /// Up to `limit` messages are handed out.
    Turn(Turn),
    /// The next fresh message is not in the sample.
    Skip,
    /// Somebody answers for one of the messages in flight, or for one that is not.
    Answer {
        who: Who,
        pick: usize,
        answer: Answer,
    },
    Wait {
        ticks: u64,
    },
    Expire,
    /// Time passes until the next wake.
    Wake,
    Fetched {
        pick: usize,
    },
    Unfetchable {
        pick: usize,
    },
    FetchFailed,
    Pause {
        paused: bool,
    },
    Empty,
    /// `start` counts back from three beyond the end.
    Discard {
        start: u64,
        length: u64,
    },
    /// Up to `count` of the oldest unfinished messages are appended to the log again, for this
    /// channel.
    Carry {
        count: usize,
        /// The topic releases them before the channel knows what they are.
        released_first: bool,
    },
    /// The log has lost the next `count` numbers.
    Lose {
        count: u64,
    },
    /// The cursor file is written.
    Save,
    Restart(Restart),
}

/// How much is handed out, and how.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    pub limit: u8,
    /// Of each frame.
    pub kilobytes: usize,
    pub cached: Cached,
    /// What chance gives a consumer that wants a sample only.
    pub draw: u8,
}

/// Which bodies are in memory.
#[derive(Debug, Clone, Copy)]
pub struct Cached {
    pub fresh: bool,
    pub again: bool,
}

/// Who sends an answer.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    Owner,
    Client(usize),
}

#[derive(Debug, Clone, Copy)]
pub enum Answer {
    Finish,
    Requeue { delay: u64 },
    Touch,
}

/// How a channel comes back.
#[derive(Debug, Clone, Copy)]
pub struct Restart {
    /// From the cursor file as it was last written, not as it should be now.
    pub stale: bool,
    /// A bit for each consumer that comes back at once, not when it next subscribes.
    pub rejoin: u8,
    /// The topic releases at once, not with its next message.
    pub release: bool,
}

/// What a channel is made with.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub requeue_on_disconnect: bool,
    pub depth_max: Option<u64>,
    pub consumers_max: usize,
    /// Consumers that are near come first.
    pub is_aware: bool,
}

impl Setup {
    pub fn proximity(&self, client: usize) -> Proximity {
        if self.is_aware { PROXIMITIES[client] } else { Proximity::default() }
    }
}

pub const CLIENTS: usize = 4;

pub fn setup() -> impl Strategy<Value = Setup> {
    let depth_max = prop_oneof![3 => Just(None), 1 => (0..5u64).prop_map(Some)];
    let consumers_max = prop_oneof![3 => Just(0), 1 => Just(2usize)];
    (any::<bool>(), depth_max, consumers_max, any::<bool>()).prop_map(
        |(requeue_on_disconnect, depth_max, consumers_max, is_aware)| Setup {
            requeue_on_disconnect,
            depth_max,
            consumers_max,
            is_aware,
        },
    )
}

/// From nothing, or from a channel with consumers and messages.
pub fn commands() -> impl Strategy<Value = Vec<Command>> {
    let crowd = (0..CLIENTS)
        .flat_map(|client| [Command::Subscribe { client }, Command::Ready { client, count: 2 }]);
    let publish = Command::Publish { count: 8, deferred: 0, delay: 0 };
    let crowd: Vec<Command> = crowd.chain([publish]).collect();
    let start = prop_oneof![Just(Vec::new()), Just(crowd)];
    (start, prop::collection::vec(command(), 0..80))
        .prop_map(|(start, rest)| [start, rest].concat())
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        8 => of_the_topic(),
        12 => of_consumers(),
        24 => of_deliveries(),
        4 => of_fetching(),
        8 => of_time(),
        2 => of_operators(),
        3 => of_restarts(),
    ]
}

fn of_the_topic() -> impl Strategy<Value = Command> {
    let deferred = prop_oneof![2 => Just(0u8), 1 => any::<u8>()];
    prop_oneof![
        12 => (0..6u64, deferred, 0..30u64)
            .prop_map(|(count, deferred, delay)| Command::Publish { count, deferred, delay }),
        1 => (0..12u64, 0..6u64).prop_map(|(start, length)| Command::Discard { start, length }),
        1 => (0..6u64).prop_map(|count| Command::Lose { count }),
        2 => (1..5usize, any::<bool>())
            .prop_map(|(count, released_first)| Command::Carry { count, released_first }),
    ]
}

fn of_consumers() -> impl Strategy<Value = Command> {
    let client = 0..CLIENTS;
    prop_oneof![
        4 => client.clone().prop_map(|client| Command::Subscribe { client }),
        5 => (client.clone(), 0..5u32)
            .prop_map(|(client, count)| Command::Ready { client, count }),
        1 => client.clone().prop_map(|client| Command::Close { client }),
        2 => client.clone().prop_map(|client| Command::Disconnect { client }),
        2 => (client, prop_oneof![Just(0usize), Just(300), Just(1000)])
            .prop_map(|(client, kilobytes)| Command::Sent { client, kilobytes }),
    ]
}

fn of_deliveries() -> impl Strategy<Value = Command> {
    let kilobytes = prop_oneof![4 => Just(0usize), 1 => Just(200), 1 => Just(512)];
    let cached = (prop::bool::weighted(0.8), prop::bool::weighted(0.7));
    let turn = (0..8u8, kilobytes, cached, 0..100u8).prop_map(
        |(limit, kilobytes, (fresh, again), draw)| {
            Command::Turn(Turn { limit, kilobytes, cached: Cached { fresh, again }, draw })
        },
    );
    let who = prop_oneof![4 => Just(Who::Owner), 1 => (0..CLIENTS).prop_map(Who::Client)];
    let answer = prop_oneof![
        3 => Just(Answer::Finish),
        2 => prop_oneof![Just(0u64), 1..30u64].prop_map(|delay| Answer::Requeue { delay }),
        2 => Just(Answer::Touch),
    ];
    let answered = (who, 0..10usize, answer).prop_map(|(who, pick, answer)| Command::Answer {
        who,
        pick,
        answer,
    });
    prop_oneof![10 => turn, 13 => answered, 1 => Just(Command::Skip)]
}

fn of_fetching() -> impl Strategy<Value = Command> {
    prop_oneof![
        5 => (0..4usize).prop_map(|pick| Command::Fetched { pick }),
        1 => (0..4usize).prop_map(|pick| Command::Unfetchable { pick }),
        1 => Just(Command::FetchFailed),
    ]
}

fn of_time() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => (0..20u64).prop_map(|ticks| Command::Wait { ticks }),
        2 => Just(Command::Expire),
        3 => Just(Command::Wake),
    ]
}

fn of_operators() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => any::<bool>().prop_map(|paused| Command::Pause { paused }),
        1 => Just(Command::Empty),
    ]
}

fn of_restarts() -> impl Strategy<Value = Command> {
    let restart = (any::<bool>(), 0..16u8, prop::bool::weighted(0.7))
        .prop_map(|(stale, rejoin, release)| Command::Restart(Restart { stale, rejoin, release }));
    prop_oneof![1 => Just(Command::Save), 1 => restart]
}
