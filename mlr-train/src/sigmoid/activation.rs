//! What stands for the sigmoid in a run.

use std::fmt;

use super::{OddPolynomial, sigmoid};

/// From this degree on a polynomial is worth nothing beyond its range.
const STEEP: usize = 9;

/// The polynomials of a run: one for all iterations, or one for each.
#[derive(Debug, Clone, PartialEq)]
pub enum Polynomials {
    /// One for all.
    One(OddPolynomial),
    /// One for every iteration that multiplies data with weights, in order.
    Each(Vec<OddPolynomial>),
}

impl Polynomials {
    /// The polynomial of the iteration that is the `reading`-th (from 0) to multiply data with weights; past the end the last. None where there
    /// are none at all.
    #[must_use]
    pub fn of(&self, reading: usize) -> Option<&OddPolynomial> {
        match self {
            Self::One(polynomial) => Some(polynomial),
            Self::Each(all) => all.get(reading).or(all.last()),
        }
    }

    /// How many ranges far scores may go: a cubic that flattens beyond its range does no harm, while what is fitted to an iteration's scores
    /// is worth nothing beyond them. From degree 9 on a polynomial leaves every sigmoid an eighth behind its range: it is 5 to 10 there and some hundred thousand at twice the range.
    #[must_use]
    pub fn ranges(&self) -> f64 {
        match self {
            Self::One(one) if one.degree() >= STEEP => 1.125,
            Self::One(_) => 2.0,
            Self::Each(_) => 1.0,
        }
    }

    /// The widest range.
    #[must_use]
    pub fn widest(&self) -> f64 {
        let all = match self {
            Self::One(polynomial) => std::slice::from_ref(polynomial),
            Self::Each(all) => all,
        };
        all.iter().map(OddPolynomial::range).fold(0.0, f64::max)
    }
}

impl From<OddPolynomial> for Polynomials {
    fn from(polynomial: OddPolynomial) -> Self {
        Self::One(polynomial)
    }
}

/// What stands for the sigmoid in a training run.
#[derive(Debug, Clone, PartialEq)]
pub enum Activation {
    /// The sigmoid itself.
    Exact,
    /// A polynomial, as on ciphertexts.
    Polynomial(OddPolynomial),
    /// A polynomial an iteration that multiplies data with weights.
    Each(Vec<OddPolynomial>),
}

impl From<Polynomials> for Activation {
    fn from(polynomials: Polynomials) -> Self {
        match polynomials {
            Polynomials::One(polynomial) => Self::Polynomial(polynomial),
            Polynomials::Each(all) => Self::Each(all),
        }
    }
}

impl Activation {
    /// What stands for it in the iteration that is the `reading`-th (from 0) to multiply data with weights.
    #[must_use]
    pub fn of(&self, reading: usize) -> Sigmoid<'_> {
        Sigmoid(match self {
            Self::Exact => None,
            Self::Polynomial(polynomial) => Some(polynomial),
            Self::Each(all) => all.get(reading).or(all.last()),
        })
    }
}

/// The sigmoid of one iteration: a polynomial, or the sigmoid itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sigmoid<'a>(pub Option<&'a OddPolynomial>);

impl Sigmoid<'_> {
    /// Value at `z`.
    #[must_use]
    pub fn evaluate(self, z: f64) -> f64 {
        match self.0 {
            None => sigmoid(z),
            Some(polynomial) => polynomial.evaluate(z),
        }
    }

    /// Half the width of the interval that it is good on.
    #[must_use]
    pub fn range(self) -> f64 {
        self.0.map_or(f64::INFINITY, OddPolynomial::range)
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => write!(f, "exact sigmoid"),
            Self::Polynomial(p) => write!(f, "degree {} on [-{r}, {r}]", p.degree(), r = p.range()),
            Self::Each(all) => write!(f, "{} polynomials, one an iteration", all.len()),
        }
    }
}
