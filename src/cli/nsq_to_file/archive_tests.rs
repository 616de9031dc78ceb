use std::{
    cell::OnceCell,
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use flate2::read::MultiGzDecoder;
use tempfile::TempDir;

use super::{
    archive::{Archive, ArchiveError, ArchiveSpec, Failure, Now, Place, Rules},
    dying_files::DyingFiles,
    file_names::{FileNames, NameSource},
    files::{Files, RealFiles},
};

/// How an archive is set up, in a directory of its own.
struct Rig {
    root: TempDir,
    start: Instant,
    separate: bool,
    gzip: bool,
    rules: Rules,
    filename_format: &'static str,
    /// Read once: that takes longer than a process's life.
    names: OnceCell<FileNames>,
}

const RULES: Rules = Rules {
    rotate_size: 0,
    rotate_interval: Duration::ZERO,
    skip_empty_files: false,
    unsynced_max: 4,
};

impl Rig {
    fn new() -> Self {
        // Thousands of files: in memory, where that can be had.
        let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        fs::create_dir(root.path().join("trash")).unwrap();
        let filename_format = "<TOPIC>.<HOST><REV>.<DATETIME>.log";
        let (start, separate, gzip) = (Instant::now(), false, false);
        let names = OnceCell::new();
        Self { root, start, separate, gzip, rules: RULES, filename_format, names }
    }

    /// The same set-up in another directory.
    fn again(&self) -> Self {
        let (separate, gzip, rules) = (self.separate, self.gzip, self.rules);
        let (filename_format, names) = (self.filename_format, self.names.clone());
        Self { separate, gzip, rules, filename_format, names, ..Self::new() }
    }

    fn out(&self) -> PathBuf {
        self.root.path().join("out")
    }

    fn work(&self) -> PathBuf {
        if self.separate { self.root.path().join("work") } else { self.out() }
    }

    fn spec(&self) -> ArchiveSpec {
        let gzip_level = self.gzip.then_some(6);
        ArchiveSpec {
            label: "[t/c]".to_owned(),
            place: Place { output_dir: self.out(), work_dir: self.work(), gzip_level },
            rules: self.rules,
            names: self.names.get_or_init(|| self.read_names()).clone(),
        }
    }

    fn read_names(&self) -> FileNames {
        let rotates = self.rules.rotate_size > 0 || self.rules.rotate_interval > Duration::ZERO;
        let source = NameSource {
            filename_format: self.filename_format,
            datetime_format: "%H%M",
            topic: "t",
            host: "h",
            pid: 7,
            gzip: self.gzip,
            revisions: self.separate || self.gzip || rotates,
        };
        FileNames::new(&source).unwrap()
    }

    fn dying(&self) -> DyingFiles {
        DyingFiles::new(self.root.path().join("trash"))
    }

    fn open(&self) -> Archive<String> {
        self.open_on(Arc::new(RealFiles)).unwrap()
    }

    fn open_on(&self, files: Arc<dyn Files>) -> Result<Archive<String>, ArchiveError> {
        Archive::open(self.spec(), files)
    }

    /// A moment so many seconds behind 10:00 o'clock.
    fn at(&self, seconds: u64) -> Now {
        let ten = "2026-03-07T10:00:00+00:00[UTC]".parse::<jiff::Zoned>().unwrap();
        let passed = Duration::from_secs(seconds);
        Now { wall: ten + passed, instant: self.start + passed }
    }

    /// Finished files by their names, decompressed.
    fn contents(&self) -> Vec<(String, String)> {
        contents(&self.out())
    }

    #[track_caller]
    fn holds(&self, expected: &[(&str, &str)]) {
        let found = self.contents();
        let found: Vec<_> =
            found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(found, expected);
    }
}

fn contents(dir: &Path) -> Vec<(String, String)> {
    let mut found: Vec<_> = files_below(dir)
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(dir).unwrap().display().to_string();
            let bytes = fs::read(&path).unwrap();
            let mut text = String::new();
            match name.ends_with(".gz") {
                true => MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text),
                false => (&bytes[..]).read_to_string(&mut text),
            }
            .unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, text)
        })
        .collect();
    found.sort();
    found
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let below = entries.map(|entry| entry.unwrap().path());
    below.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn write(archive: &mut Archive<String>, text: &str, now: &Now) -> Vec<String> {
    archive.write(text.to_owned(), now).unwrap()
}

#[test]
fn messages_are_acknowledged_when_they_are_synced() {
    let rig = Rig::new();
    let mut archive = rig.open();
    let now = rig.at(0);
    assert_eq!(write(&mut archive, "1", &now), ["1"], "an opening is a reason to sync");
    for text in ["2", "3", "4"] {
        assert!(write(&mut archive, text, &now).is_empty());
    }
    assert_eq!(archive.unsynced().len(), 3);
    assert_eq!(write(&mut archive, "5", &now), ["2", "3", "4", "5"], "as many as may be unsynced");
    write(&mut archive, "6", &now);
    assert_eq!(archive.tick(&now).unwrap(), ["6"]);
    write(&mut archive, "7", &now);
    assert_eq!(archive.close().unwrap(), ["7"]);
    assert!(archive.close().unwrap().is_empty());
    rig.holds(&[("t.h.1000.log", "1\n2\n3\n4\n5\n6\n7\n")]);
}

#[test]
fn what_was_flushed_can_be_read_and_is_not_acknowledged() {
    let rig = Rig::new();
    let mut archive = rig.open();
    write(&mut archive, "1", &rig.at(0));
    write(&mut archive, "2", &rig.at(0));
    archive.flush().unwrap();
    rig.holds(&[("t.h.1000.log", "1\n2\n")]);
    assert_eq!(archive.unsynced().len(), 1);
}

#[test]
fn files_rotate_by_their_name() {
    let rig = Rig::new();
    let mut archive = rig.open();
    write(&mut archive, "1", &rig.at(59));
    write(&mut archive, "2", &rig.at(59));
    assert_eq!(write(&mut archive, "3", &rig.at(60)), ["2", "3"]);
    rig.holds(&[("t.h.1000.log", "1\n2\n"), ("t.h.1001.log", "3\n")]);
}

#[test]
fn files_rotate_by_size_before_compression_and_may_exceed_it_by_a_message() {
    for gzip in [false, true] {
        let rig = Rig { gzip, rules: Rules { rotate_size: 7, ..RULES }, ..Rig::new() };
        let mut archive = rig.open();
        for text in ["aaa", "bbb", "ccc", "ddd"] {
            write(&mut archive, text, &rig.at(0));
        }
        archive.close().unwrap();
        let ending = if gzip { ".gz" } else { "" };
        let names =
            [format!("t.h-000000.1000.log{ending}"), format!("t.h-000001.1000.log{ending}")];
        rig.holds(&[(&names[0], "aaa\nbbb\n"), (&names[1], "ccc\nddd\n")]);
    }
}

#[test]
fn files_rotate_by_age_also_without_a_message() {
    for skip_empty_files in [false, true] {
        let rules = Rules { rotate_interval: Duration::from_secs(10), skip_empty_files, ..RULES };
        let rig = Rig { rules, ..Rig::new() };
        let mut archive = rig.open();
        write(&mut archive, "1", &rig.at(0));
        archive.tick(&rig.at(10)).unwrap();
        archive.tick(&rig.at(11)).unwrap();
        archive.tick(&rig.at(22)).unwrap();
        write(&mut archive, "2", &rig.at(23));
        archive.close().unwrap();
        match skip_empty_files {
            true => rig.holds(&[("t.h-000000.1000.log", "1\n"), ("t.h-000001.1000.log", "2\n")]),
            false => rig.holds(&[
                ("t.h-000000.1000.log", "1\n"),
                ("t.h-000001.1000.log", ""),
                ("t.h-000002.1000.log", "2\n"),
            ]),
        }
    }
}

#[test]
fn files_are_reopened_after_a_hangup() {
    for (separate, names) in [
        (false, ["t.h.1000.log"].as_slice()),
        (true, &["t.h-000000.1000.log", "t.h-000001.1000.log"]),
    ] {
        let rig = Rig { separate, ..Rig::new() };
        let mut archive = rig.open();
        write(&mut archive, "1", &rig.at(0));
        archive.close().unwrap();
        archive.close().unwrap();
        write(&mut archive, "2", &rig.at(0));
        archive.close().unwrap();
        match names {
            [one] => rig.holds(&[(one, "1\n2\n")]),
            [one, two] => rig.holds(&[(one, "1\n"), (two, "2\n")]),
            _ => unreachable!(),
        }
        assert!(!separate || files_below(&rig.work()).is_empty());
    }
}

#[test]
fn a_renamed_file_is_left_and_a_new_one_begun_as_logrotate_wants_it() {
    let rig = Rig::new();
    let mut archive = rig.open();
    write(&mut archive, "1", &rig.at(0));
    fs::rename(rig.out().join("t.h.1000.log"), rig.out().join("t.h.1000.log.1")).unwrap();
    archive.close().unwrap();
    write(&mut archive, "2", &rig.at(0));
    rig.holds(&[("t.h.1000.log", "2\n"), ("t.h.1000.log.1", "1\n")]);
}

#[test]
fn plain_files_are_appended_to_over_restarts_and_others_are_not() {
    for gzip in [false, true] {
        let rig = Rig { gzip, ..Rig::new() };
        for text in ["1", "2"] {
            let mut archive = rig.open();
            write(&mut archive, text, &rig.at(0));
            archive.close().unwrap();
        }
        match gzip {
            false => rig.holds(&[("t.h.1000.log", "1\n2\n")]),
            true => {
                rig.holds(&[("t.h-000000.1000.log.gz", "1\n"), ("t.h-000001.1000.log.gz", "2\n")]);
            }
        }
    }
}

#[test]
fn a_file_that_is_full_is_not_appended_to() {
    let rig = Rig { rules: Rules { rotate_size: 3, ..RULES }, ..Rig::new() };
    for text in ["1", "2", "3"] {
        let mut archive = rig.open();
        write(&mut archive, text, &rig.at(0));
    }
    rig.holds(&[("t.h-000000.1000.log", "1\n2\n"), ("t.h-000001.1000.log", "3\n")]);
}

#[test]
fn finished_files_never_replace_others() {
    for foreign in [false, true] {
        let rig = Rig { separate: true, ..Rig::new() };
        let files = rig.dying();
        if foreign {
            files.mount(&rig.work());
        }
        let mut archive = rig.open_on(Arc::new(files)).unwrap();
        write(&mut archive, "1", &rig.at(0));
        fs::create_dir_all(rig.out()).unwrap();
        for revision in 0..2 {
            fs::write(rig.out().join(format!("t.h-00000{revision}.1000.log")), "theirs\n").unwrap();
        }
        archive.close().unwrap();
        write(&mut archive, "2", &rig.at(0));
        archive.close().unwrap();
        rig.holds(&[
            ("t.h-000000.1000.log", "theirs\n"),
            ("t.h-000001.1000.log", "theirs\n"),
            ("t.h-000002.1000.log", "1\n"),
            ("t.h-000003.1000.log", "2\n"),
        ]);
    }
}

#[test]
fn names_may_have_directories() {
    let rig =
        Rig { separate: true, filename_format: "<TOPIC>/<DATETIME>/<PID><REV>", ..Rig::new() };
    let mut archive = rig.open();
    write(&mut archive, "1", &rig.at(0));
    archive.close().unwrap();
    rig.holds(&[("t/1000/7-000000", "1\n")]);
}

#[test]
fn compressed_files_are_members_of_what_each_sync_made_durable_and_an_empty_one() {
    let rig = Rig { gzip: true, ..Rig::new() };
    let mut archive = rig.open();
    write(&mut archive, "1", &rig.at(0));
    write(&mut archive, "2", &rig.at(0));
    archive.sync().unwrap();
    let path = rig.out().join("t.h-000000.1000.log.gz");
    let synced = fs::read(&path).unwrap();
    let mut text = String::new();
    MultiGzDecoder::new(&synced[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, "1\n2\n");
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    assert_eq!(synced[..10], header);
    archive.close().unwrap();
    let closed = fs::read(&path).unwrap();
    assert_eq!(closed[..synced.len()], synced);
    assert_eq!(closed[synced.len()..], [&header[..], &[3, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat());
}

#[test]
fn after_an_error_nothing_is_acknowledged() {
    for step in ["write", "sync", "sync dir"] {
        let rig = Rig { separate: true, ..Rig::new() };
        let files = rig.dying();
        let mut archive = rig.open_on(Arc::new(files.clone())).unwrap();
        write(&mut archive, "1", &rig.at(0));
        write(&mut archive, "2", &rig.at(0));
        files.fail(step);
        let Failure { error, synced, unsynced } = archive.close().unwrap_err();
        assert!(matches!(error, ArchiveError::Failed { .. }), "{error}");
        assert_eq!((synced, unsynced), (strings(&[]), strings(&["2"])), "{step}");
        files.fail("nothing");
        for result in [
            archive.close(),
            archive.sync(),
            archive.tick(&rig.at(1)),
            archive.write("3".to_owned(), &rig.at(1)),
        ] {
            assert!(matches!(result.unwrap_err().error, ArchiveError::Broken));
        }
        assert_eq!(archive.unsynced().len(), 0);
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn what_is_durable_before_an_error_is_acknowledged() {
    for (step, left) in [("rename", "1\n2\n"), ("create", "")] {
        let rules = Rules { rotate_size: 3, ..RULES };
        let rig = Rig { separate: true, rules, ..Rig::new() };
        let files = rig.dying();
        let mut archive = rig.open_on(Arc::new(files.clone())).unwrap();
        write(&mut archive, "1", &rig.at(0));
        write(&mut archive, "2", &rig.at(0));
        files.fail(step);
        // This one needs another file.
        let Failure { error, synced, unsynced } =
            archive.write("3".to_owned(), &rig.at(0)).unwrap_err();
        assert!(matches!(error, ArchiveError::Failed { .. }), "{error}");
        assert_eq!((synced, unsynced), (strings(&["2"]), strings(&["3"])), "{step}");
        files.lose_power();
        let found: String = contents(&rig.work()).into_iter().map(|(_, text)| text).collect();
        assert_eq!(found, left, "{step}");
    }
}

#[test]
fn two_processes_may_append_to_one_plain_file_and_the_last_one_moves_it() {
    for separate in [false, true] {
        let rig = Rig { separate, ..Rig::new() };
        let (mut one, mut other) = (rig.open(), rig.open());
        write(&mut one, "1", &rig.at(0));
        write(&mut other, "2", &rig.at(0));
        one.close().unwrap();
        write(&mut other, "3", &rig.at(0));
        other.close().unwrap();
        let name = if separate { "t.h-000000.1000.log" } else { "t.h.1000.log" };
        rig.holds(&[(name, "1\n2\n3\n")]);
        assert!(!separate || files_below(&rig.work()).is_empty());
    }
}

#[test]
fn files_of_living_processes_are_no_leftovers() {
    for gzip in [false, true] {
        let rig = Rig { separate: true, gzip, ..Rig::new() };
        let mut living = rig.open();
        write(&mut living, "1", &rig.at(0));
        let mut other = rig.open();
        living.write("2".to_owned(), &rig.at(0)).unwrap();
        living.close().unwrap();
        other.close().unwrap();
        assert_eq!(rig.contents()[0].1, "1\n2\n");
    }
}

#[test]
fn leftovers_are_cut_to_what_is_whole_and_moved() {
    let rig = Rig { separate: true, ..Rig::new() };
    fs::create_dir_all(rig.work()).unwrap();
    for (name, text) in [
        ("t.h-000000.0900.log", "whole\n"),
        ("t.h-000001.0900.log", "whole\ntorn"),
        ("t.h-000002.0900.log", "torn"),
        ("t.other-000000.0900.log", "of another host"),
        ("u.h-000000.0900.log", "of another topic"),
    ] {
        fs::write(rig.work().join(name), text).unwrap();
    }
    drop(rig.open());
    rig.holds(&[("t.h-000000.0900.log", "whole\n"), ("t.h-000001.0900.log", "whole\n")]);
    let left: Vec<_> = contents(&rig.work()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["t.other-000000.0900.log", "u.h-000000.0900.log"]);
}

#[test]
fn a_torn_line_is_cut_before_a_plain_file_is_appended_to() {
    let rig = Rig::new();
    fs::create_dir_all(rig.out()).unwrap();
    fs::write(rig.out().join("t.h.1000.log"), "whole\ntorn").unwrap();
    let mut archive = rig.open();
    write(&mut archive, "next", &rig.at(0));
    rig.holds(&[("t.h.1000.log", "whole\nnext\n")]);
}

#[test]
fn a_directory_in_the_place_of_a_leftover_is_left_alone() {
    let rig = Rig { separate: true, ..Rig::new() };
    fs::create_dir_all(rig.work().join("t.h-000000.0900.log")).unwrap();
    drop(rig.open());
    rig.holds(&[]);
}

#[test]
fn copies_keep_the_time_and_half_a_copy_is_begun_again() {
    let rig = Rig { separate: true, ..Rig::new() };
    let files = rig.dying();
    files.mount(&rig.work());
    let mut archive = rig.open_on(Arc::new(files)).unwrap();
    write(&mut archive, "1", &rig.at(0));
    fs::create_dir_all(rig.out()).unwrap();
    let half = rig.out().join(".t.h-000000.1000.log.copying");
    fs::File::create(&half).unwrap().write_all(b"half of something longer").unwrap();
    let written = fs::metadata(rig.work().join("t.h-000000.1000.log")).unwrap().modified().unwrap();
    archive.close().unwrap();
    rig.holds(&[("t.h-000000.1000.log", "1\n")]);
    let copied = fs::metadata(rig.out().join("t.h-000000.1000.log")).unwrap().modified().unwrap();
    assert_eq!(copied, written);
}

/// What one process does with messages `0..`; acknowledged ones are added to `acknowledged`, also when it fails.
fn live(
    rig: &Rig,
    files: &DyingFiles,
    acknowledged: &mut BTreeSet<String>,
) -> Result<(), ArchiveError> {
    let mut archive = rig.open_on(Arc::new(files.clone()))?;
    let mut acknowledge = |result: Result<Vec<String>, Failure<String>>| {
        let (result, synced) = match result {
            Ok(synced) => (Ok(()), synced),
            Err(Failure { error, synced, .. }) => (Err(error), synced),
        };
        acknowledged.extend(synced);
        result
    };
    for number in 0..12 {
        let now = rig.at(number * 8);
        acknowledge(archive.write(format!("message {number}"), &now))?;
        match number {
            3 => acknowledge(archive.sync())?,
            5 => archive.flush().map_err(|failure| failure.error)?,
            6 => acknowledge(archive.close())?,
            8 => acknowledge(archive.tick(&rig.at(number * 8 + 30)))?,
            _ => {}
        }
    }
    acknowledge(archive.close())
}

/// Kills a process in its `steps`th change; true if it came to its end before that.
fn killed_at(rig: &Rig, steps: usize, foreign: bool, power: bool) -> bool {
    let files = rig.dying();
    if foreign {
        files.mount(&rig.work());
    }
    files.die_after(steps);
    let mut acknowledged = BTreeSet::new();
    let ended = live(rig, &files, &mut acknowledged);
    if power {
        files.lose_power();
    }
    // What was not acknowledged is delivered again, to a process that lives.
    let living = rig.dying();
    if foreign {
        living.mount(&rig.work());
    }
    let mut archive = rig.open_on(Arc::new(living)).unwrap();
    let all: BTreeSet<_> = (0..12).map(|number| format!("message {number}")).collect();
    for message in all.difference(&acknowledged) {
        archive.write(message.clone(), &rig.at(100)).unwrap();
    }
    archive.close().unwrap();
    let found = rig.contents();
    let lines: BTreeSet<_> =
        found.iter().flat_map(|(_, text)| text.lines().map(str::to_owned)).collect();
    assert_eq!(lines, all, "killed at step {steps}, power lost: {power}, {found:?}");
    let hidden = found.iter().any(|(name, _)| name.starts_with('.'));
    assert!(!hidden || power, "step {steps}: {found:?}");
    if rig.separate {
        assert_eq!(
            files_below(&rig.work()),
            [] as [PathBuf; 0],
            "step {steps}, power lost: {power}"
        );
    }
    ended.is_ok()
}

#[test]
fn nothing_acknowledged_is_lost_wherever_a_process_is_killed() {
    for gzip in [false, true] {
        for (separate, foreign) in [(false, false), (true, false), (true, true)] {
            for rotate_size in [0, 30] {
                for power in [false, true] {
                    let rig = Rig {
                        gzip,
                        separate,
                        rules: Rules { rotate_size, ..RULES },
                        filename_format: "<TOPIC>/<HOST><REV>.<DATETIME>.log",
                        ..Rig::new()
                    };
                    let ended =
                        (1..500).find(|&steps| killed_at(&rig.again(), steps, foreign, power));
                    assert!(
                        ended.is_some_and(|steps| steps > 10),
                        "the process never came to its end"
                    );
                }
            }
        }
    }
}
