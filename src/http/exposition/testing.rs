//! Holds what is exported against what is documented.

use std::collections::{BTreeMap, BTreeSet};

/// By its name: a metric's type and its labels.
pub type Metrics = BTreeMap<String, (String, BTreeSet<String>)>;

/// What a text has.
pub fn exported(text: &str) -> Metrics {
    let (mut kind, mut metrics) = ("", Metrics::new());
    for line in text.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            kind = family.split_once(' ').unwrap().1;
        } else if !line.starts_with('#') {
            let (name, labels) = line.split_once(['{', ' ']).unwrap();
            let parts = ["_sum", "_count", "_bucket"];
            let of_histogram = parts.iter().find_map(|part| name.strip_suffix(part));
            let name = of_histogram.filter(|_| kind == "histogram").unwrap_or(name);
            let keys = labels.split([',', '{']).filter_map(|label| label.split_once("=\""));
            let keys = keys.map(|(key, _)| key.to_owned()).filter(|key| key != "le");
            let metric = metrics.entry(name.to_owned()).or_default();
            metric.0 = kind.to_owned();
            metric.1.extend(keys);
        }
    }
    metrics
}

/// What `docs/metrics.md` says of the process and of the program whose metrics have that prefix.
pub fn documented(prefix: &str) -> Metrics {
    let rows = include_str!("../../../docs/metrics.md").lines();
    let rows = rows.filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let mut cells = row.split('|');
        let name = cells.next().unwrap().trim_end_matches("` ").to_owned();
        let kind = cells.next().unwrap().trim().to_owned();
        let labels = cells.next().unwrap().split('`').skip(1).step_by(2);
        (name, (kind, labels.map(str::to_owned).collect()))
    })
    .filter(|(name, _): &(String, _)| name.starts_with(prefix) || name.starts_with("process_"))
    .collect()
}

/// No series comes twice, every value is a number, and every family has its help.
#[track_caller]
pub fn check_form(text: &str) {
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(seen.insert(series), "{series} comes twice");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    let count = |start| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(count("# HELP "), count("# TYPE "));
    assert!(text.ends_with("\n# EOF\n"), "{text}");
}
