//! The libraries' errors as failures of the command line: each keeps its place and its hint.

use mlr_train::data::RowSelectionError;
use mlr_train::files::FileError;
use mlr_train::metrics::{AgreementError, EvaluationError};

use crate::failure::Failure;

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Io {
                action,
                file,
                source,
            } => Self::io(action, &file, &source),
            FileError::Content(fault) => Self::input(format!(
                "expected {}, found {}",
                fault.expected, fault.found
            ))
            .at(format!("{}{}", fault.file.display(), fault.location))
            .hint(fault.hint),
            other => Self::input(other.to_string()),
        }
    }
}

impl From<RowSelectionError> for Failure {
    fn from(error: RowSelectionError) -> Self {
        from_text(&error)
    }
}

impl From<EvaluationError> for Failure {
    fn from(error: EvaluationError) -> Self {
        from_text(&error)
    }
}

impl From<AgreementError> for Failure {
    fn from(error: AgreementError) -> Self {
        from_text(&error)
    }
}

/// An error whose text is a line, with a hint on a second one.
pub(crate) fn from_text(error: &dyn std::error::Error) -> Failure {
    let text = error.to_string();
    match text.split_once("\n  hint: ") {
        Some((message, hint)) => Failure::input(message).hint(hint),
        None => Failure::input(text),
    }
}
