//! Which nodes run an old version.

use semver::Version;

/// What cannot be read counts as 0.0.0, like in upstream.
fn read(version: &str) -> Version {
    Version::parse(version).unwrap_or(Version::new(0, 0, 0))
}

/// The newest of these versions.
pub(super) fn newest<'a>(versions: impl IntoIterator<Item = &'a str>) -> Option<Version> {
    versions.into_iter().map(read).max_by(Version::cmp_precedence)
}

/// True if this one is older.
pub(super) fn is_older(version: &str, newest: &Version) -> bool {
    read(version).cmp_precedence(newest).is_lt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers_and_what_is_none_is_the_oldest() {
        let newest = newest(["1.2.9", "1.10.0", "1.10.0-alpha", "no"]).unwrap();
        assert_eq!(newest, Version::new(1, 10, 0));
        for (version, older) in [
            ("1.10.0", false),
            ("1.10.0+a", false),
            ("1.10.0-alpha", true),
            ("1.9.9", true),
            ("", true),
        ] {
            assert_eq!(is_older(version, &newest), older, "{version}");
        }
    }
}
