//! The side of whoever computes with rows, or wants to know that they are honest.

use super::key::UploadKey;
use super::slack::{digits, low_bits};
use super::terms::UploadTerms;
use crate::multiparty::MultipartyError;
use crate::multiparty::proof::{Check, Proof};
use crate::ring::{Digits, Division, GadgetTerm, Ntt, Poly, gadget_quotient};
use crate::rlwe::{Ciphertext, RlweError};

impl UploadTerms {
    /// Checks the proof of a switching key: then it switches. An inverse transform a digit and prime, a sum of polynomials a digit and repetition, three transforms a prime and repetition.
    ///
    /// # Errors
    /// [`MultipartyError::Proof`]; [`MultipartyError::Parts`] for a key of another level.
    pub fn verify(
        &self,
        key: &UploadKey,
        proof: &Proof,
    ) -> Result<VerifiedUploadKey, MultipartyError> {
        let (expected, found) = (digits(self.level()), key.0.len());
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
        let hash = self.binding(&relation, key);
        if !check.holds(&relation, self.shape(), proof, &hash)? {
            return Err(self.refused());
        }
        let twice = |half: usize| {
            let twice = key.0.iter().map(|pair| {
                let mut poly = pair[half].clone();
                poly.mul_integer(2);
                poly
            });
            twice.collect()
        };
        Ok(VerifiedUploadKey {
            b: twice(0),
            a: twice(1),
            terms: self.clone(),
        })
    }
}

/// A switching key whose proof holds: what it switches decrypts to what its maker can compute, and to little more than a rounding of the secret.
#[derive(Debug)]
pub struct VerifiedUploadKey {
    pub(super) terms: UploadTerms,
    /// 2 b_j.
    pub(super) b: Vec<Poly<Ntt>>,
    /// 2 a_j.
    pub(super) a: Vec<Poly<Ntt>>,
}

impl VerifiedUploadKey {
    /// Rows under the joint secret, doubled, at the same level: l + 1 digits and one more, a product and a division ([`crate::rlwe::KeySwitch`]).
    ///
    /// # Errors
    /// [`MultipartyError::Rlwe`] for another ring, a level above the key's, or a ciphertext whose `c_1` does not come from a seed: the noise of that one would be anybody's choice.
    pub fn switch(&self, rows: &Ciphertext) -> Result<Ciphertext, MultipartyError> {
        let context = self.terms.session().context();
        let ring = context.ring();
        let level = rows.level().min(self.terms.level());
        context.check_basis("upload", rows.c0(), ring.basis(level))?;
        if rows.seed().is_none() {
            return Err(MultipartyError::Rlwe(RlweError::Protocol {
                reason: "expected an upload with the seed of its second half, found that half"
                    .to_owned(),
            }));
        }
        let [high, low] = cut(rows.c1(), context.params().q()[0])?;
        let key = GadgetTerm {
            b: self.b.iter().collect(),
            a: self.a.iter().collect(),
            g: None,
        };
        let mut c0 = rows.c0().clone();
        c0.mul_integer(2);
        let division = Division {
            after: [Some(&c0), None],
            ..Division::by(0)
        };
        let [c0, c1] = gadget_quotient(Digits::Behind(&high, &low, 1), &[key], &division);
        Ok(Ciphertext::new(c0, c1))
    }
}

/// The upper half of the residues modulo q_0 over all primes, and the polynomial with the lower half in their place.
fn cut(c1: &Poly<Ntt>, q0: u64) -> Result<[Poly<Ntt>; 2], MultipartyError> {
    let ring = c1.ring();
    let half = (f64::from(low_bits(q0))).exp2();
    let mut residues = Poly::<Ntt>::zero(ring, ring.basis(0));
    residues.limb_mut(0).copy_from_slice(c1.limb(0));
    let mut residues = residues.into_coeff();
    residues.balance();
    // Balanced residues of a prime below 2^48: all of this is exact.
    let high: Vec<f64> = residues
        .limb(0)
        .iter()
        .map(|x| (x / half).round())
        .collect();
    let pairs = residues.limb(0).iter().zip(&high);
    let low: Vec<i64> = pairs.map(|(x, high)| (x - high * half) as i64).collect();
    let high: Vec<i64> = high.into_iter().map(|x| x as i64).collect();
    let high = Poly::from_signed(ring, ring.extended_basis(c1.level()), &high)?.into_ntt();
    let low = Poly::from_signed(ring, ring.basis(0), &low)?.into_ntt();
    let mut rest = c1.clone();
    rest.limb_mut(0).copy_from_slice(low.limb(0));
    Ok([high, rest])
}
