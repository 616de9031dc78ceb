//! `nsq log repair`: makes every topic clean.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{DataPath, unreadable, worse};
use crate::{
    cli::{Console, ExitCode},
    storage::{
        LogOptions, RealDisk, Replayed,
        repair::{Repaired, repair},
    },
};

pub(super) fn run(dir: &Path, console: &mut Console<'_>) -> ExitCode {
    let opened = DataPath::open(dir, Arc::new(RealDisk));
    let (data_dir, topics) =
        match opened.and_then(|data_dir| data_dir.topics().map(|topics| (data_dir, topics))) {
            Ok(opened) => opened,
            Err(error) => return unreadable(error, console),
        };
    let aside = unused(dir);
    let kept = aside.display();
    let mut code = ExitCode::Success;
    let Replayed { files, restored, damage, .. } = data_dir.replayed();
    if *files > 0 {
        code = console.say(&format!("journal: {restored} records put into their logs; removed"));
    }
    for damage in damage {
        code = worse(code, console.say(&format!("journal: damaged: {damage}; skipped")));
    }
    for topic in topics {
        code = worse(
            code,
            match repair(&data_dir, &topic, &LogOptions::default(), &aside) {
                Ok(Repaired::Nothing) => console.say(&format!("topic={topic} is clean")),
                Ok(Repaired::TornTail(bytes)) => console.say(&format!(
                    "topic={topic} {bytes} bytes of an unfinished write cut off, kept in {kept}"
                )),
                Ok(Repaired::Rewritten) => console.say(&format!(
                    "topic={topic} written anew without what is damaged; the old one is in {kept}"
                )),
                Err(error) => unreadable(format_args!("topic={topic} {error}"), console),
            },
        );
    }
    code
}

/// A name that no earlier repair has taken.
fn unused(dir: &Path) -> PathBuf {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let plain = dir.join(format!("repaired-{time}"));
    let numbered = (2..).map(|number| dir.join(format!("repaired-{time}-{number}")));
    let mut names = std::iter::once(plain.clone()).chain(numbered);
    names.find(|name| !name.exists()).unwrap_or(plain)
}
