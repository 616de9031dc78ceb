//! What the programs have in common that hand messages on to one of several addresses.

pub mod destinations;
pub mod hosts;
pub mod statistics;
pub mod touching;

use super::tool::{self, Refusal};
use crate::{
    client,
    config::declaration::{Bounds, POSITIVE},
};

/// Handlers, messages in flight: more than that is a slip of the pen.
pub(super) const MANY: Bounds = Bounds::new(1, 1_000_000, "must be [1,1000000]");
/// `--status-every`, whose times are kept.
pub(super) const STATUS_EVERY: Bounds = Bounds::up_to(1_000_000, "must be [0,1000000]");
/// Of a timeout, without which one that hangs would hold a message for ever.
pub(super) const TIMEOUT: Bounds = POSITIVE;

/// The consumer's options. Unless one says otherwise no message is given up: that would delete it.
pub(super) fn consumer_options(
    program: &str,
    texts: &[String],
) -> Result<client::Options, Refusal> {
    let texts = [&["max_attempts,0".to_owned()], texts].concat();
    tool::client_options(program, &texts)
}
