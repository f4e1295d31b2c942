//! The owner's secret of its rows, and the switching key that it proves.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use num_complex::Complex64;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::key::UploadKey;
use super::seeds::RowSeeds;
use super::terms::{Gadget, UploadTerms};
use crate::evaluator::{CkksCt, EvalError, Placement};
use crate::key_holder::SecretKeyEncryptor;
use crate::multiparty::MultipartyError;
use crate::multiparty::proof::{self, Proof};
use crate::multiparty::secret::Small;
use crate::ring::{Ntt, Poly, binomial, ternary};
use crate::rlwe::{RlweError, SecretKey, SecretPoly, SecretStream, at_level, os_seed};

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
/// let terms = UploadTerms::new(&joint, session.party(0)?, 1)?;
/// let secret = RowSecret::generate(&terms)?;
/// let at = Placement { level: Level(1), scale: f64::from(1 << 30) };
/// let rows = secret.encrypt("data-0", &vec![Complex64::new(0.5, 0.25); 512], at, 1.0)?;
/// // A name is for one ciphertext.
/// assert!(secret.encrypt("data-0", &vec![Complex64::new(0.25, 0.5); 512], at, 1.0).is_err());
/// // A hash of the plan and of all its ciphertexts.
/// let label = [1; 32];
/// let proof = secret.prove(&label)?;
///
/// // Whoever computes with the rows.
/// let verified = terms.verify(secret.switching_key().clone(), &label, &proof)?;
/// assert_eq!(verified.switch("data-0", rows.ciphertext().clone())?.level(), 1);
/// assert!(verified.switch("data-1", rows.ciphertext().clone()).is_err());
/// # Ok(()) }
/// ```
pub struct RowSecret {
    terms: UploadTerms,
    key: Arc<SecretKey>,
    encryptor: SecretKeyEncryptor,
    /// Of the randomness of each digit.
    digits: Vec<Zeroizing<[u8; 32]>>,
    switching_key: UploadKey,
    digest: [u8; 32],
    seeds: RowSeeds,
    /// Names whose seeds are used up.
    named: Mutex<BTreeSet<String>>,
}

impl std::fmt::Debug for RowSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RowSecret({}, ..)", self.terms.party())
    }
}

/// Where rows stand that will be used at `at`: at half the scale, since what is used is doubled.
pub fn encoded_at(at: Placement) -> Placement {
    Placement {
        scale: at.scale / 2.0,
        ..at
    }
}

impl RowSecret {
    /// A fresh secret and its switching key to the joint secret, from the operating system's randomness. `4 (l + 1 + k)` transforms a digit.
    ///
    /// # Errors
    /// [`MultipartyError::Rlwe`] without randomness.
    pub fn generate(terms: &UploadTerms) -> Result<Self, MultipartyError> {
        let key = Arc::new(SecretKey::generate(terms.session().context())?);
        let r = SecretPoly::new(at_level(key.poly().clone(), terms.level()));
        let gadget = terms.gadget();
        let digits = gadget.iter().map(|_| os_seed("a switching key of rows"));
        let digits = digits.collect::<Result<Vec<_>, _>>()?;
        let halves = gadget.par_iter().zip(&digits);
        let halves = halves.map(|(factor, seed)| digit(terms, &r, *factor, seed));
        let switching_key = UploadKey(halves.collect::<Result<_, _>>()?);
        let digest = terms.digest(&switching_key);
        let encryptor = SecretKeyEncryptor::new(Arc::clone(&key));
        let encryptor = encryptor.map_err(|error| RlweError::Protocol {
            reason: error.to_string(),
        })?;
        Ok(Self {
            seeds: RowSeeds::of_digest(terms, &digest),
            terms: terms.clone(),
            key,
            encryptor,
            digits,
            switching_key,
            digest,
            named: Mutex::default(),
        })
    }

    /// What it was made for.
    pub fn terms(&self) -> &UploadTerms {
        &self.terms
    }

    /// The switching key, which is of no use before its proof holds.
    pub fn switching_key(&self) -> &UploadKey {
        &self.switching_key
    }

    /// Encrypts slots that will be used at `at`, none above `bound`: [`encoded_at`] that, under the seed that follows from the switching key and `name`. `2 (l + 1)` transforms.
    ///
    /// # Errors
    /// A name for the second time, since two messages under one seed reveal their difference; slots beyond the bound or the modulus; no randomness.
    pub fn encrypt(
        &self,
        name: &str,
        slots: &[Complex64],
        at: Placement,
        bound: f64,
    ) -> Result<CkksCt, EvalError> {
        let encrypt = |plain: &Poly<Ntt>| {
            let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
            if !named.insert(name.to_owned()) {
                return Err(RlweError::Protocol {
                    reason: format!(
                        "expected another name for each ciphertext, found {name} again"
                    ),
                });
            }
            drop(named);
            self.key.encrypt_seeded(plain, self.seeds.seed(name))
        };
        let at = encoded_at(at);
        self.encryptor.encrypt_by(slots, at, bound, 0.0, encrypt)
    }

    /// Proves the switching key. `label`: what the proof is bound to besides, a hash of the plan and of all ciphertexts say.
    ///
    /// # Errors
    /// No randomness.
    pub fn prove(&self, label: &[u8; 32]) -> Result<Proof, MultipartyError> {
        let (relation, n) = (self.terms.relation(), self.terms.shape().n());
        let hash = self.terms.binding(&relation, label, &self.digest);
        proof::prove(&relation, self.terms.shape(), &hash, &|j| {
            let [u, e1, _] = randomness(n, &self.digits[j]);
            Ok(vec![u, e1])
        })
    }
}

/// (b_j, a_j) of a digit.
fn digit(
    terms: &UploadTerms,
    r: &SecretPoly,
    factor: Gadget,
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
    b.add_scaled_limb(factor.prime, r, factor.residue);
    Ok([b, part(terms.joint().a(), &*e1?)])
}

/// u, e' and e of a digit's seed.
fn randomness(n: usize, seed: &Zeroizing<[u8; 32]>) -> [Small; 3] {
    let mut rng = SecretStream::new(seed);
    let u = Zeroizing::new(ternary(n, &mut *rng));
    let e1 = Zeroizing::new(binomial(n, &mut *rng));
    [u, e1, Zeroizing::new(binomial(n, &mut *rng))]
}

#[cfg(test)]
impl RowSecret {
    /// The secret over all primes: what leaves the owner in tests alone.
    pub(in crate::multiparty) fn insecure_test_poly(&self) -> &Poly<Ntt> {
        self.key.poly()
    }
}
