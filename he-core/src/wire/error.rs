//! Errors of reading and writing files: file, expected, found, hint.

use thiserror::Error;

use crate::error::{Class, Explain, SYSTEM_HINT};
use crate::multiparty::MultipartyError;
use crate::rlwe::RlweError;

/// Why a file cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WireError {
    /// The operating system refused.
    #[error("cannot {op}")]
    Io {
        /// File.
        file: String,
        /// What was tried.
        op: &'static str,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Larger than anything that can be meant.
    #[error("expected at most {limit} bytes, found {found}")]
    TooLarge {
        /// File.
        file: String,
        /// Limit in bytes.
        limit: u64,
        /// Bytes found or declared.
        found: u64,
    },
    /// Not one of our files.
    #[error("expected a velum file, found one that begins with {found}")]
    Magic {
        /// File.
        file: String,
        /// First bytes, in hexadecimal.
        found: String,
    },
    /// Another kind of file.
    #[error("expected a file of kind \"{expected}\", found kind number {found}")]
    Kind {
        /// File.
        file: String,
        /// Kind wanted.
        expected: &'static str,
        /// Number of the kind found.
        found: u16,
    },
    /// A format version that this build cannot read.
    #[error("expected format version {expected} of \"{kind}\", found {found}")]
    Version {
        /// File.
        file: String,
        /// Kind of file.
        kind: &'static str,
        /// Version of this build.
        expected: u16,
        /// Version found.
        found: u16,
    },
    /// Made for other parameters or another plan.
    #[error("expected a file of parameters or plan {expected}, found {found}")]
    Binding {
        /// File.
        file: String,
        /// Binding wanted, in hexadecimal.
        expected: String,
        /// Binding found, in hexadecimal.
        found: String,
    },
    /// A length that does not follow from the parameters.
    #[error("{what}: expected {expected}, found {found}")]
    Length {
        /// File.
        file: String,
        /// What is counted.
        what: &'static str,
        /// Number expected.
        expected: u64,
        /// Number found.
        found: u64,
    },
    /// The file ends early.
    #[error("ends in the middle of {what}")]
    Truncated {
        /// File.
        file: String,
        /// What was being read.
        what: &'static str,
    },
    /// Bytes after the end.
    #[error("expected the end of the file, found more bytes")]
    Trailing {
        /// File.
        file: String,
    },
    /// A field with an impossible value.
    #[error("{what}: expected {expected}, found {found}")]
    Field {
        /// File.
        file: String,
        /// Which field.
        what: &'static str,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A residue that is not below its prime.
    #[error("{what}: expected residues below {prime}, found {found}")]
    Residue {
        /// File.
        file: String,
        /// Which polynomial.
        what: &'static str,
        /// The prime.
        prime: u64,
        /// The residue.
        found: u64,
    },
    /// The hash at the end does not match.
    #[error("expected the hash {expected}, found contents with {found}")]
    Hash {
        /// File.
        file: String,
        /// Hash that the file ends with.
        expected: String,
        /// Hash of its contents.
        found: String,
    },
    /// A message that the protocol refuses.
    #[error("a message that the protocol refuses")]
    Multiparty {
        /// File.
        file: String,
        /// The reason.
        source: MultipartyError,
    },
    /// Contents that make no key or ciphertext, or that belong to another context.
    #[error("contents that make no key or ciphertext")]
    Rlwe {
        /// File.
        file: String,
        /// The reason.
        source: RlweError,
    },
}

impl WireError {
    /// The file.
    pub fn file(&self) -> &str {
        match self {
            Self::Io { file, .. }
            | Self::TooLarge { file, .. }
            | Self::Magic { file, .. }
            | Self::Kind { file, .. }
            | Self::Version { file, .. }
            | Self::Binding { file, .. }
            | Self::Length { file, .. }
            | Self::Truncated { file, .. }
            | Self::Trailing { file }
            | Self::Field { file, .. }
            | Self::Residue { file, .. }
            | Self::Hash { file, .. }
            | Self::Multiparty { file, .. }
            | Self::Rlwe { file, .. } => file,
        }
    }
}

impl Explain for WireError {
    fn place(&self) -> Option<String> {
        Some(self.file().to_owned())
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Io { .. } => SYSTEM_HINT,
            Self::TooLarge { .. } => "this is not the file that was asked for: check the path",
            Self::Magic { .. } => "check the path; a transfer in text mode also breaks files",
            Self::Kind { .. } => {
                "another kind of file is at this path: check the order of the arguments"
            }
            Self::Version { .. } => {
                "make the file again with this version of the program, or use the version that made it"
            }
            Self::Binding { .. } => "use files that were made from the same plan",
            Self::Truncated { .. } | Self::Trailing { .. } | Self::Hash { .. } => {
                "the file was damaged or only partly copied: copy it again from where it was made"
            }
            Self::Multiparty { source, .. } if source.hint().is_some() => return source.hint(),
            Self::Length { .. }
            | Self::Field { .. }
            | Self::Residue { .. }
            | Self::Multiparty { .. }
            | Self::Rlwe { .. } => {
                "the file was damaged, forged or made for other parameters: make or copy it again"
            }
        };
        Some(hint.to_owned())
    }

    fn class(&self) -> Class {
        match self {
            Self::Io { source, .. } => Class::of_io(source),
            Self::Rlwe { source, .. } => source.class(),
            Self::Multiparty { source, .. } => source.class(),
            _ => Class::Input,
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
