//! Circuits that many programs need, written once for every evaluator.
//!
//! A circuit names its cost in levels and key switches. On [`crate::evaluator::Simulator`] it yields
//! them, on [`crate::evaluator::Clear`] the values, on [`crate::evaluator::Ckks`] ciphertexts.

pub mod bootstrap;
mod fold;
mod linear;
mod polynomial;
mod refresh;
#[cfg(test)]
mod tests;

pub use fold::{fold, folds};
pub use linear::{LinearMap, LinearMaps};
pub use polynomial::OddPolynomial;
pub use refresh::Refresh;
