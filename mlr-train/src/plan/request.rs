//! What a plan is asked for.

use he_core::params::ParamsLiteral;

use super::cost::Rates;
use super::owners::Owners;
use super::polynomial::Polynomial;
use super::program::{Bounds, FirstGradient, Method, Step, levels};
use crate::clear::paper::START_WEIGHT;
use crate::clear::whitened::Schedule;
use crate::packing::{Arrangement, Shape};
use crate::sigmoid::OddPolynomial;

/// Expected root mean square error of a weight that plans allow unless told otherwise. Whitened weights are of order 1, so scores move
/// by about a thousandth: no prediction that was not a tie changes.
pub const LARGEST_ERROR: f64 = 1.0 / 1024.0;
/// Scores are checked up to this many ranges of the polynomial ([`crate::client::check`]).
const RANGES: f64 = 2.0;

/// What a plan may need at most; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Limits {
    /// Bytes of memory at the server, evaluation keys included.
    pub memory: Option<u64>,
    /// Bytes of the uploaded ciphertexts, evaluation keys excluded.
    pub upload: Option<u64>,
    /// Seconds of the training.
    pub seconds: Option<f64>,
    /// Least bits of classical security; never below 128.
    pub security: u32,
}

/// What a plan is asked for; everything that is `None` is searched.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRequest {
    /// Samples, columns, classes.
    pub shape: Shape,
    /// Method.
    pub method: Method,
    /// The recurrence.
    pub steps: Vec<Step>,
    /// The sigmoid's polynomial.
    pub polynomial: Polynomial,
    /// Bounds from the client's twin.
    pub bounds: Bounds,
    /// Largest expected root mean square error of a weight.
    pub largest_error: f64,
    /// log2 of the ring degree.
    pub log_n: Option<u32>,
    /// Which columns stand where.
    pub arrangement: Option<Arrangement>,
    /// Columns of a row, a power of two.
    pub row_length: Option<usize>,
    /// What the plan may need at most.
    pub limits: Limits,
    /// What operations take on the machine that trains.
    pub rates: Rates,
    /// Bits of the primes above the last.
    pub scale_bits: Option<u32>,
    /// Who uploads.
    pub owners: Owners,
    /// Parameters as a whole; then `log_n` and `scale_bits` say nothing.
    pub parameters: Option<ParamsLiteral>,
}

impl PlanRequest {
    /// Levels of the whole run.
    pub(super) fn levels(&self, arrangement: Arrangement) -> usize {
        let iterations = self.steps.len().max(1);
        levels(
            self.method,
            iterations,
            self.polynomial.levels(),
            arrangement,
        )
    }

    /// The full quadratic gradient on whitened data. `data` and `weight` bound |x| and |weights| as
    /// the twin saw them; a public ladder (powers of two) keeps what they tell small.
    pub fn whitened(
        shape: Shape,
        first_gradient: FirstGradient,
        schedule: &Schedule,
        polynomial: &OddPolynomial,
        data: f64,
        weight: f64,
    ) -> Self {
        Self {
            shape,
            method: Method::Whitened { first_gradient },
            steps: Step::whitened(shape.samples, schedule),
            polynomial: Polynomial::new(polynomial),
            bounds: Bounds {
                data,
                column_rms: 1.0,
                data_rms: 1.0,
                score: RANGES * polynomial.range(),
                weight,
                curvature: 1.0,
            },
            largest_error: LARGEST_ERROR,
            log_n: None,
            arrangement: None,
            row_length: None,
            limits: Limits::default(),
            rates: Rates::default(),
            scale_bits: None,
            owners: Owners::default(),
            parameters: None,
        }
    }

    /// The seed paper's method, with its cubic, its schedule and rows that hold a whole sample.
    pub fn paper(shape: Shape, iterations: usize, bounds: Bounds) -> Self {
        Self {
            shape,
            method: Method::Paper {
                start_weight: START_WEIGHT,
            },
            steps: Step::paper(shape.samples, iterations),
            polynomial: Polynomial::new(&OddPolynomial::paper_cubic()),
            bounds,
            largest_error: LARGEST_ERROR,
            log_n: None,
            arrangement: Some(Arrangement::RowMajor),
            row_length: Some(shape.columns.next_power_of_two()),
            limits: Limits::default(),
            rates: Rates::default(),
            scale_bits: None,
            owners: Owners::default(),
            parameters: None,
        }
    }
}
