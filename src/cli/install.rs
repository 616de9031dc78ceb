//! `nsq install`: links under the classic names, so that scripts and units written for NSQ find their programs.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::{console::Console, exit_code::ExitCode, programs::PROGRAMS};

/// Where to make the links.
#[derive(Debug, Clone, clap::Args)]
pub struct Install {
    /// Directory for the links; created if it is not there
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}

/// What became of one link.
#[derive(Debug)]
enum Outcome {
    Made,
    AlreadyThere,
    Refused,
    Failed(io::Error),
}

impl Install {
    /// Links every program of this version to `executable` and says what it did for each.
    pub fn run(&self, executable: &Path, console: &mut Console<'_>) -> ExitCode {
        if let Err(error) = fs::create_dir_all(&self.dir) {
            console
                .complain(&format!("nsq install: cannot create {}: {error}", self.dir.display()));
            return ExitCode::Failure;
        }
        let mut code = ExitCode::Success;
        for program in PROGRAMS {
            let name = program.name;
            let link = self.dir.join(name);
            let outcome = make(&link, executable);
            if !report(&outcome, &link, executable, console) {
                code = ExitCode::Failure;
            }
        }
        code
    }
}

fn make(link: &Path, executable: &Path) -> Outcome {
    match symlink(executable, link) {
        Ok(()) => Outcome::Made,
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Outcome::Failed(error),
        Err(_) if is_same_file(link, executable) => Outcome::AlreadyThere,
        Err(_) => Outcome::Refused,
    }
}

fn is_same_file(link: &Path, executable: &Path) -> bool {
    match (fs::canonicalize(link), fs::canonicalize(executable)) {
        (Ok(link), Ok(executable)) => link == executable,
        _ => false,
    }
}

/// Says what became of the link; true if it is as it should be.
fn report(outcome: &Outcome, link: &Path, executable: &Path, console: &mut Console<'_>) -> bool {
    let (link, executable) = (link.display(), executable.display());
    match outcome {
        Outcome::Made => {
            console.say(&format!("{link}: linked to {executable}"));
        }
        Outcome::AlreadyThere => {
            console.say(&format!("{link}: already linked to {executable}"));
        }
        Outcome::Refused => {
            console
                .complain(&format!("{link}: exists and is no link to {executable}, left as it is"));
            return false;
        }
        Outcome::Failed(error) => {
            console.complain(&format!("{link}: cannot be made: {error}"));
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::{Ran, run_with};

    struct Place {
        root: tempfile::TempDir,
        executable: PathBuf,
    }

    impl Place {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let executable = root.path().join("nsq");
            fs::write(&executable, "program").unwrap();
            Self { root, executable }
        }

        fn dir(&self) -> PathBuf {
            self.root.path().join("bin")
        }

        fn link(&self) -> PathBuf {
            self.dir().join("nsqd")
        }

        fn install(&self) -> Ran {
            run_with(|console| Install { dir: self.dir() }.run(&self.executable, console))
        }
    }

    #[test]
    fn links_are_made_once_and_said() {
        let place = Place::new();
        let executable = &place.executable;
        for did in ["linked to", "already linked to", "already linked to"] {
            let ran = place.install();
            assert_eq!((ran.code, ran.err.as_str()), (ExitCode::Success, ""));
            let links = PROGRAMS.map(|program| place.dir().join(program.name));
            let lines = links.each_ref().map(|link| {
                assert_eq!(fs::read_link(link).unwrap(), *executable);
                format!("{}: {did} {}\n", link.display(), executable.display())
            });
            assert_eq!(ran.out, lines.concat());
        }
    }

    /// The other links are made all the same.
    #[track_caller]
    fn is_refused(place: &Place) {
        let ran = place.install();
        assert_eq!(ran.code, ExitCode::Failure);
        assert_eq!(ran.out.lines().count(), PROGRAMS.len() - 1, "{}", ran.out);
        assert!(ran.err.contains("nsqd: exists and is no link to"), "{}", ran.err);
    }

    #[test]
    fn foreign_files_are_left_alone() {
        let place = Place::new();
        fs::create_dir(place.dir()).unwrap();
        fs::write(place.link(), "another nsqd").unwrap();
        is_refused(&place);
        assert_eq!(fs::read_to_string(place.link()).unwrap(), "another nsqd");
    }

    #[test]
    fn foreign_links_are_left_alone() {
        let place = Place::new();
        fs::create_dir(place.dir()).unwrap();
        symlink("gone", place.link()).unwrap();
        is_refused(&place);
        assert_eq!(fs::read_link(place.link()).unwrap(), Path::new("gone"));
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_a_failure() {
        let mut place = Place::new();
        place.executable = "nsq".into();
        fs::write(place.dir(), "a file").unwrap();
        let ran = place.install();
        assert_eq!(ran.code, ExitCode::Failure);
        assert!(ran.err.starts_with("nsq install: cannot create"), "{}", ran.err);
    }
}
