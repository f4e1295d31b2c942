//! Why a file or a whole step fails: the one error of [`crate::artifacts`] and `roles`.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use he_core::error::{Cause, Class, Explain, SYSTEM_HINT};

use crate::files::NewDirectory;

/// Why a file or a whole step fails. [`Explain`] gives place, hint and class.
#[derive(Debug)]
pub struct RunError {
    problem: Problem,
    place: Option<String>,
    hint: Option<String>,
    /// Whether it speaks of nothing but what plans show.
    of_plan: bool,
}

/// What kind of problem it is.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// Wrong input, or a request that is refused; in one line what was expected and what was found.
    Refused(String),
    /// The operating system refused.
    Io {
        /// What was tried, such as `write`.
        action: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A result that does not pass its verification.
    Unverified(String),
    /// The machine has not what the step needs: memory, threads.
    Machine(String),
    /// The work stops until somebody else has done a part of it.
    Waiting(String),
    /// The reporter asked to stop.
    Interrupted,
    /// An error of the code below.
    Cause(Cause),
}

impl RunError {
    fn new(problem: Problem) -> Self {
        Self {
            problem,
            place: None,
            hint: None,
            of_plan: false,
        }
    }

    /// Wrong input, or a refused request.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Problem::Refused(message.into()))
    }

    /// The machine has not what the step needs.
    pub fn machine(message: impl Into<String>) -> Self {
        Self::new(Problem::Machine(message.into()))
    }

    /// A result that does not pass its verification.
    pub fn unverified(message: impl Into<String>) -> Self {
        Self::new(Problem::Unverified(message.into()))
    }

    /// The operating system refused `action` on `path`.
    pub fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        let source = io::Error::new(error.kind(), error.to_string());
        let action = action.to_owned();
        Self::new(Problem::Io { action, source })
            .at(path.display().to_string())
            .hint(SYSTEM_HINT)
    }

    /// The work stops until somebody else has done a part of it.
    pub fn waiting(message: impl Into<String>) -> Self {
        Self::new(Problem::Waiting(message.into()))
    }

    /// Somebody asked to stop.
    pub fn interrupted() -> Self {
        Self::new(Problem::Interrupted)
    }

    /// An error of the code below.
    pub fn caused(error: impl Explain + Send + Sync + 'static) -> Self {
        Self::new(Problem::Cause(Cause::new(error)))
    }

    /// Whether the search for a plan found none: its error speaks of sizes, steps and limits, which plans show anyway, and of no value of any row.
    pub(crate) fn is_of_plan(&self) -> bool {
        self.of_plan
    }

    /// Adds the place, unless one is known already.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        if self.place().is_none() {
            self.place = Some(place.into());
        }
        self
    }

    /// The same error, which names the place that a directory in the making will have where it named the temporary one.
    #[must_use]
    pub(crate) fn settled(mut self, made: &NewDirectory) -> Self {
        let text = |path: &Path| path.display().to_string();
        let place = self.place().unwrap_or_default();
        if let Some(rest) = place.strip_prefix(&text(made.path())) {
            self.place = Some(format!("{}{rest}", text(made.target())));
        }
        self
    }

    /// Adds the hint, unless there is one already.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if Explain::hint(&self).is_none() {
            self.hint = Some(hint.into());
        }
        self
    }

    /// The hint that fits better than the one there is.
    #[must_use]
    pub fn hint_instead(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Refused(message)
            | Problem::Unverified(message)
            | Problem::Machine(message)
            | Problem::Waiting(message) => f.write_str(message),
            Problem::Io { action, .. } => write!(f, "cannot {action}"),
            Problem::Interrupted => f.write_str("interrupted; nothing was left half-written"),
            Problem::Cause(cause) => cause.fmt(f),
        }
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            Problem::Io { source, .. } => Some(source),
            Problem::Cause(cause) => cause.source(),
            _ => None,
        }
    }
}

impl Explain for RunError {
    fn inner(&self) -> Option<&dyn Explain> {
        match &self.problem {
            Problem::Cause(cause) => Some(cause),
            _ => None,
        }
    }

    fn place(&self) -> Option<String> {
        self.place.clone().or_else(|| self.inner()?.place())
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone().or_else(|| self.inner()?.hint())
    }

    fn class(&self) -> Class {
        match &self.problem {
            Problem::Refused(_) => Class::Input,
            Problem::Io { source, .. } => Class::of_io(source),
            Problem::Unverified(_) => Class::Verification,
            Problem::Machine(_) => Class::Environment,
            Problem::Waiting(_) => Class::Waiting,
            Problem::Interrupted => Class::Interrupted,
            Problem::Cause(cause) => cause.class(),
        }
    }
}

impl From<crate::plan::PlanError> for RunError {
    fn from(error: crate::plan::PlanError) -> Self {
        Self {
            of_plan: true,
            ..Self::caused(error)
        }
    }
}

/// Errors of the code below become causes.
macro_rules! caused {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for RunError {
            fn from(error: $error) -> Self {
                Self::caused(error)
            }
        }
    )*};
}

caused!(
    crate::clear::TrainError,
    crate::client::PlanRefused,
    crate::client::WhitenError,
    crate::client::accept::NotAccepted,
    crate::client::decrypt::DecryptError,
    crate::client::encrypt::EncryptError,
    crate::client::prepare::PrepareError,
    crate::client::refresh::RefreshError,
    crate::client::statistics::MergeError,
    crate::data::RowSelectionError,
    crate::files::FileError,
    crate::metrics::AgreementError,
    crate::metrics::EvaluationError,
    crate::model::ModelError,
    crate::packing::LayoutError,
    crate::predict::PlanError,
    crate::predict::client::ClientError,
    crate::predict::server::ScoreError,
    crate::server::TrainError,
    crate::sigmoid::RangeError,
    he_core::evaluator::EvalError,
    he_core::multiparty::MultipartyError,
    he_core::params::ParamsError,
    he_core::rlwe::RlweError,
    he_core::wire::WireError,
);
#[cfg(feature = "sunscreen")]
caused!(
    crate::exact::bfv::ExactError,
    crate::exact::plan::ExactPlanError,
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Access;

    #[test]
    fn a_directory_in_the_making_is_named_as_it_will_be() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("model");
        let made = NewDirectory::begin(&target, Access::Private, "model").unwrap();
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = RunError::io("write", &made.path().join("config.json"), &full).settled(&made);
        let expected = target.join("config.json").display().to_string();
        assert_eq!(error.place(), Some(expected));
        let other = RunError::io("write", Path::new("elsewhere"), &full).settled(&made);
        assert_eq!(other.place().as_deref(), Some("elsewhere"));
    }
}
