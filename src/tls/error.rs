//! What can be wrong with files of certificates and keys.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio_rustls::rustls;

use crate::os_error::os_text;

/// What is wrong with a file of certificates or keys.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("open {}: {}", path.display(), os_text(source))]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// One file of the pair was given, the other was not: the option that is missing.
    #[error("--{0} is missing: a certificate needs its key, and a key its certificate")]
    Alone(&'static str),
    /// It holds nothing of the kind.
    #[error("no {kind} found in {}", path.display())]
    Nothing {
        /// What was looked for.
        kind: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// A key of a kind that is not supported, or damaged.
    #[error("key in {} cannot be used: {source}", path.display())]
    BadKey {
        /// Where.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// Not a certificate.
    #[error("certificate in {} cannot be read", .0.display())]
    BadCertificate(PathBuf),
    /// The key belongs to another certificate.
    #[error("private key does not match the public key of the certificate")]
    Mismatch,
    /// A file of certificate authorities without any.
    #[error("failed to append certificate to pool")]
    NoAuthority,
    /// The library refuses it.
    #[error("{0}")]
    Refused(String),
}

impl FileError {
    /// Of a file that the operating system does not let be read.
    pub fn unreadable(path: &Path, source: io::Error) -> Self {
        Self::Unreadable { path: path.to_owned(), source }
    }

    /// Of a file that has nothing of this kind in it.
    pub fn nothing(kind: &'static str, path: &Path) -> Self {
        Self::Nothing { kind, path: path.to_owned() }
    }
}
