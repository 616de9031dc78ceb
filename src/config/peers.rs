//! Addresses of others, as lists that can be changed while a daemon runs.

use super::ListenAddress;

/// More than anybody has.
const PEERS_MAX: usize = 128;
/// Longest host name, colon and port.
const ADDRESS_BYTES_MAX: usize = 253 + 6;

/// Why a list of addresses is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeersError {
    /// More addresses than are kept.
    #[error("more than {PEERS_MAX} addresses")]
    TooMany,
    /// Not `host:port`.
    #[error("not an address of the form host:port")]
    BadAddress,
}

/// The list with each address once.
pub fn unlike(addresses: Vec<String>) -> Result<Vec<String>, PeersError> {
    if addresses.len() > PEERS_MAX {
        return Err(PeersError::TooMany);
    }
    let mut unlike = Vec::with_capacity(addresses.len());
    for address in addresses {
        if !is_host_and_port(&address) {
            return Err(PeersError::BadAddress);
        }
        if !unlike.contains(&address) {
            unlike.push(address);
        }
    }
    Ok(unlike)
}

/// True of an address that somebody can be reached at.
pub fn is_host_and_port(address: &str) -> bool {
    let names_a_peer = |host: &str, port| !host.is_empty() && port != 0;
    address.len() <= ADDRESS_BYTES_MAX
        && matches!(
            ListenAddress::parse(address),
            Ok(ListenAddress::Tcp { host, port }) if names_a_peer(&host, port)
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unlike_of(addresses: &[&str]) -> Result<Vec<String>, PeersError> {
        unlike(addresses.iter().map(|&text| text.to_owned()).collect())
    }

    #[test]
    fn an_address_that_is_named_twice_counts_once() {
        assert_eq!(unlike_of(&["[::1]:4160", "b:1", "b:1"]).unwrap(), ["[::1]:4160", "b:1"]);
    }

    #[test]
    fn a_list_with_something_else_in_it_is_refused_whole() {
        let long = format!("{}:4160", "a".repeat(300));
        for other in ["", "a", "a:", "a:0", ":4160", "a:1,b:1", "a:65536", "/run/x.sock", &long] {
            assert_eq!(unlike_of(&["b:1", other]), Err(PeersError::BadAddress), "{other}");
        }
        assert!(unlike_of(&["a:1"; PEERS_MAX]).is_ok());
        assert_eq!(unlike_of(&["a:1"; PEERS_MAX + 1]), Err(PeersError::TooMany));
    }
}
