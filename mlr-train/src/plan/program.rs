//! What is computed, apart from the parameters: unchecked [`Program`], checked [`Job`].

use he_core::evaluator::{Level, Placement};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::owners::Owners;
use super::polynomial::Polynomial;
use crate::clear::paper::{Direction, multipliers};
use crate::clear::whitened::Schedule;
use crate::packing::{Arrangement, Layout, LayoutError, Shape, Upload};

/// Which training runs on ciphertexts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Method {
    /// Full quadratic gradient on whitened data, weights starting at zero. 4 levels an iteration after the first (5 with degree 5 or 7).
    Whitened {
        /// Who computes the first gradient.
        first_gradient: FirstGradient,
    },
    /// The seed paper (arXiv 2304.03807): raw data, encrypted labels, encrypted diagonal B, encrypted start weights. 5 levels an iteration.
    Paper {
        /// Every start weight.
        start_weight: f64,
    },
}

/// Who computes the first gradient `(Y - 1/2)^T X`, which no weight enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstGradient {
    /// The client, in clear; no label of any sample is uploaded. 1 level.
    Client,
    /// The server, from encrypted labels. 2 levels.
    Server,
}

/// One iteration of the recurrence, with the ascent direction D taken at V:
/// whitened `W' = V + gain D`, `V' = (1 + momentum) W' - momentum W`;
/// the paper's method `V' = W + gain D`, `W' = (1 + momentum) V' - momentum V` ([`crate::clear::paper`]).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Factor of the direction: m_t/n for whitened data, 1 + gamma_t for the paper's method.
    pub gain: f64,
    /// beta_t for whitened data, -eta_t for the paper's method; above -1.
    pub momentum: f64,
}

impl Step {
    /// The steps of [`crate::clear::whitened`] on `samples` rows.
    pub fn whitened(samples: usize, schedule: &Schedule) -> Vec<Self> {
        let steps = schedule.steps().iter().enumerate();
        steps
            .map(|(t, m)| Self {
                gain: m / samples as f64,
                momentum: Schedule::momentum(t),
            })
            .collect()
    }

    /// The steps of [`crate::clear::paper`] with the diagonal quadratic gradient on `samples` rows.
    pub fn paper(samples: usize, iterations: usize) -> Vec<Self> {
        let all = multipliers(samples, iterations, Direction::QuadraticGradient);
        all.into_iter()
            .map(|m| Self {
                gain: m.step,
                momentum: -m.eta,
            })
            .collect()
    }
}

/// What is known of the values before training, from the client's clear twin. [`he_core::evaluator::Clear`] checks every one of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Largest |x| of the data.
    pub data: f64,
    /// Largest root mean square of a column.
    pub column_rms: f64,
    /// Root mean square of all data: what the estimate of the weights' error reckons with. No run is refused for it but the client's own.
    pub data_rms: f64,
    /// Largest |score| of a training sample in any iteration (2R for a polynomial of range R).
    pub score: f64,
    /// Largest |weight| of any iterate or extrapolated point.
    pub weight: f64,
    /// Largest entry of the diagonal B; 1 where there is none.
    pub curvature: f64,
}

/// log2 of the scales that may be chosen freely; all others follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scales {
    /// Uploaded data.
    pub data: u32,
    /// First gradient as the server works with it, or the start weights of the paper's method.
    pub first: u32,
    /// Errors: sigma(z) - y in column 0.
    pub error: u32,
    /// The diagonal B.
    pub curvature: u32,
}

/// A training job as a plan writes it, unchecked. [`Job::new`] checks it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Samples, columns, classes.
    pub shape: Shape,
    /// Method.
    pub method: Method,
    /// The recurrence, one entry an iteration.
    pub steps: Vec<Step>,
    /// The sigmoid's polynomial.
    pub polynomial: Polynomial,
    /// Bounds of values.
    pub bounds: Bounds,
    /// Which columns stand where.
    pub arrangement: Arrangement,
    /// Columns p of a row, a power of two.
    pub row_length: usize,
    /// Classes trained in one pass over the data; fewer take less memory and read the data more often.
    pub classes_per_pass: usize,
    /// Terms of one stage of a fold: 2, 4, 8 or 16.
    pub radix: usize,
    /// Scales.
    pub scales: Scales,
    /// Who uploads.
    #[serde(default, skip_serializing_if = "Owners::is_default")]
    pub owners: Owners,
}

/// Why a program is no job.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The shape cannot be laid out.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A number out of range.
    #[error("{what}: expected {expected}, found {found}")]
    Number {
        /// Which number.
        what: &'static str,
        /// Range.
        expected: &'static str,
        /// Number given.
        found: f64,
    },
}

/// Most iterations of a plan; no chain of moduli has levels for more.
const MOST_ITERATIONS: usize = 32;
/// How far below their bounds values usually lie.
const TYPICAL_PART: f64 = 4.0;
/// Limits of a traced run, so that a hostile plan cannot keep a reader busy for long.
const MOST_VECTORS: usize = 1 << 17;
const MOST_PRODUCTS: usize = 1 << 24;
/// Columns beside column 0 hold window sums across two samples; the twin finds them within this factor of the largest score.
const WINDOW_FACTOR: f64 = 1.5;

/// A checked program, laid out in ciphertexts of a known number of slots.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    program: Program,
    layout: Layout,
    levels: usize,
}

impl Job {
    /// Checks `program` and lays it out in ciphertexts of `slots` slots.
    ///
    /// # Errors
    /// [`ProgramError`] names the number that is out of range.
    pub fn new(program: Program, slots: usize) -> Result<Self, ProgramError> {
        let layout = Layout::new(
            program.shape,
            slots,
            program.row_length,
            program.arrangement,
        )?
        .with_owners(&program.owners.rows)?;
        let check = |what, expected, found: f64, good: bool| {
            if found.is_finite() && good {
                Ok(())
            } else {
                Err(ProgramError::Number {
                    what,
                    expected,
                    found,
                })
            }
        };
        let iterations = program.steps.len();
        check(
            "iterations",
            "1 to 32",
            iterations as f64,
            (1..=MOST_ITERATIONS).contains(&iterations),
        )?;
        for step in &program.steps {
            check("gain", "a positive number", step.gain, step.gain > 0.0)?;
            check(
                "momentum",
                "a number above -1",
                step.momentum,
                step.momentum > -1.0,
            )?;
        }
        let (polynomial, b) = (&program.polynomial, program.bounds);
        let terms = polynomial.coefficients().len();
        check(
            "coefficients of the polynomial",
            "2, 3 or 4 (degree 3, 5 or 7)",
            terms as f64,
            polynomial.degree().is_some(),
        )?;
        for (k, &c) in polynomial.coefficients().iter().enumerate() {
            if k == 0 {
                check("linear coefficient", "a positive number", c, c > 0.0)?;
            } else {
                check("higher coefficient", "not zero", c, c != 0.0)?;
            }
        }
        for (what, value) in [
            ("bound of the data", b.data),
            ("bound of the columns' rms", b.column_rms),
            ("bound of the data's rms", b.data_rms),
            ("bound of the scores", b.score),
            ("bound of the weights", b.weight),
            ("bound of the diagonal B", b.curvature),
        ] {
            check(what, "a positive number", value, value > 0.0)?;
        }
        let several = program.owners.rows.len() > 1;
        check(
            "owners of data of the paper's method",
            "one",
            program.owners.rows.len() as f64,
            !several || matches!(program.method, Method::Whitened { .. }),
        )?;
        let s = program.scales;
        for (what, value) in [
            ("scale of the data", s.data),
            ("scale of the first gradient", s.first),
            ("scale of the errors", s.error),
            ("scale of the diagonal B", s.curvature),
        ] {
            check(
                what,
                "10 to 90 bits",
                f64::from(value),
                (10..=90).contains(&value),
            )?;
        }
        let radix = program.radix;
        check(
            "radix",
            "2, 4, 8 or 16",
            radix as f64,
            [2, 4, 8, 16].contains(&radix),
        )?;
        if let Method::Paper { start_weight } = program.method {
            check(
                "start weight",
                "a number within the bound of the weights",
                start_weight,
                start_weight.abs() <= b.weight,
            )?;
        }
        let per_pass = program.classes_per_pass;
        check(
            "classes of a pass",
            "1 to the number of classes",
            per_pass as f64,
            (1..=program.shape.classes).contains(&per_pass),
        )?;
        if program.arrangement == Arrangement::Diagonal {
            check(
                "method in the diagonal arrangement",
                "the whitened one",
                0.0,
                matches!(program.method, Method::Whitened { .. }),
            )?;
        }
        let vectors = program.shape.classes * layout.groups();
        check(
            "row vectors (classes times column groups)",
            "at most 2^17",
            vectors as f64,
            vectors <= MOST_VECTORS,
        )?;
        let products = layout.blocks().saturating_mul(vectors);
        check(
            "products of an iteration (blocks times row vectors)",
            "at most 2^24",
            products as f64,
            products <= MOST_PRODUCTS,
        )?;
        let levels = levels(
            program.method,
            iterations,
            program.polynomial.levels(),
            program.arrangement,
        );
        Ok(Self {
            program,
            layout,
            levels,
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

    /// Iterations T, the client's first gradient included.
    pub fn iterations(&self) -> usize {
        self.program.steps.len()
    }

    /// Levels that the whole training consumes.
    pub fn levels(&self) -> usize {
        self.levels
    }

    /// Whether labels are uploaded.
    pub fn has_labels(&self) -> bool {
        self.program.method
            != (Method::Whitened {
                first_gradient: FirstGradient::Client,
            })
    }

    /// Every uploaded ciphertext, in the order of upload: owner by owner.
    pub fn uploads(&self) -> impl Iterator<Item = Upload> + use<> {
        let owners: Vec<_> = (0..self.owner_rows().len())
            .map(|owner| self.uploads_of(owner))
            .collect();
        owners.into_iter().flatten()
    }

    /// Every ciphertext that owner `owner` uploads, in order; none of an owner that there is not.
    pub fn uploads_of(&self, owner: usize) -> impl Iterator<Item = Upload> + use<> {
        let (layout, labels) = (self.layout, self.has_labels());
        let blocks = self.owner_blocks().get(owner).cloned();
        let (parts, vectors) = match (self.program.method, &blocks) {
            (_, None) => (0, 0),
            (
                Method::Whitened {
                    first_gradient: FirstGradient::Client,
                },
                _,
            ) => (layout.gradient_parts(), 0),
            (Method::Whitened { .. }, _) => (0, 0),
            (Method::Paper { .. }, _) => (0, layout.groups()),
        };
        let label_parts = if labels { layout.label_parts() } else { 0 };
        let first = (0..parts).map(move |part| Upload::FirstGradient { owner, part });
        let weights = (0..vectors).map(|group| Upload::Weights { group });
        let curvature = (0..vectors).map(|group| Upload::Curvature { group });
        let blocks = blocks.unwrap_or_default().flat_map(move |block| {
            let data = (0..layout.groups()).map(move |group| Upload::Data { block, group });
            data.chain((0..label_parts).map(move |part| Upload::Labels { block, part }))
        });
        first.chain(weights).chain(curvature).chain(blocks)
    }

    /// Level and scale of an uploaded ciphertext: exactly as high as its first use needs it.
    pub fn placement(&self, upload: Upload) -> Placement {
        let (scales, top) = (self.program.scales, self.levels);
        let paper = matches!(self.program.method, Method::Paper { .. });
        let polynomial = self.program.polynomial.levels();
        let (level, bits) = match upload {
            Upload::FirstGradient { .. } | Upload::Weights { .. } => (top, scales.first),
            Upload::Curvature { .. } => (top - 2 - polynomial, scales.curvature),
            Upload::Data { .. } => (top - self.levels_before_data(), scales.data),
            Upload::Labels { .. } if paper => (top - polynomial, scales.error),
            Upload::Labels { .. } => (top, scales.data),
        };
        Placement {
            level: Level(level),
            scale: f64::from(bits).exp2(),
        }
    }

    /// No slot of the uploaded ciphertext exceeds this.
    pub fn bound(&self, upload: Upload) -> f64 {
        let b = self.program.bounds;
        match (upload, self.program.method) {
            (Upload::FirstGradient { .. }, _) => 0.5 * self.samples() * b.column_rms,
            (Upload::Weights { .. }, Method::Paper { start_weight }) => start_weight.abs(),
            (Upload::Weights { .. }, _) => b.weight,
            (Upload::Curvature { .. }, _) => b.curvature,
            (Upload::Data { .. }, _) => b.data * std::f64::consts::SQRT_2,
            (Upload::Labels { .. }, _) => std::f64::consts::FRAC_1_SQRT_2,
        }
    }

    /// The same job with typical sizes of values instead of bounds: the noise of a product is its operands' noise times the *usual* size
    /// of the other operand, and bounds overstate that a hundredfold in every product. For estimates alone.
    ///
    /// Scores stand at a quarter of their bound, data at their root mean square, weights where D of them make such a score.
    pub(crate) fn typical(&self) -> Self {
        let b = self.program.bounds;
        let score = b.score / TYPICAL_PART;
        let data = b.data.min(b.data_rms);
        let start = match self.program.method {
            Method::Paper { start_weight } => start_weight.abs(),
            Method::Whitened { .. } => 0.0,
        };
        let weight = score / (data * (self.program.shape.columns as f64).sqrt());
        let mut typical = self.clone();
        typical.program.bounds = Bounds {
            data,
            column_rms: data,
            data_rms: data,
            score,
            weight: weight.min(b.weight).max(start),
            curvature: b.curvature / TYPICAL_PART,
        };
        typical
    }

    /// Levels that the first gradient has spent when data are first multiplied: its unpacking, or the mask of the labels.
    fn levels_before_data(&self) -> usize {
        let packed = self.program.arrangement == Arrangement::RowMajor;
        match self.program.method {
            Method::Whitened {
                first_gradient: FirstGradient::Client,
            } => usize::from(packed),
            Method::Whitened { .. } => 1,
            Method::Paper { .. } => 0,
        }
    }

    fn samples(&self) -> f64 {
        self.program.shape.samples as f64
    }

    /// No slot of a folded score exceeds this, columns beside column 0 included.
    pub(crate) fn score_bound(&self) -> f64 {
        let window = if self.layout.row_length() > 1 {
            WINDOW_FACTOR
        } else {
            1.0
        };
        self.program.bounds.score * window * std::f64::consts::SQRT_2
    }

    /// |sigma(z) - 1/2| of the polynomial on the scores of the samples.
    pub(crate) fn sigmoid_bound(&self) -> f64 {
        self.program.polynomial.largest(self.program.bounds.score)
    }

    /// A sum over `pairs` pairs of samples of conj(error) times data, errors of at most `error`: by Cauchy and Schwarz at most
    /// sqrt(2 pairs) error times the root of a column's sum of squares.
    pub(crate) fn partial_bound(&self, error: f64, pairs: usize) -> f64 {
        let pairs = (pairs as f64).min(self.samples());
        error * (2.0 * pairs * self.samples()).sqrt() * self.program.bounds.column_rms
    }

    /// The real part of the sum over all samples: n error rms, again by Cauchy and Schwarz.
    pub(crate) fn total_bound(&self, error: f64) -> f64 {
        error * self.samples() * self.program.bounds.column_rms
    }
}

/// Levels that a method consumes in `iterations` iterations with a polynomial that takes `polynomial` levels.
pub(crate) fn levels(
    method: Method,
    iterations: usize,
    polynomial: usize,
    arrangement: Arrangement,
) -> usize {
    let later = (2 + polynomial) * (iterations - 1);
    match method {
        Method::Whitened {
            first_gradient: FirstGradient::Client,
        } => usize::from(arrangement == Arrangement::RowMajor) + later,
        Method::Whitened {
            first_gradient: FirstGradient::Server,
        } => 2 + later,
        Method::Paper { .. } => (3 + polynomial) * iterations,
    }
}
