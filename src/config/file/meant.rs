//! Guesses which key an unknown one was meant to be.

use crate::config::declaration::OptionSpec;

/// Longest name that is compared at all: the work grows with the square of it.
const NAME_BYTES_MAX: usize = 64;

/// The key that is spelt like `name` but for a few letters, or whose flag is.
pub(super) fn key_meant(table: &[OptionSpec], name: &str) -> Option<&'static str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let name = name.to_lowercase().replace('-', "_");
    let near = table.iter().filter_map(|spec| {
        let key = spec.key?;
        let away = distance(&name, key).min(distance(&name, &spec.flag.replace('-', "_")));
        (away <= name.len() / 4).then_some((away, key))
    });
    near.min().map(|(_, key)| key)
}

/// How many letters must be put in, taken out or changed to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, left) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, right) in other.iter().enumerate() {
            let changed = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::options::NSQD_OPTIONS;

    #[test]
    fn spellings_of_the_command_line_and_slips_are_recognised() {
        for (name, key) in [
            ("msg-timeout", "msg_timeout"),
            ("MSG_TIMEOUT", "msg_timeout"),
            ("msg_timout", "msg_timeout"),
            ("node_id", "id"),
            ("lookupd_tcp_address", "nsqlookupd_tcp_addresses"),
            ("nsqlookupd_tcp_address", "nsqlookupd_tcp_addresses"),
            ("auth_http_address", "auth_http_addresses"),
            ("e2e_processing_latency_percentile", "e2e_processing_latency_percentiles"),
            ("data-path", "data_path"),
            ("max_msg_sise", "max_msg_size"),
        ] {
            assert_eq!(key_meant(NSQD_OPTIONS, name), Some(key), "{name}");
        }
    }

    #[test]
    fn other_words_mean_nothing() {
        for name in ["", "x", "ix", "worker_id", "version", "config", &"msg_timeout".repeat(10)] {
            assert_eq!(key_meant(NSQD_OPTIONS, name), None, "{name}");
        }
    }

    #[test]
    fn distances_count_letters() {
        for (one, other, away) in
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("kitten", "sitting", 3), ("é", "e", 1)]
        {
            assert_eq!((distance(one, other), distance(other, one)), (away, away), "{one} {other}");
        }
    }
}
