//! Multiclass logistic regression with the quadratic gradient, in clear and on ciphertexts.

pub mod client;
pub mod packing;
pub mod plan;
pub mod server;
