//! What keeps secrets and is wiped: seeds, the generators of secret streams, and the stack that they were made on.
//!
//! Polynomials are wiped by their [`Buffer`](crate::arith::Buffer), which must not go back to the pool of memory as it is.

use std::hint::black_box;
use std::ops::{Deref, DerefMut};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Deeper than any function below goes that has secrets in its variables.
const STACK: usize = 1 << 14;

/// The 32-byte seed of a secret key, in one place of the heap: moving it leaves no copy behind.
pub(super) struct SecretSeed(Box<[u8; 32]>);

impl SecretSeed {
    /// Filled by `fill`.
    pub(super) fn filled<E>(fill: impl FnOnce(&mut [u8; 32]) -> Result<(), E>) -> Result<Self, E> {
        let mut seed = Self(Box::new([0; 32]));
        fill(&mut seed.0)?;
        Ok(seed)
    }
}

impl SecretSeed {
    /// A copy, in a place of its own.
    pub(super) fn copy_of(seed: &[u8; 32]) -> Self {
        let mut copy = Self(Box::new([0; 32]));
        copy.0.copy_from_slice(seed);
        copy
    }
}

impl Deref for SecretSeed {
    type Target = [u8; 32];

    fn deref(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for SecretSeed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for SecretSeed {}

/// A generator of secret numbers, in one place of the heap. Dropped, it is overwritten by one of a public seed, key and block of numbers alike.
pub(crate) struct SecretStream(Box<ChaCha20Rng>);

impl SecretStream {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self(Box::new(ChaCha20Rng::from_seed(*seed)))
    }
}

impl Deref for SecretStream {
    type Target = ChaCha20Rng;

    fn deref(&self) -> &ChaCha20Rng {
        &self.0
    }
}

impl DerefMut for SecretStream {
    fn deref_mut(&mut self) -> &mut ChaCha20Rng {
        &mut self.0
    }
}

impl Drop for SecretStream {
    fn drop(&mut self) {
        *self.0 = ChaCha20Rng::from_seed([0; 32]);
        // Somebody might still look: the compiler may not leave the writes out.
        black_box(&mut *self.0);
    }
}

impl ZeroizeOnDrop for SecretStream {}

/// Runs `f` and overwrites the stack that it used. What `f` returns should keep its secrets on the heap.
pub(crate) fn on_clean_stack<T>(f: impl FnOnce() -> T) -> T {
    let result = apart(f);
    overwrite();
    result
}

/// In a frame of its own, below which [`overwrite`] begins.
#[inline(never)]
fn apart<T>(f: impl FnOnce() -> T) -> T {
    f()
}

#[inline(never)]
fn overwrite() {
    let mut stack = [0u8; STACK];
    stack.zeroize();
    black_box(&mut stack);
}
