//! What topics and channels come to over all nodes, in the form and with the fields of upstream's API. Sums are made of copies:
//! what stands under a node is that node's own.
//!
//! Lists are `null` where nobody has asked for them, and empty where there is nothing.

mod channel;
mod client;
mod latency;
mod topic;

use serde::Serializer;

pub use self::{
    channel::ChannelTotals,
    client::ClientReport,
    latency::{LatencyTotals, PercentileTotals},
    topic::TopicTotals,
};

/// Stands in the place of a node in what is of all nodes.
pub const ALL_NODES: &str = "*";

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Whole numbers are written without decimals, as Go does.
fn without_decimals<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT_MAX {
        serializer.serialize_i64(*number as i64)
    } else {
        serializer.serialize_f64(*number)
    }
}
