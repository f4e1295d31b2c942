//! What an engine gives out: a backend's data with what is known of them.

use crate::evaluator::Meta;

/// A ciphertext: what the backend keeps of it, and its metadata. No operation changes the data of a clone.
#[derive(Clone, Copy, Debug)]
pub struct Ct<D> {
    pub(in crate::evaluator) data: D,
    pub(in crate::evaluator) meta: Meta,
}

impl<D> Ct<D> {
    /// Level, scale, bound, expected noise.
    pub fn meta(&self) -> Meta {
        self.meta
    }
}

/// A plaintext slot vector.
#[derive(Debug)]
pub struct Plain<P> {
    pub(in crate::evaluator) kept: P,
    pub(in crate::evaluator) len: usize,
    /// The largest absolute value.
    pub(in crate::evaluator) max: f64,
}

/// A sum of products of ciphertexts, neither relinearised nor rescaled; empty at first.
#[derive(Debug)]
pub struct ProductSum<P>(pub(super) Option<Sum<P>>);

/// A sum of at least one product.
#[derive(Debug)]
pub(super) struct Sum<P> {
    pub(super) meta: Meta,
    pub(super) products: P,
}

/// A ciphertext with its digits.
#[derive(Debug)]
pub struct Hoisted<D, G> {
    pub(super) ct: Ct<D>,
    pub(super) digits: G,
}
