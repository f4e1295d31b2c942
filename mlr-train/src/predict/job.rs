//! What is scored: sizes, layout, bounds and scales. Public.

use he_core::error::Explain;
use he_core::evaluator::{Level, Placement};
use he_core::params::Params;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::layout::{Layout, LayoutError, Shape};

/// What the server has of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelForm {
    /// The model itself.
    Clear,
    /// Ciphertexts of it, under the key of the rows.
    Encrypted,
}

/// Largest values: what must fit the moduli. Rows and models beyond them are refused at the client.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Largest absolute feature.
    pub data: f64,
    /// Largest absolute weight.
    pub weight: f64,
    /// Largest sum of a class's absolute weights, times `data`: no score and no part of one exceeds it.
    pub score: f64,
    /// Largest sum of absolute weights in a block of a diagonal, times `data` ([`Layout::diagonal_norm`]).
    pub diagonal: f64,
    /// Largest absolute intercept.
    pub intercept: f64,
}

/// Usual values, which the estimate of the scores' error reckons with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typical {
    /// Root mean square of the features.
    pub data: f64,
    /// Root mean square of the weights.
    pub weight: f64,
    /// Distance from the smallest to the largest score: errors are judged by it.
    pub range: f64,
}

/// log2 of the scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scales {
    /// Of the encrypted rows.
    pub data: i32,
    /// Of the scores.
    pub score: i32,
}

/// A scoring job before its check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Sizes.
    pub shape: Shape,
    /// What the server has of the model.
    pub model: ModelForm,
    /// blake3 of a clear model's weights and intercept ([`fingerprint`](super::fingerprint)), in hex; none for an encrypted model.
    pub model_blake3: Option<String>,
    /// Slots B of a block.
    pub block: usize,
    /// Terms of a stage of the folds.
    pub radix: usize,
    /// Largest values.
    pub bounds: Bounds,
    /// Usual values.
    pub typical: Typical,
    /// Scales.
    pub scales: Scales,
    /// What the weights that are too small to be encoded add to a score at most (clear model).
    pub dropped: f64,
}

/// Why a program is not usable.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// Sizes.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A number out of range.
    #[error("{what}: expected {expected}, found {found}")]
    Number {
        /// Which one.
        what: &'static str,
        /// What fits.
        expected: &'static str,
        /// What was given.
        found: f64,
    },
    /// A hash that does not fit the form of the model.
    #[error(
        "model: expected a hash of 64 hex digits for a clear model and none for an encrypted one"
    )]
    ModelHash,
}

impl Explain for ProgramError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Layout(source) => Some(source),
            _ => None,
        }
    }
}

/// A checked program under a parameter set.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    program: Program,
    layout: Layout,
    /// Top prime of a fresh ciphertext: what the one rescale divides by.
    prime: f64,
}

/// Fewest bits that the evaluator lets a plaintext be rounded to, and a little for the rounding of the comparison.
const FACTOR: f64 = 4096.0 * (1.0 + 1e-9);

impl Job {
    /// Checks `program`.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub fn new(program: Program, params: &Params) -> Result<Self, ProgramError> {
        let layout = Layout::new(program.shape, params.slots(), program.block)?;
        let (b, t) = (program.bounds, program.typical);
        let number = |what, expected, found: f64, good: bool| match good && found.is_finite() {
            true => Ok(()),
            false => Err(ProgramError::Number {
                what,
                expected,
                found,
            }),
        };
        for (what, value) in [
            ("bound of the features", b.data),
            ("bound of the weights", b.weight),
            ("bound of the scores", b.score),
            ("bound of a diagonal", b.diagonal),
            ("usual feature", t.data),
            ("usual weight", t.weight),
            ("range of the scores", t.range),
        ] {
            number(what, "a number above 0", value, value > 0.0)?;
        }
        for (what, value) in [
            ("bound of the intercepts", b.intercept),
            ("dropped weights", program.dropped),
        ] {
            number(what, "a number of at least 0", value, value >= 0.0)?;
        }
        for (what, log2) in [
            ("scale of the rows", program.scales.data),
            ("scale of the scores", program.scales.score),
        ] {
            number(
                what,
                "an exponent from 1 to 90",
                f64::from(log2),
                (1..=90).contains(&log2),
            )?;
        }
        let radix = program.radix;
        number(
            "radix",
            "2 to 64",
            radix as f64,
            radix.is_power_of_two() && (2..=64).contains(&radix),
        )?;
        number(
            "levels",
            "at least 1",
            params.max_level() as f64,
            params.max_level() >= 1,
        )?;
        let hash = program.model_blake3.as_deref();
        let good = match program.model {
            ModelForm::Clear => hash
                .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())),
            ModelForm::Encrypted => hash.is_none(),
        };
        if !good {
            return Err(ProgramError::ModelHash);
        }
        Ok(Self {
            program,
            layout,
            prime: params.q()[1] as f64,
        })
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Where encrypted rows stand: level 1.
    pub fn row_placement(&self) -> Placement {
        Placement {
            level: Level(1),
            scale: f64::from(self.program.scales.data).exp2(),
        }
    }

    /// Where encrypted weights stand: level 1, at the scale that brings the product to the scores' scale.
    pub fn weight_placement(&self) -> Placement {
        Placement {
            level: Level(1),
            scale: self.score_placement().scale * self.prime / self.row_placement().scale,
        }
    }

    /// Where scores and encrypted intercepts stand: level 0.
    pub fn score_placement(&self) -> Placement {
        Placement {
            level: Level(0),
            scale: f64::from(self.program.scales.score).exp2(),
        }
    }

    /// Weights of a plaintext whose largest is below this are dropped: the encoding would leave them fewer than 12 bits.
    pub fn smallest_weight(&self) -> f64 {
        FACTOR / self.weight_placement().scale
    }

    /// Bound of a slot of rows: two features at right angles.
    pub fn row_bound(&self) -> f64 {
        self.program.bounds.data * std::f64::consts::SQRT_2
    }

    /// Bound of a slot of scores without intercept.
    pub fn score_bound(&self) -> f64 {
        self.program.bounds.score * std::f64::consts::SQRT_2
    }

    /// Bound of a slot of one diagonal's sum.
    pub fn diagonal_bound(&self) -> f64 {
        self.program.bounds.diagonal * std::f64::consts::SQRT_2
    }

    /// The same job with every value at its usual size: for the estimate of errors, which bounds would put far too high.
    #[must_use]
    pub(crate) fn with_rms_sizes(&self) -> Self {
        let mut job = self.clone();
        let t = self.program.typical;
        job.program.bounds.data = t.data.min(self.program.bounds.data);
        job.program.bounds.weight = t.weight.min(self.program.bounds.weight);
        job
    }
}
