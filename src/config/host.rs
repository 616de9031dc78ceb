//! Defaults that come from the machine.

use md5::{Digest, Md5};

/// Node ids are less than this.
pub const NODE_ID_END: u16 = 1024;

/// The host name that the operating system gives.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The node id of a node without `--node-id`, as text for the option's default.
pub(super) fn default_node_id() -> String {
    node_id_of(&hostname()).to_string()
}

/// The id that any NSQ gives a host of that name, so that a node keeps its id across implementations.
fn node_id_of(hostname: &str) -> u32 {
    crc32fast::hash(&Md5::digest(hostname)) % u32::from(NODE_ID_END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ids_match_upstream() {
        // `vm` and its 617 are from the log of an nsqd 1.3.0.
        for (hostname, id) in [("vm", 617), ("localhost", 16), ("nsqd1", 561)] {
            assert_eq!(node_id_of(hostname), id, "{hostname}");
        }
    }
}
