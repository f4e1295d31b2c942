//! Uploads with a proof: ciphertexts whose maker knows what is in them, and that decrypt to that and to no multiple of the secret.
//!
//! # Why a proof of knowledge alone is not enough
//! An owner may upload (0, P'), which decrypts to P' s: training makes real sums of it, and the released model is a linear function of the secret. A proof that the owner knows short
//! (v, e_0 + m, e_1) with (c_0, c_1) = (v b + e_0 + m, v a + e_1) does not keep this out: the owner knows them, they are (0, 0, P'), and P' of the size of a message is far below what the slack of any proof of
//! this kind lets pass as an error. The message has to be larger than the slack of the *errors*, and it becomes so for the upload alone:
//!
//! # The upload
//! Over the chain's primes of its level **and all special primes**, with P their product and m the message encoded at *half* the scale,
//!
//! c = (v b + e_0 + P m, v a + e_1), v ternary, e_0 and e_1 errors,
//!
//! with the proof of [`super::proof`] for the columns v, e_0, e_1, m. Whoever has verified it uses round(2 c / P). An honest one decrypts to 2 m, that is m at its scale, with
//! less noise than an encryption under the public key has ([`crate::ckks::noise::fresh_proved`]): errors are divided by P.
//!
//! # What is proved
//! If the proof holds then, but for 2^-128 a try at the hash, the party knows integers v', e_0', e_1', m' with 2 c = (v' b + e_0' + P m', v' a + e_1'), of at most 2 N M_c each. With e the error of the joint public key,
//! |e| <= 21 n, and s = s_1 + .. + s_n, 2 c decrypts to P m' + x, x = v' e + e_0' + e_1' s,
//!
//! |x| <= 2 N (21 n N M_v + M_e + n N M_e), and [`UploadSize::shape`] refuses parameters for which that exceeds P / 2.
//!
//! So what is used decrypts to **m' + r, where m' is known to the party and |r| <= 1/2 + (1 + n N)/2 in every coefficient**: r is x/P and the rounding t_0 + t_1 s of the division, |t| <= 1/2, which every honest ciphertext has as well. All that
//! depends on the secret is in r, at most that many units of a message of 2^30 and more, and the model is released rounded far above it. *Not* proved: that m' is within the plan's bound. It is within 2 N M_m. A wild m'
//! spoils the model.
//!
//! (Secrets of parties that themselves cheat may be larger than ternary, but they are known to them.)
//!
//! The doubling is what turns "2 c has a short solution" into a statement on what is used. Half of an odd solution would be a number near the modulus or not as a parity of the secret falls.
//!
//! # Cost
//! An upload is larger by the special primes, log(QP) / log Q of what it was. The proof's size does not depend on the number of ciphertexts but for its logarithm.

mod prover;
mod verifier;

use std::sync::Arc;

use super::proof::{self, Factor, Relation, Shape};
use super::session::absorb;
use super::{JointPublicKey, MultipartyError, PartyId, Session};
use crate::params::Params;
use crate::ring::{Basis, Ntt, Poly};
pub use prover::UploadProver;
pub use verifier::{ProvisionalCiphertext, UploadVerifier, VerifiedUploads};

const DIGEST_CONTEXT: &str = "velum he-core 2026 v1 upload";
/// Largest coefficient of an error.
const ERROR_BOUND: u64 = 21;

/// A ciphertext over the chain's primes of a level and all special primes, times P: what a party uploads.
#[derive(Clone, Debug)]
pub struct WideCiphertext {
    c0: Poly<Ntt>,
    c1: Poly<Ntt>,
}

impl WideCiphertext {
    /// One that came as a message.
    ///
    /// # Errors
    /// [`MultipartyError::Rlwe`] for another ring or other primes.
    pub fn new(
        session: &Session,
        level: usize,
        c0: Poly<Ntt>,
        c1: Poly<Ntt>,
    ) -> Result<Self, MultipartyError> {
        let context = session.context();
        let level = level.min(context.params().max_level());
        for c in [&c0, &c1] {
            context.check_basis("upload", c, context.ring().extended_basis(level))?;
        }
        Ok(Self { c0, c1 })
    }

    /// The first component.
    pub fn c0(&self) -> &Poly<Ntt> {
        &self.c0
    }

    /// The second component.
    pub fn c1(&self) -> &Poly<Ntt> {
        &self.c1
    }

    fn digest(&self, session: &Session) -> [u8; 32] {
        let mut hash = session.hasher(DIGEST_CONTEXT);
        absorb(&mut hash, &self.c0);
        absorb(&mut hash, &self.c1);
        *hash.finalize().as_bytes()
    }
}

/// How many ciphertexts a party uploads under one proof, and of what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UploadSize {
    /// Level at which they are used.
    pub level: usize,
    /// How many.
    pub count: usize,
    /// No slot exceeds this in absolute value.
    pub bound: f64,
    /// Scale at which they are used.
    pub scale: f64,
}

/// log2 of twice the slack |x| of [the module](self), for `count` uploads of one of `parties`: the special primes must have as many bits together.
///
/// # Errors
/// [`MultipartyError::Room`] for more uploads than one proof is for.
pub fn slack_bits(log_n: u32, parties: u32, count: usize) -> Result<f64, MultipartyError> {
    let shape = Shape::new(log_n, count, &[1, ERROR_BOUND, ERROR_BOUND, 1])?;
    let (n, parties) = (f64::from(log_n).exp2(), f64::from(parties));
    let [v, e] = [0, 1].map(|c| shape.log_extracted(c).exp2());
    let secret = v * n * parties * ERROR_BOUND as f64 + e + e * n * parties;
    Ok(secret.log2() + 1.0)
}

impl UploadSize {
    /// Largest coefficient of a message at half its scale: at most the largest slot times the scale, and 1/2 for its rounding. Below 2^47 where [`UploadSize::shape`] is.
    fn largest(&self) -> u64 {
        (self.bound * self.scale / 2.0 + 1.0).floor() as u64
    }

    /// The shape of the proof for such uploads under these parameters: whether they can be proved at all.
    ///
    /// # Errors
    /// [`MultipartyError::NotJoint`]; [`MultipartyError::Room`] where the special primes do not exceed the slack (see [the module](self)), or for messages that do not fit q_0.
    pub fn shape(&self, params: &Params) -> Result<Shape, MultipartyError> {
        let parties = params.parties().ok_or(MultipartyError::NotJoint)?;
        let largest = self.bound * self.scale / 2.0 + 1.0;
        let room = params.log_q(0) - 1.0;
        // A bound that is not a number does not fit either.
        let fits = largest.log2() < room && self.level <= params.max_level();
        if !fits {
            return Err(MultipartyError::Room {
                what: "messages of an upload in q_0",
                needed: largest.log2(),
                available: room,
            });
        }
        let slack = slack_bits(params.log_n(), parties, self.count)?;
        let log_p: f64 = params.p().iter().map(|&p| (p as f64).log2()).sum();
        if slack > log_p {
            return Err(MultipartyError::Room {
                what: "a proof's slack in the special primes",
                needed: slack,
                available: log_p,
            });
        }
        let bounds = [1, ERROR_BOUND, ERROR_BOUND, self.largest()];
        Shape::new(params.log_n(), self.count, &bounds)
    }
}

/// What a party uploads, as everybody knows it beforehand: a proof is for one party, level and label.
#[derive(Clone, Debug)]
pub struct UploadTerms {
    key: Arc<JointPublicKey>,
    party: PartyId,
    label: [u8; 32],
    size: UploadSize,
    shape: Shape,
    /// Largest coefficient of a message at half its scale.
    bound: u64,
}

impl UploadTerms {
    /// Of `party`. `label`: what else the proof is bound to, the plan's hash say.
    ///
    /// # Errors
    /// As [`UploadSize::shape`].
    pub fn new(
        key: &Arc<JointPublicKey>,
        party: PartyId,
        label: [u8; 32],
        size: UploadSize,
    ) -> Result<Self, MultipartyError> {
        let params = key.session().context().params();
        Ok(Self {
            key: Arc::clone(key),
            party,
            label,
            size,
            shape: size.shape(params)?,
            bound: size.largest(),
        })
    }

    /// The proof's shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whose uploads.
    pub fn party(&self) -> PartyId {
        self.party
    }

    /// Level, number, bound, scale.
    pub fn size(&self) -> UploadSize {
        self.size
    }

    /// The session.
    pub fn session(&self) -> &Arc<Session> {
        self.key.session()
    }

    fn basis(&self) -> Basis {
        let ring = self.session().context().ring();
        ring.extended_basis(self.size.level)
    }

    /// P modulo the chain's primes, 0 modulo the special ones.
    fn special(&self) -> Vec<u64> {
        let context = self.session().context();
        let special = context.params().p();
        let chain =
            (0..=self.size.level).map(|i| context.ring().q(i).product(special.iter().copied()));
        chain.chain(special.iter().map(|_| 0)).collect()
    }

    /// Rows c_0 and c_1; columns v, e_0, e_1, m.
    fn relation(&self) -> Relation<'_> {
        let ring = self.session().context().ring();
        let bounds = vec![1, ERROR_BOUND, ERROR_BOUND, self.bound];
        Relation::new("upload", ring, self.basis(), 2, bounds)
            .with(0, 0, Factor::Times(self.key.b()))
            .with(0, 1, Factor::One)
            .with(0, 3, Factor::Scalars(self.special()))
            .with(1, 0, Factor::Times(self.key.a()))
            .with(1, 2, Factor::One)
    }

    fn binding(&self, relation: &Relation<'_>, digests: &[[u8; 32]]) -> blake3::Hasher {
        let mut hash = self.session().hasher(DIGEST_CONTEXT);
        hash.update(&(digests.len() as u64).to_le_bytes());
        digests.iter().for_each(|digest| {
            hash.update(digest);
        });
        let statements = *hash.finalize().as_bytes();
        proof::binding(
            self.session(),
            self.party,
            &self.label,
            relation,
            &statements,
        )
    }

    fn refused(&self) -> MultipartyError {
        MultipartyError::Proof {
            party: self.party,
            what: "its uploads",
        }
    }
}

#[cfg(test)]
impl UploadTerms {
    pub(super) fn basis_of_test(&self) -> Basis {
        self.basis()
    }

    /// A proof with whatever witness, for attacks.
    pub(super) fn prove_insecure_test(
        &self,
        uploads: &[WideCiphertext],
        witness: &(dyn Fn(usize) -> Result<Vec<super::secret::Small>, MultipartyError> + Sync),
    ) -> Result<proof::Proof, MultipartyError> {
        let digests: Vec<_> = uploads.iter().map(|u| u.digest(self.session())).collect();
        let relation = self.relation();
        let hash = self.binding(&relation, &digests);
        proof::prove(&relation, &self.shape, &hash, witness)
    }
}
