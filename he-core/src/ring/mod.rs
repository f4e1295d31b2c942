//! Polynomials modulo `X^N + 1` and a product of primes, held as residues (RNS).
//!
//! A [`Ring`] has the chain `q_0 .. q_L` and the special primes `p_0 .. p_{k-1}` of hybrid key switching. A
//! [`Poly`] lives over a [`Basis`] of it: the primes of a level, or those and all special primes. Whether it holds
//! coefficients or values at the roots of unity is in its type.
//!
//! All residues are kept *reduced* (see [`crate::arith`]). Work is spread over rayon's current pool, limb by
//! limb; no result depends on the number of threads. This layer does not know what is secret.

mod automorphism;
mod basis;
mod convert;
mod digits;
mod divide;
mod gadget;
mod moves;
mod poly;
mod sampler;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use automorphism::GaloisElement;
pub use basis::Basis;
pub(crate) use divide::{Division, divide_polys};
pub(crate) use gadget::{Digits, GadgetTerm, gadget_product, gadget_quotient};
pub(crate) use moves::ModulusSwitch;
pub(crate) use poly::tensor_products;
pub use poly::{Coeff, Ntt, Poly, Representation};
pub use sampler::{binomial, sparse_ternary, ternary};

use crate::arith::{ArithError, Modulus, NttTable, Permutation};
use convert::Converter;

/// Why a ring, or an element of one, cannot exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// A modulus or a degree is unusable.
    #[error(transparent)]
    Arith(#[from] ArithError),
    /// A prime occurs twice.
    #[error("prime {prime} occurs twice in the chain; all scale and special primes must differ")]
    Repeated {
        /// The prime.
        prime: u64,
    },
    /// A ring needs at least one prime `q_0`.
    #[error("a ring needs at least one scale prime, found none")]
    NoPrimes,
    /// The number of values does not fit.
    #[error("{what}: expected {expected} values, found {found}")]
    Length {
        /// What was to be filled.
        what: &'static str,
        /// How many values it takes.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// A value is not a canonical residue.
    #[error("residue {found} of limb {limb} is not below its prime {prime}")]
    NotCanonical {
        /// Position of the limb.
        limb: usize,
        /// Its prime.
        prime: u64,
        /// The value.
        found: u64,
    },
}

impl crate::error::Explain for RingError {}

/// Converters by source and target primes.
type Converters = HashMap<(Vec<usize>, Vec<usize>), Arc<Converter>>;

/// A ring: degree, primes, and every table that depends on nothing else.
#[derive(Debug)]
pub struct Ring {
    log_n: u32,
    tables: Vec<NttTable>,
    chain: usize,
    permutations: Mutex<HashMap<GaloisElement, Arc<Permutation>>>,
    converters: Mutex<Converters>,
}

impl Ring {
    /// The ring of degree `2^log_n` with the primes `q_0 .. q_L` and the special primes (maybe none).
    ///
    /// # Errors
    /// [`RingError::Arith`], [`RingError::Repeated`], [`RingError::NoPrimes`].
    pub fn new(log_n: u32, chain: &[u64], special: &[u64]) -> Result<Arc<Self>, RingError> {
        use rayon::prelude::*;
        if chain.is_empty() {
            return Err(RingError::NoPrimes);
        }
        let primes: Vec<u64> = chain.iter().chain(special).copied().collect();
        if let Some(i) = (1..primes.len()).find(|i| primes[..*i].contains(&primes[*i])) {
            return Err(RingError::Repeated { prime: primes[i] });
        }
        let tables = primes
            .par_iter()
            .map(|p| NttTable::new(log_n, Modulus::new(*p)?))
            .collect::<Result<Vec<_>, ArithError>>()?;
        Ok(Arc::new(Self {
            log_n,
            tables,
            chain: chain.len(),
            permutations: Mutex::default(),
            converters: Mutex::default(),
        }))
    }

    /// log2 of the degree.
    #[must_use]
    pub fn log_n(&self) -> u32 {
        self.log_n
    }

    /// The degree `N`.
    #[must_use]
    pub fn degree(&self) -> usize {
        1 << self.log_n
    }

    /// The highest level `L`: the chain has `L + 1` primes.
    #[must_use]
    pub fn max_level(&self) -> usize {
        self.chain - 1
    }

    /// Number of special primes.
    #[must_use]
    pub fn special_count(&self) -> usize {
        self.tables.len() - self.chain
    }

    /// The modulus `q_i`.
    ///
    /// # Panics
    /// Above the highest level.
    #[must_use]
    pub fn q(&self, i: usize) -> &Modulus {
        assert!(
            i < self.chain,
            "level {i} of a ring with levels 0 to {}",
            self.max_level()
        );
        self.tables[i].modulus()
    }

    /// The special modulus `p_i`.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    pub fn special(&self, i: usize) -> &Modulus {
        self.tables[self.chain + i].modulus()
    }

    /// Transform table of prime `i` of the list `q_0 .. q_L, p_0 .. p_{k-1}`.
    pub(crate) fn table(&self, i: usize) -> &NttTable {
        &self.tables[i]
    }

    /// Modulus of prime `i` of the same list.
    pub(crate) fn modulus(&self, i: usize) -> &Modulus {
        self.tables[i].modulus()
    }

    /// The basis `q_0 .. q_level`.
    ///
    /// # Panics
    /// Above the highest level.
    #[must_use]
    pub fn basis(&self, level: usize) -> Basis {
        assert!(
            level < self.chain,
            "level {level} of a ring with levels 0 to {}",
            self.max_level()
        );
        Basis::new(level, self.chain, 0)
    }

    /// The basis `q_0 .. q_level, p_0 .. p_{k-1}`.
    ///
    /// # Panics
    /// Above the highest level.
    #[must_use]
    pub fn extended_basis(&self, level: usize) -> Basis {
        assert!(
            level < self.chain,
            "level {level} of a ring with levels 0 to {}",
            self.max_level()
        );
        Basis::new(level, self.chain, self.special_count())
    }

    fn permutation(&self, g: GaloisElement) -> Arc<Permutation> {
        let mut cache = self
            .permutations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            cache.entry(g).or_insert_with(|| {
                Arc::new(Permutation::automorphism(self.table(0), g.exponent()))
            }),
        )
    }

    fn converter(&self, from: &[usize], to: &[usize]) -> Arc<Converter> {
        let mut cache = self
            .converters
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let key = (from.to_vec(), to.to_vec());
        Arc::clone(
            cache
                .entry(key)
                .or_insert_with(|| Arc::new(Converter::new(self, from, to))),
        )
    }
}
