//! Configuration files: TOML, one key per option, all of them outside of sections.

mod meant;
mod reading;

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{declaration::OptionSpec, typed::TypedOptions, value::Kind};

/// A file that was understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ParsedFile {
    /// What its keys say.
    pub options: TypedOptions,
    /// What stands in it without effect, a sentence each, in the order of the lines.
    pub warnings: Vec<String>,
}

/// Why a file is not used: the first line that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("toml: line {line}: {problem}")]
pub struct FileError {
    line: usize,
    problem: String,
}

/// Reads the text of a file.
pub fn parse(text: &str, table: &[OptionSpec]) -> Result<ParsedFile, FileError> {
    let entries = DeTable::parse(text).map_err(|error| syntax_error(text, &error))?.into_inner();
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut parsed = ParsedFile::default();
    for (key, value) in &entries {
        let line = line_of(text, key.span().start);
        match table.iter().find(|spec| spec.key == Some(key.get_ref())) {
            Some(spec) => {
                let value = reading::read(spec.kind, value.get_ref())
                    .map_err(|problem| FileError { line, problem: explain(spec, &problem) })?;
                parsed.options.add(spec, value);
            }
            None => parsed.warnings.push(format!("line {line}: {}", unknown(table, key, value))),
        }
    }
    Ok(parsed)
}

fn syntax_error(text: &str, error: &toml::de::Error) -> FileError {
    let span = error.span().unwrap_or_default();
    let place = text.get(span.clone()).filter(|place| !place.trim().is_empty());
    let place = place.map(|place| format!(" at {:?}", reading::shortened(place)));
    let problem = format!("{}{}", error.message(), place.unwrap_or_default());
    FileError { line: line_of(text, span.start), problem }
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}

/// What is wrong with an option's value; of words of which there are only some, as upstream says it.
fn explain(spec: &OptionSpec, problem: &str) -> String {
    let key = spec.key.unwrap_or(spec.flag);
    let words = match spec.kind {
        Kind::LogLevel => "debug, info, warn, error, fatal",
        Kind::TlsRequired => "true, false, tcp-https",
        Kind::TlsMinVersion => "tls1.0, tls1.1, tls1.2, tls1.3",
        _ => return format!("{key} {problem}"),
    };
    format!("failed parsing {key} {problem} ({words})")
}

fn unknown(
    table: &[OptionSpec],
    key: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
) -> String {
    let name = reading::shortened(key.get_ref());
    if matches!(value.get_ref(), DeValue::Table(_)) {
        return format!("[{name}] has no effect: keys must stand in front of the first section");
    }
    match meant::key_meant(table, key.get_ref()) {
        Some(meant) => format!("unknown key {name} has no effect; is {meant} meant?"),
        None => format!("unknown key {name} has no effect"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{declaration::flag, options::NSQD_OPTIONS, value::Value};

    const TABLE: &[OptionSpec] = &[
        flag("node-id").key("id").described(Kind::Integer, "who"),
        flag("msg-timeout").key("msg_timeout").described(Kind::Duration, "how long"),
        flag("log-level").key("log_level").described(Kind::LogLevel, "how much"),
        flag("lookupd-tcp-address")
            .key("nsqlookupd_tcp_addresses")
            .described(Kind::List, "with whom"),
        flag("version").described(Kind::Bool, "which"),
    ];

    fn parse(text: &str) -> Result<ParsedFile, FileError> {
        super::parse(text, TABLE)
    }

    #[track_caller]
    fn refused(text: &str, error: &str) {
        assert_eq!(parse(text).unwrap_err().to_string(), error, "{text:?}");
    }

    #[track_caller]
    fn warned(text: &str, warnings: &[&str]) {
        let parsed = parse(text).unwrap();
        assert_eq!(parsed.warnings, warnings, "{text:?}");
        assert_eq!(parsed.options, TypedOptions::default(), "{text:?}");
    }

    #[test]
    fn keys_are_those_of_the_file_and_not_the_flags() {
        let parsed = parse("## comment\nid = 5 # who\n\nmsg_timeout = '5s'\n").unwrap();
        assert_eq!(parsed.options.get("node-id"), Some(&Value::Integer(5)));
        let timeout = Value::Duration("5s".parse().unwrap());
        assert_eq!(parsed.options.get("msg-timeout"), Some(&timeout));
        assert_eq!(parsed.options.get("log-level"), None);
        assert!(parsed.warnings.is_empty());
        assert_eq!(parse(""), Ok(ParsedFile::default()));
    }

    #[test]
    fn what_has_no_effect_is_named_with_what_is_meant() {
        warned(
            "msg-timeout = 1",
            &["line 1: unknown key msg-timeout has no effect; is msg_timeout meant?"],
        );
        warned("\nnode_id = 1", &["line 2: unknown key node_id has no effect; is id meant?"]);
        warned(
            "zebra = 1\nlookupd_tcp_address = 'a:1'",
            &[
                "line 1: unknown key zebra has no effect",
                "line 2: unknown key lookupd_tcp_address has no effect; \
                 is nsqlookupd_tcp_addresses meant?",
            ],
        );
        warned("version = true", &["line 1: unknown key version has no effect"]);
    }

    #[test]
    fn keys_in_sections_have_no_effect() {
        let sections =
            "line 1: [nsqd] has no effect: keys must stand in front of the first section";
        warned("[nsqd]\nid = 5\n", &[sections]);
        warned("nsqd.id = 5\n", &[sections]);
    }

    #[test]
    fn mistakes_are_told_with_line_and_key() {
        refused("id = 1\nid = 2\n", "toml: line 2: duplicate key at \"id\"");
        refused("\n\nid 5", "toml: line 3: key with no value, expected `=`");
        refused("id = 5.5", "toml: line 1: id must be a whole number, not 5.5");
        refused(
            "\nlog_level = 'x'",
            "toml: line 2: failed parsing log_level x (debug, info, warn, error, fatal)",
        );
        refused("[id]", "toml: line 1: id must be a whole number, not a section");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*", value in "[-'\"\\[\\]{}0-9a-z.,= \n]*") {
            drop(parse(&text));
            for spec in NSQD_OPTIONS {
                drop(super::parse(&format!("{} = {value}", spec.flag.replace('-', "_")), NSQD_OPTIONS));
            }
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        let text = format!("id = {}", "[".repeat(100_000));
        assert!(parse(&text).is_err());
    }
}
