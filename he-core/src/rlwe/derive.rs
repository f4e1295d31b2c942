//! Where random numbers come from. Nothing is drawn twice for two uses.
//!
//! - *Secret streams* (the secret, errors of keys): a ChaCha20 stream whose key is derived by BLAKE3 from the key file's seed and a
//!   [`Binding`]: parameter set, version, kind of key, Galois element, digit. The same error under a second uniform part would
//!   give equations in the secret without noise, so the uniform part must be bound to the same things and no more.
//! - *Public seeds* (the uniform parts, which go on the wire as their seed): derived from a *public root*, itself derived one way
//!   from the seed. A public seed says nothing of the secret streams.
//! - *Encryption* draws from the operating system, always afresh: a second encryption with the same randomness would reveal the
//!   difference of two messages.

use std::sync::Arc;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::{Zeroize, Zeroizing};

use super::RlweError;
use crate::ring::{Basis, Ntt, Poly, Ring};

/// Raised whenever a sampler, a binding or a key's formula changes: old seeds then give new, unrelated keys.
const VERSION: u32 = 1;

const SECRET_CONTEXT: &str = "velum he-core 2026 v1 secret stream";
const ROOT_CONTEXT: &str = "velum he-core 2026 v1 public root";
const SEED_CONTEXT: &str = "velum he-core 2026 v1 public seed";
const UNIFORM_CONTEXT: &str = "velum he-core 2026 v1 uniform polynomial";

/// A 32-byte seed of a secret key, wiped when dropped.
pub(super) type SecretSeed = Zeroizing<[u8; 32]>;

/// What a stream is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Secret = 1,
    PublicKey = 2,
    Relinearisation = 3,
    Galois = 4,
}

/// The one use of a stream. `element` is the exponent of a Galois key, else 0; `digit` that of a switching key, else 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) kind: Kind,
    pub(super) element: u64,
    pub(super) digit: u32,
}

impl Binding {
    /// `root`, fingerprint, version, kind, element, digit: each of fixed length, so no two bindings give the same bytes.
    fn derive(
        &self,
        context: &str,
        root: &[u8; 32],
        fingerprint: &[u8; 32],
    ) -> Zeroizing<[u8; 32]> {
        let mut hash = blake3::Hasher::new_derive_key(context);
        hash.update(root);
        hash.update(fingerprint);
        hash.update(&VERSION.to_le_bytes());
        hash.update(&[self.kind as u8]);
        hash.update(&self.element.to_le_bytes());
        hash.update(&self.digit.to_le_bytes());
        let mut out = hash.finalize();
        let key = Zeroizing::new(*out.as_bytes());
        out.zeroize();
        hash.zeroize();
        key
    }

    /// The secret stream of this use.
    pub(super) fn secret_stream(&self, seed: &SecretSeed, fingerprint: &[u8; 32]) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(*self.derive(SECRET_CONTEXT, seed, fingerprint))
    }

    /// The public seed of this use.
    pub(super) fn public_seed(&self, seed: &SecretSeed, fingerprint: &[u8; 32]) -> PublicSeed {
        let root = Zeroizing::new(blake3::derive_key(ROOT_CONTEXT, seed.as_slice()));
        PublicSeed(*self.derive(SEED_CONTEXT, &root, fingerprint))
    }
}

/// The seed of a public uniform polynomial: 32 bytes on the wire in place of the polynomial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicSeed(pub [u8; 32]);

impl PublicSeed {
    /// A fresh one, from the operating system.
    pub(super) fn random(op: &'static str) -> Result<Self, RlweError> {
        Ok(Self(*os_seed(op)?))
    }

    /// The uniform polynomial number `index` of this seed, drawn as values at the roots. Over a lower level the first limbs are the
    /// same, as long as the basis has no special primes.
    pub fn expand(&self, ring: &Arc<Ring>, basis: Basis, index: u32) -> Poly<Ntt> {
        let mut hash = blake3::Hasher::new_derive_key(UNIFORM_CONTEXT);
        hash.update(&self.0);
        hash.update(&index.to_le_bytes());
        let mut rng = ChaCha20Rng::from_seed(*hash.finalize().as_bytes());
        Poly::uniform(ring, basis, &mut rng)
    }
}

/// 32 bytes from the operating system.
pub(super) fn os_seed(op: &'static str) -> Result<SecretSeed, RlweError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|e| RlweError::Randomness {
        op,
        reason: e.to_string(),
    })?;
    Ok(seed)
}

/// A generator seeded by the operating system, for one encryption.
pub(super) fn os_rng(op: &'static str) -> Result<ChaCha20Rng, RlweError> {
    Ok(ChaCha20Rng::from_seed(*os_seed(op)?))
}
