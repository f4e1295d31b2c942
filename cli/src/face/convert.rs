//! The libraries' errors as failures of the command line.

use he_core::error::{Class, Explain, Report};

use super::failure::{Exit, Failure};

impl From<Class> for Exit {
    fn from(class: Class) -> Self {
        match class {
            Class::Input => Self::Input,
            Class::Environment => Self::Environment,
            Class::Verification => Self::Verification,
            Class::Waiting => Self::Waiting,
            Class::Interrupted => Self::Interrupted,
        }
    }
}

/// Every error of the libraries is a failure of the command line.
impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::of(&error)
    }
}

impl Failure {
    /// The parts of an error of the libraries.
    pub fn of(error: &dyn Explain) -> Self {
        let Report {
            message,
            place,
            hint,
            class,
        } = Report::of(error);
        Self {
            message,
            at: place,
            hint,
            exit: class.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use he_core::evaluator::{Level, Op, Refusal};
    use mlr_train::server::TrainError;

    #[test]
    fn place_hint_and_causes_are_kept() {
        let step = TrainError::Step {
            iteration: 4,
            iterations: 5,
            step: "product of scores",
            source: Refusal::LevelExhausted {
                needed: Level(1),
                available: Level(0),
            }
            .of(Op::AddProduct),
        };
        let failure = Failure::from(step);
        assert_eq!(
            failure.at.as_deref(),
            Some("iteration 4 of 5, product of scores")
        );
        assert_eq!(
            failure.message,
            "an operation is refused: product of ciphertexts needs level 1, the ciphertext has level 0"
        );
        assert_eq!(failure.exit, Exit::Input);
    }
}
