//! Multiclass logistic regression with the quadratic gradient, in clear and on ciphertexts.
//!
//! | module | what it holds |
//! |---|---|
//! | [`data`] | checked feature sets and their readers and writers |
//! | [`sigmoid`] | the sigmoid and its odd polynomial approximations |
//! | [`clear`] | reference trainers on `f64`: softmax, the seed paper's method, the whitened full quadratic gradient |
//! | [`packing`] | which sample and feature lies in which slot |
//! | [`job`] | what is computed, from which uploads, at which levels |
//! | [`plan`] | everything public about a run, checked by a simulation of the run itself |
//! | [`server`] | encrypted training, generic over the evaluator; cannot name a secret key |
//! | [`client`] | what the client does before and after: whitening, its private file, the check of a plan, encryption, decryption |
//! | [`predict`] | scores of new rows: the best classes, encrypted rows against a clear or an encrypted model |
//! | `exact` | exact integer scores under BFV, with the cargo feature `sunscreen` |
//! | [`artifacts`] | what a run keeps in files: plans, keys, encrypted datasets and models, checkpoints |
//! | [`joint`] | the steps of a job under a key that no party holds, over files |
//! | [`group`] | several owners who trust nobody: keys, signed messages, where they lie, what was said |
//! | [`metrics`] | accuracy, confusion matrix, agreement of two weight matrices |
//! | [`model`] | a trained model over raw features, as files |
//! | [`files`] | atomic writing and the error of every reader |
//! | [`error`] | what every error says beside its text: place, hint, class |

pub mod artifacts;
mod canonical;
pub mod clear;
pub mod client;
pub mod data;
#[cfg(feature = "sunscreen")]
pub mod exact;
pub mod files;
pub mod group;
pub mod job;
pub mod joint;
mod linalg;
pub mod metrics;
pub mod model;
pub mod packing;
pub mod plan;
pub mod predict;
pub mod roles;
pub mod rounding;
pub mod server;
pub mod sigmoid;

pub use he_core::error;
