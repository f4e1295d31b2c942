//! The client's side: what happens in clear before anything is encrypted and after the weights are decrypted.
//!
//! - [`whiten`]: centre, rotate, scale and fold back.
//! - [`private`]: the file that stays here.
//! - [`check`]: the twin's check of a plan, before anything is encrypted.
//! - [`encrypt`]: from a matrix and labels to the ciphertexts that the server gets.
//! - [`decrypt`]: from the server's ciphertexts to a matrix.

pub mod check;
pub mod decrypt;
pub mod encrypt;
pub mod private;
pub mod whiten;

pub use check::{CheckReport, PlanRefused, check_plan};
pub use private::PrivateFile;
pub use whiten::{WhitenError, Whitening};
