//! Multiclass logistic regression with the quadratic gradient, in clear and on ciphertexts.
//!
//! | module | what it holds |
//! |---|---|
//! | [`data`] | checked feature sets and their readers and writers |
//! | [`sigmoid`] | the sigmoid and its odd polynomial approximations |
//! | [`clear`] | reference trainers on `f64`: softmax, the seed paper's method, the whitened full quadratic gradient |
//! | [`packing`] | which sample and feature lies in which slot |
//! | [`plan`] | everything public about a run, checked by a trace of the run itself |
//! | [`server`] | encrypted training, generic over the evaluator; cannot name a secret key |
//! | [`client`] | what the client does before and after: whitening, its private file, the check of a plan, encryption, decryption |
//! | [`predict`] | scores of new rows: the best classes, encrypted rows against a clear or an encrypted model |
//! | `exact` | exact integer scores under BFV, with the cargo feature `sunscreen` |
//! | [`metrics`] | accuracy, confusion matrix, agreement of two weight matrices |
//! | [`model`] | a trained model over raw features, as files |
//! | [`files`] | atomic writing and the error of every reader |

pub mod clear;
pub mod client;
pub mod data;
#[cfg(feature = "sunscreen")]
pub mod exact;
pub mod files;
mod linalg;
pub mod metrics;
pub mod model;
pub mod packing;
pub mod plan;
pub mod predict;
pub mod server;
pub mod sigmoid;
