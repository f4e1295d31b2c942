//! Multiclass logistic regression with the quadratic gradient, in clear and on ciphertexts.
//!
//! | module | what it holds |
//! |---|---|
//! | [`data`] | checked feature sets and their readers and writers |
//! | [`sigmoid`] | the sigmoid and its odd polynomial approximations |
//! | [`clear`] | reference trainers on `f64`: softmax, the seed paper's method, the whitened full quadratic gradient |
//! | [`metrics`] | accuracy, confusion matrix, agreement of two weight matrices |
//! | [`files`] | atomic writing and the error of every reader |

pub mod clear;
pub mod data;
pub mod files;
mod linalg;
pub mod metrics;
pub mod sigmoid;
