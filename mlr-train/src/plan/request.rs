//! What a plan is asked for.

use he_core::params::ParamsLiteral;

use super::cost::Rates;
use crate::clear::paper::START_WEIGHT;
use crate::clear::whitened::Schedule;
use crate::job::{Bounds, FirstGradient, LevelSchedule, Method, Owners, Polynomial, Refreshes};
use crate::packing::{Arrangement, Shape};
use crate::sigmoid::{OddPolynomial, Polynomials};

/// Expected root mean square error of a weight that plans allow unless told otherwise. Whitened weights are of order 1, so scores move
/// by about a thousandth: no prediction that was not a tie changes.
pub const LARGEST_ERROR: f64 = 1.0 / 1024.0;

/// The same where several parties open the weights behind noise of their own, which is by far the larger part. Whitened rows of 512 columns have norms of about 20, so scores move by less than a tenth.
pub const LARGEST_OPENED_ERROR: f64 = 1.0 / 256.0;

/// The same where the owners refresh the weights on the way, which is done for runs that no modulus has levels for: 2^-7 costs two images of ten thousand of MNIST, 2^-6 eight (docs/decisions.md).
pub const LARGEST_OPENED_ERROR_REFRESHED: f64 = 1.0 / 128.0;

/// The same for a run whose weights are bootstrapped, up to 8 in size: weights that are off by up to 2^-8 after every third iteration cost no accuracy on
/// MNIST (docs/decisions.md).
pub const LARGEST_ERROR_BOOTSTRAPPED: f64 = 1.0 / 256.0;

/// The largest error of such a run unless told otherwise, under a joint key or not.
pub(crate) fn largest_error(refresh: Option<Refreshes>, joint: bool) -> f64 {
    match (refresh, joint) {
        (Some(_), true) => LARGEST_OPENED_ERROR_REFRESHED,
        (None, true) => LARGEST_OPENED_ERROR,
        (Some(refresh), false) if !refresh.by_client() => LARGEST_ERROR_BOOTSTRAPPED,
        _ => LARGEST_ERROR,
    }
}

/// What a plan may need at most; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Limits {
    /// Bytes of memory at the server, evaluation keys included: of the bound for the threads that train.
    pub memory: Option<u64>,
    /// Threads that train, if not as many as the rates are for.
    pub threads: Option<usize>,
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
    /// m_t of every iteration, as [`crate::job::Program::schedule`].
    pub schedule: Vec<f64>,
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
    /// Where weights are given levels again.
    pub refresh: Option<Refreshes>,
    /// Passes of a bootstrapping: one, or two for more bits (ePrint 2022/1167).
    pub bootstrap_passes: u32,
    /// Parameters as a whole; then `log_n` and `scale_bits` say nothing.
    pub parameters: Option<ParamsLiteral>,
}

impl PlanRequest {
    /// Threads that train.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.limits.threads.unwrap_or(self.rates.threads).max(1)
    }

    /// Whether the parties of a joint key refresh the weights.
    pub(super) fn owners_refresh(&self) -> bool {
        self.refresh.is_some_and(|refresh| refresh.by_owners())
    }

    /// The levels of the run; `packed` says that the client's first gradient lies packed.
    pub(super) fn levels(&self, packed: bool) -> LevelSchedule {
        let iterations = self.schedule.len().max(1);
        let (polynomials, refresh) = (self.polynomial.levels(), self.refresh.as_ref());
        LevelSchedule::refreshed(self.method, iterations, &polynomials, packed, refresh)
    }

    /// The full quadratic gradient on whitened data. `data` and `weight` bound |x| and |weights| as
    /// the twin saw them; a public ladder (powers of two) keeps what they tell small.
    pub fn whitened(
        shape: Shape,
        first_gradient: FirstGradient,
        schedule: &Schedule,
        polynomials: &Polynomials,
        data: f64,
        weight: f64,
    ) -> Self {
        Self {
            shape,
            method: Method::Whitened { first_gradient },
            schedule: schedule.steps().to_vec(),
            polynomial: Polynomial::from(polynomials),
            bounds: Bounds {
                data,
                column_rms: 1.0,
                data_rms: 1.0,
                score: polynomials.ranges() * polynomials.widest(),
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
            refresh: None,
            bootstrap_passes: 1,
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
            schedule: vec![1.0; iterations],
            polynomial: Polynomial::new(&OddPolynomial::paper_cubic()),
            bounds,
            largest_error: LARGEST_ERROR,
            log_n: None,
            arrangement: None,
            row_length: Some(shape.columns.next_power_of_two()),
            limits: Limits::default(),
            rates: Rates::default(),
            scale_bits: None,
            owners: Owners::default(),
            refresh: None,
            bootstrap_passes: 1,
            parameters: None,
        }
    }
}
