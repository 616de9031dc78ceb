//! Which version this is.

/// The version told to clients, nsqlookupd and operators.
pub const NSQ_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The oldest Rust that builds this, for builds that do not say which one they used.
const RUST_MIN: &str = env!("CARGO_PKG_RUST_VERSION");

/// The version as every program prints and logs it: `nsqd v0.1.0 (built w/rust1.95.0)`.
pub fn version_line(program: &str) -> String {
    format!("{program} {}", version_text())
}

/// The version line without the program's name.
pub fn version_text() -> String {
    format!("v{NSQ_VERSION} (built w/{})", toolchain(option_env!("RUSTUP_TOOLCHAIN")))
}

/// The compiler's release, read from the name of rustup's toolchain: `1.95.0-x86_64-unknown-linux-gnu`.
fn toolchain(rustup: Option<&str>) -> String {
    let release = rustup.and_then(|name| name.split('-').next());
    match release {
        // Own toolchains may be named by a path, which says nothing to anybody else.
        Some(release) if !release.contains('/') => format!("rust{release}"),
        _ => format!("rust>={RUST_MIN}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_line_has_upstreams_form() {
        let line = version_line("nsqd");
        assert!(line.starts_with(&format!("nsqd v{NSQ_VERSION} (built w/rust")), "{line}");
        assert!(line.ends_with(')'), "{line}");
    }

    #[test]
    fn toolchain_is_the_release_or_its_bound() {
        assert_eq!(toolchain(Some("1.95.0-x86_64-unknown-linux-gnu")), "rust1.95.0");
        assert_eq!(toolchain(Some("/opt/own-rust")), format!("rust>={RUST_MIN}"));
        assert_eq!(toolchain(None), format!("rust>={RUST_MIN}"));
    }
}
