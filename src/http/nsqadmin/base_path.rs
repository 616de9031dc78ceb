//! The path below which everything is served.

/// Such as `/nsq`, or nothing where everything begins at the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// Reads `--base-path`: slashes at both ends are not needed, `.` and `..` mean what they mean in a path.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(ch) = text.chars().find(|&ch| !is_plain(ch)) {
            return Err(format!("{ch:?} cannot stand in it"));
        }
        let mut parts = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        Ok(Self(parts.iter().flat_map(|part| ["/", part]).collect()))
    }

    /// Without a slash at the end: what stands before the slash of every path.
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// With a slash at the end: what addresses of pages and their files begin with.
    pub fn with_slash(&self) -> String {
        format!("{}/", self.0)
    }
}

/// Characters that need no escape in a path, in HTML or in a route.
fn is_plain(ch: char) -> bool {
    ch.is_ascii_alphanumeric() || "/-._~+@:,=!".contains(ch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_and_dots_are_put_in_order() {
        for (text, prefix) in [
            ("", ""),
            ("/", ""),
            ("//", ""),
            ("/nsq", "/nsq"),
            ("nsq/", "/nsq"),
            ("/a//b/./c/../d/", "/a/b/d"),
            ("/../..", ""),
        ] {
            let base = BasePath::parse(text).unwrap();
            assert_eq!(base.prefix(), prefix, "{text}");
            assert_eq!(base.with_slash(), format!("{prefix}/"), "{text}");
        }
    }

    #[test]
    fn what_would_have_to_be_escaped_is_refused() {
        for text in ["/a b", "/{a}", "/a%20", "/a?b", "/a#b", "/<a>", "/é", "/a\"", "/a\\b"] {
            assert!(BasePath::parse(text).is_err(), "{text}");
        }
        assert_eq!(BasePath::parse("/a b").unwrap_err(), "' ' cannot stand in it");
    }
}
