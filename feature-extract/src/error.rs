//! What can go wrong, with the file, what was expected, what was found and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// An error of this crate. `Display` is one line without the place; [`Error::place`] says where it happened, [`Error::hint`] what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {operation}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, as a verb: "read", "create".
        operation: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// A file, or an argument, is not what was asked for. The run cannot go on.
    #[error("expected {expected}, found {found}")]
    Input {
        /// The file.
        path: PathBuf,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
        /// What to do about it.
        hint: String,
    },
    /// A checkpoint does not hold the tensors of the architecture.
    #[cfg(feature = "cnn")]
    #[error("expected the {} tensors of {architecture}, found {}{}",
        tensors.expected, tensors.found, tensors.listed())]
    Weights {
        /// The checkpoint.
        path: PathBuf,
        /// The architecture asked for.
        architecture: &'static str,
        /// What does not fit.
        tensors: Box<Mismatch>,
    },
    /// One picture cannot be used; those after it can. The only error that may be skipped.
    #[error("expected {expected}, found {found}")]
    BadPicture {
        /// The picture: a file, or a file and an index.
        picture: String,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
}

impl Error {
    pub(crate) fn input(
        path: &Path,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::Input {
            path: path.to_owned(),
            expected: expected.into(),
            found: found.into(),
            hint: hint.into(),
        }
    }

    pub(crate) fn bad_picture(
        picture: impl ToString,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::BadPicture {
            picture: picture.to_string(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// For `map_err`: an I/O error of `operation` on `path`.
    pub(crate) fn io(
        path: &Path,
        operation: &'static str,
    ) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io {
            path,
            operation,
            source,
        }
    }

    /// Whether the pictures after this one can still be read.
    #[must_use]
    pub fn is_skippable(&self) -> bool {
        matches!(self, Self::BadPicture { .. })
    }

    /// The file or picture where it happened.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        match self {
            Self::Io { path, .. } | Self::Input { path, .. } => Some(path.display().to_string()),
            #[cfg(feature = "cnn")]
            Self::Weights { path, .. } => Some(path.display().to_string()),
            Self::BadPicture { picture, .. } => Some(picture.clone()),
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Io { .. } => None,
            Self::Input { hint, .. } => Some(hint),
            #[cfg(feature = "cnn")]
            Self::Weights { .. } => Some(
                "give the checkpoint that torchvision publishes for this architecture, or name another architecture",
            ),
            Self::BadPicture { .. } => {
                Some("replace or remove the picture, or skip bad pictures (they are counted)")
            }
        }
    }
}

/// Tensors that do not fit an architecture, as `name [shape]`.
#[cfg(feature = "cnn")]
#[derive(Debug, Clone, Default)]
pub struct Mismatch {
    /// Number of tensors the architecture reads.
    pub expected: usize,
    /// Number of tensors that fit.
    pub found: usize,
    /// Tensors that the file lacks.
    pub missing: Vec<String>,
    /// Tensors of another shape, element type or range.
    pub wrong: Vec<String>,
    /// Tensors that the architecture does not have.
    pub unused: Vec<String>,
}

#[cfg(feature = "cnn")]
impl Mismatch {
    /// At most eight names of each kind: a wrong checkpoint lacks hundreds.
    fn listed(&self) -> String {
        const SHOWN: usize = 8;
        let mut text = String::new();
        for (what, names) in [
            ("missing", &self.missing),
            ("wrong", &self.wrong),
            ("unused", &self.unused),
        ] {
            if !names.is_empty() {
                let shown = &names[..names.len().min(SHOWN)];
                text += &format!("; {what}: {}", shown.join(", "));
            }
            if names.len() > SHOWN {
                text += &format!(" and {} more", names.len() - SHOWN);
            }
        }
        text
    }
}
