//! Ternary keys of fixed weight: the largest modulus that each weight allows, and the check of every key of a set.
//!
//! A key with few coefficients that are not zero falls to hybrid attacks, which guess part of it, at moduli that a uniform ternary one
//! withstands. So a set that uses both names for every switching key what it hides *under* ([`KeyModulus`]), and [`check_keys`] looks each
//! up in its own table.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ParamsError, security};

/// Weights of the columns of [`TABLE`].
const WEIGHTS: [u32; 5] = [32, 64, 128, 192, 256];

/// Largest log2(QP) at 128 bits of classical security for a ternary key of each of [`WEIGHTS`] and an error of width 3.2, by the rotated
/// hybrid attack (ePrint 2026/279; table of github.com/jdumezy/sparse-key-estimate, March 2026).
const TABLE: [(u32, [u32; 5]); 3] = [
    (14, [77, 229, 333, 370, 388]),
    (15, [164, 468, 669, 739, 774]),
    (16, [349, 961, 1351, 1481, 1553]),
];

/// Where the table is from, for messages and documents.
pub const SOURCE: &str = "rotated hybrid attack, ePrint 2026/279";

/// How many coefficients of a ternary key are not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Each coefficient uniform in -1, 0, 1.
    Uniform,
    /// Exactly so many, at uniform places with uniform signs.
    Sparse(u32),
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform ternary key"),
            Self::Sparse(weight) => write!(f, "ternary key of weight {weight}"),
        }
    }
}

impl Weight {
    /// Largest log2(QP) for 128 bits at ring degree 2^`log_n`, if there is a table for it. A weight between two columns counts as the
    /// lower one; no weight allows more than a uniform key.
    ///
    /// ```
    /// use he_core::params::sparse::Weight;
    ///
    /// assert_eq!(Weight::Uniform.cap_128(16), Some(1747));
    /// assert_eq!(Weight::Sparse(32).cap_128(16), Some(349));
    /// assert_eq!(Weight::Sparse(63).cap_128(16), Some(349));
    /// assert_eq!(Weight::Sparse(31).cap_128(16), None);
    /// ```
    pub fn cap_128(self, log_n: u32) -> Option<u32> {
        let uniform = security::cap_128(log_n)?;
        let Self::Sparse(weight) = self else {
            return Some(uniform);
        };
        let (_, row) = TABLE.iter().find(|(n, _)| *n == log_n)?;
        let column = WEIGHTS.iter().rposition(|w| *w <= weight)?;
        Some(row[column].min(uniform))
    }

    /// The table that [`Weight::cap_128`] reads.
    pub fn source(self) -> &'static str {
        match self {
            Self::Uniform => security::SOURCE,
            Self::Sparse(_) => SOURCE,
        }
    }
}

/// What the security of one key rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyModulus {
    /// Which key, for messages.
    pub key: String,
    /// What it hides under.
    pub weight: Weight,
    /// log2 of the ring degree that this lives in: a key of degree N/4, seen in a ring of degree N as its polynomial in X^4, is no harder
    /// to find there than where it is from.
    pub log_n: u32,
    /// log2 of the whole modulus of the key, its special primes included.
    pub log_qp: f64,
}

/// Checks every key of a set against the table of its weight.
///
/// # Errors
/// [`ParamsError::InsecureKey`] for the first key beyond its cap, or without one.
pub fn check_keys<'a>(keys: impl IntoIterator<Item = &'a KeyModulus>) -> Result<(), ParamsError> {
    for key in keys {
        let cap = key.weight.cap_128(key.log_n).unwrap_or(0);
        if key.log_qp.is_nan() || key.log_qp > f64::from(cap) {
            return Err(ParamsError::InsecureKey {
                key: key.key.clone(),
                weight: key.weight,
                log_n: key.log_n,
                log_qp: key.log_qp,
                cap,
                source_table: key.weight.source(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Params, ParamsLiteral, Security};

    fn key(weight: Weight, log_n: u32, log_qp: f64) -> KeyModulus {
        KeyModulus {
            key: "the key".into(),
            weight,
            log_n,
            log_qp,
        }
    }

    #[test]
    fn a_heavier_key_in_a_larger_ring_allows_a_larger_modulus() {
        for log_n in 14..=16 {
            let caps: Vec<_> = WEIGHTS
                .iter()
                .map(|w| Weight::Sparse(*w).cap_128(log_n).unwrap())
                .chain(Weight::Uniform.cap_128(log_n))
                .collect();
            assert!(caps.is_sorted(), "{caps:?}");
            for (small, large) in WEIGHTS.iter().zip(&caps) {
                let next = Weight::Sparse(*small).cap_128(log_n + 1);
                assert!(next.is_none_or(|next| next > *large));
            }
        }
        assert_eq!(Weight::Sparse(32).cap_128(13), None);
        assert_eq!(Weight::Sparse(1 << 15).cap_128(16), Some(1553));
    }

    #[test]
    fn every_key_is_held_to_the_table_of_its_own_weight() {
        let dense = key(Weight::Uniform, 16, 1200.0);
        let sparse = key(Weight::Sparse(32), 16, 95.0);
        assert_eq!(check_keys([&dense, &sparse]), Ok(()));
        // The modulus of the dense keys under the sparse one: what a library once did.
        let wrong = key(Weight::Sparse(32), 16, 1200.0);
        let error = check_keys([&dense, &sparse, &wrong]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the key: log2(QP) = 1200.0 exceeds the 349 bits that 128-bit security allows under a ternary key of weight 32 at ring degree \
             2^16 (rotated hybrid attack, ePrint 2026/279)"
        );
        for bad in [
            key(Weight::Sparse(16), 16, 40.0),
            key(Weight::Uniform, 10, 20.0),
            key(Weight::Uniform, 16, f64::NAN),
            key(Weight::Sparse(32), 16, 349.1),
        ] {
            assert!(matches!(
                check_keys([&bad]),
                Err(ParamsError::InsecureKey { .. })
            ));
        }
    }

    #[test]
    fn a_parameter_set_is_for_one_weight() {
        let literal = ParamsLiteral {
            log_n: 14,
            q_bits: vec![40, 30],
            p_bits: vec![46],
            dnum: 2,
        };
        let of = |weight| Params::of_weight(literal.clone(), weight);
        let dense = of(Weight::Uniform).unwrap();
        assert_eq!(dense, Params::new(literal.clone()).unwrap());
        // 116 bits: beyond the cap of weight 32, within that of 64.
        let sparse = of(Weight::Sparse(64)).unwrap();
        assert_eq!((dense.square(), sparse.square()), (16384.0 / 1.5, 64.0));
        assert_eq!(sparse.security(), Security::Bits128);
        assert!(matches!(
            of(Weight::Sparse(32)),
            Err(ParamsError::InsecureKey { .. })
        ));
        let insecure = Params::insecure_test_of_weight(literal.clone(), Weight::Sparse(32));
        let insecure = insecure.unwrap();
        assert_eq!(insecure.security(), Security::InsecureTestOnly);
        let prints = [&dense, &sparse, &insecure].map(Params::fingerprint);
        assert!(prints[0] != prints[1] && prints[1] != prints[2]);
    }
}
