//! The promises of a channel, held against a model that is too simple to be wrong.

mod commands;
mod model;
mod promises;
mod rig;

use proptest::prelude::*;

use commands::{commands, setup};
use rig::Rig;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_channel_keeps_its_promises(
        setup in setup(),
        commands in commands(),
    ) {
        Rig::run(setup, &commands);
    }
}
