//! From residues to the integer that they stand for: the last step of decryption.

use thiserror::Error;

/// Why residues cannot be lifted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LiftError {
    /// No prime, an even one, one of more than 62 bits, or two that are equal.
    #[error("{found} cannot be a prime of this chain: expected distinct odd primes below 2^62")]
    Prime {
        /// The offending number; 0 for an empty chain.
        found: u64,
    },
    /// Limbs that are missing or of different lengths.
    #[error("limbs of residues: expected {expected}, found {found}")]
    Shape {
        /// Number of limbs, or residues in each.
        expected: usize,
        /// What was given.
        found: usize,
    },
}

impl crate::error::Explain for LiftError {}

/// A constant factor w modulo p with floor(w 2^64 / p) beside it (Shoup's product).
#[derive(Clone, Copy, Debug)]
struct Factor {
    w: u64,
    quotient: u64,
}

impl Factor {
    fn new(w: u64, p: u64) -> Self {
        Self {
            w,
            quotient: ((u128::from(w) << 64) / u128::from(p)) as u64,
        }
    }

    /// w x mod p for any x below 2^64. The quotient estimate is at most 1 too small, so one correction suffices.
    fn mul(self, x: u64, p: u64) -> u64 {
        let q = ((u128::from(x) * u128::from(self.quotient)) >> 64) as u64;
        let r = x.wrapping_mul(self.w).wrapping_sub(q.wrapping_mul(p));
        r.min(r.wrapping_sub(p))
    }
}

fn pow(mut a: u64, mut e: u64, p: u64) -> u64 {
    let (mut r, mul) = (1, |a: u64, b: u64| {
        (u128::from(a) * u128::from(b) % u128::from(p)) as u64
    });
    while e > 0 {
        if e & 1 == 1 {
            r = mul(r, a);
        }
        a = mul(a, a);
        e >>= 1;
    }
    r
}

/// Lifts residues modulo the primes q_0 .. q_l to the integer of absolute value below q_0 ... q_l / 2.
///
/// The integer is found exactly, in balanced mixed radix x = v_0 + v_1 q_0 + v_2 q_0 q_1 + ... with |v_i| <= (q_i - 1)/2 (Garner's
/// algorithm; the primes are odd, so balanced digits reach exactly the balanced range), and then summed in `f64` from the
/// leading digit down. The digits below the leading one sum to less than half a unit of it, so that nothing cancels: the relative
/// error is below 2 l 2^-53 + 2^-53 and integers below 2^53 come out exactly.
///
/// Cost: l (l + 1) / 2 modular products a coefficient.
#[derive(Clone, Debug)]
pub struct Lift {
    primes: Vec<u64>,
    /// `inverse[i][j]`: q_j^-1 modulo q_i, j < i.
    inverse: Vec<Vec<Factor>>,
}

impl Lift {
    /// Tables for a chain of primes.
    ///
    /// # Errors
    /// [`LiftError::Prime`].
    pub fn new(primes: &[u64]) -> Result<Self, LiftError> {
        if primes.is_empty() {
            return Err(LiftError::Prime { found: 0 });
        }
        for (i, &p) in primes.iter().enumerate() {
            if p < 3 || p % 2 == 0 || p >= 1 << 62 || primes[..i].contains(&p) {
                return Err(LiftError::Prime { found: p });
            }
        }
        let row = |i: usize| {
            let p = primes[i];
            primes[..i]
                .iter()
                .map(|&q| Factor::new(pow(q % p, p - 2, p), p))
                .collect()
        };
        Ok(Self {
            primes: primes.to_vec(),
            inverse: (0..primes.len()).map(row).collect(),
        })
    }

    /// The balanced integers of canonical residues, as `f64`; `limbs[i]` holds the residues modulo prime i, in [0, q_i).
    /// Fewer limbs than primes are lifted from the first primes alone.
    ///
    /// # Errors
    /// [`LiftError::Shape`].
    pub fn lift(&self, limbs: &[&[u64]]) -> Result<Vec<f64>, LiftError> {
        let Some(first) = limbs.first().filter(|_| limbs.len() <= self.primes.len()) else {
            return Err(LiftError::Shape {
                expected: self.primes.len(),
                found: limbs.len(),
            });
        };
        if let Some(odd) = limbs.iter().find(|l| l.len() != first.len()) {
            return Err(LiftError::Shape {
                expected: first.len(),
                found: odd.len(),
            });
        }
        let mut digits = vec![0i64; limbs.len()];
        Ok((0..first.len())
            .map(|k| self.lift_one(limbs, k, &mut digits))
            .collect())
    }

    fn lift_one(&self, limbs: &[&[u64]], k: usize, digits: &mut [i64]) -> f64 {
        for i in 0..digits.len() {
            let p = self.primes[i];
            let mut x = limbs[i][k] % p;
            for (digit, inverse) in digits[..i].iter().zip(&self.inverse[i]) {
                // x - digit modulo p. The digit may exceed p: it belongs to another prime.
                let d = digit.unsigned_abs() % p;
                let shifted = if *digit < 0 { x + d } else { x + p - d };
                x = inverse.mul(shifted, p);
            }
            digits[i] = if x > p / 2 {
                x as i64 - p as i64
            } else {
                x as i64
            };
        }
        let mut value = 0.0;
        for (digit, p) in digits.iter().zip(&self.primes).rev() {
            value = value * *p as f64 + *digit as f64;
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PRIMES: [u64; 4] = [140_737_488_273_409, 68_719_403_009, 68_719_230_977, 786_433];

    fn residues(x: i128, primes: &[u64]) -> Vec<Vec<u64>> {
        primes
            .iter()
            .map(|&p| vec![x.rem_euclid(i128::from(p)) as u64])
            .collect()
    }

    fn lifted(x: i128, primes: &[u64]) -> f64 {
        let limbs = residues(x, primes);
        let limbs: Vec<&[u64]> = limbs.iter().map(Vec::as_slice).collect();
        Lift::new(primes).unwrap().lift(&limbs).unwrap()[0]
    }

    proptest! {
        #[test]
        fn any_balanced_integer_comes_back(x in -(1i128 << 117)..(1i128 << 117), shift in 0u32..117) {
            let x = x >> shift;
            let found = lifted(x, &PRIMES[..3]);
            let error = (found as i128 - x).unsigned_abs() as f64;
            prop_assert!(error <= (x as f64).abs() * 5.0 * f64::EPSILON / 2.0);
            if x.unsigned_abs() < 1 << 53 {
                prop_assert_eq!(found as i128, x);
            }
        }
    }

    #[test]
    fn the_ends_of_the_range_come_back_with_their_sign() {
        for primes in [&PRIMES[..1], &PRIMES[..2], &PRIMES[1..2], &PRIMES[1..]] {
            let half = primes.iter().map(|&p| i128::from(p)).product::<i128>() / 2;
            for x in [-half, half, 0, 1, -1, half - 1, 1 - half] {
                let found = lifted(x, primes);
                assert!(
                    (found - x as f64).abs() <= 8.0 * f64::EPSILON * (x as f64).abs(),
                    "{x} {found}"
                );
            }
        }
    }

    #[test]
    fn unusable_chains_and_limbs_are_refused() {
        assert_eq!(Lift::new(&[]).unwrap_err(), LiftError::Prime { found: 0 });
        assert_eq!(
            Lift::new(&[65_537, 65_537]).unwrap_err(),
            LiftError::Prime { found: 65_537 }
        );
        assert_eq!(
            Lift::new(&[1 << 20]).unwrap_err(),
            LiftError::Prime { found: 1 << 20 }
        );
        let lift = Lift::new(&[65_537, 786_433]).unwrap();
        assert_eq!(
            lift.lift(&[]).unwrap_err(),
            LiftError::Shape {
                expected: 2,
                found: 0
            }
        );
        assert_eq!(
            lift.lift(&[&[1, 2], &[1]]).unwrap_err(),
            LiftError::Shape {
                expected: 2,
                found: 1
            }
        );
    }
}
