//! Sums over owners of which nobody sees a summand: pairwise masks modulo 2^64.
//!
//! Every two owners share a secret seed. An owner's numbers become integers (fixed point, two's complement), and for every other owner it adds a stream of words of their seed if its
//! own number is the lower of the two, and subtracts it otherwise. In the sum over all owners every stream occurs once with either sign; what is left is the sum, exactly. Each masked vector alone,
//! and any set of them that lacks one, is uniform to whoever lacks a seed (Bonawitz, Ivanov, Kreuter, Marcedone, McMahan, Patel, Ramage, Segal and Seth, *Practical Secure
//! Aggregation for Privacy-Preserving Machine Learning*, CCS 2017, section 4, without its recovery of owners that drop out: one that stays away keeps all others from the sum, and a new session begins).
//!
//! What this hides: summands, from the server and from all but one of the owners in league. **What it does not:** with two owners each learns the other's numbers, as the sum less its own; n - 1 owners
//! in league learn the last one's. Nothing keeps an owner from adding nonsense.
//!
//! Masks are one-time pads: one seed serves one vector in one session under one label.

use he_core::error::{Class, Explain};
use thiserror::Error;
use zeroize::Zeroizing;

const MASK_CONTEXT: &str = "velum mlr-train 2026 v1 mask of an aggregation";
const TERMS_CONTEXT: &str = "velum mlr-train 2026 v1 terms of an aggregation";
/// Bits of an integer beside its sign; one is kept free.
const BITS: f64 = 62.0;
/// Most owners of one sum.
const MOST_OWNERS: u32 = 256;

/// A secret of two owners: of their key exchange, say. Wiped when dropped.
pub type PairSeed = Zeroizing<[u8; 32]>;

/// Why there is no sum.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum AggregateError {
    /// Too few or too many owners, or an owner that is none of them.
    #[error("expected owners below {owners} (2 to {MOST_OWNERS} of them), found number {found}")]
    Owner {
        /// Owners of the sum.
        owners: u32,
        /// Number found.
        found: u32,
    },
    /// A vector of another length.
    #[error("expected {expected} numbers, found {found}")]
    Length {
        /// Numbers that are summed.
        expected: usize,
        /// Numbers given.
        found: usize,
    },
    /// A number beyond the bound, or none.
    #[error("expected numbers of at most {bound:.3e}, found {found:.3e}")]
    Bound {
        /// The bound that all owners agreed on.
        bound: f64,
        /// The number.
        found: f64,
    },
    /// Seeds that are not one for every other owner.
    #[error("expected one seed for every other owner, and none for owner {owner}")]
    Seeds {
        /// Whose seed is missing or too many.
        owner: u32,
    },
    /// A vector that is missing, came twice, or was masked for another sum.
    #[error("expected one masked vector of owner {owner} for this sum, found {found}")]
    Masked {
        /// Whose.
        owner: u32,
        /// What was found.
        found: &'static str,
    },
}

impl Explain for AggregateError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Masked { .. } => "wait for the owner, or begin a new session without it",
            Self::Bound { .. } => "agree on a larger bound, or scale the numbers",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    fn class(&self) -> Class {
        Class::Input
    }
}

/// What is summed, as all owners know it: everybody must have the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregation {
    session: [u8; 32],
    label: String,
    owners: u32,
    length: usize,
    bound: f64,
}

/// An owner's numbers under its masks: public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked {
    /// Whose.
    pub owner: u32,
    /// Hash of what is summed.
    pub terms: [u8; 32],
    /// The words.
    pub words: Vec<u64>,
}

impl Aggregation {
    /// Vectors of `length` numbers of at most `bound` in absolute value, one of each of `owners` owners. `label` says what they are; in one session, no two sums have one label.
    ///
    /// # Errors
    /// [`AggregateError::Owner`] below 2 owners and above 256; [`AggregateError::Bound`] unless the bound is positive and small enough for its sum to keep a bit behind the point.
    pub fn new(
        session: [u8; 32],
        label: &str,
        owners: u32,
        length: usize,
        bound: f64,
    ) -> Result<Self, AggregateError> {
        if !(2..=MOST_OWNERS).contains(&owners) {
            let found = owners;
            return Err(AggregateError::Owner { owners, found });
        }
        let terms = Self {
            session,
            label: label.to_owned(),
            owners,
            length,
            bound,
        };
        let usable = bound > 0.0 && bound.is_finite() && terms.fraction_bits() >= 1;
        if !usable {
            return Err(AggregateError::Bound {
                bound: BITS.exp2() / f64::from(owners),
                found: bound,
            });
        }
        Ok(terms)
    }

    /// f: bits behind the binary point, as many as keep the sum below 2^62. A sum is off by at most half a unit 2^-f for each owner.
    #[must_use]
    pub fn fraction_bits(&self) -> i32 {
        let largest = self.bound * f64::from(self.owners);
        // A double has no more bits of its own.
        (BITS - largest.log2()).floor().clamp(-2000.0, 60.0) as i32
    }

    /// Hash of all terms.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = blake3::Hasher::new_derive_key(TERMS_CONTEXT);
        hash.update(&self.session);
        hash.update(&(self.label.len() as u64).to_le_bytes());
        hash.update(self.label.as_bytes());
        hash.update(&self.owners.to_le_bytes());
        hash.update(&(self.length as u64).to_le_bytes());
        hash.update(&self.bound.to_le_bytes());
        *hash.finalize().as_bytes()
    }

    /// Owner `owner`'s numbers under its masks. `seeds`: number of each other owner, and the seed that both share.
    ///
    /// # Errors
    /// [`AggregateError::Owner`], [`AggregateError::Length`], [`AggregateError::Bound`], [`AggregateError::Seeds`].
    pub fn mask(
        &self,
        owner: u32,
        numbers: &[f64],
        seeds: &[(u32, PairSeed)],
    ) -> Result<Masked, AggregateError> {
        if owner >= self.owners {
            return Err(AggregateError::Owner {
                owners: self.owners,
                found: owner,
            });
        }
        if numbers.len() != self.length {
            return Err(AggregateError::Length {
                expected: self.length,
                found: numbers.len(),
            });
        }
        let wanted = (0..self.owners).filter(|other| *other != owner);
        for other in wanted {
            if seeds.iter().filter(|(of, _)| *of == other).count() != 1 {
                return Err(AggregateError::Seeds { owner: other });
            }
        }
        if seeds.len() + 1 != self.owners as usize {
            return Err(AggregateError::Seeds { owner });
        }
        let unit = f64::from(self.fraction_bits()).exp2();
        let mut words = Vec::with_capacity(self.length);
        for &found in numbers {
            if !found.is_finite() || found.abs() > self.bound {
                return Err(AggregateError::Bound {
                    bound: self.bound,
                    found,
                });
            }
            // Below 2^62: exact as an integer.
            words.push((found * unit).round_ties_even() as i64 as u64);
        }
        let terms = self.digest();
        for (other, seed) in seeds {
            let stream = stream(
                seed,
                &terms,
                owner.min(*other),
                owner.max(*other),
                words.len(),
            );
            for (word, mask) in words.iter_mut().zip(stream.chunks_exact(8)) {
                let mask = mask.try_into().map(u64::from_le_bytes).unwrap_or(0);
                *word = match owner < *other {
                    true => word.wrapping_add(mask),
                    false => word.wrapping_sub(mask),
                };
            }
        }
        Ok(Masked {
            owner,
            terms,
            words,
        })
    }

    /// The sums, from every owner's masked vector.
    ///
    /// # Errors
    /// [`AggregateError::Masked`] for a vector that is missing, came twice or is of another sum; [`AggregateError::Length`].
    pub fn total(&self, all: &[Masked]) -> Result<Vec<f64>, AggregateError> {
        let terms = self.digest();
        for owner in 0..self.owners {
            let mut own = all.iter().filter(|masked| masked.owner == owner);
            let refused = |found| Err(AggregateError::Masked { owner, found });
            match (own.next(), own.next()) {
                (None, _) => return refused("none"),
                (_, Some(_)) => return refused("two"),
                (Some(one), None) if one.terms != terms => return refused("one for another sum"),
                (Some(one), None) if one.words.len() != self.length => {
                    return Err(AggregateError::Length {
                        expected: self.length,
                        found: one.words.len(),
                    });
                }
                _ => (),
            }
        }
        if all.len() != self.owners as usize {
            return Err(AggregateError::Owner {
                owners: self.owners,
                found: all.iter().map(|masked| masked.owner).max().unwrap_or(0),
            });
        }
        let unit = f64::from(-self.fraction_bits()).exp2();
        let sum = |i: usize| {
            let sum = all
                .iter()
                .fold(0u64, |a, masked| a.wrapping_add(masked.words[i]));
            sum as i64 as f64 * unit
        };
        Ok((0..self.length).map(sum).collect())
    }
}

/// The stream of two owners: BLAKE3 of seed, terms and both numbers, as long as wanted.
fn stream(
    seed: &PairSeed,
    terms: &[u8; 32],
    low: u32,
    high: u32,
    words: usize,
) -> Zeroizing<Vec<u8>> {
    let mut hash = blake3::Hasher::new_derive_key(MASK_CONTEXT);
    hash.update(seed.as_slice());
    hash.update(terms);
    hash.update(&low.to_le_bytes());
    hash.update(&high.to_le_bytes());
    let mut out = Zeroizing::new(vec![0; 8 * words]);
    hash.finalize_xof().fill(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: usize = 4000;

    fn terms(owners: u32) -> Aggregation {
        Aggregation::new([1; 32], "statistics", owners, LENGTH, 1e6).unwrap()
    }

    fn numbers(owner: u32) -> Vec<f64> {
        (0..LENGTH)
            .map(|i| (f64::from(owner + 1) * i as f64 * 0.37).sin() * 1e6)
            .collect()
    }

    /// The same for both of a pair.
    fn seeds(owner: u32, owners: u32) -> Vec<(u32, PairSeed)> {
        let of = |other: u32| [owner.min(other) as u8, owner.max(other) as u8].repeat(16);
        (0..owners)
            .filter(|other| *other != owner)
            .map(|other| (other, Zeroizing::new(of(other).try_into().unwrap())))
            .collect()
    }

    fn masked(terms: &Aggregation, owners: u32) -> Vec<Masked> {
        (0..owners)
            .map(|owner| {
                let seeds = seeds(owner, owners);
                terms.mask(owner, &numbers(owner), &seeds).unwrap()
            })
            .collect()
    }

    #[test]
    fn the_sum_is_exact_but_for_half_a_unit_an_owner() {
        for owners in [2, 3, 10] {
            let terms = terms(owners);
            let total = terms.total(&masked(&terms, owners)).unwrap();
            let unit = f64::from(-terms.fraction_bits()).exp2();
            for (i, total) in total.iter().enumerate() {
                let exact: f64 = (0..owners).map(|owner| numbers(owner)[i]).sum();
                // And the sums' own rounding in f64, a part in 2^52 of 10^7.
                assert!((total - exact).abs() <= unit * f64::from(owners) / 2.0 + 1e-8);
            }
        }
    }

    #[test]
    fn all_but_one_owner_see_uniform_words_and_the_other_of_two_sees_all() {
        let terms = terms(3);
        let all = masked(&terms, 3);
        // What owner 2 can take off owner 0's vector is its own mask: the one of 0 and 1 is left.
        let digest = terms.digest();
        let own = stream(&seeds(2, 3)[0].1, &digest, 0, 2, LENGTH);
        let words = all[0].words.iter().zip(own.chunks_exact(8));
        let seen: Vec<u64> = words
            .map(|(word, mask)| word.wrapping_sub(u64::from_le_bytes(mask.try_into().unwrap())))
            .collect();
        for bit in 0..64 {
            let ones = seen.iter().filter(|word| *word >> bit & 1 == 1).count() as f64;
            // Six standard errors of half of 4,000.
            assert!(
                (ones - 2000.0).abs() < 6.0 * 1000f64.sqrt(),
                "bit {bit}: {ones}"
            );
        }
        // Two owners: the sum less one's own is the other's, and this is said.
        let terms = Aggregation::new([1; 32], "statistics", 2, LENGTH, 1e6).unwrap();
        let total = terms.total(&masked(&terms, 2)).unwrap();
        for ((total, a), b) in total.iter().zip(numbers(0)).zip(numbers(1)) {
            assert!((total - a - b).abs() < 1e-6);
        }
        // Another label has other masks.
        let other = Aggregation::new([1; 32], "other", 3, LENGTH, 1e6).unwrap();
        let again = other.mask(0, &numbers(0), &seeds(0, 3)).unwrap();
        assert!(again.words.iter().zip(&all[0].words).all(|(a, b)| a != b));
    }

    #[test]
    fn missing_repeated_and_foreign_vectors_and_wild_numbers_are_refused() {
        let terms = terms(3);
        let all = masked(&terms, 3);
        let refused = |all: &[Masked]| terms.total(all).unwrap_err();
        let masked = |owner, found| AggregateError::Masked { owner, found };
        assert_eq!(refused(&all[..2]), masked(2, "none"));
        let twice = [&all[..], &all[1..2]].concat();
        assert_eq!(refused(&twice), masked(1, "two"));
        let older = Aggregation::new([2; 32], "statistics", 3, LENGTH, 1e6).unwrap();
        let older = older.mask(0, &numbers(0), &seeds(0, 3)).unwrap();
        let replayed = [&[older], &all[1..]].concat();
        assert_eq!(refused(&replayed), masked(0, "one for another sum"));

        let mask = |owner, numbers: &[f64], seeds: &[(u32, PairSeed)]| {
            terms.mask(owner, numbers, seeds).map(|_| ()).unwrap_err()
        };
        let mut wild = numbers(0);
        for found in [2e6, f64::INFINITY] {
            wild[7] = found;
            let bound = 1e6;
            let error = AggregateError::Bound { bound, found };
            assert_eq!(mask(0, &wild, &seeds(0, 3)), error);
        }
        assert_eq!(
            mask(0, &numbers(0), &seeds(0, 2)),
            AggregateError::Seeds { owner: 2 }
        );
        assert_eq!(
            mask(1, &numbers(1), &seeds(0, 3)),
            AggregateError::Seeds { owner: 0 }
        );
        assert!(Aggregation::new([1; 32], "one", 1, 4, 1.0).is_err());
        for bound in [0.0, -1.0, f64::NAN, 1e19] {
            assert!(Aggregation::new([1; 32], "bound", 3, 4, bound).is_err());
        }
    }
}
