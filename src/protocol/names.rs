//! Names of topics and channels.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Serialize, Serializer};

/// Longest legal name in bytes, the `#ephemeral` suffix included.
pub const NAME_BYTES_MAX: usize = 64;

const EPHEMERAL_SUFFIX: &str = "#ephemeral";

/// A name that does not follow `^[.a-zA-Z0-9_-]+(#ephemeral)?$` or is not 1 to 64 bytes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("name is not valid")]
pub struct InvalidName;

/// True for a legal topic or channel name.
pub fn is_valid_name(name: &[u8]) -> bool {
    if name.len() > NAME_BYTES_MAX {
        return false;
    }
    let stem = name.strip_suffix(EPHEMERAL_SUFFIX.as_bytes()).unwrap_or(name);
    !stem.is_empty() && stem.iter().all(|&byte| IS_LEGAL[usize::from(byte)])
}

/// The bytes that names are made of. A table, as every publish has a name.
static IS_LEGAL: [bool; 256] = {
    let mut is_legal = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        is_legal[byte] =
            matches!(byte as u8, b'.' | b'_' | b'-') || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    is_legal
};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `name` and takes a copy of it; cloning the result is cheap.
            pub fn parse(name: impl AsRef<[u8]>) -> Result<Self, InvalidName> {
                let bytes = name.as_ref();
                if !is_valid_name(bytes) {
                    return Err(InvalidName);
                }
                let text = std::str::from_utf8(bytes).map_err(|_| InvalidName)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Kept in memory only, and gone with its last user.
            pub fn is_ephemeral(&self) -> bool {
                self.0.ends_with(EPHEMERAL_SUFFIX)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:?}", &*self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

name_type!(
    /// The checked name of a topic.
    TopicName
);
name_type!(
    /// The checked name of a channel.
    ChannelName
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_names_are_accepted() {
        let longest = "x".repeat(64);
        for name in ["a", ".", "..", "A-b_c.9", "t#ephemeral", &longest] {
            assert!(TopicName::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn illegal_names_are_refused() {
        let too_long = "x".repeat(65);
        let ephemeral_too_long = format!("{}#ephemeral", "x".repeat(55));
        for name in [
            "",
            "#ephemeral",
            "a#ephemeralb",
            "a b",
            "a/b",
            "a:b",
            "ü",
            &too_long,
            &ephemeral_too_long,
        ] {
            assert_eq!(TopicName::parse(name), Err(InvalidName), "{name}");
        }
    }

    #[test]
    fn ephemeral_is_told_by_the_suffix() {
        assert!(ChannelName::parse("c#ephemeral").unwrap().is_ephemeral());
        assert!(!ChannelName::parse("ephemeral").unwrap().is_ephemeral());
    }
}
