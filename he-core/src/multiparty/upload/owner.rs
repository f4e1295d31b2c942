//! The owner's secret of its rows, and the switching key that it proves.

use std::sync::Arc;

use num_complex::Complex64;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::key::UploadKey;
use super::terms::UploadTerms;
use crate::evaluator::{CkksCt, EvalError, Placement};
use crate::key_holder::{Encryptor, SecretKeyEncryptor};
use crate::multiparty::proof::{self, Proof};
use crate::multiparty::secret::Small;
use crate::multiparty::{MultipartyError, Session};
use crate::ring::{Ntt, Poly, binomial, ternary};
use crate::rlwe::{RlweError, SecretKey, SecretPoly, at_level, os_seed};

/// A fresh secret for the rows of one owner and one upload: wiped when dropped, kept nowhere. What it encrypts is of no use without the switching key, and that of none without its proof.
///
/// ```
/// # use std::sync::Arc;
/// # use he_core::{params::{Params, ParamsLiteral}, rlwe::Context};
/// # use he_core::multiparty::{JointPublicKey, PartySecret, Session};
/// # use num_complex::Complex64;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let literal = ParamsLiteral { log_n: 10, q_bits: vec![40, 30], p_bits: vec![46, 46], dnum: 2 };
/// # let params = Params::insecure_test(literal)?.for_parties(2)?;
/// # let session = Session::new(&Context::new(Arc::new(params))?, [7; 32], 2)?;
/// # let shares = session.all().map(|p| PartySecret::generate(&session, p)?.public_key_share());
/// # let shares: Vec<_> = shares.collect::<Result<_, _>>()?;
/// # let joint = Arc::new(JointPublicKey::from_shares(&session, &shares)?);
/// use he_core::evaluator::{Level, Placement};
/// use he_core::multiparty::{RowSecret, UploadTerms};
///
/// // The owner.
/// let secret = RowSecret::generate(&session)?;
/// let at = Placement { level: Level(1), scale: f64::from(1 << 30) };
/// let rows = secret.encrypt(&vec![Complex64::new(0.5, 0.25); 512], at, 1.0)?;
/// // A hash of the plan and of all its ciphertexts.
/// let label = [1; 32];
/// let terms = UploadTerms::new(&joint, session.party(0)?, label, 1)?;
/// let (key, proof) = secret.prove(&terms)?;
///
/// // Whoever computes with the rows.
/// let verified = terms.verify(&key, &proof)?;
/// assert_eq!(verified.switch(rows.ciphertext())?.level(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct RowSecret {
    session: Arc<Session>,
    key: Arc<SecretKey>,
    encryptor: SecretKeyEncryptor,
}

/// Where rows stand that will be used at `at`: at half the scale, since what is used is doubled.
pub fn encoded_at(at: Placement) -> Placement {
    Placement {
        scale: at.scale / 2.0,
        ..at
    }
}

impl RowSecret {
    /// A fresh secret, from the operating system's randomness.
    ///
    /// # Errors
    /// [`MultipartyError::Rlwe`] without randomness.
    pub fn generate(session: &Arc<Session>) -> Result<Self, MultipartyError> {
        let key = Arc::new(SecretKey::generate(session.context())?);
        let encryptor =
            SecretKeyEncryptor::new(Arc::clone(&key)).map_err(|error| RlweError::Protocol {
                reason: error.to_string(),
            })?;
        Ok(Self {
            session: Arc::clone(session),
            key,
            encryptor,
        })
    }

    /// Encrypts slots that will be used at `at`, none above `bound`: [`encoded_at`] that. `2 (l + 1)` transforms.
    ///
    /// # Errors
    /// Slots beyond the bound or the modulus; no randomness.
    pub fn encrypt(
        &self,
        slots: &[Complex64],
        at: Placement,
        bound: f64,
    ) -> Result<CkksCt, EvalError> {
        self.encryptor.encrypt(slots, encoded_at(at), bound)
    }

    /// The switching key to the joint secret with its proof. `4 (l + 1 + k)` transforms a digit, and those of the proof. Every call gives another key.
    ///
    /// # Errors
    /// [`MultipartyError::Foreign`] for terms of another session; no randomness.
    pub fn prove(&self, terms: &UploadTerms) -> Result<(UploadKey, Proof), MultipartyError> {
        if !Arc::ptr_eq(self.session.context(), terms.session().context()) {
            return Err(MultipartyError::Foreign {
                what: "the secret of the rows",
                party: terms.party(),
            });
        }
        let (gadget, n) = (terms.gadget(), self.session.context().params().n());
        let seeds = gadget.iter().map(|_| os_seed("a switching key of rows"));
        let seeds = seeds.collect::<Result<Vec<_>, _>>()?;
        let r = SecretPoly::new(at_level(self.key.poly().clone(), terms.level()));
        let digits = gadget.par_iter().zip(&seeds);
        let digits = digits.map(|(scalars, seed)| digit(terms, &r, scalars, seed));
        let key = UploadKey(digits.collect::<Result<_, _>>()?);
        let relation = terms.relation();
        let hash = terms.binding(&relation, &key);
        let proof = proof::prove(&relation, terms.shape(), &hash, &|j| {
            let [u, e1, _] = randomness(n, &seeds[j]);
            Ok(vec![u, e1])
        })?;
        Ok((key, proof))
    }
}

/// (b_j, a_j) of a digit.
fn digit(
    terms: &UploadTerms,
    r: &SecretPoly,
    scalars: &[u64],
    seed: &Zeroizing<[u8; 32]>,
) -> Result<[Poly<Ntt>; 2], MultipartyError> {
    let (ring, basis) = (terms.session().context().ring(), terms.basis());
    let [u, e1, e0] = randomness(ring.degree(), seed)
        .map(|numbers| SecretPoly::from_small(ring, basis, numbers.to_vec()));
    let u = u?;
    let part = |key: &Poly<Ntt>, e: &Poly<Ntt>| {
        let mut c = Poly::zero(ring, basis);
        c.inner_product_acc(&[(key, &*u)]);
        c.add_assign(e);
        c
    };
    let mut b = part(terms.joint().b(), &*e0?);
    let mut message = r.clone();
    message.mul_scalars(scalars);
    b.add_assign(&message);
    Ok([b, part(terms.joint().a(), &*e1?)])
}

/// u, e' and e of a digit's seed.
fn randomness(n: usize, seed: &Zeroizing<[u8; 32]>) -> [Small; 3] {
    let mut rng = ChaCha20Rng::from_seed(**seed);
    let u = Zeroizing::new(ternary(n, &mut rng));
    let e1 = Zeroizing::new(binomial(n, &mut rng));
    [u, e1, Zeroizing::new(binomial(n, &mut rng))]
}

#[cfg(test)]
impl RowSecret {
    /// The secret over all primes: what leaves the owner in tests alone.
    pub(in crate::multiparty) fn insecure_test_poly(&self) -> &Poly<Ntt> {
        self.key.poly()
    }
}
