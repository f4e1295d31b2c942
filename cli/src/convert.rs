//! The libraries' errors as failures of the command line: each keeps its place and its hint.

use std::error::Error;

use he_core::evaluator::EvalError;
use he_core::wire::WireError;
use mlr_train::clear::TrainError as ClearTrainError;
use mlr_train::client::prepare::PrepareError;
use mlr_train::client::{PlanRefused, WhitenError};
use mlr_train::data::RowSelectionError;
use mlr_train::files::FileError;
use mlr_train::metrics::{AgreementError, EvaluationError};
use mlr_train::model::ModelError;
use mlr_train::plan::PlanError;
use mlr_train::predict::PlanError as PredictPlanError;
use mlr_train::predict::client::ClientError;
use mlr_train::predict::server::ScoreError;
use mlr_train::server::TrainError;
use mlr_train::sigmoid::RangeError;

use crate::failure::Failure;
use crate::interrupt;

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Io {
                action,
                file,
                source,
            } => Self::io(action, &file, &source).hint_for_system(),
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

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        let hint = error.hint();
        if let WireError::Io { file, op, source } = &error {
            return Self::io(op, std::path::Path::new(file), source).hint(hint);
        }
        // The library's text begins with the file's name.
        let text = error.to_string();
        match text.split_once(": ") {
            Some((file, message)) => Self::input(message).at(file).hint(hint),
            None => Self::input(text).hint(hint),
        }
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Cancelled { .. } => interrupt::failure(),
            TrainError::Source { upload, source } => match source.downcast::<Self>() {
                Ok(failure) => *failure,
                Err(source) => Self::input(source.to_string()).at(format!("ciphertext {upload}")),
            },
            TrainError::Observer { iteration, source } => match source.downcast::<Self>() {
                Ok(failure) => *failure,
                Err(source) => {
                    Self::input(source.to_string()).at(format!("after iteration {iteration}"))
                }
            },
            other => from_text(&other),
        }
    }
}

/// Errors whose text is a line, with a place and a hint on lines of their own.
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
    ClearTrainError,
    ClientError,
    EvalError,
    EvaluationError,
    ModelError,
    PlanError,
    PlanRefused,
    PredictPlanError,
    PrepareError,
    RangeError,
    RowSelectionError,
    ScoreError,
    WhitenError,
);

/// Splits an error's text, causes included, into message, place and hint.
pub(crate) fn from_text(error: &dyn Error) -> Failure {
    let mut failure = parts(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = parts(&error.to_string());
        // An error that speaks for its cause has said this already.
        if !failure.message.contains(&inner.message) {
            failure.message = format!("{}: {}", failure.message, inner.message);
        }
        failure.at = failure.at.or(inner.at);
        failure.hint = failure.hint.or(inner.hint);
        cause = error.source();
    }
    failure
}

fn parts(text: &str) -> Failure {
    let mut lines = text.lines();
    let mut failure = Failure::input(lines.next().unwrap_or_default());
    for line in lines {
        if let Some(at) = line.strip_prefix("  at: ") {
            failure = failure.at(at);
        } else if let Some(hint) = line.strip_prefix("  hint: ") {
            failure = failure.hint(hint);
        } else {
            failure.message = format!("{}; {}", failure.message, line.trim());
        }
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use he_core::evaluator::Level;

    #[test]
    fn place_hint_and_causes_are_kept() {
        let step = TrainError::Step {
            iteration: 4,
            iterations: 5,
            step: "product of scores",
            source: EvalError::LevelExhausted {
                op: "product",
                needed: Level(1),
                available: Level(0),
            },
        };
        let failure = Failure::from(step);
        assert_eq!(
            failure.at.as_deref(),
            Some("iteration 4 of 5, product of scores")
        );
        assert_eq!(
            failure.message,
            "product needs level 1, the ciphertext has level 0"
        );
    }

    #[test]
    fn a_failure_goes_through_the_training_unchanged() {
        let inner = Failure::input("expected 5 bytes, found 4")
            .at("data-0-0.ct")
            .hint("again");
        let error = TrainError::Source {
            upload: mlr_train::packing::Upload::Data { block: 0, group: 0 },
            source: Box::new(inner.clone()),
        };
        assert_eq!(Failure::from(error).human(), inner.human());
    }
}
