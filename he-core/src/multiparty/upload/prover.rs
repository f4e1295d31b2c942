//! The uploading party's side.

use num_complex::Complex64;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

use super::super::secret::Small;
use super::{UploadTerms, WideCiphertext};
use crate::ckks::encode::Encoder;
use crate::multiparty::MultipartyError;
use crate::multiparty::proof::{self, Proof};
use crate::ring::{Ntt, Poly, binomial, ternary};
use crate::rlwe::{SecretPoly, at_level, os_seed};

/// Encrypts a party's uploads and proves them. Of every ciphertext it keeps 32 secret bytes, from which its randomness is drawn again for the proof.
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
/// # let key = Arc::new(JointPublicKey::from_shares(&session, &shares)?);
/// use he_core::multiparty::{UploadProver, UploadSize, UploadTerms, UploadVerifier};
///
/// let plan = [1; 32];
/// let size = UploadSize { level: 1, count: 1, bound: 1.0, scale: f64::from(1 << 30) };
/// let terms = UploadTerms::new(&key, session.party(0)?, plan, size)?;
/// let mut prover = UploadProver::new(terms.clone())?;
/// let upload = prover.encrypt(&vec![Complex64::new(0.5, 0.25); 512])?;
/// let proof = prover.prove(|_| Ok(upload.clone()))?;
///
/// let mut verifier = UploadVerifier::new(terms, proof);
/// verifier.add(&upload)?;
/// let verified = verifier.finish()?;
/// assert_eq!(verified.ciphertext(0, &upload)?.level(), 1);
/// # Ok(()) }
/// ```
pub struct UploadProver {
    terms: UploadTerms,
    encoder: Encoder,
    seeds: Vec<Zeroizing<[u8; 32]>>,
    digests: Vec<[u8; 32]>,
}

impl std::fmt::Debug for UploadProver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UploadProver({} ciphertexts, ..)", self.seeds.len())
    }
}

impl UploadProver {
    /// Nothing encrypted yet.
    ///
    /// # Errors
    /// None for checked parameters.
    pub fn new(terms: UploadTerms) -> Result<Self, MultipartyError> {
        let log_n = terms.session().context().params().log_n();
        let encoder = Encoder::new(log_n).map_err(|_| MultipartyError::Room {
            what: "an encoder",
            needed: f64::from(log_n),
            available: 17.0,
        })?;
        Ok(Self {
            terms,
            encoder,
            seeds: Vec::new(),
            digests: Vec::new(),
        })
    }

    /// The next ciphertext, of slots that will be used at the terms' scale. `4 (l + 1 + k)` transforms.
    ///
    /// # Errors
    /// [`MultipartyError::Bound`] for slots beyond the terms' bound, or more ciphertexts than they have; no randomness.
    pub fn encrypt(&mut self, slots: &[Complex64]) -> Result<WideCiphertext, MultipartyError> {
        let bound = self.terms.bound;
        let refused = |found: f64| MultipartyError::Bound {
            bound,
            found: found as u64,
        };
        let message = (self.encoder).encode(slots, self.terms.size.scale / 2.0);
        let message = message.map_err(|_| refused(f64::INFINITY))?;
        let largest = message.iter().fold(0.0, |a: f64, x| a.max(x.abs()));
        let fits = largest <= bound as f64 && self.seeds.len() < self.terms.shape.count();
        if !fits {
            return Err(refused(largest));
        }
        // Below 2^47: exact.
        let message = Zeroizing::new(message.iter().map(|x| *x as i64).collect::<Vec<i64>>());
        let seed = os_seed("encryption with a proof")?;
        let (ring, basis) = (self.terms.session().context().ring(), self.terms.basis());
        let [v, e0, e1] = randomness(ring.degree(), &seed)
            .map(|numbers| SecretPoly::from_small(ring, basis, numbers.to_vec()));
        let mut message = SecretPoly::from_small(ring, basis, message.to_vec())?;
        message.mul_scalars(&self.terms.special());
        let v = v?;
        let part = |key: &Poly<Ntt>, e: &Poly<Ntt>| {
            let mut c = Poly::zero(ring, basis);
            c.inner_product_acc(&[(key, &*v)]);
            c.add_assign(e);
            c
        };
        let mut c0 = part(self.terms.key.b(), &*e0?);
        c0.add_assign(&message);
        let c1 = part(self.terms.key.a(), &*e1?);
        let upload = WideCiphertext { c0, c1 };
        self.digests.push(upload.digest(self.terms.session()));
        self.seeds.push(seed);
        Ok(upload)
    }

    /// The proof for all of them; `upload(i)` gives ciphertext i again.
    ///
    /// # Errors
    /// Those of `upload`; [`MultipartyError::Proof`] if it gives another ciphertext, or if there are fewer than the terms have.
    pub fn prove(
        self,
        upload: impl Fn(usize) -> Result<WideCiphertext, MultipartyError> + Sync,
    ) -> Result<Proof, MultipartyError> {
        let terms = &self.terms;
        if self.seeds.len() != terms.shape.count() {
            return Err(terms.refused());
        }
        let relation = terms.relation();
        let hash = terms.binding(&relation, &self.digests);
        proof::prove(&relation, &terms.shape, &hash, &|i| {
            self.witness(i, &upload(i)?)
        })
    }

    /// v, e_0, e_1 from the seed; m from the ciphertext modulo q_0, where it fits: (c_0 - v b - e_0) / P.
    fn witness(&self, i: usize, upload: &WideCiphertext) -> Result<Vec<Small>, MultipartyError> {
        let terms = &self.terms;
        let ring = terms.session().context().ring();
        let basis = ring.basis(0);
        let randomness = randomness(ring.degree(), &self.seeds[i]);
        let small = |numbers: &Small| SecretPoly::from_small(ring, basis, numbers.to_vec());
        let mut product = SecretPoly::new(Poly::zero(ring, basis));
        product.inner_product_acc(&[(terms.key.b(), &*small(&randomness[0])?)]);
        product.add_assign(&*small(&randomness[1])?);
        let mut rest = at_level(upload.c0.clone(), 0);
        rest.drop_special();
        rest.sub_assign(&product);
        let q = ring.q(0);
        rest.mul_scalars(&[q.inv(terms.special()[0])]);
        let mut rest = rest.into_coeff();
        rest.balance();
        // Balanced residues of a prime below 2^48.
        let message: Small = Zeroizing::new(rest.limb(0).iter().map(|x| *x as i64).collect());
        if message.iter().any(|m| m.unsigned_abs() > terms.bound) {
            return Err(terms.refused());
        }
        Ok(randomness.into_iter().chain([message]).collect())
    }
}

/// v, e_0 and e_1 of a ciphertext's seed.
fn randomness(n: usize, seed: &Zeroizing<[u8; 32]>) -> [Small; 3] {
    let mut rng = ChaCha20Rng::from_seed(**seed);
    let v = Zeroizing::new(ternary(n, &mut rng));
    let e0 = Zeroizing::new(binomial(n, &mut rng));
    [v, e0, Zeroizing::new(binomial(n, &mut rng))]
}
