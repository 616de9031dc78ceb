//! What instructions depend on, beside the code.

use std::process::Command;

use crate::{Result, figures::Setting};

/// What there is here.
pub fn setting() -> Result<Setting> {
    Ok(Setting {
        rustc: said_by("rustc", &["--version"])?,
        processor: processor(),
        libc: said_by("getconf", &["GNU_LIBC_VERSION"]).unwrap_or_else(|_| "unknown".to_owned()),
        valgrind: said_by("valgrind", &["--version"])?,
    })
}

fn said_by(program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command
        .output()
        .map_err(|error| format!("cannot run {program}, which must be installed: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The architecture, and what the crates with several ways of doing their work and the C library choose by.
fn processor() -> String {
    let mut words = vec![std::env::consts::ARCH];
    #[cfg(target_arch = "x86_64")]
    words.extend(
        [
            ("sse4.2", is_x86_feature_detected!("sse4.2")),
            ("pclmulqdq", is_x86_feature_detected!("pclmulqdq")),
            ("avx2", is_x86_feature_detected!("avx2")),
        ]
        .iter()
        .filter(|(_, is_there)| *is_there)
        .map(|(name, _)| *name),
    );
    words.join(" ")
}
