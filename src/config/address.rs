//! Where a daemon listens.

use std::{fmt, path::PathBuf};

use crate::protocol::host_port;

/// A TCP address or the path of a unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// `host:port`. An empty host means every interface, port 0 a free port.
    Tcp {
        /// Name or address, without the brackets of IPv6.
        host: String,
        /// Port number.
        port: u16,
    },
    /// What is not `host:port` is a path, as upstream decides it.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Reads an address; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        let Some((host, port)) = split_host_port(text) else {
            return Ok(Self::Unix(text.into()));
        };
        let port = match port {
            "" => 0,
            port => port.parse().map_err(|_| format!("has an invalid port: {text}"))?,
        };
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => formatter.write_str(&host_port(host, *port)),
            Self::Unix(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// Splits at the port's colon; the host of an IPv6 address stands in brackets.
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let stray_bracket = |part: &str| part.contains(['[', ']']);
    (!stray_bracket(bare) && !stray_bracket(port)).then_some((bare, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_a_port_are_tcp() {
        for (text, host, port) in [
            ("0.0.0.0:4150", "0.0.0.0", 4150),
            (":4150", "", 4150),
            ("localhost:0", "localhost", 0),
            ("localhost:", "localhost", 0),
            ("[::1]:65535", "::1", 65535),
        ] {
            let parsed = ListenAddress::parse(text).unwrap();
            assert_eq!(parsed, ListenAddress::Tcp { host: host.to_owned(), port });
        }
    }

    #[test]
    fn everything_else_is_a_path() {
        for text in ["/run/nsqd.sock", "nsqd.sock", "::1:4150", "[::1:4150", "4150", "127.0.0.1"] {
            assert_eq!(ListenAddress::parse(text), Ok(ListenAddress::Unix(text.into())));
        }
    }

    #[test]
    fn bad_ports_and_empty_texts_are_refused() {
        for text in ["", "localhost:65536", "localhost:http", "localhost:-1"] {
            assert!(ListenAddress::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn addresses_are_written_as_they_were_read() {
        for text in ["0.0.0.0:4150", ":4150", "[::1]:4150", "/run/nsqd.sock"] {
            assert_eq!(ListenAddress::parse(text).unwrap().to_string(), text);
        }
    }
}
