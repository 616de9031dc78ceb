//! `docs/conformance.md` says which test holds which part of nsqd's behaviour, and `docs/durability.md` and others
//! which holds which promise. They must not say more than there is.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of all tables of the document, without their heads.
fn rows(document: &str) -> Vec<&str> {
    let mut rows = Vec::new();
    let mut is_body = false;
    for line in document.lines() {
        if !line.starts_with('|') {
            is_body = false;
        } else if line.starts_with("|---") {
            is_body = true;
        } else if is_body {
            rows.push(line);
        }
    }
    rows
}

/// All texts in backticks that name a file of ours, each with the test in it, if one is named.
fn references(row: &str) -> Vec<(&str, Option<&str>)> {
    let quoted = row.split('`').skip(1).step_by(2);
    quoted
        .filter(|text| text.starts_with("src/") || text.starts_with("tests/"))
        .map(|text| match text.split_once("::") {
            Some((path, name)) => (path, Some(name)),
            None => (text, None),
        })
        .collect()
}

/// All links within the documents: the file and the heading.
fn links(row: &str) -> Vec<(&str, &str)> {
    let targets = row.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .map(|target| target.split_once('#').unwrap_or_else(|| panic!("{target} has no heading")))
        .collect()
}

/// A heading as links name it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|&ch| ch.is_alphanumeric() || " -_".contains(ch));
    kept.map(|ch| if ch == ' ' { '-' } else { ch }).collect()
}

fn anchors(path: &Path) -> BTreeSet<String> {
    let text = read(path);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// Everything in a row that is not there.
fn broken(row: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, name) in references(row) {
        let file: PathBuf = root().join(path);
        if !file.exists() {
            broken.push(format!("no file {path}"));
        } else if let Some(name) = name
            && !read(&file).contains(&format!("fn {name}("))
        {
            broken.push(format!("no test {name} in {path}"));
        }
    }
    for (file, heading) in links(row) {
        if !anchors(&root().join("docs").join(file)).contains(heading) {
            broken.push(format!("no heading {heading} in {file}"));
        }
    }
    broken
}

/// Every row names something, and all of that is there.
#[track_caller]
fn expect_held(rows: &[&str]) {
    let mut wrong = Vec::new();
    for row in rows {
        if references(row).is_empty() && links(row).is_empty() {
            wrong.push(format!("nothing holds {row}"));
        }
        wrong.extend(broken(row));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn table_names_only_what_there_is_and_leaves_no_row_open() {
    let document = read(&root().join("docs/conformance.md"));
    let rows = rows(&document);
    assert!(rows.len() > 50, "only {} rows", rows.len());
    expect_held(&rows);
}

#[test]
fn every_promise_names_tests_that_there_are() {
    for (page, heading, least) in [
        ("durability.md", "## Each sentence and its test", 30),
        ("backlogs.md", "## What holds", 5),
        ("discovery.md", "## What holds", 5),
    ] {
        let document = read(&root().join("docs").join(page));
        let (_, promises) = document.split_once(heading).expect("the table");
        let (promises, _) = promises.split_once("\n## ").expect("what follows");
        let rows = rows(promises);
        assert!(rows.len() > least, "only {} rows in {page}", rows.len());
        expect_held(&rows);
    }
}

#[test]
fn what_is_not_there_is_found() {
    for (row, found) in [
        ("| x | `tests/broker/conformance.rs::what_is_not_there_is_found` |", 0),
        ("| x | [y](differences.md#commands) and `tests/broker` |", 0),
        ("| x | `tests/broker/conformance.rs::no_such_test` |", 1),
        ("| x | `tests/broker/none.rs::rows`, [y](differences.md#no-such-heading) |", 2),
    ] {
        assert_eq!(broken(row).len(), found, "{row}");
    }
    assert_eq!(anchor(" `--durability` and 1.3, or what"), "--durability-and-13-or-what");
}
