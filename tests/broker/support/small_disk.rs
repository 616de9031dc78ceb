//! A file system of a few megabytes, in a mount namespace of its own.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::nsqd::Nsqd;

/// A tmpfs that only processes inside its namespace see under its path. It is gone with this value.
pub struct SmallDisk {
    /// Holds the namespace until its standard input ends.
    holder: Child,
    mount_point: PathBuf,
}

impl SmallDisk {
    /// Mounts one; `None` where the machine does not allow that, which is said on the terminal even by
    /// a test that passes.
    pub fn mount(mount_point: &Path, bytes: usize) -> Option<Self> {
        match Self::try_mount(mount_point, bytes) {
            Ok(disk) => Some(disk),
            Err(reason) => {
                let skipped = format!("SKIPPED, no small file system to test with: {reason}\n");
                let _ = io::stderr().write_all(skipped.as_bytes()); // past the capture of output
                None
            }
        }
    }

    fn try_mount(mount_point: &Path, bytes: usize) -> Result<Self, String> {
        let script =
            format!("mount -t tmpfs -o size={bytes} none \"$1\" && echo mounted && exec cat");
        let mut holder = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"])
            .arg(mount_point)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("unshare: {error}"))?;
        let mut said = String::new();
        let _ = BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said);
        if said != "mounted\n" {
            let _already_gone = holder.kill();
            let _ = holder.stderr.take().unwrap().read_to_string(&mut said);
            let _already_gone = holder.wait();
            return Err(said);
        }
        Ok(Self { holder, mount_point: mount_point.to_owned() })
    }

    /// What to put before a command that is to run inside.
    pub fn wrapper(&self) -> Vec<String> {
        let target = format!("--target={}", self.holder.id());
        let enter = ["nsenter", &target, "--user", "--mount", "--preserve-credentials", "--"];
        enter.map(str::to_owned).to_vec()
    }

    /// A broker whose data path is the small disk.
    #[track_caller]
    pub fn start(bytes: usize, flags: &[&str]) -> Option<(Self, Nsqd)> {
        let data = tempfile::tempdir().unwrap();
        let disk = Self::mount(data.path(), bytes)?;
        let nsqd = Nsqd::wrapped(disk.wrapper(), data, flags);
        Some((disk, nsqd))
    }

    /// A file on it, as seen from outside.
    pub fn file(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.mount_point.strip_prefix("/").unwrap()).join(name)
    }

    /// Takes so many bytes away from the broker.
    pub fn fill_partly(&self, bytes: usize) {
        fs::write(self.filler(), vec![b'x'; bytes]).unwrap();
    }

    /// Leaves no byte free.
    pub fn fill(&self) {
        let mut filler = File::options().append(true).create(true).open(self.filler()).unwrap();
        for chunk in [vec![b'x'; 1 << 16], vec![b'x'; 1 << 12]] {
            while filler.write_all(&chunk).is_ok() {}
        }
    }

    /// Gives back what it was filled with.
    pub fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.file("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _already_gone = self.holder.kill();
        let _already_gone = self.holder.wait();
    }
}
