//! Multiclass logistic regression with the quadratic gradient, in clear and on ciphertexts.
//!
//! | module | what it holds |
//! |---|---|
//! | [`data`] | checked feature sets and their readers and writers |
//! | [`sigmoid`] | the sigmoid and its odd polynomial approximations |
//! | [`metrics`] | accuracy, confusion matrix, agreement of two weight matrices |
//! | [`files`] | atomic writing and the error of every reader |

pub mod data;
pub mod files;
pub mod metrics;
pub mod sigmoid;
