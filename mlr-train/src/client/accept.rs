//! When decrypted weights may be accepted as the result of the plan's training.

use he_core::error::{Class, Explain};
use ndarray::{Array2, ArrayView1, ArrayView2};
use thiserror::Error;
use zeroize::Zeroize;

use super::decrypt::Decrypted;
use super::norm::LargestNorm;
use crate::metrics::{Agreement, AgreementError};
use crate::rounding::{self, Seen, Sizes};

/// Replicas of a weight may differ by this many expected errors. Of 2^20 Gaussian values the largest stays below 5.5 standard
/// deviations but for one case in 40; the rest is for the formulas.
pub const LARGEST_SPREAD: f64 = 16.0;
/// Weights may be as far from the twin's as the noise explains ([`LARGEST_SPREAD`]), or by this part of the twin's largest, if that is more.
const LARGEST_ERROR: f64 = 1e-3;
/// Weights beyond the plan's bound by this factor are no result of the plan's training, whatever the noise.
const IMPOSSIBLE_WEIGHT: f64 = 16.0;

/// Weights that are no result of the plan's training.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum NotAccepted {
    /// What only another key or other ciphertexts can give.
    #[error(
        "expected weights of at most {bound:.1e} whose replicas agree within {agreed:.1e}, found others: this key did not make these ciphertexts, or the ciphertexts were changed"
    )]
    Implausible {
        /// Bound of the plan.
        bound: f64,
        /// Distance of replicas that noise explains.
        agreed: f64,
    },
    /// The client's own training says otherwise.
    #[error(
        "expected the weights of the clear twin, up to noise, found others: this is not the plan's training on the rows as encrypted, and showing it could give the secret key away"
    )]
    Contradicted,
    /// Without a twin: no training on rows with the pooled moments gives such weights.
    #[error(
        "expected weights of a class with a norm of at most {allowed:.1e}, which no training on whitened rows exceeds while scores stay in the plan's range, found more"
    )]
    Norm {
        /// Largest norm of a row of the weights.
        allowed: f64,
    },
    /// The twin is of another shape.
    #[error(transparent)]
    Twin(#[from] AgreementError),
}

impl Explain for NotAccepted {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Implausible { .. } | Self::Contradicted | Self::Norm { .. } => None,
            Self::Twin(source) => Some(source),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Implausible { .. } | Self::Contradicted => Some("use the secret key that was made with this job's evaluation keys; if it is that key, the server must train again on the dataset as encrypted".to_owned()),
            Self::Norm { .. } => Some("an owner or the server did not do as the plan says, or scores left the range: make new keys, and plan with a larger range".to_owned()),
            Self::Twin(source) => source.hint(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Implausible { .. } | Self::Contradicted | Self::Norm { .. } => {
                Class::Verification
            }
            Self::Twin(source) => source.class(),
        }
    }
}

/// Weights that may be used, and what was seen of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The weights, rounded to what may be shown.
    pub weights: Array2<f64>,
    /// Bits behind the binary point that are certain: those that they were rounded to, but for weights that parties opened behind noise of their own, which are rounded more finely.
    pub bits: i32,
    /// Power of two at or above the largest difference to the twin's weights, relative to the largest of them.
    pub max_relative_error: Option<f64>,
    /// Signs of lost precision or of ciphertexts that are not what they claim to be.
    pub warnings: Vec<String>,
}

/// What decrypted weights are judged by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Witness<'a> {
    /// The clear twin's weights as trained, c x D.
    Twin(ArrayView2<'a, f64>),
    /// Of several owners' rows nobody has a twin: what the plan and the pooled moments leave possible, where that is known.
    Owners(Option<LargestNorm>),
    /// The same of weights that several parties opened together, each behind noise of its own.
    Together {
        /// What is left possible.
        norm: Option<LargestNorm>,
        /// Expected error of the training.
        error: f64,
        /// What is left in a weight of the parties' noise.
        hidden: f64,
    },
}

/// Judges decrypted weights by the plan's `bound` of a weight and by a witness.
///
/// # Errors
/// [`NotAccepted`]: no bit of a weight is certain, the weights are far beyond the bound, or the witness speaks against them. No error tells a decrypted
/// number.
pub fn accept(
    mut opened: Decrypted,
    bound: f64,
    witness: Witness<'_>,
) -> Result<Accepted, NotAccepted> {
    let judged = judge(&opened, bound, witness);
    let accepted = judged.map(|judged| Accepted {
        weights: rounding::rounded(opened.weights.view(), judged.shown),
        bits: judged.certain,
        max_relative_error: judged.distance,
        warnings: warnings(&opened, bound),
    });
    // What is finer than the rounding ends here.
    opened.weights.iter_mut().for_each(Zeroize::zeroize);
    accepted
}

/// What the judge found.
struct Judged {
    /// Bits that the weights are rounded to.
    shown: i32,
    /// Bits that are certain.
    certain: i32,
    /// Relative distance from the twin.
    distance: Option<f64>,
}

impl Judged {
    /// All that is certain is shown, and no more.
    fn of(bits: i32, distance: Option<f64>) -> Self {
        Self {
            shown: bits,
            certain: bits,
            distance,
        }
    }
}

fn judge(opened: &Decrypted, bound: f64, witness: Witness<'_>) -> Result<Judged, NotAccepted> {
    match witness {
        Witness::Twin(twin) => {
            let agreement = Agreement::new(opened.weights.view(), twin)?;
            require_plausible(opened, bound, largest(twin), alone(opened))?;
            let seen = opened.seen(twin);
            require_agreement(opened, seen)?;
            let distance = rounding::coarse(agreement.max_relative_error);
            let bits = opened.certified_bits(Sizes::Twin(seen));
            Ok(Judged::of(bits, Some(distance)))
        }
        Witness::Owners(norm) => {
            require_plausible(opened, bound, bound, alone(opened))?;
            if let Some(norm) = norm {
                require_norm(opened, norm)?;
            }
            let largest = largest(opened.weights.view());
            let bits = opened.certified_bits(Sizes::Unchecked { largest });
            Ok(Judged::of(bits, None))
        }
        Witness::Together {
            norm,
            error,
            hidden,
        } => {
            // Each replica of a weight has noise of its own on purpose: what is certain is their mean.
            let bits = rounding::bits_opened(error, hidden, Sizes::Checked);
            require_plausible(opened, bound, bound, bits)?;
            if let Some(norm) = norm {
                require_norm(opened, norm)?;
            }
            let largest = largest(opened.weights.view());
            let sizes = Sizes::Unchecked { largest };
            Ok(Judged {
                shown: rounding::bits_shown(error, hidden, sizes),
                certain: rounding::bits_opened(error, hidden, sizes),
                distance: None,
            })
        }
    }
}

/// Refuses weights that no training on rows of the pooled moments can give.
fn require_norm(opened: &Decrypted, norm: LargestNorm) -> Result<(), NotAccepted> {
    let columns = opened.weights.ncols() as f64;
    let allowed = norm.get() + LARGEST_SPREAD * opened.expected_error * columns.sqrt();
    let within = |row: ArrayView1<'_, f64>| row.dot(&row).sqrt() <= allowed;
    if opened.weights.rows().into_iter().all(within) {
        return Ok(());
    }
    Err(NotAccepted::Norm { allowed })
}

/// Judges decrypted weights between two iterations, and rounds those that it takes to multiples of 2^-`bits`, as the twin's are: what is encrypted anew
/// is the twin's value, or at a border between two multiples the one beside it.
///
/// `bound` is the plan's bound of weights.
///
/// # Errors
/// [`NotAccepted`]; no error tells a decrypted number.
pub fn accept_refreshed(
    opened: &Decrypted,
    bound: f64,
    twin: ArrayView2<'_, f64>,
    bits: i32,
) -> Result<Array2<f64>, NotAccepted> {
    Agreement::new(opened.weights.view(), twin)?;
    require_plausible(opened, bound, largest(twin), alone(opened))?;
    let unit = (-f64::from(bits)).exp2();
    // The twin's values are rounded already.
    let seen = opened.seen(twin);
    let seen = Seen {
        distance: seen.distance - unit / 2.0,
        ..seen
    };
    require_agreement(opened, seen)?;
    let rounded = rounding::rounded(opened.weights.view(), bits);
    if largest(rounded.view()) <= bound {
        return Ok(rounded);
    }
    Err(NotAccepted::Contradicted)
}

/// Refuses weights that the twin contradicts. Whoever holds evaluation keys can make weights with agreeing replicas out of anything, the secret key
/// among it; nobody can make those of the twin but by the training.
fn require_agreement(opened: &Decrypted, seen: Seen) -> Result<(), NotAccepted> {
    let allowed = (LARGEST_SPREAD * opened.expected_error).max(LARGEST_ERROR * seen.largest);
    if seen.distance <= allowed {
        return Ok(());
    }
    Err(NotAccepted::Contradicted)
}

/// Bits that are certain of weights whose noise is the training's alone.
fn alone(opened: &Decrypted) -> i32 {
    opened.certified_bits(Sizes::Checked)
}

/// `usual` is the twin's largest weight, `bits` are those that are certain of checked weights.
fn require_plausible(
    opened: &Decrypted,
    bound: f64,
    usual: f64,
    bits: i32,
) -> Result<(), NotAccepted> {
    let (found, spread) = (largest(opened.weights.view()), opened.replica_spread);
    // Written so that a value that is not a number is refused too.
    if bits >= 0 && spread < usual && found <= IMPOSSIBLE_WEIGHT * bound {
        return Ok(());
    }
    Err(NotAccepted::Implausible {
        bound,
        agreed: LARGEST_SPREAD * opened.expected_error,
    })
}

fn largest(weights: ArrayView2<'_, f64>) -> f64 {
    weights.iter().fold(0.0, |most: f64, w| most.max(w.abs()))
}

/// What speaks against the weights.
fn warnings(opened: &Decrypted, bound: f64) -> Vec<String> {
    let mut warnings = Vec::new();
    if opened.replica_spread > LARGEST_SPREAD * opened.expected_error {
        warnings.push(format!(
            "precision: replicas of a weight differ by more than the {:.1e} that noise explains; the ciphertexts are not what an honest run of the plan gives",
            LARGEST_SPREAD * opened.expected_error
        ));
    }
    if largest(opened.weights.view()) > bound {
        warnings.push(format!(
            "precision: a weight is beyond the plan's bound of {bound:.1e}; the values are implausible"
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn opened(weight: f64, spread: f64) -> Decrypted {
        Decrypted {
            weights: array![[weight, -0.25]],
            replica_spread: spread,
            expected_error: 1e-6,
        }
    }

    #[test]
    fn gross_disagreement_is_refused() {
        // The twin's largest weight is 0.5, the plan's bound 2.
        for (weight, spread) in [(0.5, 1.5), (0.5, 0.6), (33.0, 1e-6), (0.5, f64::NAN)] {
            let opened = opened(weight, spread);
            let refused = require_plausible(&opened, 2.0, 0.5, alone(&opened)).unwrap_err();
            assert_eq!(refused.class(), Class::Verification, "{weight} {spread}");
            assert!(refused.to_string().contains("did not make these"));
            assert!(refused.hint().is_some());
        }
    }

    #[test]
    fn of_weights_that_parties_open_the_mean_of_the_replicas_is_certain() {
        // Replicas are off by 0.065, the mean of 128 complex ones by 0.004.
        let of = |spread, hidden| {
            let opened = Decrypted {
                expected_error: 0.065,
                ..opened(0.5, spread)
            };
            let witness = Witness::Together {
                norm: None,
                error: 1e-5,
                hidden,
            };
            accept(opened, 2.0, witness)
        };
        let accepted = of(0.5, 0.004).unwrap();
        assert_eq!((accepted.bits, accepted.warnings.len()), (4, 0));
        // Four digits are certain; those that the parties' noise leaves are shown, and none beyond: 2^-7 is above 0.004, 2^-8 below.
        let opened = Decrypted {
            expected_error: 0.065,
            ..opened(0.53, 0.5)
        };
        let witness = Witness::Together {
            norm: None,
            error: 1e-5,
            hidden: 0.004,
        };
        assert_eq!(
            accept(opened, 2.0, witness).unwrap().weights[[0, 0]],
            68.0 / 128.0
        );
        // Noise that leaves no bit, replicas further apart than weights are large, more than noise explains.
        assert!(of(0.5, 0.1).is_err());
        assert!(of(2.5, 0.004).is_err());
        assert_eq!(of(1.5, 0.004).unwrap().warnings.len(), 1);
    }

    #[test]
    fn less_precision_is_a_warning_and_none_is_lost_for_nothing() {
        // Weight, spread, warnings: replicas apart, beyond the bound, nothing.
        for (weight, spread, count) in [(0.5, 1e-3, 1), (2.5, 1e-6, 1), (0.5, 1e-6, 0)] {
            let accepted = accept(opened(weight, spread), 2.0, Witness::Owners(None)).unwrap();
            assert_eq!(accepted.warnings.len(), count, "{:?}", accepted.warnings);
        }
    }

    #[test]
    fn a_model_that_contradicts_the_twin_is_refused_and_none_of_it_told() {
        let twin = array![[0.5, -0.25]];
        let judge = |weight, expected_error| {
            let opened = Decrypted {
                expected_error,
                ..opened(weight, 1e-9)
            };
            accept(opened, 2.0, Witness::Twin(twin.view()))
        };
        // A thousandth of the largest weight is 5e-4; 16 expected errors of 1e-3 are more.
        for (weight, expected) in [(0.5004, 1e-6), (0.49951, 1e-6), (0.515, 1e-3)] {
            let accepted = judge(weight, expected).unwrap();
            let unit = (-f64::from(accepted.bits)).exp2();
            let distance: f64 = weight - 0.5;
            assert!(8.0 * distance.abs() <= unit && unit <= 1.0);
        }
        for (weight, expected) in [(0.5006, 1e-6), (0.517, 1e-3), (-0.5, 1e-6)] {
            let refused = judge(weight, expected).unwrap_err();
            assert_eq!(refused, NotAccepted::Contradicted);
            assert_eq!(refused.class(), Class::Verification);
            assert!(!refused.to_string().contains("0.5"));
        }
    }
}
