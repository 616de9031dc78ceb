//! Errors of the operating system, in upstream's words.

use std::io;

/// The text of an error as Go's runtime writes it: in lower case and without its number.
pub fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_gos() {
        for (number, text) in [(2, "no such file or directory"), (111, "connection refused")] {
            assert_eq!(os_text(&io::Error::from_raw_os_error(number)), text);
        }
        assert_eq!(os_text(&io::Error::other("Killed")), "killed");
    }
}
