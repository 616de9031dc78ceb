//! `--filename-format`: how the files of one topic are called.

use std::{
    ops::Range,
    path::{Component, Path},
};

use jiff::{Timestamp, Zoned, tz::TimeZone};
use regex::Regex;

use super::time_format::TimeFormat;

/// What a format is filled in with.
#[derive(Debug, Clone, Copy)]
pub struct NameSource<'a> {
    /// `--filename-format`.
    pub filename_format: &'a str,
    /// `--datetime-format`.
    pub datetime_format: &'a str,
    /// For `<TOPIC>`.
    pub topic: &'a str,
    /// For `<HOST>`.
    pub host: &'a str,
    /// For `<PID>`.
    pub pid: u32,
    /// Adds `.gz` unless the format ends so.
    pub gzip: bool,
    /// True if files must have revisions; else `<REV>` is left out.
    pub revisions: bool,
}

/// Why no file can be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Files would overwrite each other.
    #[error("missing <REV> in --filename-format when gzip, rotation, or work dir enabled")]
    NoRevision,
    /// The format or the topic's name has a `..` as a part of the path.
    #[error("--filename-format leads out of the output directory: {0}")]
    LeadsOut(String),
    /// No name at all.
    #[error("--filename-format names a directory: {0:?}")]
    NoFile(String),
    /// The name is too long to be recognised again.
    #[error("--filename-format is too long: {0}")]
    TooLong(String),
}

/// The names of one topic's files, as paths below the work or output directory.
#[derive(Debug, Clone)]
pub struct FileNames {
    parts: Vec<Part>,
    time: TimeFormat,
    pattern: Regex,
    levels: Vec<Regex>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Process(u32),
    Revision,
    Time,
}

/// One file: when it was named, and which of that name it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    /// `<DATETIME>`, filled in.
    pub time: String,
    /// `<REV>`.
    pub revision: u32,
}

impl FileNames {
    /// Fills in what stays the same for the life of the process.
    pub fn new(source: &NameSource<'_>) -> Result<Self, NameError> {
        let mut format = source.filename_format.trim_start_matches('/').to_owned();
        if source.gzip && !format.ends_with(".gz") {
            format.push_str(".gz");
        }
        let mut parts = split(&format, source);
        if source.revisions && !parts.contains(&Part::Revision) {
            return Err(NameError::NoRevision);
        }
        if !source.revisions {
            parts.retain(|part| *part != Part::Revision);
        }
        let time = TimeFormat::parse(source.datetime_format);
        let text: String = parts.iter().map(|part| pattern(part, &time)).collect();
        let regex = |text: &str| Regex::new(&format!("^{text}$"));
        let too_long = |_| NameError::TooLong(format.clone());
        let levels: Result<_, _> = text.split('/').map(regex).collect();
        let levels = levels.map_err(too_long)?;
        let names = Self { parts, time, pattern: regex(&text).map_err(too_long)?, levels };
        names.check()?;
        Ok(names)
    }

    fn check(&self) -> Result<(), NameError> {
        let some_time = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        let name = self.path(&FileName { time: self.time(&some_time), revision: 0 });
        if name.is_empty() || name.ends_with('/') {
            return Err(NameError::NoFile(name));
        }
        if Path::new(&name).components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err(NameError::LeadsOut(name));
        }
        Ok(())
    }

    /// `<DATETIME>` at that moment.
    pub fn time(&self, now: &Zoned) -> String {
        self.time.format(now)
    }

    /// True if names differ in their revisions.
    pub fn have_revisions(&self) -> bool {
        self.parts.contains(&Part::Revision)
    }

    /// The path of a file.
    pub fn path(&self, name: &FileName) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Process(pid) => pid.to_string(),
            Part::Revision => format!("-{:06}", name.revision),
            Part::Time => name.time.clone(),
        });
        parts.collect()
    }

    /// What the parts of a path look like, from the top down.
    pub fn levels(&self) -> &[Regex] {
        &self.levels
    }

    /// True if that path may have been made by this or an earlier process.
    pub fn recognise(&self, path: &str) -> bool {
        self.pattern.is_match(path)
    }

    /// The same path with the next revision; none if it has no revision.
    pub fn next_revision(&self, path: &str) -> Option<String> {
        let captures = self.pattern.captures(path)?;
        let spans: Vec<Range<usize>> =
            captures.iter().skip(1).flatten().map(|group| group.range()).collect();
        let revision: u32 = path.get(spans.first()?.clone())?.parse().ok()?;
        let mut next = path.to_owned();
        for span in spans.into_iter().rev() {
            next.replace_range(span, &format!("{:06}", revision.checked_add(1)?));
        }
        Some(next)
    }
}

fn split(format: &str, source: &NameSource<'_>) -> Vec<Part> {
    let known = [
        ("<TOPIC>", Part::Text(source.topic.to_owned())),
        ("<HOST>", Part::Text(source.host.to_owned())),
        ("<PID>", Part::Process(source.pid)),
        ("<REV>", Part::Revision),
        ("<DATETIME>", Part::Time),
    ];
    let mut parts = Vec::new();
    let mut rest = format;
    while !rest.is_empty() {
        if let Some((name, part)) = known.iter().find(|(name, _)| rest.starts_with(name)) {
            parts.push(part.clone());
            rest = &rest[name.len()..];
            continue;
        }
        let end =
            rest.char_indices().skip(1).find(|&(_, ch)| ch == '<').map_or(rest.len(), |(at, _)| at);
        parts.push(Part::Text(rest[..end].to_owned()));
        rest = &rest[end..];
    }
    parts
}

fn pattern(part: &Part, time: &TimeFormat) -> String {
    match part {
        Part::Text(text) => regex::escape(text),
        Part::Process(_) => "[0-9]+".to_owned(),
        Part::Revision => "-([0-9]{6,})".to_owned(),
        Part::Time => time.pattern(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: NameSource<'static> = NameSource {
        filename_format: "<TOPIC>.<HOST><REV>.<DATETIME>.log",
        datetime_format: "%Y-%m-%d_%H",
        topic: "orders",
        host: "web1",
        pid: 77,
        gzip: false,
        revisions: true,
    };

    #[track_caller]
    fn named(source: &NameSource<'_>, revision: u32) -> String {
        let names = FileNames::new(source).unwrap();
        let now: Zoned = "2026-03-07T16:05:09+00:00[UTC]".parse().unwrap();
        let path = names.path(&FileName { time: names.time(&now), revision });
        assert!(names.recognise(&path), "{path}");
        assert!(!names.recognise(&format!("{path}x")) && !names.recognise(&format!("x{path}")));
        path
    }

    #[test]
    fn everything_is_filled_in() {
        assert_eq!(named(&PLAIN, 0), "orders.web1-000000.2026-03-07_16.log");
        assert_eq!(named(&PLAIN, 1_234_567), "orders.web1-1234567.2026-03-07_16.log");
        let deep = NameSource {
            filename_format: "/<DATETIME>/<TOPIC>/<PID><REV>",
            datetime_format: "%Y/%m",
            ..PLAIN
        };
        assert_eq!(named(&deep, 3), "2026/03/orders/77-000003");
        let odd = NameSource { filename_format: "a<b<REV>><REV>%Y<TOPI", ..PLAIN };
        assert_eq!(named(&odd, 1), "a<b-000001>-000001%Y<TOPI");
    }

    #[test]
    fn revisions_are_left_out_where_none_are_needed() {
        assert_eq!(
            named(&NameSource { revisions: false, ..PLAIN }, 0),
            "orders.web1.2026-03-07_16.log"
        );
    }

    #[test]
    fn compressed_files_end_in_gz_once() {
        let gzip = NameSource { gzip: true, ..PLAIN };
        assert!(named(&gzip, 0).ends_with(".log.gz"));
        let said = NameSource { filename_format: "<TOPIC><REV>.gz", ..gzip };
        assert_eq!(named(&said, 0), "orders-000000.gz");
    }

    #[test]
    fn formats_that_cannot_work_are_refused() {
        let error = |format, topic| {
            let source = NameSource { filename_format: format, topic, ..PLAIN };
            FileNames::new(&source).unwrap_err()
        };
        assert_eq!(error("<TOPIC>.log", "t"), NameError::NoRevision);
        for (format, topic) in
            [("<TOPIC>/a<REV>", ".."), ("../<TOPIC><REV>", "t"), ("<TOPIC>/x<REV>", ".")]
        {
            assert!(matches!(error(format, topic), NameError::LeadsOut(_)), "{format} {topic}");
        }
        for format in ["<REV>/", ""] {
            let revisions = !format.is_empty();
            let source = NameSource { filename_format: format, revisions, ..PLAIN };
            assert!(matches!(FileNames::new(&source), Err(NameError::NoFile(_))), "{format}");
        }
    }

    #[test]
    fn files_of_other_processes_are_recognised_and_counted_on() {
        let source = NameSource { filename_format: "<TOPIC>/<PID><REV>.<DATETIME><REV>", ..PLAIN };
        let names = FileNames::new(&source).unwrap();
        let path = "orders/1-000009.2025-01-01_00-000009";
        assert!(names.recognise(path));
        assert_eq!(names.next_revision(path).unwrap(), "orders/1-000010.2025-01-01_00-000010");
        assert!(!names.recognise("order/1-000009.2025-01-01_00-000009"));
        assert_eq!(names.levels().len(), 2);
        let without = FileNames::new(&NameSource { revisions: false, ..PLAIN }).unwrap();
        assert_eq!(without.next_revision("orders.web1.2026-03-07_16.log"), None);
    }
}
