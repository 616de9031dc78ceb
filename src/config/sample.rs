//! The sample of a configuration file.

use std::fmt::Write as _;

use super::{declaration::OptionSpec, value::Value};

/// Every key with its help and its default, all commented out, in the order of their names.
pub fn sample(program: &str, table: &[OptionSpec]) -> String {
    let mut specs: Vec<_> = table.iter().filter_map(|spec| Some((spec.key?, spec))).collect();
    specs.sort_by_key(|(key, _)| *key);
    let mut text = format!(
        "## Sample configuration of {program}: every key with its default, as `nsq config-sample {program}` prints it.\n\
         ## Start with `{program} --config=FILE`; a flag on the command line wins over the file.\n\
         ## Keys stand outside of [sections]. A duration has its unit (\"1m30s\") or is a number of milliseconds.\n"
    );
    for (key, spec) in specs {
        let example =
            if spec.depends_on_host() { " (depends on the host; this is an example)" } else { "" };
        let value = toml(&spec.example_value());
        writeln!(text, "\n## {}{example}\n# {key} = {value}", spec.help)
            .expect("writing to a string cannot fail");
    }
    text
}

fn toml(value: &Value) -> String {
    match value {
        Value::Bool(_) | Value::Integer(_) => value.to_string(),
        Value::TlsRequired(_) | Value::LogLevel(_) | Value::TlsMinVersion(_) => {
            quoted(&value.to_string())
        }
        Value::Duration(duration) => quoted(&duration.to_string()),
        Value::Text(text) => quoted(text),
        Value::List(texts) => {
            let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
            format!("[{}]", texts.join(", "))
        }
        Value::Float(number) => format!("{number:?}"),
        Value::Floats(numbers) => format!("{numbers:?}"),
    }
}

/// A text without control characters, such as a declared default.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        NsqdOptions,
        declaration::{Options, flag},
        file,
        options::NSQD_OPTIONS,
        typed::TypedOptions,
        value::Kind,
    };

    /// The sample with its keys no longer commented out.
    fn uncommented(text: &str) -> String {
        let lines = text.lines().map(|line| line.strip_prefix("# ").unwrap_or(line));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_sample_of_nsqd_is_the_committed_one() {
        let committed = include_str!("../../contrib/nsqd.cfg.example");
        assert!(
            committed == sample("nsqd", NSQD_OPTIONS),
            "write it: nsq config-sample nsqd > contrib/nsqd.cfg.example"
        );
    }

    #[test]
    fn the_sample_changes_nothing() {
        let parsed = file::parse(&sample("nsqd", NSQD_OPTIONS), NSQD_OPTIONS).unwrap();
        assert_eq!((parsed.options, parsed.warnings.len()), (TypedOptions::default(), 0));
    }

    #[test]
    fn the_sample_says_the_defaults_but_for_those_of_the_host() {
        let text = uncommented(&sample("nsqd", NSQD_OPTIONS));
        let parsed = file::parse(&text, NSQD_OPTIONS).unwrap();
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
        for spec in NSQD_OPTIONS.iter().filter(|spec| spec.key.is_some()) {
            let said = parsed.options.get(spec.flag);
            let expected =
                if spec.depends_on_host() { spec.example_value() } else { spec.default_value() };
            assert_eq!(said, Some(&expected), "{}", spec.flag);
        }
        let (options, default) =
            (NsqdOptions::decide(&[&parsed.options]).unwrap(), NsqdOptions::default());
        let of_host = NsqdOptions {
            node_id: default.node_id,
            broadcast_address: default.broadcast_address.clone(),
            ..options
        };
        assert_eq!(of_host, default);
    }

    #[test]
    fn values_are_toml() {
        const TABLE: &[OptionSpec] = &[
            flag("path").key("path").default("a \"b\" \\c").described(Kind::Text, "where"),
            flag("peer").key("peers").default("a:1").described(Kind::List, "with whom"),
            flag("share").key("shares").default("1,0.5").described(Kind::Floats, "how much"),
            flag("version").described(Kind::Bool, "which"),
        ];
        let text = sample("nsqd", TABLE);
        let keys: Vec<_> = text.lines().filter(|line| line.starts_with("# ")).collect();
        let expected =
            [r#"# path = "a \"b\" \\c""#, r#"# peers = ["a:1"]"#, "# shares = [1.0, 0.5]"];
        assert_eq!(keys, expected);
        let parsed = file::parse(&uncommented(&text), TABLE).unwrap().options;
        assert_eq!(parsed.get("path"), Some(&TABLE[0].default_value()));
    }
}
