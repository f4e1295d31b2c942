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

use zeroize::{Zeroize, Zeroizing};

use super::wipe::{SecretSeed, SecretStream};
use super::{KeyId, RlweError};
use crate::arith::PublicStream;
use crate::ring::{Basis, Ntt, Poly, Ring};

/// Raised whenever a sampler, a binding or a key's formula changes: old seeds then give new,
/// unrelated keys. The same secret and the same errors under another uniform part would give
/// equations in the secret without noise. Version 2: uniform polynomials are drawn in the standard
/// order of values.
const VERSION: u32 = 2;

const SECRET_CONTEXT: &str = "velum he-core 2026 v1 secret stream";
const ROOT_CONTEXT: &str = "velum he-core 2026 v1 public root";
const SEED_CONTEXT: &str = "velum he-core 2026 v1 public seed";
const UNIFORM_CONTEXT: &str = "velum he-core 2026 v1 uniform polynomial";

/// What a stream is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Secret = 1,
    PublicKey = 2,
    Relinearisation = 3,
    Galois = 4,
    Enter = 5,
    Raise = 6,
    Leave = 7,
}

/// The one use of a stream. `element` is the exponent of a Galois key, else 0; `digit` that of a switching key, else 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) kind: Kind,
    pub(super) element: u64,
    pub(super) digit: u32,
}

impl Binding {
    /// A use that has neither element nor digit.
    pub(super) fn of(kind: Kind) -> Self {
        Self {
            kind,
            element: 0,
            digit: 0,
        }
    }

    /// The binding of digit `digit` of a switching key.
    pub(super) fn of_key(id: KeyId, digit: usize) -> Self {
        let (kind, element) = match id {
            KeyId::Relinearisation => (Kind::Relinearisation, 0),
            KeyId::Galois(g) => (Kind::Galois, g.exponent()),
            KeyId::Enter => (Kind::Enter, 0),
            KeyId::Raise => (Kind::Raise, 0),
            KeyId::Leave => (Kind::Leave, 0),
        };
        Self {
            kind,
            element,
            digit: digit as u32,
        }
    }

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
    pub(super) fn secret_stream(&self, seed: &[u8; 32], fingerprint: &[u8; 32]) -> SecretStream {
        SecretStream::new(&self.stream_seed(seed, fingerprint))
    }

    /// The ChaCha20 key of [`secret_stream`](Self::secret_stream).
    pub(super) fn stream_seed(
        &self,
        seed: &[u8; 32],
        fingerprint: &[u8; 32],
    ) -> Zeroizing<[u8; 32]> {
        self.derive(SECRET_CONTEXT, seed, fingerprint)
    }

    /// The public seed of this use.
    pub(super) fn public_seed(&self, seed: &[u8; 32], fingerprint: &[u8; 32]) -> PublicSeed {
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

    /// The uniform polynomial number `index` of this seed, drawn as values at the roots, in the standard
    /// order ([`Ntt`]). Residues modulo a prime are the same over every basis without special primes, and the same over every basis with
    /// them: a key of a lower level is the truncation of the full one.
    pub fn expand(&self, ring: &Arc<Ring>, basis: Basis, index: u32) -> Poly<Ntt> {
        let mut hash = blake3::Hasher::new_derive_key(UNIFORM_CONTEXT);
        hash.update(&self.0);
        hash.update(&index.to_le_bytes());
        let mut stream = PublicStream::new(hash.finalize().as_bytes());
        Poly::uniform(ring, basis, &mut stream)
    }
}

/// 32 bytes from the operating system.
pub(crate) fn os_seed(op: &'static str) -> Result<Zeroizing<[u8; 32]>, RlweError> {
    let mut seed = Zeroizing::new([0; 32]);
    fill(op, &mut seed)?;
    Ok(seed)
}

/// The same in one place of the heap.
pub(super) fn secret_seed(op: &'static str) -> Result<SecretSeed, RlweError> {
    SecretSeed::filled(|seed| fill(op, seed))
}

fn fill(op: &'static str, seed: &mut [u8; 32]) -> Result<(), RlweError> {
    getrandom::fill(seed).map_err(|e| RlweError::Randomness {
        op,
        reason: e.to_string(),
    })
}

/// A generator seeded by the operating system, for one encryption.
pub(crate) fn os_rng(op: &'static str) -> Result<SecretStream, RlweError> {
    Ok(SecretStream::new(&*secret_seed(op)?))
}
