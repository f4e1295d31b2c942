//! A parameter set with its ring.

use std::sync::Arc;

use super::{KeyId, RlweError};
use crate::params::Params;
use crate::ring::{Basis, Poly, Representation, Ring};

/// A parameter set, its ring and its fingerprint. Keys and ciphertexts of one process that are to meet share one context.
///
/// ```
/// # use std::sync::Arc;
/// # use he_core::{params::{Params, ParamsLiteral}, rlwe::Context};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let literal = ParamsLiteral { log_n: 10, q_bits: vec![40, 30], p_bits: vec![46], dnum: 2 };
/// # let context = Context::new(Arc::new(Params::insecure_test(literal)?))?;
/// assert_eq!(context.ring().degree(), 1024);
/// assert_eq!(*context.fingerprint(), context.params().fingerprint());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Context {
    params: Arc<Params>,
    ring: Arc<Ring>,
    fingerprint: [u8; 32],
}

impl Context {
    /// The ring of `params`: computes all transform tables, `4 N` numbers a prime.
    ///
    /// # Errors
    /// [`RlweError::Ring`], if the primes of `params` make no ring.
    pub fn new(params: Arc<Params>) -> Result<Arc<Self>, RlweError> {
        let ring = Ring::new(params.log_n(), params.q(), params.p())?;
        let fingerprint = params.fingerprint();
        Ok(Arc::new(Self {
            params,
            ring,
            fingerprint,
        }))
    }

    /// The parameters.
    pub fn params(&self) -> &Arc<Params> {
        &self.params
    }

    /// The ring.
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// [`Params::fingerprint`], computed once.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// All primes: what secrets and keys of the highest level live over.
    pub(crate) fn key_basis(&self) -> Basis {
        self.key_basis_at(self.params.max_level())
    }

    /// `q_0 .. q_level` and the special primes: what keys of this level live over.
    ///
    /// # Panics
    /// If there is no such level.
    pub(crate) fn key_basis_at(&self, level: usize) -> Basis {
        self.ring.extended_basis(level)
    }

    /// Refuses a level that the chain lacks.
    pub(crate) fn check_key_level(&self, key: KeyId, level: usize) -> Result<(), RlweError> {
        let most = self.params.max_level();
        match level <= most {
            true => Ok(()),
            false => Err(RlweError::KeyLevel {
                key,
                most,
                found: level,
            }),
        }
    }

    /// Refuses a polynomial of another ring.
    pub(crate) fn check<R: Representation>(
        &self,
        what: &'static str,
        poly: &Poly<R>,
    ) -> Result<(), RlweError> {
        if Arc::ptr_eq(&self.ring, poly.ring()) {
            Ok(())
        } else {
            Err(RlweError::Foreign { what })
        }
    }

    /// Refuses a polynomial of another ring or over special primes.
    pub(crate) fn check_chain<R: Representation>(
        &self,
        what: &'static str,
        poly: &Poly<R>,
    ) -> Result<(), RlweError> {
        self.check(what, poly)?;
        self.check_basis(what, poly, self.ring.basis(poly.level()))
    }

    /// Refuses a polynomial of another ring or basis.
    pub(crate) fn check_basis<R: Representation>(
        &self,
        what: &'static str,
        poly: &Poly<R>,
        basis: Basis,
    ) -> Result<(), RlweError> {
        self.check(what, poly)?;
        if poly.basis() == basis {
            return Ok(());
        }
        let special = basis.limbs() - basis.level() - 1;
        Err(RlweError::Basis {
            what,
            expected: format!("{} chain and {special} special primes", basis.level() + 1),
            found: poly.basis().limbs(),
        })
    }
}
