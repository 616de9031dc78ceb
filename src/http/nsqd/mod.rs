//! nsqd's HTTP API.

use std::{future::Future, io, sync::Arc};

use actix::Addr;

use crate::actors::{Node, shared::Shared, socket::BoundListener};

/// The ports that nsqd listens on; -1 for a unix socket, 0 for none.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// The TCP protocol.
    pub tcp: i32,
    /// HTTP.
    pub http: i32,
}

/// Serves the API.
pub fn serve(
    _listener: BoundListener,
    _node: Addr<Node>,
    _shared: Arc<Shared>,
    _ports: Ports,
) -> io::Result<impl Future<Output = ()> + use<>> {
    Ok(async {})
}
