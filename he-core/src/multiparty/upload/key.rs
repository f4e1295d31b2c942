//! The switching key of an owner's rows, as it is sent.

use crate::multiparty::{MultipartyError, PartyId, Session};
use crate::params::row_digits;
use crate::ring::{Basis, Ntt, Poly};

/// (b_j, a_j) for every digit: public, and nothing that switches before its proof holds.
#[derive(Clone, Debug)]
pub struct UploadKey(pub(super) Vec<[Poly<Ntt>; 2]>);

impl UploadKey {
    /// The primes of a key for uploads up to `level`.
    pub(crate) fn basis(session: &Session, level: usize) -> Basis {
        session.context().ring().extended_basis(level)
    }

    /// How many polynomials a key for uploads up to `level` has.
    pub fn parts(level: usize) -> usize {
        2 * row_digits(level)
    }

    /// One that came as a message of `party`: b_j and a_j in turn.
    ///
    /// # Errors
    /// [`MultipartyError::Parts`]; [`MultipartyError::Rlwe`] for another ring or other primes.
    pub fn new(
        session: &Session,
        party: PartyId,
        level: usize,
        parts: Vec<Poly<Ntt>>,
    ) -> Result<Self, MultipartyError> {
        let (expected, found) = (Self::parts(level), parts.len());
        if found != expected {
            return Err(MultipartyError::Parts {
                what: "the switching key",
                party,
                expected,
                found,
            });
        }
        let basis = Self::basis(session, level);
        for part in &parts {
            (session.context()).check_basis("switching key of rows", part, basis)?;
        }
        let mut parts = parts.into_iter();
        let pair = || Some([parts.next()?, parts.next()?]);
        Ok(Self(std::iter::from_fn(pair).collect()))
    }

    /// b_j and a_j, in turn.
    pub fn halves(&self) -> impl Iterator<Item = &Poly<Ntt>> {
        self.0.iter().flatten()
    }
}
