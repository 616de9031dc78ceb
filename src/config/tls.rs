//! Who must use TLS, and which.

use std::fmt;

/// Of whom TLS is required.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsRequired {
    /// Of nobody.
    #[default]
    No,
    /// Of clients of the TCP protocol; plain HTTP is served.
    TcpHttps,
    /// Of everybody.
    Yes,
}

impl fmt::Display for TlsRequired {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::No => "false",
            Self::TcpHttps => "tcp-https",
            Self::Yes => "true",
        })
    }
}

/// What clients must show of themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClientAuthPolicy {
    /// Nothing.
    #[default]
    Off,
    /// Any certificate, and that they have its key.
    Require,
    /// A certificate of a known authority.
    RequireVerify,
}

impl ClientAuthPolicy {
    /// Reads the name of a policy, empty for none; the error says what is wrong with it. A name that is not known would
    /// leave the door open.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(Self::Off),
            "require" => Ok(Self::Require),
            "require-verify" => Ok(Self::RequireVerify),
            _ => Err("must be require or require-verify".to_owned()),
        }
    }

    /// Its name, as in the options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "",
            Self::Require => "require",
            Self::RequireVerify => "require-verify",
        }
    }
}

/// The oldest version of TLS that peers may use, as it is asked for: versions below 1.2 are not served, whatever stands
/// here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsMinVersion {
    /// TLS 1.0, upstream's default.
    #[default]
    Tls10,
    /// TLS 1.1.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl TlsMinVersion {
    /// Reads the name of a version in any case, empty for the default; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "" | "tls1.0" => Ok(Self::Tls10),
            "tls1.1" => Ok(Self::Tls11),
            "tls1.2" => Ok(Self::Tls12),
            "tls1.3" => Ok(Self::Tls13),
            _ => Err(format!("unknown TLS version '{text}' (tls1.0, tls1.1, tls1.2, tls1.3)")),
        }
    }

    /// The number of the version in TLS's own messages.
    pub fn number(self) -> u16 {
        match self {
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }
}

impl fmt::Display for TlsMinVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tls10 => "tls1.0",
            Self::Tls11 => "tls1.1",
            Self::Tls12 => "tls1.2",
            Self::Tls13 => "tls1.3",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_auth_policies_are_known_by_their_exact_names() {
        assert_eq!(ClientAuthPolicy::parse(""), Ok(ClientAuthPolicy::Off));
        assert_eq!(ClientAuthPolicy::parse("require"), Ok(ClientAuthPolicy::Require));
        assert_eq!(ClientAuthPolicy::parse("require-verify"), Ok(ClientAuthPolicy::RequireVerify));
        for text in ["Require", "verify", "require_verify", "none", " "] {
            let refused = Err("must be require or require-verify".to_owned());
            assert_eq!(ClientAuthPolicy::parse(text), refused, "{text:?}");
        }
    }

    #[test]
    fn versions_are_read_as_they_are_written() {
        for version in
            [TlsMinVersion::Tls10, TlsMinVersion::Tls11, TlsMinVersion::Tls12, TlsMinVersion::Tls13]
        {
            let text = version.to_string();
            assert_eq!(TlsMinVersion::parse(&text), Ok(version));
            assert_eq!(TlsMinVersion::parse(&text.to_uppercase()), Ok(version));
        }
        assert_eq!(TlsMinVersion::parse(""), Ok(TlsMinVersion::default()));
        assert!(TlsMinVersion::parse("ssl3.0").is_err());
    }
}
