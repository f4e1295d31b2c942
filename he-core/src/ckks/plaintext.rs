//! Slots to polynomials over the chain and back.

use std::sync::Arc;

use num_complex::Complex64;
use zeroize::Zeroizing;

use super::encode::{EncodeError, Encoder};
use super::lift::{Lift, LiftError};
use crate::ring::{Coeff, Ntt, Poly, Ring, RingError};

/// Why slots make no polynomial, or a polynomial no slots.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaintextError {
    /// Encoding or decoding.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The chain's residues.
    #[error(transparent)]
    Lift(#[from] LiftError),
    /// The ring.
    #[error(transparent)]
    Ring(#[from] RingError),
}

impl crate::error::Explain for PlaintextError {}

/// Below this, an integer is an `i64`: its residues cost a machine division each, not a long one.
const NARROW: f64 = (1u64 << 62) as f64;

/// The polynomial over `q_0 .. q_level` whose slots are `slots` times `scale`, as values at the roots. `level + 1` transforms.
///
/// # Errors
/// As [`Encoder::encode`].
pub fn encode(
    encoder: &Encoder,
    ring: &Arc<Ring>,
    level: usize,
    slots: &[Complex64],
    scale: f64,
) -> Result<Poly<Ntt>, PlaintextError> {
    let coefficients = Zeroizing::new(encoder.encode(slots, scale)?);
    let basis = ring.basis(level);
    let poly = if coefficients.iter().all(|x| x.abs() < NARROW) {
        let narrow: Zeroizing<Vec<i64>> =
            Zeroizing::new(coefficients.iter().map(|x| *x as i64).collect());
        Poly::from_signed(ring, basis, &narrow)?
    } else {
        let wide: Zeroizing<Vec<i128>> =
            Zeroizing::new(coefficients.iter().map(|x| *x as i128).collect());
        Poly::from_wide(ring, basis, &wide)?
    };
    Ok(poly.into_ntt())
}

/// The slots of a polynomial over `q_0 .. q_l`, divided by `scale`: exact but for the arithmetic of [`Encoder::decode`], as long as
/// all coefficients are below `q_0 .. q_l / 2`.
///
/// # Errors
/// As [`Encoder::decode`].
pub fn decode(
    encoder: &Encoder,
    poly: &Poly<Coeff>,
    scale: f64,
) -> Result<Vec<Complex64>, PlaintextError> {
    let limbs = (0..poly.basis().limbs()).map(|i| poly.limb_canonical(i).collect());
    let limbs: Zeroizing<Vec<Vec<u64>>> = Zeroizing::new(limbs.collect());
    let primes: Vec<u64> = (0..limbs.len()).map(|i| poly.modulus(i).value()).collect();
    let views: Vec<&[u64]> = limbs.iter().map(Vec::as_slice).collect();
    let coefficients = Zeroizing::new(Lift::new(&primes)?.lift(&views)?);
    Ok(encoder.decode(&coefficients, scale)?)
}
