//! Exact prediction: the linear model rounded to integers, evaluated on integers under BFV. Only with the cargo feature `sunscreen`.
//!
//! Decrypted scores are exact integers: a function of rows and model alone, with no noise that depends on the key. So they may be shown to
//! others where CKKS scores may not (ePrint 2020/1533).
//!
//! - [`quantised`]: the model and rows as integers, and the clear twin.
//! - [`plan`]: sizes, steps and parameters; public.
//! - [`bfv`]: keys, encryption, scoring and decryption, by the library `sunscreen`.

pub mod bfv;
pub mod plan;
pub mod quantised;

pub use plan::ExactPlan;
pub use quantised::Quantised;
