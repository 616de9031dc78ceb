//! The text of `--help`.

use std::fmt::Write as _;

use super::{declaration::OptionSpec, typed::TypedOptions};

/// Explains every option in alphabetical order, in the form of Go's `flag` package.
/// Where `defaults` has a value, it is named instead of the declared default.
pub fn usage(program: &str, table: &[OptionSpec], defaults: &TypedOptions) -> String {
    let mut specs: Vec<_> = table.iter().collect();
    specs.sort_by_key(|spec| spec.flag);
    let mut text = format!("Usage of {program}:\n");
    for spec in specs {
        push_option(&mut text, spec, defaults);
    }
    text
}

fn push_option(text: &mut String, spec: &OptionSpec, defaults: &TypedOptions) {
    let space = if spec.kind.name().is_empty() { "" } else { " " };
    let default = defaults.get(spec.flag).cloned().unwrap_or_else(|| spec.default_value());
    let default = if default.is_zero() { String::new() } else { format!(" (default {default})") };
    writeln!(text, "  -{}{space}{}\n    \t{}{default}", spec.flag, spec.kind.name(), spec.help)
        .expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        declaration::flag,
        value::{Kind, Value},
    };

    const TABLE: &[OptionSpec] = &[
        flag("size").default("0x10").described(Kind::Integer, "how many"),
        flag("deflate").described(Kind::Bool, "compress"),
        flag("path").default("a b").described(Kind::Text, "where"),
        flag("wait").default("60s").described(Kind::Duration, "how long"),
        flag("peer").described(Kind::List, "with whom"),
    ];

    #[test]
    fn options_are_sorted_with_their_types_and_defaults() {
        let expected = "Usage of nsqd:\n\
            \x20 -deflate\n    \tcompress\n\
            \x20 -path string\n    \twhere (default \"a b\")\n\
            \x20 -peer value\n    \twith whom\n\
            \x20 -size int\n    \thow many (default 16)\n\
            \x20 -wait duration\n    \thow long (default 1m0s)\n";
        assert_eq!(usage("nsqd", TABLE, &TypedOptions::default()), expected);
    }

    #[test]
    fn other_defaults_are_named_instead() {
        let mut defaults = TypedOptions::default();
        defaults.add(&TABLE[0], Value::Integer(7));
        let text = usage("nsqd", TABLE, &defaults);
        assert!(text.contains("how many (default 7)\n"), "{text}");
    }
}
