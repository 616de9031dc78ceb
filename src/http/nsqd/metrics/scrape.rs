//! Everything that one scrape of nsqd tells.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};

use super::{channels, clients, lookup_peers, node, topics};
use crate::{
    actors::{process::Process, shared::Shared, snapshot::NodeSnapshot},
    http::exposition::{self, Families},
};

/// Everything that one scrape tells.
pub(super) struct Exposition {
    pub(super) node: NodeSnapshot,
    /// How long asking for it took.
    pub(super) took: Duration,
    pub(super) shared: Arc<Shared>,
    pub(super) process: Process,
}

impl fmt::Debug for Exposition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Exposition").field("took", &self.took).finish_non_exhaustive()
    }
}

impl Exposition {
    /// The text of all metrics.
    pub(super) fn write(self) -> Result<String, fmt::Error> {
        exposition::write(self)
    }
}

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families::new(encoder);
        node::write(&mut families, self)?;
        lookup_peers::write(&mut families, self)?;
        topics::write(&mut families, self)?;
        channels::write(&mut families, self)?;
        clients::write(&mut families, self)
    }
}
