//! What the key holder does: plans, keys, encryption, decryption, evaluation, predictions on encrypted rows.

pub mod check;
pub mod decrypt;
pub mod encrypt;
pub mod evaluate;
pub mod keygen;
pub mod plan;
pub mod predict;
pub mod recipe;
pub mod refresh;
pub mod report;
pub mod scoring;

pub use decrypt::DecryptInput;
pub use encrypt::{EncryptInput, EncryptionKey};
pub use evaluate::{EvaluateInput, Evaluated};
pub use keygen::KeygenInput;
pub use plan::PlanInput;
pub use predict::{PredictInput, Predicted, Predictor};
pub use recipe::DEFAULT_LAMBDA;
pub use refresh::{RefreshInput, RefreshedWeights};
