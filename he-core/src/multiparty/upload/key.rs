//! The owner's secret of its rows, the switching key that it proves, and what that is for whoever has verified it.

use std::sync::Arc;

use num_complex::Complex64;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::slack::{digits, low_bits};
use super::terms::UploadTerms;
use crate::evaluator::{CkksCt, EvalError, Placement};
use crate::key_holder::{Encryptor, SecretKeyEncryptor};
use crate::multiparty::proof::{self, Check, Proof};
use crate::multiparty::secret::Small;
use crate::multiparty::{MultipartyError, PartyId, Session};
use crate::ring::{
    Basis, Digits, Division, GadgetTerm, Ntt, Poly, binomial, gadget_quotient, ternary,
};
use crate::rlwe::{Ciphertext, RlweError, SecretKey, SecretPoly, at_level, os_seed};

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

/// (b_j, a_j) for every digit: public, and nothing that switches before its proof holds.
#[derive(Clone, Debug)]
pub struct UploadKey(Vec<[Poly<Ntt>; 2]>);

impl UploadKey {
    /// The primes of a key for uploads up to `level`.
    pub(crate) fn basis(session: &Session, level: usize) -> Basis {
        session.context().ring().extended_basis(level)
    }

    /// How many polynomials a key for uploads up to `level` has.
    pub fn parts(level: usize) -> usize {
        2 * digits(level)
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
    terms: UploadTerms,
    /// 2 b_j.
    b: Vec<Poly<Ntt>>,
    /// 2 a_j.
    a: Vec<Poly<Ntt>>,
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

#[cfg(test)]
impl UploadTerms {
    /// A proof with whatever witness for whatever a_j, for attacks; b_j = 0.
    pub(in crate::multiparty) fn prove_insecure_test(
        &self,
        a: Vec<Poly<Ntt>>,
        witness: &(dyn Fn(usize) -> Result<Vec<Small>, MultipartyError> + Sync),
    ) -> Result<(UploadKey, Proof), MultipartyError> {
        let ring = self.session().context().ring();
        let zero = || Poly::zero(ring, self.basis());
        let key = UploadKey(a.into_iter().map(|a| [zero(), a]).collect());
        let relation = self.relation();
        let hash = self.binding(&relation, &key);
        let proof = proof::prove(&relation, self.shape(), &hash, witness)?;
        Ok((key, proof))
    }

    /// The key that an extractor's (u'_j, e''_j) belongs to, with X_j = 0.
    pub(in crate::multiparty) fn extracted_insecure_test(
        &self,
        found: &[[Vec<i64>; 2]],
    ) -> VerifiedUploadKey {
        let ring = self.session().context().ring();
        let of = |numbers: &Vec<i64>| Poly::from_signed(ring, self.basis(), numbers);
        let pair = |[u, e]: &[Vec<i64>; 2]| {
            let (u, e) = (of(u).unwrap().into_ntt(), of(e).unwrap().into_ntt());
            let times = |key: &Poly<Ntt>| {
                let mut out = Poly::zero(ring, self.basis());
                out.inner_product_acc(&[(key, &u)]);
                out
            };
            let mut a = times(self.joint().a());
            a.add_assign(&e);
            (times(self.joint().b()), a)
        };
        let (b, a) = found.iter().map(pair).unzip();
        VerifiedUploadKey {
            b,
            a,
            terms: self.clone(),
        }
    }

    /// The secret of an owner, over all primes: what exists in tests alone.
    pub(in crate::multiparty) fn rows_insecure_test(secret: &RowSecret) -> &Poly<Ntt> {
        secret.key.poly()
    }
}
