//! What an `OK` promises.

/// When a publish is answered with `OK`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The record is in the operating system: it outlives any end of the process, not a loss of power.
    #[default]
    Process,
}

impl Durability {
    /// Reads the name of a level; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "process" => Ok(Self::Process),
            "power" => Err("power is not available in this version yet, use process".to_owned()),
            _ => Err("must be process".to_owned()),
        }
    }

    /// Its name, as in the options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_process_is_available() {
        assert_eq!(Durability::parse("process"), Ok(Durability::Process));
        let refused = Durability::parse("power").unwrap_err();
        assert!(refused.contains("not available"), "{refused}");
        assert_eq!(Durability::parse("Process"), Err("must be process".to_owned()));
    }
}
