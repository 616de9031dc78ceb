//! The configuration file that `--config` names.

use std::{
    fs::File,
    io::{self, Read},
};

use crate::{
    config::{
        declaration::OptionSpec,
        file::{self, FileError, ParsedFile},
    },
    os_error::os_text,
};

/// Longest file that is read: far above one that says every option.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// The file cannot be opened.
    #[error("failed to load config file {path} - open {path}: {}", os_text(source))]
    Open {
        /// As it was given.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("failed to load config file {path} - read {path}: {}", os_text(source))]
    Read {
        /// As it was given.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Larger than any configuration.
    #[error("failed to load config file {path} - larger than {FILE_BYTES_MAX} bytes")]
    TooLarge {
        /// As it was given.
        path: String,
    },
    /// Not text at all.
    #[error("failed to load config file {path} - toml: line {line}: not valid UTF-8")]
    NotText {
        /// As it was given.
        path: String,
        /// The first line that is none.
        line: usize,
    },
    /// A line makes no sense.
    #[error("failed to load config file {path} - {source}")]
    Refused {
        /// As it was given.
        path: String,
        /// What is wrong with the line.
        source: FileError,
    },
}

/// Reads the file at `path`; its warnings name it.
pub fn load(path: &str, table: &[OptionSpec]) -> Result<ParsedFile, ConfigFileError> {
    let text = read_text(path)?;
    let refused = |source| ConfigFileError::Refused { path: path.to_owned(), source };
    let mut parsed = file::parse(&text, table).map_err(refused)?;
    for warning in &mut parsed.warnings {
        *warning = format!("config file {path}: {warning}");
    }
    Ok(parsed)
}

fn read_text(path: &str) -> Result<String, ConfigFileError> {
    let path = || path.to_owned();
    let file =
        File::open(path()).map_err(|source| ConfigFileError::Open { path: path(), source })?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| ConfigFileError::Read { path: path(), source })?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ConfigFileError::TooLarge { path: path() });
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
        ConfigFileError::NotText { path: path(), line }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{options::NSQD_OPTIONS, value::Value};

    fn load_bytes(bytes: &[u8]) -> (String, Result<ParsedFile, String>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nsqd.cfg").display().to_string();
        fs::write(&path, bytes).unwrap();
        let loaded = load(&path, NSQD_OPTIONS).map_err(|error| error.to_string());
        (path, loaded)
    }

    #[test]
    fn files_are_read_and_warnings_name_them() {
        let (path, loaded) = load_bytes(b"id = 7\nnode-id = 8\n");
        let loaded = loaded.unwrap();
        assert_eq!(loaded.options.get("node-id"), Some(&Value::Integer(7)));
        let warning =
            format!("config file {path}: line 2: unknown key node-id has no effect; is id meant?");
        assert_eq!(loaded.warnings, [warning]);
    }

    #[test]
    fn errors_name_the_file() {
        for (bytes, text) in [
            (&b"id = 1\nid = 2"[..], "toml: line 2: duplicate key at \"id\""),
            (b"id = 1\n#\xff", "toml: line 2: not valid UTF-8"),
            (&[b'#'; (1 << 20) + 1], "larger than 1048576 bytes"),
        ] {
            let (path, loaded) = load_bytes(bytes);
            let expected = format!("failed to load config file {path} - {text}");
            assert_eq!(loaded.unwrap_err(), expected);
        }
        assert!(load_bytes(&[b'#'; 1 << 20]).1.is_ok());
    }

    #[test]
    fn what_cannot_be_read_is_said_in_upstreams_words() {
        let failed = |path: &str| load(path, NSQD_OPTIONS).unwrap_err().to_string();
        assert_eq!(
            failed("/nope.toml"),
            "failed to load config file /nope.toml - open /nope.toml: no such file or directory"
        );
        assert_eq!(failed("/"), "failed to load config file / - read /: is a directory");
    }
}
