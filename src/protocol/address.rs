//! Addresses as they are written.

/// `host:port`, an address of IPv6 in brackets.
pub fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ipv6_stand_in_brackets() {
        assert_eq!(host_port("a.b", 4150), "a.b:4150");
        assert_eq!(host_port("::1", 4150), "[::1]:4150");
    }
}
