//! statsd's lines, as bytes: names with a prefix, values, datagrams.

use std::fmt::{Display, Write};

use super::host_port;

/// What stands before every name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// `pattern` with each `%s` replaced by the node's address, in which nothing looks like a level of
    /// the name, and a dot at its end; an empty pattern stays empty.
    pub fn new(pattern: &str, address: &str, http_port: u16) -> Self {
        if pattern.is_empty() {
            return Self(String::new());
        }
        let node = host_port(address, http_port);
        let mut prefix = pattern.replace("%s", &node.replace(['.', ':'], "_"));
        if !prefix.ends_with('.') {
            prefix.push('.');
        }
        Self(prefix)
    }

    /// The prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Lines, packed into datagrams.
#[derive(Debug)]
pub struct Datagrams {
    prefix: Prefix,
    bytes_max: usize,
    line: String,
    full: Vec<Vec<u8>>,
    last: Vec<u8>,
}

impl Datagrams {
    /// None yet. Only a single line that is longer makes a datagram of more than `bytes_max`.
    pub fn new(prefix: Prefix, bytes_max: usize) -> Self {
        Self { prefix, bytes_max, line: String::new(), full: Vec::new(), last: Vec::new() }
    }

    /// Adds a counter: what was counted since the last push.
    pub fn counter(&mut self, name: impl Display, difference: u64) {
        self.push(name, difference, 'c');
    }

    /// Adds a gauge.
    pub fn gauge(&mut self, name: impl Display, value: u64) {
        self.push(name, value, 'g');
    }

    /// The datagrams, in order. Each ends with the end of a line.
    pub fn finish(mut self) -> Vec<Vec<u8>> {
        if !self.last.is_empty() {
            self.full.push(self.last);
        }
        self.full
    }

    fn push(&mut self, name: impl Display, value: u64, kind: char) {
        self.line.clear();
        // Writing to a string cannot fail.
        let _ = writeln!(self.line, "{}{name}:{value}|{kind}", self.prefix.0);
        if !self.last.is_empty() && self.last.len() + self.line.len() > self.bytes_max {
            self.full.push(std::mem::take(&mut self.last));
        }
        self.last.extend_from_slice(self.line.as_bytes());
    }
}

/// The names of percentiles: in percent, rounded to an integer, ties to even.
///
/// Where several round to the same, the nearest has it and the others keep their decimals, after an
/// underscore: `100` for 1.0 and `99_9` for 0.999.
pub fn percentile_names(percentiles: &[f64]) -> Vec<String> {
    let distance =
        |percentile: f64| (percentile * 100.0 - (percentile * 100.0).round_ties_even()).abs();
    let rounded = |percentile: f64| format!("{:.0}", percentile * 100.0);
    let has_it = |index: usize, percentile: f64| {
        let nearer = |(other_index, &other): (usize, &f64)| {
            rounded(other) == rounded(percentile)
                && (distance(other), other_index) < (distance(percentile), index)
        };
        !percentiles.iter().enumerate().any(nearer)
    };
    let name = |(index, &percentile): (usize, &f64)| match has_it(index, percentile) {
        true => rounded(percentile),
        false => with_decimals(percentile).replace('.', "_"),
    };
    percentiles.iter().enumerate().map(name).collect()
}

/// In percent with as many decimals as it was written with: 0.999 times 100 is not quite 99.9.
fn with_decimals(percentile: f64) -> String {
    let decimals = percentile.to_string().len().saturating_sub(4);
    format!("{:.decimals$}", percentile * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_names_the_host_and_ends_with_a_dot() {
        let host = "host.example.com";
        for (pattern, address, prefix) in [
            ("nsq.%s", host, "nsq.host_example_com_14151."),
            ("nsq.%s.", host, "nsq.host_example_com_14151."),
            ("%s.and.%s", "h", "h_14151.and.h_14151."),
            ("plain", host, "plain."),
            ("%s", "::1", "[__1]_14151."),
            ("", host, ""),
        ] {
            assert_eq!(Prefix::new(pattern, address, 14151).0, prefix, "{pattern}");
        }
    }

    fn packed(names: &[&str], bytes_max: usize) -> Vec<String> {
        let mut datagrams = Datagrams::new(Prefix::new("p", "", 0), bytes_max);
        names.iter().for_each(|name| datagrams.counter(name, 1));
        let datagrams = datagrams.finish().into_iter();
        datagrams.map(|datagram| String::from_utf8(datagram).unwrap()).collect()
    }

    #[test]
    fn datagrams_are_filled_to_the_last_byte_and_no_line_is_split() {
        let (a, b) = ("p.a:1|c\n", "p.b:1|c\n");
        assert_eq!(packed(&["a", "b"], 16), [[a, b].concat()]);
        assert_eq!(packed(&["a", "b"], 15), [a, b]);
        assert_eq!(packed(&["a", "a", "b"], 17), [[a, a].concat(), b.into()]);
        assert_eq!(packed(&[], 15), [""; 0]);
    }

    #[test]
    fn a_line_that_is_too_long_goes_alone() {
        let long = "p.longer_than_that:1|c\n";
        let expected = ["p.a:1|c\n", long, "p.b:1|c\n"];
        assert_eq!(packed(&["a", "longer_than_that", "b"], 20), expected);
        assert_eq!(packed(&["longer_than_that"], 1), [long]);
    }

    #[test]
    fn values_have_their_kind() {
        let mut datagrams = Datagrams::new(Prefix::new("", "", 0), 100);
        datagrams.counter("c", 0);
        datagrams.gauge(format_args!("topic.{}.g", "a.b#ephemeral"), u64::MAX);
        let expected = b"c:0|c\ntopic.a.b#ephemeral.g:18446744073709551615|g\n";
        assert_eq!(datagrams.finish(), [expected.to_vec()]);
    }

    #[test]
    fn percentiles_are_named_in_percent_and_never_share_a_name() {
        for (percentiles, names) in [
            (&[1.0, 0.99, 0.5][..], &["100", "99", "50"][..]),
            (&[0.999], &["100"]),
            (&[1.0, 0.999, 0.9999], &["100", "99_9", "99_99"]),
            (&[0.994, 0.99], &["99_4", "99"]),
        ] {
            assert_eq!(percentile_names(percentiles), names, "{percentiles:?}");
        }
        assert_eq!(percentile_names(&[0.005]), ["0"], "ties go to even");
        assert_eq!(percentile_names(&[0.015]), ["2"], "ties go to even");
    }
}
