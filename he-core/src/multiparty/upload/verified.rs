//! The side of whoever computes with rows, or wants to know that they are honest.

use super::key::UploadKey;
use super::seeds::RowSeeds;
use super::terms::UploadTerms;
use crate::multiparty::MultipartyError;
use crate::multiparty::proof::{Check, Proof};
use crate::params::{low_bits, row_digits};
use crate::ring::{Digits, Division, GadgetTerm, Ntt, Poly, gadget_quotient};
use crate::rlwe::Ciphertext;

impl UploadTerms {
    /// Checks the proof of a switching key: then it switches. `label`: what the proof is bound to besides, as for [`super::RowSecret::prove`]. An inverse transform a digit and prime, a sum of polynomials a digit and repetition, three transforms a prime and repetition.
    ///
    /// # Errors
    /// [`MultipartyError::Proof`]; [`MultipartyError::Parts`] for a key of another level.
    pub fn verify(
        &self,
        key: UploadKey,
        label: &[u8; 32],
        proof: &Proof,
    ) -> Result<VerifiedUploadKey, MultipartyError> {
        let (expected, found) = (row_digits(self.level()), key.0.len());
        if expected != found {
            return Err(MultipartyError::Parts {
                what: "the switching key",
                party: self.party(),
                expected,
                found,
            });
        }
        let relation = self.relation();
        let mut check = Check::new(&relation, self.shape(), proof);
        key.0.iter().for_each(|[_, a]| check.add(&[a]));
        let digest = self.digest(&key);
        let hash = self.binding(&relation, label, &digest);
        if !check.holds(&relation, self.shape(), proof, &hash)? {
            return Err(self.refused());
        }
        let twice = |mut poly: Poly<Ntt>| {
            poly.mul_integer(2);
            poly
        };
        let pairs = key.0.into_iter().map(|pair| pair.map(twice).into());
        let (b, a) = pairs.unzip();
        Ok(VerifiedUploadKey {
            b,
            a,
            terms: self.clone(),
            seeds: RowSeeds::of_digest(self, &digest),
        })
    }
}

/// A switching key whose proof holds: what it switches decrypts to what its maker can compute, and to little more than a rounding of the secret.
#[derive(Debug)]
pub struct VerifiedUploadKey {
    pub(super) terms: UploadTerms,
    pub(super) seeds: RowSeeds,
    /// 2 b_j.
    pub(super) b: Vec<Poly<Ntt>>,
    /// 2 a_j.
    pub(super) a: Vec<Poly<Ntt>>,
}

impl VerifiedUploadKey {
    /// Rows under the joint secret, doubled, at the same level: l + 1 digits and one more, a product and a division ([`crate::rlwe::KeySwitch`]). `name` is that under which their owner encrypted them.
    ///
    /// # Errors
    /// [`MultipartyError::Seed`] for a ciphertext of another name or key, or whose `c_1` comes from no seed: its noise would be anybody's choice. [`MultipartyError::Rlwe`] for another ring, or a level above the key's.
    pub fn switch(&self, name: &str, rows: Ciphertext) -> Result<Ciphertext, MultipartyError> {
        let context = self.terms.session().context();
        let level = rows.level().min(self.terms.level());
        context.check_basis("upload", rows.c0(), context.ring().basis(level))?;
        if rows.seed() != Some(&self.seeds.seed(name)) {
            return Err(MultipartyError::Seed {
                party: self.terms.party(),
                name: name.to_owned(),
            });
        }
        Ok(self.switched(rows))
    }

    /// The same of a ciphertext that was checked.
    pub(super) fn switched(&self, rows: Ciphertext) -> Ciphertext {
        let context = self.terms.session().context();
        let (mut c0, c1) = rows.into_parts();
        let bits = low_bits(context.params().q()[0]);
        let key = GadgetTerm {
            b: self.b.iter().collect(),
            a: self.a.iter().collect(),
            g: None,
        };
        c0.mul_integer(2);
        let division = Division {
            after: [Some(&c0), None],
            ..Division::by(0)
        };
        let [c0, c1] = gadget_quotient(Digits::Halved(&c1, bits), &[key], &division);
        Ciphertext::new(c0, c1)
    }
}
