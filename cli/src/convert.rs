//! The libraries' errors as failures of the command line: each keeps its place and its hint.

use mlr_train::clear::TrainError;
use mlr_train::client::{PlanRefused, WhitenError};
use mlr_train::data::RowSelectionError;
use mlr_train::files::FileError;
use mlr_train::metrics::{AgreementError, EvaluationError};
use mlr_train::model::ModelError;
use mlr_train::sigmoid::RangeError;

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

/// Errors whose text is a line, with a hint on a second one.
macro_rules! from_text {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                from_text(&error)
            }
        }
    )*};
}

from_text!(
    AgreementError,
    EvaluationError,
    ModelError,
    PlanRefused,
    RangeError,
    RowSelectionError,
    TrainError,
    WhitenError,
);

/// Splits an error's text into message, place and hint.
pub(crate) fn from_text(error: &dyn std::error::Error) -> Failure {
    let text = error.to_string();
    let mut lines = text.lines();
    let mut failure = Failure::input(lines.next().unwrap_or_default());
    for line in lines {
        if let Some(at) = line.strip_prefix("  at: ") {
            failure = failure.at(at);
        } else if let Some(hint) = line.strip_prefix("  hint: ") {
            failure = failure.hint(hint);
        } else {
            failure.message.push(' ');
            failure.message.push_str(line.trim());
        }
    }
    failure
}
