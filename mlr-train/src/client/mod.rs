//! The client's side: what happens in clear before anything is encrypted, the packing into ciphertexts, and the way back.
//!
//! - [`whiten`]: centre, rotate, scale and fold back.
//! - [`prepare`]: the trained matrix, its clear twin, and the way back to a model.
//! - [`aggregate`]: sums over owners of which nobody sees a summand.
//! - [`statistics`]: what several owners add up before they whiten alike.
//! - [`tune`]: axes, damping, iterations, steps and range from a public ladder.
//! - [`goal`]: iterations and degree from a public ladder, for an accuracy.
//! - [`refresh`]: weights decrypted, checked and encrypted anew during a training.
//! - [`sigmoids`]: a polynomial for every iteration.
//! - [`private`]: the file that stays here.
//! - [`check`]: the twin's check of a plan, before anything is encrypted.
//! - [`encrypt`]: rows, labels and first gradient into ciphertexts.
//! - [`decrypt`]: ciphertexts into a weight matrix.
//! - [`norm`]: how large weights can get.
//! - [`accept`]: when decrypted weights are the result of the plan's training.

pub mod accept;
pub mod aggregate;
pub mod check;
pub mod columns;
pub mod decrypt;
pub mod encrypt;
pub mod goal;
mod headed;
pub mod norm;
pub mod prepare;
pub mod private;
pub mod refresh;
pub mod sigmoids;
pub mod statistics;
pub mod tune;
pub mod whiten;

pub use check::{CheckReport, PlanRefused, check_plan};
pub use private::PrivateFile;
pub use statistics::{MergeError, Statistics};
pub use whiten::{WhitenError, Whitening};
