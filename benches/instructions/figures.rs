//! Instructions per message, command or record, and with what they were counted.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use serde::Deserialize;

const HEAD: &str = "\
# Instructions of the work in pieces.rs, each per what its name says, as callgrind counts them. Written by
# `just instructions --renew`; what is held and when to renew it stands in docs/performance.md.
";

/// Counted instructions.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Figures {
    /// Where they were counted.
    pub measured_with: Setting,
    /// By the name of the work.
    pub instructions: BTreeMap<String, Instructions>,
}

/// What instructions depend on, beside the code.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Setting {
    /// As `rustc --version` says.
    pub rustc: String,
    /// Architecture and features.
    pub processor: String,
    /// Name and version.
    pub libc: String,
    /// Name and version.
    pub valgrind: String,
}

/// Instructions in the program itself and in the C library, which comes from the system.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Instructions {
    /// In the program.
    pub program: f64,
    /// In libraries that it loads.
    pub libraries: f64,
}

impl Figures {
    /// Reads the file.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Writes the file.
    pub fn to_toml(&self) -> String {
        let Setting { rustc, processor, libc, valgrind } = &self.measured_with;
        let mut text = format!(
            "{HEAD}\n[measured_with]\nrustc = {rustc:?}\nprocessor = {processor:?}\nlibc = {libc:?}\n\
             valgrind = {valgrind:?}\n\n[instructions]\n"
        );
        for (name, Instructions { program, libraries }) in &self.instructions {
            // Writing to a String does not fail.
            let _ = writeln!(
                text,
                "{name:?} = {{ program = {program:.3}, libraries = {libraries:.3} }}"
            );
        }
        text
    }
}

impl Instructions {
    /// Both.
    pub fn all(self) -> f64 {
        self.program + self.libraries
    }

    /// Those of one of `count`.
    pub fn per(self, count: u64) -> Self {
        let count = count as f64;
        Self { program: self.program / count, libraries: self.libraries / count }
    }

    /// Adds up callgrind's profile of `program`, written with whole names; `None` if it does not come to
    /// what the profile says itself.
    pub fn from_profile(profile: &str, program: &Path) -> Option<Self> {
        let program = program.to_str()?;
        let (mut sum, mut total) = (Self { program: 0.0, libraries: 0.0 }, None);
        let (mut is_program, mut is_call) = (false, false);
        for line in profile.lines() {
            if let Some(object) = line.strip_prefix("ob=") {
                is_program = object == program;
            } else if let Some(text) = line.strip_prefix("totals: ") {
                total = text.parse::<f64>().ok();
            } else if line.starts_with("calls=") {
                is_call = true; // and the next line is what the called function took
            } else if let Some(cost) = cost(line) {
                match (std::mem::take(&mut is_call), is_program) {
                    (true, _) => {}
                    (false, true) => sum.program += cost,
                    (false, false) => sum.libraries += cost,
                }
            }
        }
        (total? == sum.all()).then_some(sum)
    }
}

/// The cost in a line of a position and a cost.
fn cost(line: &str) -> Option<f64> {
    let (position, cost) = line.split_once(' ')?;
    position.parse::<u64>().ok()?;
    cost.parse::<u64>().ok().map(|cost| cost as f64)
}
