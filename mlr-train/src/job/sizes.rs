//! How large values are. Once as bounds, which no value exceeds, and once as root mean squares: the noise of a product is its operands'
//! noise times the *usual* size of the other operand, and bounds overstate that a hundredfold in every product.

use super::program::{Bounds, Program};

/// The largest error that a label alone makes: |y - 1/2|.
pub const LABEL_SIZE: f64 = 0.5;

/// How far below their bounds values usually lie.
const USUAL_PART: f64 = 4.0;
/// Columns beside column 0 hold window sums across two samples; the twin finds them within this factor of the largest score.
const WINDOW_FACTOR: f64 = 1.5;

/// Sizes of all values of a job, all of them bounds or all of them root mean squares.
#[derive(Clone, Debug, PartialEq)]
pub struct Sizes {
    bounds: Bounds,
    samples: f64,
    /// Factor of scores beside column 0.
    window: f64,
    /// Scores and |sigma(z) - 1/2| of every polynomial, and iterations before the first that multiplies data with weights.
    polynomials: Vec<(f64, f64)>,
    before: usize,
}

impl Sizes {
    /// The bounds of a program.
    pub(super) fn bounds(program: &Program) -> Self {
        Self::new(program, program.bounds)
    }

    /// Root mean squares, for estimates alone: scores at a quarter of their bound, data at their root mean square, weights where D of
    /// them make such a score.
    pub(super) fn rms(program: &Program) -> Self {
        let b = program.bounds;
        let score = b.score / USUAL_PART;
        let data = b.data.min(b.data_rms);
        let start = program.method.start_weight().map_or(0.0, f64::abs);
        let weight = score / (data * (program.shape.columns as f64).sqrt());
        let rms = Bounds {
            data,
            column_rms: data,
            data_rms: data,
            score,
            weight: weight.min(b.weight).max(start),
            curvature: b.curvature / USUAL_PART,
        };
        Self::new(program, rms)
    }

    fn new(program: &Program, bounds: Bounds) -> Self {
        // Usual scores are the same part of every iteration's bound.
        let part = bounds.score / program.bounds.score;
        let all = program.polynomial.all().iter().enumerate();
        let polynomials = all.map(|(k, odd)| {
            let score = part * program.polynomial.score(k, program.bounds.score);
            (score, odd.largest(score))
        });
        Self {
            bounds,
            samples: program.shape.samples as f64,
            window: if program.row_length > 1 {
                WINDOW_FACTOR
            } else {
                1.0
            },
            polynomials: polynomials.collect(),
            before: program.schedule.len().saturating_sub(program.reading()),
        }
    }

    /// Of data: |x|.
    #[must_use]
    pub fn data(&self) -> f64 {
        self.bounds.data
    }

    /// Of weights, in any iterate or look-ahead point.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.bounds.weight
    }

    /// Of the diagonal B.
    #[must_use]
    pub fn curvature(&self) -> f64 {
        self.bounds.curvature
    }

    /// Of a slot of a folded score of an iteration (from 1), columns beside column 0 included.
    #[must_use]
    pub fn score(&self, iteration: usize) -> f64 {
        self.of(iteration).0 * self.window * std::f64::consts::SQRT_2
    }

    /// Of |sigma(z) - 1/2| of the polynomial of an iteration (from 1) on the scores of the samples.
    #[must_use]
    pub fn sigmoid(&self, iteration: usize) -> f64 {
        self.of(iteration).1
    }

    /// One polynomial may stand for all.
    fn of(&self, iteration: usize) -> (f64, f64) {
        let reading = iteration.saturating_sub(self.before + 1);
        let last = self.polynomials.len().saturating_sub(1);
        let found = self.polynomials.get(reading.min(last)).copied();
        // A checked program has a polynomial.
        found.unwrap_or((f64::INFINITY, f64::INFINITY))
    }

    /// Of a sum over `pairs` pairs of samples of conj(error) times data, errors of at most `error`: by Cauchy and Schwarz at most
    /// sqrt(2 pairs) error times the root of a column's sum of squares.
    #[must_use]
    pub fn partial(&self, error: f64, pairs: usize) -> f64 {
        let pairs = (pairs as f64).min(self.samples);
        error * (2.0 * pairs * self.samples).sqrt() * self.bounds.column_rms
    }

    /// Of the real part of the sum over all samples: n error rms, again by Cauchy and Schwarz.
    #[must_use]
    pub fn total(&self, error: f64) -> f64 {
        error * self.samples * self.bounds.column_rms
    }
}
