//! `nsq log verify`: a report on every topic.

use std::{fmt::Write, path::Path, sync::Arc};

use super::{DataPath, unreadable, worse};
use crate::{
    cli::{Console, ExitCode},
    protocol::TopicName,
    storage::{ReadOnlyDisk, Replayed, inspection::Inspection},
};

pub(super) fn run(dir: &Path, console: &mut Console<'_>) -> ExitCode {
    let opened = DataPath::open(dir, Arc::new(ReadOnlyDisk));
    let (data_dir, topics) =
        match opened.and_then(|data_dir| data_dir.topics().map(|topics| (data_dir, topics))) {
            Ok(opened) => opened,
            Err(error) => return unreadable(error, console),
        };
    let mut code = verify_journal(data_dir.replayed(), console);
    for topic in topics {
        code = worse(code, verify(&topic, &data_dir.topic_dir(&topic), console));
    }
    let verdict = match code {
        ExitCode::Success => "clean",
        ExitCode::Failure => "damaged; nsq log repair makes it clean",
        _ => "not all of it can be read",
    };
    worse(code, console.say(&format!("{}: {verdict}", dir.display())))
}

/// What a start will make of it. Logs are reported as they are without that.
fn verify_journal(journal: &Replayed, console: &mut Console<'_>) -> ExitCode {
    let Replayed { files, records, restored, damage, .. } = journal;
    if *files == 0 {
        return ExitCode::Success;
    }
    let mut text = format!("journal: files={files} records={records} missing_in_logs={restored}\n");
    for damage in damage {
        say(&mut text, format_args!("journal: damaged: {damage}"));
    }
    if *restored > 0 {
        say(&mut text, format_args!("journal: the next start, or nsq log repair, puts them there"));
    }
    let code = if damage.is_empty() { ExitCode::Success } else { ExitCode::Failure };
    worse(code, console.say(text.trim_end()))
}

fn verify(topic: &TopicName, dir: &Path, console: &mut Console<'_>) -> ExitCode {
    let found = match Inspection::read(dir) {
        Ok(found) => found,
        Err(error) => return unreadable(format_args!("topic={topic} {error}"), console),
    };
    let code = if found.is_clean() { ExitCode::Success } else { ExitCode::Failure };
    worse(code, console.say(report(topic, &found).trim_end()))
}

fn report(topic: &TopicName, found: &Inspection) -> String {
    let Inspection { stored, cursors, records, messages, damaged } = found;
    let (segments, bytes) = (stored.log.segment_count(), stored.log.bytes_on_disk());
    let (first, next) = (stored.recovery.first_seq, stored.recovery.next_seq);
    let paused = if stored.metadata.paused { ", paused" } else { "" };
    let mut text = format!(
        "topic={topic} segments={segments} bytes={bytes} records={records} messages={messages} \
         from={first} next={next}{paused}\n"
    );
    for damage in damaged {
        say(&mut text, format_args!("topic={topic} damaged: {damage}"));
    }
    let torn = stored.recovery.torn_bytes;
    if torn > 0 {
        say(
            &mut text,
            format_args!("topic={topic} torn tail: {torn} bytes of an unfinished write"),
        );
    }
    if let Some(damage) = &stored.metadata_damage {
        say(&mut text, format_args!("topic={topic} damaged: {damage}"));
    }
    for (channel, cursor) in cursors {
        match cursor {
            Err(damage) => say(&mut text, format_args!("topic={topic} damaged: {damage}")),
            Ok(cursor) => {
                let (floor, pending) = (cursor.floor, cursor.pending.len());
                let ranges = cursor.finished.len();
                let paused = if cursor.paused { ", paused" } else { "" };
                say(
                    &mut text,
                    format_args!(
                        "topic={topic} channel={channel} floor={floor} finished_ranges={ranges} \
                         pending={pending}{paused}"
                    ),
                );
            }
        }
    }
    text
}

fn say(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{line}"); // a String takes everything
}
