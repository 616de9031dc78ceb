//! What an `OK` promises.

use serde::{Deserialize, Serialize};

/// When a publish is answered with `OK`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// The record is in the operating system: it outlives any end of the process, not a loss of power.
    #[default]
    Process,
    /// The record is on the disk: it outlives a loss of power as well.
    Power,
}

impl Durability {
    /// Reads the name of a level; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "process" => Ok(Self::Process),
            "power" => Ok(Self::Power),
            _ => Err("must be process or power".to_owned()),
        }
    }

    /// The name that [`Durability::parse`] reads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Power => "power",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_go_by_their_names_and_nothing_else() {
        for level in [Durability::Process, Durability::Power] {
            assert_eq!(Durability::parse(level.as_str()), Ok(level));
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
        }
        for text in ["", "Process", "power ", "none"] {
            assert_eq!(Durability::parse(text), Err("must be process or power".to_owned()));
        }
    }
}
