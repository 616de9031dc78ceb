//! Names of topics and channels as file names.
//!
//! A legal name may begin with a dot, even be `.` or `..`; a file name of ours begins with a dot
//! only when it is temporary or about to be deleted. `%` occurs in no legal name.

const LEADING_DOT: &str = "%2E";

/// The file name for a topic or channel.
pub(super) fn encode(name: &str) -> String {
    match name.strip_prefix('.') {
        Some(rest) => format!("{LEADING_DOT}{rest}"),
        None => name.to_owned(),
    }
}

/// The name behind a file name; not yet checked to be a legal one. `None` for what `encode` never
/// makes.
pub(super) fn decode(file_name: &str) -> Option<String> {
    match file_name.strip_prefix(LEADING_DOT) {
        Some(rest) => Some(format!(".{rest}")),
        None if file_name.starts_with('.') => None,
        None => Some(file_name.to_owned()),
    }
}

/// The name under which a file is written before it takes the place of `file_name`.
pub(super) fn temporary(file_name: &str) -> String {
    format!(".{file_name}.tmp")
}

/// True for what `temporary` makes.
pub(super) fn is_temporary(file_name: &str) -> bool {
    file_name.starts_with('.') && file_name.ends_with(".tmp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for (name, file_name) in [
            (".", "%2E"),
            ("..", "%2E."),
            (".deleted-1", "%2Edeleted-1"),
            ("a.b", "a.b"),
            ("t#ephemeral", "t#ephemeral"),
        ] {
            assert_eq!(encode(name), file_name);
            assert_eq!(decode(file_name).as_deref(), Some(name));
        }
        assert_eq!(decode(".deleted-1"), None);
    }

    #[test]
    fn temporary_files_are_told_from_encoded_names() {
        assert!(is_temporary(&temporary(&encode("..tmp"))));
        assert!(!is_temporary(&encode(".a.tmp")));
    }
}
